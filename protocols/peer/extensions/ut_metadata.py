"""Fetching the info dictionary of a magnet link from peers (BEP 9), sans-I/O.  Giving it is `ut_metadata_server`.

Peers say how large the metadata is, each by itself, and nothing can be checked before the whole is here.  So one *attempt*
at a time is made for one size, of pieces from all peers that named it:

    no attempt ──(a source that may be asked)──► SHARED ──all pieces, right──► done
                                                   │
                                          wrong copy, several senders
                                                   ▼
                                 SOLO: the whole from one peer, then from another, …

A wrong copy of one sender proves it bad: it is never asked again.  Of several senders nobody is proven, but the hashes of
what each sent are kept, and the good copy tells who was wrong.  From then on copies come from one peer at a time, so that
every wrong copy costs its sender; good peers lose nothing.

An attempt is given up when none of its peers can be asked and others can, or when it takes longer than others should have
to wait; that patience doubles each time, so that a slow copy does come in.  A peer that rejects or is late is left alone
for a while, longer each time.  What is kept is one copy of at most `max_size`, hashes of a few wrong ones, and one small
record a peer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from hashlib import sha1, sha256

from ...errors import RemoteProtocolError
from ...types import Buffer, InfoHashes
from .ut_metadata_codec import (
    METADATA_PIECE_SIZE,
    MetadataKind,
    MetadataMessage,
    num_metadata_pieces,
    pack_request,
    parse_message,
)

__all__ = [
    "ASK_ELSEWHERE_AFTER",
    "MAX_ON_ORDER",
    "MAX_SOURCES",
    "MAX_UNWANTED",
    "MAX_WRONG_COPIES",
    "REJECT_PAUSE",
    "REQUEST_TIMEOUT",
    "Action",
    "MetadataComplete",
    "MetadataFailed",
    "MetadataFetcher",
    "SendMessage",
]

MAX_ON_ORDER = 2
"""Pieces asked for at a time from one peer (as libtorrent); some clients take more for a flood."""
REQUEST_TIMEOUT = 15.0
"""Seconds a peer has to answer a request."""
ASK_ELSEWHERE_AFTER = 3.0
"""Seconds after which a piece on order is asked for elsewhere too, when a peer has nothing better to do (as libtorrent)."""
LATE_PAUSE = 20.0
"""Seconds a peer that was late is left alone; doubles each time."""
MAX_PAUSE = 600.0
"""Seconds a peer is left alone at most."""
REJECT_PAUSE = 60.0
"""Seconds a peer that rejects is left alone (as libtorrent)."""
FIRST_PATIENCE = 60.0
"""Seconds after which an attempt makes room for another one if there is one; doubles each time."""
MAX_PATIENCE = 4 * 3600.0
"""Seconds an attempt may take at most while there is another one to be made."""
MAX_SOURCES = 500
"""Peers known to have the metadata; more are not needed, and ignored."""
MAX_UNWANTED = 50
"""Pieces a peer may send unasked, in a row, before it is ended; late ones are unasked too."""
MAX_WRONG_COPIES = 4
"""Wrong copies of several senders that are remembered, as hashes, to find out who was wrong."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send `payload` to `peer` as a message of ut_metadata."""

    peer: Hashable
    payload: bytes


@dataclass(frozen=True, slots=True)
class MetadataComplete:
    """The info dictionary is here and has the right hash."""

    info_section: bytes
    culprits: tuple[Hashable, ...] = ()
    """Peers whose part in an earlier wrong copy is now known to have been wrong."""


@dataclass(frozen=True, slots=True)
class MetadataFailed:
    """A copy was complete and wrong; another is being fetched."""

    suppliers: tuple[Hashable, ...]
    """Who sent it, in the order of the pieces."""
    is_proven: bool
    """There was one sender, who therefore is guilty."""


Action = SendMessage | MetadataComplete | MetadataFailed


class _Source:
    """A peer that says it has the metadata."""

    __slots__ = ("is_bad", "num_late", "num_tried", "num_unwanted", "on_order", "peer", "retry_at", "size")

    def __init__(self, peer: Hashable, size: int) -> None:
        self.peer = peer
        self.size = size
        self.on_order: dict[int, float] = {}
        """Piece → when it was asked for."""
        self.retry_at: float | None = None
        """Until when it is left alone."""
        self.is_bad = False
        self.num_late = 0
        self.num_unwanted = 0
        self.num_tried = 0
        """Attempts that ended without success and had a place for it."""

    @property
    def may_be_asked(self) -> bool:
        return not self.is_bad and self.retry_at is None


