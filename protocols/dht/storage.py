"""What a node keeps for others: peers of torrents, and items.  The shape, and the default in memory with libtorrent's limits.

A storage of your own needs the methods of `DhtStorage`.  Whatever is put was checked before: tokens, signatures, sequence
numbers, sizes.  The storage decides what it has room for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from .items import MutableItem
from .node_id import NodeId, distance
from .sample import InfohashSample, SampleCache
from .scrape import BloomFilter
from .settings import DhtSettings

__all__ = [
    "DhtStorage",
    "MemoryStorage",
    "StorageStatistics",
    "StoredPeers",
]

PEER_LIFETIME: Final = 45 * 60.0
"""Seconds a peer is kept without being announced again (libtorrent: one and a half times half an hour)."""

MIN_ITEM_LIFETIME: Final = 2 * 60 * 60.0
"""Seconds an item is kept at least, when items expire at all (BEP 44)."""

MAX_NAME: Final = 100
"""Bytes of a torrent's name that are kept."""

MAX_PORTS_PER_HOST: Final = 8
"""Peers of one torrent behind one address.  BEP 33 says one, which would hide whoever shares it; without a limit a single
host could be all the peers there are."""

MAX_SCRAPED: Final = 6000
"""Peers beyond which a torrent takes no more, whatever the settings: BEP 33's filters count no further."""

ANNOUNCERS_PER_BIT: Final = 5
"""An item with so many more announcers may be twice as far from us before it makes room (libtorrent)."""

MAX_ANNOUNCERS: Final = 1000
"""Announcers of an item that are told apart."""


@dataclass(frozen=True, slots=True)
class StoredPeers:
    """What is known of a torrent, for one answer."""

    peers: Sequence[bytes] = ()
    """Compact addresses, a random choice."""
    seed_filter: bytes = b""
    peer_filter: bytes = b""
    """Bloom filters, when they were asked for (BEP 33)."""
    name: bytes = b""
    is_full: bool = False
    """No room for the one who asks: he is to get no token, and will announce to others."""


_NOTHING: Final = StoredPeers()
_FULL: Final = StoredPeers(is_full=True)
"""What is said of torrents nobody announced, most of those asked for."""


@dataclass(frozen=True, slots=True)
class StorageStatistics:
    """What is stored (libtorrent `dht_storage_counters`)."""

    torrents: int
    peers: int
    immutable_data: int
    mutable_data: int


class DhtStorage(Protocol):
    """What nodes ask of a storage.  One storage serves all nodes of a process."""

    def update_node_ids(self, node_ids: Sequence[NodeId]) -> None:
        """Whose neighbourhoods to prefer."""
        ...

    def get_peers(self, info_hash: NodeId, host: bytes, *, noseed: bool, scrape: bool) -> StoredPeers:
        """For the asking `host`, whose family decides which peers; at most `max_peers_reply`."""
        ...

    def announce_peer(
        self, info_hash: NodeId, peer: bytes, *, is_seed: bool, name: bytes, now: float
    ) -> None:
        """`peer` is a compact address."""
        ...

    def get_immutable_item(self, target: NodeId) -> bytes | None:
        """The encoded value."""
        ...

    def put_immutable_item(self, target: NodeId, encoded: bytes, host: bytes, *, now: float) -> None:
        """`host`, packed, is who puts it; putting again keeps it alive."""
        ...

    def get_mutable_item(self, target: NodeId) -> MutableItem | None:
        """The newest that was put."""
        ...

    def put_mutable_item(self, target: NodeId, item: MutableItem, host: bytes, *, now: float) -> None:
        """`item` is newer than, or the same as, what is stored; `host` as above."""
        ...

    def sample_infohashes(self, *, now: float) -> InfohashSample:
        """Some of the info-hashes there are peers of (BEP 51)."""
        ...

    def tick(self, *, now: float) -> None:
        """Every few minutes: forget what is too old."""
        ...

    def statistics(self) -> StorageStatistics:
        """How much is stored."""
        ...


@dataclass(slots=True)
class _Peer:
    added: float
    is_seed: bool


class _Swarm:
    """Peers of one torrent and family."""

    __slots__ = ("hosts", "peers")

    def __init__(self) -> None:
        self.peers: dict[bytes, _Peer] = {}
        self.hosts: dict[bytes, int] = {}
        """How many peers each host has."""

    def add(self, peer: bytes, entry: _Peer) -> None:
        if peer not in self.peers:
            self.hosts[peer[:-2]] = self.hosts.get(peer[:-2], 0) + 1
        self.peers[peer] = entry

    def forget_before(self, oldest: float) -> int:
        """Drop who was not announced since; gives how many."""
        old = [peer for peer, entry in self.peers.items() if entry.added < oldest]
        for peer in old:
            del self.peers[peer]
            self.hosts[peer[:-2]] -= 1
            if not self.hosts[peer[:-2]]:
                del self.hosts[peer[:-2]]
        return len(old)


@dataclass(slots=True)
class _Torrent:
    name: bytes = b""
    ipv4: _Swarm = field(default_factory=_Swarm)
    ipv6: _Swarm = field(default_factory=_Swarm)

    def swarm_of(self, host_size: int) -> _Swarm:
        """The peers of a family."""
        return self.ipv4 if host_size == 4 else self.ipv6


@dataclass(slots=True)
class _Stored:
    value: bytes | MutableItem
    seen: float
    announcers: set[bytes] = field(default_factory=set)


