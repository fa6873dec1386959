"""The lookups: finding nodes, peers and items.  What is written afterwards is in `writes`."""

from __future__ import annotations

from typing import Final

from ..bencode import BencodeValue, encode, find_bytes, find_int, find_list
from ..types import Address
from .compact import unpack_address
from .errors import KrpcError
from .events import Bootstrapped, GetPeersSent, ItemFound, NodesFound, PeersDone, PeersFound
from .hosts import pack_host
from .items import MAX_VALUE, ImmutableItem, MutableItem, immutable_target, mutable_target
from .krpc import Fields, Response, raw_strings
from .node_id import ID_BITS, NodeId, shared_bits
from .scrape import FILTER_SIZE, BloomFilter
from .traversal import Candidate, Parts, Traversal

__all__ = [
    "MAX_PEERS_PER_ANSWER",
    "BootstrapLookup",
    "FindNodeLookup",
    "GetItemLookup",
    "GetPeersLookup",
]

MAX_PEERS_PER_ANSWER: Final = 200
"""Peers taken from one answer."""

_EXTRA_BITS: Final = 3
"""Bits of an info-hash shown beyond those a node shares with it (libtorrent)."""

_BOTH_FAMILIES: Final = raw_strings([b"n4", b"n6"])


class FindNodeLookup(Traversal):
    """Who lives near a target."""

    def _finished(self, now: float) -> None:
        nodes = tuple((c.node_id, c.address) for c in self.nearest_alive() if c.node_id is not None)
        self.parts.conclude(NodesFound(self.lookup_id, self.target, nodes))


class BootstrapLookup(Traversal):
    """Who lives near ourselves; on the way, the routing table fills."""

    kind = "bootstrap"

    def _arguments(self, candidate: Candidate) -> Fields:
        # BEP 32: while bootstrapping, ask for both families if we live in both.
        if self.parts.sibling() is not None:
            return {b"target": self.target, b"want": _BOTH_FAMILIES}
        return {b"target": self.target}

    def _finished(self, now: float) -> None:
        self.parts.conclude(Bootstrapped(self.lookup_id, self.num_responses))


class GetPeersLookup(Traversal):
    """Who has a torrent, and how many have.

    With `privacy_lookups` nodes see only as many bits of the info-hash as lead on, until one round is over; then the nearest
    are asked again for the real one.
    """

    kind = "get_peers"
    method = b"get_peers"

    def __init__(
        self, parts: Parts, info_hash: NodeId, lookup_id: int, *, noseed: bool = False, scrape: bool = False
    ) -> None:
        super().__init__(parts, info_hash, lookup_id)
        self._noseed = noseed
        self._scrape = scrape
        self._is_veiled = parts.settings.privacy_lookups
        self._seeds: BloomFilter | None = None
        self._peers: BloomFilter | None = None

    def _arguments(self, candidate: Candidate) -> Fields:
        arguments: Fields = {b"info_hash": self._veiled(candidate) if self._is_veiled else self.target}
        if self._noseed:
            arguments[b"noseed"] = 1
        if self._scrape:
            arguments[b"scrape"] = 1
        return arguments

    def _asked(self, candidate: Candidate, arguments: Fields) -> None:
        told = arguments[b"info_hash"]
        if self.parts.reports_traffic and isinstance(told, bytes):
            self.parts.emit(GetPeersSent(self.target, NodeId(told), candidate.address))

    def _absorb(self, candidate: Candidate, response: Response, now: float) -> None:
        if self._is_veiled:
            candidate.token = None  # it is for another target
            return
        peers = _peers_in(find_list(response.values, b"values"))
        if self._scrape:
            self._count(response, peers)
        if peers:
            self.parts.emit(PeersFound(self.lookup_id, self.target, peers, candidate.address, candidate.hops))

    def _finish(self, now: float) -> None:
        if not self._is_veiled:
            super()._finish(now)
            return
        self._is_veiled = False
        nearest = self.nearest_alive(2 * 8)
        self.cancel()
        self.is_done = False
        self._candidates.clear()
        self._addresses.clear()
        self._ids.clear()
        self._prefixes.clear()
        for candidate in nearest:
            self.add(candidate.node_id, candidate.address)
        self._advance(now)

    def _finished(self, now: float) -> None:
        self.parts.conclude(self._summary())

    def _summary(self) -> PeersDone:
        seeds, peers = (None if f is None else f.estimate() for f in (self._seeds, self._peers))
        return PeersDone(self.lookup_id, self.target, self.num_responses, seeds, peers)

    def _veiled(self, candidate: Candidate) -> bytes:
        shown = 0 if candidate.node_id is None else shared_bits(candidate.node_id, self.target)
        hidden = ID_BITS - min(shown + _EXTRA_BITS, ID_BITS)
        number = self._number >> hidden << hidden | self.parts.rng.getrandbits(ID_BITS) & ((1 << hidden) - 1)
        return number.to_bytes(20, "big")

    def _count(self, response: Response, peers: tuple[Address, ...]) -> None:
        seeds = find_bytes(response.values, b"BFsd")
        others = find_bytes(response.values, b"BFpe")
        self._seeds = self._seeds or BloomFilter()
        self._peers = self._peers or BloomFilter()
        if seeds is not None and others is not None and len(seeds) == len(others) == FILTER_SIZE:
            self._seeds.union(BloomFilter(seeds))
            self._peers.union(BloomFilter(others))
            return
        # BEP 33: of whoever knows no filters, the list of peers is made one.
        for host, _ in peers:
            packed = pack_host(host)
            if packed not in self._seeds:
                self._peers.insert(packed)