class _Attempt:
    """One copy of the metadata on its way."""

    __slots__ = ("deadline", "missing", "pending", "pieces", "size", "solo", "suppliers")

    def __init__(self, size: int, solo: Hashable | None, deadline: float) -> None:
        count = num_metadata_pieces(size)
        self.size = size
        self.solo = solo
        """The one peer it comes from; None when it is shared."""
        self.deadline = deadline
        """From when on it makes room for another one."""
        self.pieces: list[bytes] = [b""] * count
        self.suppliers: list[Hashable] = [None] * count
        self.missing = count
        self.pending: deque[int] = deque(range(count))
        """Pieces neither here nor on order."""

    def piece_size(self, piece: int) -> int:
        return min(METADATA_PIECE_SIZE, self.size - piece * METADATA_PIECE_SIZE)

    def includes(self, source: _Source) -> bool:
        return source.size == self.size and (self.solo is None or source.peer == self.solo)


class MetadataFetcher:
    """Fetches the metadata of one torrent.  Peers are whatever hashable names the owner gives them.

    Every method that gives actions is to be followed by performing them, in order; then `next_timeout` may have changed.
    """

    __slots__ = (
        "_attempt",
        "_info_hashes",
        "_max_size",
        "_patience",
        "_sources",
        "_wants_solo",
        "_wrong_copies",
        "is_done",
    )

    def __init__(self, info_hashes: InfoHashes, *, max_size: int) -> None:
        self._info_hashes = info_hashes
        self._max_size = max_size
        self._sources: dict[Hashable, _Source] = {}
        self._attempt: _Attempt | None = None
        self._wants_solo = False
        self._patience = FIRST_PATIENCE
        self._wrong_copies: deque[list[tuple[Hashable, bytes]]] = deque(maxlen=MAX_WRONG_COPIES)
        self.is_done = False
        """The metadata was delivered; nothing more will happen."""

    # ------------------------------------------------------------------------------------------------- inputs

    def add_peer(self, peer: Hashable, metadata_size: int, now: float) -> list[Action]:
        """A peer said it has the metadata and how many bytes that is; it may say so again, and something else.

        RemoteProtocolError when it is more than allowed.
        """
        if not 0 < metadata_size <= self._max_size:
            raise RemoteProtocolError(f"metadata of {metadata_size} bytes, {self._max_size} are allowed")
        source = self._sources.get(peer)
        if source is None:
            if self.is_done or len(self._sources) >= MAX_SOURCES:
                return []
            self._sources[peer] = _Source(peer, metadata_size)
        elif source.size != metadata_size:
            self._take_back(source)
            source.size = metadata_size
        return self._advance(now)

    def remove_peer(self, peer: Hashable, now: float) -> list[Action]:
        """A peer is gone.  What it sent stays, unless it was the only one that may have sent it."""
        source = self._sources.pop(peer, None)
        if source is None:
            return []
        self._take_back(source)
        if self._attempt is not None and self._attempt.solo == peer:
            self._attempt = None
        return self._advance(now)

    def receive_message(self, peer: Hashable, payload: Buffer | MetadataMessage, now: float) -> list[Action]:
        """A message of ut_metadata came.  RemoteProtocolError when it breaks a rule: `remove_peer` is next, then.

        Requests are ignored: `MetadataServer` rejects them, and counts.
        """
        message = payload if isinstance(payload, MetadataMessage) else parse_message(payload)
        source = self._sources.get(peer)
        if message is None or source is None or message.kind is MetadataKind.REQUEST:
            return []
        if message.piece not in source.on_order:
            return self._unwanted(source)
        if message.kind is MetadataKind.REJECT:
            self._pause(source, now + REJECT_PAUSE)
            return self._advance(now)
        return self._data_received(source, message, now)

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due; None when only a peer can make something happen."""
        if self.is_done:
            return None
        sources = self._sources.values()
        times = [asked + REQUEST_TIMEOUT for source in sources for asked in source.on_order.values()]
        times += [source.retry_at for source in sources if source.retry_at is not None]
        attempt = self._attempt
        if attempt is not None:
            if self._has_alternative(attempt):
                times.append(attempt.deadline)
            idle = self._idle_members(attempt)
            for piece, at in sorted(self._last_asked().items(), key=_second) if idle else ():
                if any(piece not in source.on_order for source in idle):
                    times.append(at + ASK_ELSEWHERE_AFTER)
                    break
        return min(times, default=None)

    def handle_timeout(self, now: float) -> list[Action]:
        """Time has passed: late peers are left alone, rested ones asked again."""
        for source in self._sources.values():
            if source.retry_at is not None and now >= source.retry_at:
                source.retry_at = None
            if any(now >= asked + REQUEST_TIMEOUT for asked in source.on_order.values()):
                pause = LATE_PAUSE * 2.0 ** min(source.num_late, 10)
                source.num_late += 1
                self._pause(source, now + min(pause, MAX_PAUSE))
        return self._advance(now)

    # ------------------------------------------------------------------------------------------------ queries

    @property
    def peers(self) -> list[Hashable]:
        """The peers it knows."""
        return list(self._sources)

    @property
    def progress(self) -> float:
        """How much of the copy on its way is here, 0 to 1."""
        attempt = self._attempt
        return 1 - attempt.missing / len(attempt.pieces) if attempt is not None else float(self.is_done)

    # ----------------------------------------------------------------------------------------------- messages

    def _unwanted(self, source: _Source) -> list[Action]:
        source.num_unwanted += 1
        if source.num_unwanted > MAX_UNWANTED:
            source.is_bad = True
            raise RemoteProtocolError(f"{source.num_unwanted} metadata messages nobody asked for")
        return []

    def _data_received(self, source: _Source, message: MetadataMessage, now: float) -> list[Action]:
        attempt, piece = self._attempt, message.piece
        assert attempt is not None and attempt.includes(source), "on order without an attempt"
        if message.total_size not in (None, source.size):
            source.is_bad = True
            raise RemoteProtocolError(f"metadata of {message.total_size} bytes, {source.size} were announced")
        if len(message.data) != attempt.piece_size(piece):
            source.is_bad = True
            raise RemoteProtocolError(f"metadata piece {piece} of {len(message.data)} bytes")
        del source.on_order[piece]
        source.num_unwanted = source.num_late = 0
        if not attempt.pieces[piece]:
            attempt.pieces[piece] = message.data
            attempt.suppliers[piece] = source.peer
            attempt.missing -= 1
            if not attempt.missing:
                return self._finish(attempt, now)
        return self._ask(attempt, [source], now)

    def _finish(self, attempt: _Attempt, now: float) -> list[Action]:
        self._end(attempt)
        info_section = b"".join(attempt.pieces)
        if self._is_right(info_section):
            self.is_done = True
            self._sources.clear()
            return [MetadataComplete(info_section, self._culprits(attempt.pieces))]
        self._wants_solo = True
        suppliers = tuple(dict.fromkeys(attempt.suppliers))
        if len(suppliers) == 1:
            self._sources[suppliers[0]].is_bad = True  # The last piece came from it just now, so it is known.
        else:
            hashes = [sha1(piece, usedforsecurity=False).digest() for piece in attempt.pieces]
            self._wrong_copies.append(list(zip(attempt.suppliers, hashes, strict=True)))
        return [MetadataFailed(suppliers, len(suppliers) == 1), *self._advance(now)]

    def _is_right(self, info_section: bytes) -> bool:
        v1, v2 = self._info_hashes.v1, self._info_hashes.v2
        return (v1 is None or sha1(info_section).digest() == v1) and (
            v2 is None or sha256(info_section).digest() == v2
        )

    def _culprits(self, pieces: list[bytes]) -> tuple[Hashable, ...]:
        """Who sent something else than the good copy has.  A copy of another size has none of its senders right."""
        right = [sha1(piece, usedforsecurity=False).digest() for piece in pieces]
        found: dict[Hashable, None] = {}
        for copy in self._wrong_copies:
            for number, (peer, digest) in enumerate(copy):
                if len(copy) != len(right) or digest != right[number]:
                    found[peer] = None
        self._wrong_copies.clear()
        return tuple(found)

    # ------------------------------------------------------------------------------------------------- asking

    def _advance(self, now: float) -> list[Action]:
        """Give up what leads nowhere, begin what may, and ask for all that can be asked for."""
        attempt = self._attempt
        if attempt is not None and self._has_alternative(attempt):
            members = [source for source in self._sources.values() if attempt.includes(source)]
            is_dead = not any(source.on_order or source.may_be_asked for source in members)
            if is_dead or now >= attempt.deadline:
                if not is_dead:
                    self._patience = min(self._patience * 2, MAX_PATIENCE)
                self._end(attempt)
                attempt = None
        if attempt is None:
            attempt = self._attempt = self._begin(now)
        if attempt is None:
            return []
        return self._ask(attempt, self._idle_members(attempt), now)

    def _begin(self, now: float) -> _Attempt | None:
        """An attempt with those who had least chances yet: one peer, or all of one size."""
        ready = [source for source in self._sources.values() if source.may_be_asked]
        if self.is_done or not ready:
            return None
        if self._wants_solo:
            chosen = [min(ready, key=lambda source: source.num_tried)]
        else:
            groups: dict[int, list[_Source]] = {}
            for source in ready:
                groups.setdefault(source.size, []).append(source)
            chosen = min(groups.values(), key=_fewest_chances)
        solo = chosen[0].peer if self._wants_solo else None
        return _Attempt(chosen[0].size, solo, now + self._patience)

    def _end(self, attempt: _Attempt) -> None:
        self._attempt = None
        for source in self._sources.values():
            source.on_order.clear()
            if attempt.includes(source):
                source.num_tried += 1

    def _has_alternative(self, attempt: _Attempt) -> bool:
        return any(source.may_be_asked and not attempt.includes(source) for source in self._sources.values())

    def _idle_members(self, attempt: _Attempt) -> list[_Source]:
        return [
            source
            for source in self._sources.values()
            if source.may_be_asked and attempt.includes(source) and len(source.on_order) < MAX_ON_ORDER
        ]

    def _ask(self, attempt: _Attempt, sources: list[_Source], now: float) -> list[Action]:
        """Ask each of `sources` for as much as one peer is asked for."""
        actions: list[Action] = []
        waiting: list[int] | None = None
        for source in sources:
            while source.may_be_asked and len(source.on_order) < MAX_ON_ORDER:
                if attempt.pending:
                    piece = attempt.pending.popleft()
                else:
                    if waiting is None:
                        waiting = self._asked_long_ago(now)
                    index = next((i for i, piece in enumerate(waiting) if piece not in source.on_order), None)
                    if index is None:
                        break
                    piece = waiting.pop(index)
                source.on_order[piece] = now
                actions.append(SendMessage(source.peer, pack_request(piece)))
        return actions

    def _asked_long_ago(self, now: float) -> list[int]:
        """Pieces that may be asked for elsewhere too, the one that waits longest first."""
        asked = self._last_asked()
        return sorted(
            (piece for piece, at in asked.items() if now >= at + ASK_ELSEWHERE_AFTER), key=asked.__getitem__
        )

    def _last_asked(self) -> dict[int, float]:
        """When each piece that is on order and missing was asked for last."""
        attempt, latest = self._attempt, dict[int, float]()
        for source in self._sources.values():
            for piece, at in source.on_order.items():
                if attempt is not None and not attempt.pieces[piece]:
                    latest[piece] = max(at, latest.get(piece, at))
        return latest

    def _pause(self, source: _Source, until: float) -> None:
        self._take_back(source)
        source.retry_at = until if source.retry_at is None else max(until, source.retry_at)

    def _take_back(self, source: _Source) -> None:
        """Nothing is on order from a peer any more; pieces that are on order from nobody else are to be asked for."""
        orders, source.on_order = source.on_order, {}
        attempt = self._attempt
        if attempt is None:
            return
        elsewhere = {piece for other in self._sources.values() for piece in other.on_order}
        attempt.pending.extendleft(
            piece
            for piece in sorted(orders, reverse=True)
            if not attempt.pieces[piece] and piece not in elsewhere
        )


def _second(item: tuple[int, float]) -> float:
    return item[1]


def _fewest_chances(group: Iterable[_Source]) -> tuple[int, int]:
    sources = list(group)
    return min(source.num_tried for source in sources), -len(sources)