class MemoryStorage:
    """In memory, within `DhtSettings.max_torrents`, `max_peers` and `max_dht_items`."""

    def __init__(self, settings: DhtSettings, *, rng: Random) -> None:
        self.settings = settings
        self._rng = rng
        self._node_numbers: list[bytes] = []
        self._torrents: dict[NodeId, _Torrent] = {}
        self._immutable: dict[NodeId, _Stored] = {}
        self._mutable: dict[NodeId, _Stored] = {}
        self._sample = SampleCache(rng)
        self._num_peers = 0

    def update_node_ids(self, node_ids: Sequence[NodeId]) -> None:
        """Items far from all of these make room first."""
        self._node_numbers = [bytes(node_id) for node_id in node_ids]

    def get_peers(self, info_hash: NodeId, host: bytes, *, noseed: bool, scrape: bool) -> StoredPeers:
        """A random choice of them, or filters; see `DhtStorage`."""
        torrent = self._torrents.get(info_hash)
        if torrent is None:
            return _FULL if len(self._torrents) >= self.settings.max_torrents else _NOTHING
        swarm = torrent.swarm_of(len(host))
        peers = swarm.peers
        is_full = len(peers) >= self._max_peers and host not in swarm.hosts
        if scrape:
            seeds, others = BloomFilter(), BloomFilter()
            for peer, entry in peers.items():
                (seeds if entry.is_seed else others).insert(peer[:-2])
            return StoredPeers((), bytes(seeds), bytes(others), torrent.name, is_full)
        wanted = [peer for peer, entry in peers.items() if not (noseed and entry.is_seed)]
        limit = self.settings.max_peers_reply // (1 if len(host) == 4 else 4)
        if len(wanted) > limit:
            wanted = self._rng.sample(wanted, limit)
        return StoredPeers(wanted, name=torrent.name, is_full=is_full)

    def announce_peer(
        self, info_hash: NodeId, peer: bytes, *, is_seed: bool, name: bytes, now: float
    ) -> None:
        """Store it, if there is room."""
        torrent = self._torrents.get(info_hash)
        if torrent is None:
            if len(self._torrents) >= self.settings.max_torrents or not self._max_peers:
                return
            torrent = self._torrents[info_hash] = _Torrent()
        torrent.name = torrent.name or name[:MAX_NAME]
        swarm = torrent.swarm_of(len(peer) - 2)
        if peer not in swarm.peers:
            is_crowded = swarm.hosts.get(peer[:-2], 0) >= MAX_PORTS_PER_HOST
            if len(swarm.peers) >= self._max_peers or is_crowded:
                return
            self._num_peers += 1
        swarm.add(peer, _Peer(now, is_seed))

    def get_immutable_item(self, target: NodeId) -> bytes | None:
        """The encoded value."""
        stored = self._immutable.get(target)
        return stored.value if stored is not None and isinstance(stored.value, bytes) else None

    def put_immutable_item(self, target: NodeId, encoded: bytes, host: bytes, *, now: float) -> None:
        """Store it, or note that `host` wants it, too."""
        self._put(self._immutable, target, encoded, host, now)

    def get_mutable_item(self, target: NodeId) -> MutableItem | None:
        """The newest that was put."""
        stored = self._mutable.get(target)
        return stored.value if stored is not None and isinstance(stored.value, MutableItem) else None

    def put_mutable_item(self, target: NodeId, item: MutableItem, host: bytes, *, now: float) -> None:
        """Store it instead of an older one."""
        self._put(self._mutable, target, item, host, now)

    def sample_infohashes(self, *, now: float) -> InfohashSample:
        """Some of the info-hashes, the same for an interval."""
        return self._sample.take(self._torrents, self.settings, now=now)

    def tick(self, *, now: float) -> None:
        """Forget peers, and items if they expire."""
        for info_hash, torrent in list(self._torrents.items()):
            for swarm in (torrent.ipv4, torrent.ipv6):
                self._num_peers -= swarm.forget_before(now - PEER_LIFETIME)
            if not torrent.ipv4.peers and not torrent.ipv6.peers:
                del self._torrents[info_hash]
        if not self.settings.item_lifetime:
            return
        oldest = now - max(self.settings.item_lifetime, MIN_ITEM_LIFETIME)
        for table in (self._immutable, self._mutable):
            for target in [target for target, stored in table.items() if stored.seen <= oldest]:
                del table[target]

    def statistics(self) -> StorageStatistics:
        """How much is stored."""
        return StorageStatistics(
            len(self._torrents), self._num_peers, len(self._immutable), len(self._mutable)
        )

    @property
    def _max_peers(self) -> int:
        return min(self.settings.max_peers, MAX_SCRAPED)

    def _put(
        self,
        table: dict[NodeId, _Stored],
        target: NodeId,
        value: bytes | MutableItem,
        host: bytes,
        now: float,
    ) -> None:
        if not self.settings.max_dht_items:
            return
        stored = table.get(target)
        if stored is None:
            if len(table) >= self.settings.max_dht_items:
                del table[self._least_important(table)]
            stored = table[target] = _Stored(value, now)
        stored.value = value
        stored.seen = now
        if len(stored.announcers) < MAX_ANNOUNCERS:
            stored.announcers.add(host)

    def _least_important(self, table: dict[NodeId, _Stored]) -> NodeId:
        def importance(target: NodeId) -> int:
            nearest = min(
                (distance(target, node_id).bit_length() for node_id in self._node_numbers), default=0
            )
            return len(table[target].announcers) // ANNOUNCERS_PER_BIT - nearest

        return min(table, key=importance)
