"""Writing to the nodes a lookup found: announcing a peer, putting an item."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..bencode import RawValue
from .events import Announced, ItemPut
from .items import ImmutableItem, MutableItem, mutable_target
from .krpc import Failure, Fields, Response
from .lookups import GetItemLookup, GetPeersLookup
from .node_id import NodeId
from .rpc import Transaction
from .traversal import Candidate, Parts

__all__ = ["AnnounceLookup", "Announcement", "PutImmutable", "PutMutable", "Update", "Writes"]

MAX_ERRORS: Final = 8
"""Refusals reported of one write; no more nodes are written to."""

Update: TypeAlias = Callable[[MutableItem | None], MutableItem | None]
"""Gets the newest item there is, if any; gives what to put instead, or None for nothing."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is told of us."""

    port: int
    is_seed: bool = False
    implied_port: bool = False
    """The port our datagrams come from counts, whatever `port` says."""


class Writes:
    """One question to each of some nodes; `on_done(num_success, errors)` when all have ended."""

    def __init__(self, parts: Parts, on_done: Callable[[int, tuple[tuple[int, str], ...]], None]) -> None:
        self.is_done = False
        self._parts = parts
        self._on_done = on_done
        self._under_way: dict[Transaction, None] = {}
        self._num_success = 0
        self._errors: list[tuple[int, str]] = []

    def start(
        self,
        method: bytes,
        targets: Iterable[Candidate],
        arguments: Callable[[Candidate], Fields],
        *,
        now: float,
    ) -> None:
        """Ask all of them."""
        parts = self._parts
        for candidate in targets:
            assert candidate.token is not None
            fields = arguments(candidate)
            fields[b"id"] = parts.table.node_id
            fields[b"token"] = candidate.token
            asked = parts.rpc.ask(method, fields, candidate.address, self, now=now, node_id=candidate.node_id)
            if asked is not None:
                self._under_way[asked] = None
        self._maybe_done()

    def cancel(self) -> None:
        """Tell nobody.  What was sent cannot be taken back.  Repeatable."""
        self.is_done = True
        for asked in self._under_way:
            asked.asker = None
        self._under_way.clear()

    def on_response(self, asked: Transaction, response: Response, *, now: float) -> None:
        self._num_success += 1
        self._ended(asked)

    def on_late(self, asked: Transaction, *, now: float) -> None:
        # Nobody else is as near: once more, in case it was lost.  Writing twice changes nothing.
        self._parts.rpc.repeat(asked)

    def on_failure(self, asked: Transaction, failure: Failure | None, *, now: float) -> None:
        if failure is not None and len(self._errors) < MAX_ERRORS:
            self._errors.append((failure.code, failure.text))
        self._ended(asked)

    def _ended(self, asked: Transaction) -> None:
        self._under_way.pop(asked, None)
        self._maybe_done()

    def _maybe_done(self) -> None:
        if not self._under_way and not self.is_done:
            self.is_done = True
            self._on_done(self._num_success, tuple(self._errors))


class AnnounceLookup(GetPeersLookup):
    """Finds peers, then announces ourselves to the nodes nearest to the info-hash."""

    kind = "announce"

    def __init__(self, parts: Parts, info_hash: NodeId, lookup_id: int, announcement: Announcement) -> None:
        # Who seeds looks for others than seeds.
        super().__init__(parts, info_hash, lookup_id, noseed=announcement.is_seed)
        self._announcement = announcement
        self._writes: Writes | None = None

    def cancel(self) -> None:
        super().cancel()
        if self._writes is not None:
            self._writes.cancel()

    def _finished(self, now: float) -> None:
        self.parts.emit(self._summary())
        self._writes = Writes(self.parts, self._on_written)
        self._writes.start(
            b"announce_peer", self.nearest_alive(with_token=True), self._announce_arguments, now=now
        )

    def _announce_arguments(self, candidate: Candidate) -> Fields:
        announcement = self._announcement
        arguments: Fields = {
            b"info_hash": self.target,
            b"port": announcement.port,
            b"seed": int(announcement.is_seed),
        }
        if announcement.implied_port:
            arguments[b"implied_port"] = 1
        return arguments

    def _on_written(self, num_success: int, errors: tuple[tuple[int, str], ...]) -> None:
        self.parts.conclude(Announced(self.lookup_id, self.target, num_success))


class _PutLookup(GetItemLookup):
    """Finds what is there, then puts."""

    kind = "put"

    _writes: Writes | None = None
    _put: ImmutableItem | MutableItem | None = None

    def cancel(self) -> None:
        super().cancel()
        if self._writes is not None:
            self._writes.cancel()

    def _emit_found(self) -> None:
        """What is found on the way is not reported."""

    def _write(
        self, item: ImmutableItem | MutableItem, arguments: Callable[[Candidate], Fields], now: float
    ) -> None:
        self._put = item
        self._writes = Writes(self.parts, self._on_written)
        self._writes.start(b"put", self.nearest_alive(with_token=True), arguments, now=now)

    def _on_written(self, num_success: int, errors: tuple[tuple[int, str], ...]) -> None:
        self.parts.conclude(ItemPut(self.lookup_id, self.target, self._put, num_success, errors))


class PutImmutable(_PutLookup):
    """Stores a value under its hash."""

    def __init__(self, parts: Parts, item: ImmutableItem, lookup_id: int) -> None:
        super().__init__(parts, item.target, lookup_id, stops_early=False)
        self._new = item

    def _finished(self, now: float) -> None:
        self._write(self._new, lambda _: {b"v": RawValue(self._new.encoded)}, now)


class PutMutable(_PutLookup):
    """Stores a signed value: reads the newest, lets `update` decide, and writes what it gives.

    With `cas` each node is told which state of the item it is to replace, as it said itself, so that of two writers at a time
    one is refused (BEP 44).
    """

    def __init__(
        self, parts: Parts, key: tuple[bytes, bytes], lookup_id: int, update: Update, *, cas: bool = False
    ) -> None:
        public_key, salt = key
        super().__init__(parts, mutable_target(*key), lookup_id, public_key=public_key, salt=salt)
        self._update = update
        self._cas = cas

    def _finished(self, now: float) -> None:
        current = self.item if isinstance(self.item, MutableItem) else None
        new = self._update(current)
        if new is None or new.target != self.target:
            self._on_written(0, ())
            return
        self._write(new, lambda candidate: self._put_arguments(new, candidate), now)

    def _put_arguments(self, item: MutableItem, candidate: Candidate) -> Fields:
        arguments: Fields = {
            b"k": item.public_key,
            b"seq": item.sequence,
            b"sig": item.signature,
            b"v": RawValue(item.encoded),
        }
        if item.salt:
            arguments[b"salt"] = item.salt
        # BEP 44: "When sending a put request to a node that did not return any data for the get, the cas field SHOULD
        # NOT be included."
        if self._cas and candidate.sequence is not None:
            arguments[b"cas"] = candidate.sequence
        return arguments