class GetItemLookup(Traversal):
    """What is stored under a target: with a public key a mutable item, without one an immutable.

    `stops_early` ends the search for an immutable item when it is found; nobody can have a better one.
    """

    kind = "get"
    method = b"get"

    def __init__(
        self,
        parts: Parts,
        target: NodeId,
        lookup_id: int,
        *,
        public_key: bytes = b"",
        salt: bytes = b"",
        stops_early: bool = True,
    ) -> None:
        super().__init__(parts, target, lookup_id)
        self.item: ImmutableItem | MutableItem | None = None
        """The newest that was found."""
        self._public_key = public_key
        self._salt = salt
        self._stops_early = stops_early
        self._num_copies = 0

    def _arguments(self, candidate: Candidate) -> Fields:
        if isinstance(self.item, MutableItem):
            # Whoever has nothing newer need not send it; but a first item is always asked for whole.
            return {b"target": self.target, b"seq": self.item.sequence}
        return {b"target": self.target}

    def _absorb(self, candidate: Candidate, response: Response, now: float) -> None:
        values = response.values
        sequence = find_int(values, b"seq")
        if self._public_key and sequence is not None and sequence >= 0:
            candidate.sequence = sequence
        value = values.get(b"v")
        try:
            if self._public_key:
                self._take_mutable(response, sequence, value)
            elif value is not None:
                self._take_immutable(value, now)
        except KrpcError:
            self.parts.counters.bad_value += 1
            candidate.sequence = None

    def _take_immutable(self, value: BencodeValue, now: float) -> None:
        encoded = encode(value)
        if len(encoded) > MAX_VALUE or immutable_target(encoded) != self.target:
            raise KrpcError("not what was asked for")
        self.item = ImmutableItem(encoded)
        self._num_copies += 1
        if self._stops_early:
            self._finish(now)

    def _take_mutable(self, response: Response, sequence: int | None, value: BencodeValue | None) -> None:
        known = self.item.sequence if isinstance(self.item, MutableItem) else -1
        if sequence is None:
            return
        if value is None or sequence <= known:
            self._num_copies += sequence == known
            return
        key, signature = find_bytes(response.values, b"k"), find_bytes(response.values, b"sig")
        if key != self._public_key or signature is None:
            raise KrpcError("not what was asked for")
        self.item = MutableItem.verified(key, self._salt, sequence, encode(value), signature)
        self._num_copies = 1
        self._emit_found()

    def _finished(self, now: float) -> None:
        self.parts.conclude(ItemFound(self.lookup_id, self.target, self.item, True, self._num_copies))

    def _emit_found(self) -> None:
        self.parts.emit(ItemFound(self.lookup_id, self.target, self.item, False, self._num_copies))

    @classmethod
    def mutable(cls, parts: Parts, public_key: bytes, salt: bytes, lookup_id: int) -> GetItemLookup:
        """For what the owner of a key keeps under a salt."""
        target = mutable_target(public_key, salt)
        return cls(parts, target, lookup_id, public_key=public_key, salt=salt)


def _peers_in(values: list[BencodeValue] | None) -> tuple[Address, ...]:
    """The peers of a "values" list: a compact address each, or all in one string, as the first client wrote them."""
    if not values:
        return ()
    packed = [value for value in values[:MAX_PEERS_PER_ANSWER] if isinstance(value, bytes)]
    if len(values) == 1 and packed and len(packed[0]) % 6 == 0 and len(packed[0]) != 18:
        whole = packed[0][: 6 * MAX_PEERS_PER_ANSWER]
        packed = [whole[start : start + 6] for start in range(0, len(whole), 6)]
    addresses = map(unpack_address, packed)
    return tuple(address for address in addresses if address is not None)
