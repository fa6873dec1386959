"""The peers a torrent knows, connected or not, and which to connect next.

Peers come from trackers, the DHT, other peers, resume data and from connecting to us; they are told apart by address, or,
where several connections per address are allowed, by address and port.  The list is bounded: when it is full, peers that
failed or that only resume data told of make room, and if there are none, new ones are refused.

Candidates are ranked: fewest failures, local ones, longest not tried, while finished those that are not seeds, best source,
then canonical peer priority (BEP 40) once our address is known, until then by lot.  After a connection ended or failed a
peer is left alone for `min_reconnect_time`, and that much more for each failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import nsmallest
from math import inf
from random import Random

from ...protocols.peer.priority import peer_priority
from ...protocols.sam import is_i2p_host
from ...protocols.types import Address
from ..flags import PeerSource
from .peer_host import I2pHost, PeerHost, canonical_peer, is_plausible_peer
from .smart_ban import Trust

__all__ = ["KnownPeer", "PeerList"]

_CHOICE = 10
"""Candidates one search finds; a search looks at the whole list."""
_LOW_WATER = 0.95
"""A full list is cut down to this share."""
_MAX_FAILS = 31

_SOURCE_RANKS = {PeerSource.tracker: 32, PeerSource.lsd: 16, PeerSource.dht: 8, PeerSource.pex: 4}
_RANK_OF_SOURCE = [
    sum(rank for source, rank in _SOURCE_RANKS.items() if bits & source)
    for bits in range(2 * max(PeerSource))
]


class KnownPeer:
    """One peer of the list.  Read it; change it through the list."""

    __slots__ = (
        "address",
        "banned",
        "connectable",
        "connection",
        "encrypts",
        "fails",
        "is_i2p",
        "is_local",
        "is_seed",
        "last_tried",
        "rank",
        "source",
        "trust",
    )

    def __init__(
        self, address: Address, source: PeerSource, *, connectable: bool, is_local: bool, rank: int
    ) -> None:
        self.address = address
        self.is_i2p = is_i2p_host(address[0])
        self.source = source
        """Everybody who told of it."""
        self.connectable = connectable
        """The port is known to be one it listens on; false for one that came to us and did not say."""
        self.connection: object | None = None
        """What `set_connected` was given, while connected."""
        self.encrypts = True
        """With encryption enabled: the next connection begins with it."""
        self.fails = 0
        """Attempts and connections that failed in a row."""
        self.last_tried: float | None = None
        """When it was last connected, or an attempt ended."""
        self.banned = False
        self.is_seed = False
        self.is_local = is_local
        """On our own network."""
        self.rank = rank
        """Canonical peer priority, or a lot."""
        self.trust = Trust()

    def __repr__(self) -> str:
        return f"KnownPeer({self.address[0]}:{self.address[1]})"


class PeerList:
    """Known peers of one torrent.  All addresses may be given in any spelling; entries have the canonical one."""

    def __init__(
        self,
        *,
        rng: Random,
        max_size: int = 3000,
        max_failcount: int = 3,
        min_reconnect_time: float = 60,
        allow_multiple_connections_per_ip: bool = False,
    ) -> None:
        self.max_size = max_size
        """Peers kept at most, connected ones included; 0 for no limit.  Takes effect with the next new peer."""
        self.max_failcount = max_failcount
        """Failures after which a peer is not tried again."""
        self.min_reconnect_time = min_reconnect_time
        self.allow_multiple_connections_per_ip = allow_multiple_connections_per_ip
        self._reaches_i2p = False
        self._rng = rng
        self._finished = False
        self._own: dict[int, Address] = {}
        self._hosts: dict[str, dict[int, KnownPeer]] = {}
        self._connected: dict[Address, KnownPeer] = {}
        self._size = 0
        self._choice: list[KnownPeer] = []
        self._nothing_before = -inf

    # -- commands

    def add(
        self, address: Address, source: PeerSource, now: float, *, is_seed: bool = False
    ) -> KnownPeer | None:
        """A peer was heard of.  Returns its entry when it is new; None when it is known, invalid, or there is no room."""
        del now
        where = canonical_peer(address)
        if where is None or not is_plausible_peer(where):
            return None
        host, port = str(where[0]), where[1]
        peer = self._find(host, port)
        if peer is None and (host, port) in self._connected:
            return None  # We are connected to that very port, though the peer has told us another one since.
        if peer is None:
            if self._is_full() and (source == PeerSource.resume_data or not self._make_room(force=False)):
                return None
            peer = self._insert(where, source, connectable=True)
            peer.is_seed = is_seed
            return peer
        if peer.fails and source == PeerSource.tracker:
            # Somebody else is able to connect to it, it seems.
            peer.fails -= 1
        peer.source |= source
        peer.connectable = True
        if peer.connection is None:
            peer.is_seed = peer.is_seed or is_seed
        self._move(peer, port)
        self._reconsider()
        return None

    def add_incoming(self, address: Address, now: float) -> KnownPeer | None:
        """A peer connected to us.  None when it is banned or there is no room; the entry may be connected already."""
        del now
        where = canonical_peer(address)
        if where is None:
            return None
        peer = self._find(str(where[0]), where[1])
        if peer is not None:
            return None if peer.banned else peer
        if self._is_full() and not self._make_room(force=True):
            return None
        return self._insert(where, PeerSource.incoming, connectable=False)

    def next_candidate(self, now: float) -> KnownPeer | None:
        """The best peer to connect, or None.  It is up again at the next call until it is connected."""
        if now < self._nothing_before:
            return None
        while self._choice:
            peer = self._choice[-1]
            if self._is_candidate(peer) and self._retry_at(peer) <= now:
                return peer
            self._choice.pop()
        ready = [peer for peer in self._candidates() if self._retry_at(peer) <= now]
        if not ready:
            self._nothing_before = min(map(self._retry_at, self._candidates()), default=inf)
            return None
        self._choice = nsmallest(_CHOICE, ready, key=self._preference)
        self._choice.reverse()
        return self._choice[-1]

    def set_connected(
        self, address: Address, connection: object, now: float | None = None
    ) -> KnownPeer | None:
        """A connection to the peer, or the attempt, begins.  None when it is not known."""
        peer = self.find(address)
        if peer is not None:
            peer.connection = connection
            self._connected[_spelled(address)] = peer
            if now is not None:
                peer.last_tried = now
        return peer

    def handshake_done(self, address: Address, now: float) -> None:
        """The peer answered: it is none that fails."""
        peer = self.find(address)
        if peer is not None:
            peer.fails = 0
            peer.last_tried = now

    def connection_closed(
        self, address: Address, now: float, *, failed: bool, may_return: bool = False
    ) -> None:
        """The connection or attempt ended.  `may_return`: the peer need not be left alone for a while."""
        key = _spelled(address)
        peer = self.find(address)
        self._connected.pop(key, None)
        if peer is None or peer.connection is None:
            return
        peer.connection = None
        peer.last_tried = None if may_return else now
        if failed:
            peer.fails = min(peer.fails + 1, _MAX_FAILS)
        if self.allow_multiple_connections_per_ip and not peer.connectable and not peer.banned:
            # Every connection it makes has another port: without its listen port it is nobody we could find again.
            self._erase(peer)
        self._reconsider()

    def set_listen_port(self, address: Address, port: int) -> bool:
        """A connected peer told the port it listens on.  False when that is a peer connected already: end this one."""
        peer = self.find(address)
        if peer is None or not 0 < port <= 0xFFFF or peer.is_i2p:
            return peer is not None
        host = peer.address[0]
        other = self._hosts[host].get(port)
        if other is not None and other is not peer:
            if other.connection is not None:
                return False
            peer.source |= other.source
            peer.fails = other.fails
            self._erase(other)
        peer.connectable = True
        self._move(peer, port, connected=True)
        self._reconsider()
        return True

    def set_seed(self, address: Address, is_seed: bool) -> None:
        """What the peer has became known."""
        peer = self.find(address)
        if peer is not None:
            peer.is_seed = is_seed
            self._reconsider()

    def set_finished(self, finished: bool) -> None:
        """We want nothing (more): seeds are no candidates then, and when we do want again, are so at once."""
        if self._finished and not finished:
            for peer in self:
                if not peer.fails:
                    peer.last_tried = None
        self._finished = finished
        self._reconsider()

    def set_reaches_i2p(self, reaches: bool) -> None:
        """Whether peers on I2P can be dialled now; until they can they are no candidates."""
        self._reaches_i2p = reaches
        self._choice.clear()
        self._reconsider()

    def set_own_address(self, address: Address) -> None:
        """How peers of this family see us: ranks are canonical from now on.  ValueError when it is not numeric."""
        where = canonical_peer(address)
        if where is None or isinstance(where[0], I2pHost):
            raise ValueError(f"{address[0]} is no address")
        self._own[where[0].version] = (str(where[0]), where[1])
        for peer in self:
            place = canonical_peer(peer.address)
            assert place is not None
            peer.rank = self._rank(*place)
        self._choice.clear()

    def ban(self, address: Address) -> KnownPeer | None:
        """Never connect or admit the peer again.  It is entered if it is not known.

        None when it is no address, or when it is not known and a list full of connected peers has no room for it.
        """
        peer = self.find(address)
        if peer is None:
            where = canonical_peer(address)
            if where is None or (self._is_full() and not self._make_room(force=True)):
                return None
            peer = self._insert(where, PeerSource(0), connectable=False)
        peer.banned = True
        return peer

    def apply_filter(self, is_blocked: Callable[[str], object]) -> list[KnownPeer]:
        """Forget the peers whose host is blocked.  Returns those that are connected: they go when they are closed."""
        connected = []
        for peer in list(self):
            if not is_blocked(peer.address[0]):
                continue
            if peer.connection is None:
                self._erase(peer)
            else:
                peer.banned = True
                connected.append(peer)
        return connected

    def forget_if(self, is_unwanted: Callable[[KnownPeer], object]) -> None:
        """Forget the peers that are unwanted and not connected."""
        for peer in list(self):
            if peer.connection is None and not peer.banned and is_unwanted(peer):
                self._erase(peer)

    # -- queries

    def find(self, address: Address) -> KnownPeer | None:
        """The entry of an address: of that connection, else of that port, else, one a host being kept, of that host."""
        peer = self._connected.get(address)
        if peer is not None:
            return peer
        where = canonical_peer(address)
        if where is None:
            return None
        host = str(where[0])
        return self._connected.get((host, where[1])) or self._find(host, where[1])

    def rank_of(self, address: Address) -> int | None:
        """Canonical priority of a connection with a peer, known or not; None while our own address is not."""
        where = canonical_peer(address)
        if where is None or where[0].version not in self._own:
            return None
        return self._rank(*where)

    def next_timeout(self) -> float | None:
        """When `next_candidate` may find somebody again after it found nobody; None when nothing but news helps."""
        return None if abs(self._nothing_before) == inf else self._nothing_before

    def num_candidates(self, now: float | None = None) -> int:
        """Peers that may be connected: at `now`, or, without it, when their time of rest is over."""
        return sum(1 for peer in self._candidates() if now is None or self._retry_at(peer) <= now)

    @property
    def num_seeds(self) -> int:
        """Peers known to have everything."""
        return sum(peer.is_seed for peer in self)

    def addresses(self) -> list[Address]:
        """Peers worth knowing again after a restart: those that listen and are not banned.  Resume data has no form for those
        on I2P, which trackers tell of again.
        """
        return [peer.address for peer in self if peer.connectable and not peer.banned and not peer.is_i2p]

    def banned(self) -> list[Address]:
        """Peers that are banned, as `addresses`."""
        return [peer.address for peer in self if peer.banned and not peer.is_i2p]

    def __iter__(self) -> Iterator[KnownPeer]:
        for ports in self._hosts.values():
            yield from ports.values()

    def __len__(self) -> int:
        return self._size

    def check_invariant(self) -> None:
        """AssertionError when a law of the list is broken."""
        peers = list(self)
        assert len(peers) == self._size == len({peer.address for peer in peers})
        for host, ports in self._hosts.items():
            assert ports
            for port, peer in ports.items():
                assert peer.address == (host, port)
        members = set(map(id, peers))
        for peer in self._connected.values():
            assert peer.connection is not None
            assert id(peer) in members
        assert {id(peer) for peer in self._connected.values()} == {
            id(p) for p in peers if p.connection is not None
        }

    # -- inside

    def _find(self, host: str, port: int) -> KnownPeer | None:
        ports = self._hosts.get(host)
        if ports is None:
            return None
        peer = ports.get(port)
        if peer is None and not self.allow_multiple_connections_per_ip:
            return next(iter(ports.values()))
        return peer

    def _insert(self, where: tuple[PeerHost, int], source: PeerSource, *, connectable: bool) -> KnownPeer:
        number, port = where
        host = str(number)
        peer = KnownPeer(
            (host, port),
            source,
            connectable=connectable or isinstance(number, I2pHost),
            is_local=number.is_private or number.is_loopback,
            rank=self._rank(number, port),
        )
        self._hosts.setdefault(host, {})[port] = peer
        self._size += 1
        self._choice.clear()
        self._reconsider()
        return peer

    def _erase(self, peer: KnownPeer) -> None:
        host, port = peer.address
        ports = self._hosts[host]
        del ports[port]
        if not ports:
            del self._hosts[host]
        self._size -= 1
        if peer in self._choice:
            self._choice.remove(peer)

    def _move(self, peer: KnownPeer, port: int, *, connected: bool = False) -> None:
        host, before = peer.address
        if port == before or (peer.connection is not None and not connected):
            return
        ports = self._hosts[host]
        del ports[before]
        ports[port] = peer
        peer.address = (host, port)

    def _rank(self, number: PeerHost, port: int) -> int:
        # BEP 40 knows no I2P: there it is always by lot.
        own = self._own.get(number.version)
        return self._rng.getrandbits(32) if own is None else peer_priority(own, (str(number), port))

    def _reconsider(self) -> None:
        self._nothing_before = -inf

    def _is_candidate(self, peer: KnownPeer) -> bool:
        return (
            peer.connection is None
            and peer.connectable
            and not peer.banned
            and peer.fails < self.max_failcount
            and not (self._finished and peer.is_seed)
            and (self._reaches_i2p or not peer.is_i2p)
        )

    def _candidates(self) -> Iterator[KnownPeer]:
        return filter(self._is_candidate, self)

    def _retry_at(self, peer: KnownPeer) -> float:
        if peer.last_tried is None:
            return -inf
        return peer.last_tried + (peer.fails + 1) * self.min_reconnect_time

    def _preference(self, peer: KnownPeer) -> tuple[float, ...]:
        """Lowest first."""
        return (
            peer.fails,
            not peer.is_local,
            -inf if peer.last_tried is None else peer.last_tried,
            -_RANK_OF_SOURCE[peer.source],
            -peer.rank,
        )

    def _is_full(self) -> bool:
        return 0 < self.max_size <= self._size

    def _make_room(self, *, force: bool) -> bool:
        """Erase the least useful peers that are neither connected nor, unless forced, of any use."""
        idle = [peer for peer in self if peer.connection is None]
        useless = [
            peer
            for peer in idle
            if not self._is_candidate(peer)
            and not peer.banned
            and (peer.fails or peer.source == PeerSource.resume_data)
        ]
        surplus = self._size - int(self.max_size * _LOW_WATER)
        for peer in nsmallest(max(1, surplus), useless, key=_usefulness):
            self._erase(peer)
        if self._is_full() and force and idle:
            self._erase(min((peer for peer in idle if not peer.banned), key=_usefulness, default=idle[0]))
        return not self._is_full()


def _usefulness(peer: KnownPeer) -> tuple[int, ...]:
    return (-peer.fails, peer.source != PeerSource.resume_data, peer.connectable, peer.trust.points)


def _spelled(address: Address) -> Address:
    where = canonical_peer(address)
    return address if where is None else (str(where[0]), where[1])
