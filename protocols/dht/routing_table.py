"""The routing table (BEP 5): who is known, arranged by distance from us.

Buckets are numbered by how many leading bits their nodes share with our id; only the last one, which holds our
neighbourhood, may be split.  Each has live nodes, which have answered us, and spares, which may replace them.

As libtorrent tunes it: the first four buckets are larger, which saves hops; a full bucket keeps nodes whose ids are spread
over it, and of two alike the verified (BEP 42) or quicker one; nodes of one address, or of one /24 in a bucket, are
taken once; an address that answers under another id than before is thrown out.

**Law.** A contact is in exactly one bucket, as live or as spare; `_by_address`, `_by_network` and `_live` say the same.  Live
contacts have answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from ..types import Address
from .compact import host_prefix
from .contact import NEVER, Contact
from .log import DhtLog, DhtModule, where
from .nearest import SortedContacts
from .node_id import ID_BITS, NodeId, id_near, verify_node_id
from .settings import DhtSettings

__all__ = ["BUCKET_SIZE", "MAX_BUCKETS", "BucketStatus", "RoutingTable"]

BUCKET_SIZE: Final = 8
"""Nodes in a bucket, and in an answer (k of the paper)."""

MAX_BUCKETS: Final = 50
"""Nobody honest makes a table deeper than half of this; ids invented near ours would (libtorrent's limit)."""

_LARGER: Final = (16, 8, 4, 2)
_SUSPECT_AFTER: Final = 300.0


@dataclass(slots=True)
class _Bucket:
    live: list[Contact] = field(default_factory=list)
    spare: list[Contact] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BucketStatus:
    """One bucket, counted (libtorrent `dht_routing_bucket`)."""

    num_nodes: int
    num_replacements: int


class RoutingTable:
    """Nodes known to the node `node_id`.  Size is bounded by `MAX_BUCKETS` buckets of bounded size."""

    def __init__(self, node_id: NodeId, settings: DhtSettings, log: DhtLog | None = None) -> None:
        self.settings = settings
        self._log = log or DhtLog()
        self._reach: int | None = None
        """Distance of the farthest of the eight live nodes nearest to us; None: to be found out."""
        self.routers: dict[Address, None] = {}
        """Bootstrap nodes, in order: asked when few others are known, never in the table."""
        self._reset(node_id)

    def set_node_id(self, node_id: NodeId) -> None:
        """Our id changed: everybody is placed anew."""
        old = self._buckets
        self._reset(node_id)
        for contacts in ([c for b in old for c in b.live], [c for b in old for c in b.spare]):
            for contact in contacts:
                self._place(contact)

    def heard_of(self, node_id: NodeId, address: Address, *, makes_room: bool = False) -> None:
        """Somebody speaks of this node, or something claims to come from it: a candidate, nothing more.

        Nobody makes room for it, but with `makes_room` the farthest candidate that was never tried; libtorrent lets it replace
        another candidate in any case, which lets whoever talks most decide.
        """
        if address in self._by_address or not self._is_admissible(node_id, address):
            return
        number = int.from_bytes(node_id, "big")
        bucket = self._bucket_of(number)
        if makes_room and len(bucket.spare) >= BUCKET_SIZE:
            farthest = max(self._untried(bucket), key=self._distance, default=None)
            if farthest is not None and self._distance(farthest) > number ^ self._number:
                self._remove(farthest)
        if len(bucket.spare) < BUCKET_SIZE:
            self._place(Contact(node_id, address))

    def is_neighbour(self, node_id: NodeId, address: Address) -> bool:
        """It would be one of the eight live nodes nearest to us, and is not known."""
        if address in self._by_address:
            return False
        reach = self._reach
        if reach is None:
            nearest = self._live.nearest(self._number, BUCKET_SIZE, confirmed=False)
            is_few = len(nearest) < BUCKET_SIZE
            reach = self._reach = 1 << ID_BITS if is_few else self._distance(nearest[-1])
        return int.from_bytes(node_id, "big") ^ self._number < reach

    def node_seen(self, node_id: NodeId, address: Address, rtt: float | None, *, now: float) -> None:
        """This node answered us, or proved by a token that it is where it says."""
        known = self._by_address.get(address)
        if known is not None and known.node_id != node_id:
            self._expel(known, now)
        elif known is not None:
            was_confirmed = known.is_confirmed
            known.answered(rtt, now)
            if not was_confirmed and known not in self._bucket_of(known.number).live:
                self._remove(known)
                self._place(known)
        elif self._is_admissible(node_id, address):
            contact = Contact(node_id, address)
            contact.answered(rtt, now)
            self._place(contact)

    def node_failed(self, node_id: NodeId | None, address: Address) -> None:
        """This node did not answer, or answered nonsense."""
        known = self._by_address.get(address)
        if known is None or (node_id is not None and known.node_id != node_id):
            return
        bucket = self._bucket_of(known.number)
        is_live = known in bucket.live
        replaceable = is_live and any(spare.is_pinged for spare in bucket.spare)
        known.failed()
        if self._log.on_line is not None:
            self._say(f"no answer, the {known.fail_count}. time", known)
        if replaceable or not known.is_pinged or known.fail_count >= self.settings.max_fail_count:
            self._remove(known)
            self._promote(bucket)

    def closest(self, target: bytes, count: int = BUCKET_SIZE, *, confirmed: bool = True) -> list[Contact]:
        """The live nodes nearest to `target`, nearest first; without `confirmed` also those that failed lately."""
        return self._live.nearest(int.from_bytes(target, "big"), count, confirmed=confirmed)

    def next_refresh(self, *, now: float) -> Contact | None:
        """Whom to ask next to keep the table fresh: who was not asked for longest, neighbours first; noted as asked."""
        chosen: Contact | None = None
        for index in reversed(range(len(self._buckets))):
            bucket = self._buckets[index]
            # Spares that never answered may become live where there is room.
            if index == len(self._buckets) - 1 or len(bucket.live) < self.bucket_limit(index):
                chosen = min(self._untried(bucket), key=self._distance, default=chosen)
            if chosen is not None and chosen.last_asked == NEVER:
                break
            for contact in bucket.live:
                if chosen is None or contact.last_asked < chosen.last_asked:
                    chosen = contact
        if chosen is not None:
            chosen.last_asked = now
        return chosen

    def refresh_target(self, contact: Contact, rng: Random) -> NodeId | None:
        """What to ask `contact` for, so that its bucket fills; None when that is full, so that a ping is enough."""
        index = self._index(contact.number)
        bucket = self._buckets[index]
        if len(bucket.live) >= self.bucket_limit(index) and len(bucket.spare) >= BUCKET_SIZE:
            return None
        # The last bucket is where we live: who is asked for us names our neighbours.
        is_last = index == len(self._buckets) - 1
        return id_near(self.node_id, ID_BITS - 1 if is_last else index, rng)

    def bucket_limit(self, index: int) -> int:
        """Live nodes that bucket `index` may have."""
        if self.settings.extended_routing_table and index < len(_LARGER):
            return BUCKET_SIZE * _LARGER[index]
        return BUCKET_SIZE

    @property
    def depth(self) -> int:
        """The deepest bucket that is at least half full."""
        depth = 0
        while depth + 1 < len(self._buckets) and len(self._buckets[depth + 1].live) >= BUCKET_SIZE // 2:
            depth += 1
        return depth

    @property
    def is_eager(self) -> bool:
        """Few nodes are known, and some were never asked."""
        if len(self._live) >= 2 * BUCKET_SIZE:
            return False
        return any(c.last_asked == NEVER and not c.is_pinged for b in self._buckets for c in b.spare)

    @property
    def num_live(self) -> int:
        """Live nodes."""
        return len(self._live)

    @property
    def num_spare(self) -> int:
        """Spare nodes."""
        return len(self._by_address) - len(self._live)

    @property
    def num_confirmed(self) -> int:
        """Live nodes that answered the last time."""
        return sum(contact.is_confirmed for contact in self._live)

    def num_global_nodes(self) -> int:
        """A guess at the size of the whole network, from how deep the table is full."""
        full = 0
        last = 0
        for bucket in self._buckets:
            last = len(bucket.live)
            if last < BUCKET_SIZE:
                break
            full += 1
        if not full:
            return 1 + last
        return (1 << full) * BUCKET_SIZE if last < BUCKET_SIZE // 2 else (2 << full) * last

    def status(self) -> list[BucketStatus]:
        """Every bucket, counted."""
        return [BucketStatus(len(bucket.live), len(bucket.spare)) for bucket in self._buckets]

    def live(self) -> Iterator[Contact]:
        """All live nodes, in order of id."""
        return iter(self._live)

    def check_invariant(self) -> None:
        """Raise AssertionError when the law of this module is broken."""
        live = [contact for bucket in self._buckets for contact in bucket.live]
        spare = [contact for bucket in self._buckets for contact in bucket.spare]
        assert {id(c) for c in live} == {id(c) for c in self._live} and len(live) == len(self._live)
        assert {c.address: c for c in (*live, *spare)} == self._by_address
        assert len(live) + len(spare) == len(self._by_address)
        networks = [c for network in self._by_network.values() for c in network]
        assert {id(c) for c in networks} == {id(c) for c in (*live, *spare)}
        assert len(networks) == len(self._by_address)
        assert all(host_prefix(c.host) == key for key, network in self._by_network.items() for c in network)
        assert all(contact.is_pinged for contact in live)
        for index, bucket in enumerate(self._buckets):
            assert len(bucket.live) <= self.bucket_limit(index) and len(bucket.spare) <= BUCKET_SIZE
            assert all(self._index(c.number) == index for c in (*bucket.live, *bucket.spare))
        assert len(self._buckets) <= MAX_BUCKETS

    def _reset(self, node_id: NodeId) -> None:
        self.node_id = node_id
        self._number = int.from_bytes(node_id, "big")
        self._buckets = [_Bucket()]
        self._live = SortedContacts()
        self._by_address: dict[Address, Contact] = {}
        self._by_network: dict[bytes, tuple[Contact, ...]] = {}
        """By /24 or /64; nobody is of the network b""."""
        self._reach = None

    def _is_admissible(self, node_id: NodeId, address: Address) -> bool:
        if node_id == self.node_id or address in self.routers:
            return False
        return not self.settings.enforce_node_id or verify_node_id(node_id, address[0])

    def _index(self, number: int) -> int:
        index = ID_BITS - (self._number ^ number).bit_length()
        last = len(self._buckets) - 1
        return index if index < last else last

    def _bucket_of(self, number: int) -> _Bucket:
        return self._buckets[self._index(number)]

    def _place(self, contact: Contact) -> None:
        """Into its bucket, if anything speaks for it; splitting the last bucket as often as it helps."""
        if contact.number == self._number:
            return
        network = host_prefix(contact.host) if self.settings.restrict_routing_ips else b""
        if any(known.host == contact.host for known in self._by_network.get(network, ())):
            if self._log.on_line is not None:
                self._say("another node of its address is known", contact)
            return
        while True:
            index = self._index(contact.number)
            bucket = self._buckets[index]
            if not self._is_novel(contact, index, network):
                if self._log.on_line is not None:
                    self._say("its id or its network is in the bucket already", contact)
                return
            if contact.is_pinged and len(bucket.live) < self.bucket_limit(index):
                self._insert(contact, bucket, is_live=True)
                return
            if not self._may_split(contact, index):
                break
            self._split()
        if contact.is_confirmed and self._replace(contact, index, bucket.live, is_live=True):
            return
        self._keep_spare(contact, index, bucket)

    def _is_novel(self, contact: Contact, index: int, network: bytes) -> bool:
        """Neither the id nor one of its `network` is in the bucket.  The first to claim an id keeps it."""
        number = contact.number
        for known in self._by_network.get(network, ()):
            if self._index(known.number) == index:
                return False
        for known in self._buckets[index].spare:
            if known.number == number:
                return False
        return not self._live.has(number)

    def _may_split(self, contact: Contact, index: int) -> bool:
        """`contact` may make the table deeper by one bucket."""
        if index != len(self._buckets) - 1 or len(self._buckets) >= MAX_BUCKETS or not contact.is_confirmed:
            return False
        live = self._buckets[index].live
        if self.settings.prefer_verified_node_ids:
            num_verified = sum(known.is_verified for known in live)
            if not contact.is_verified or num_verified < max(1, len(live) * 2 // 3):
                return False
        if index and len(self._buckets[index - 1].live) <= 1:
            return False
        shift = ID_BITS - 1 - index
        return len({known.number >> shift & 1 for known in live} | {contact.number >> shift & 1}) == 2

    def _split(self) -> None:
        """Two buckets instead of the last one; everybody in it is placed anew, which may split it further."""
        old = self._buckets.pop()
        groups = [sorted(group, key=self._nearness) for group in (old.live, old.spare)]
        for contact in (*old.live, *old.spare):
            self._live.discard(contact)
            self._reach = None
            self._forget(contact)
        self._buckets += [_Bucket(), _Bucket()]
        for group in groups:
            for contact in group:
                self._place(contact)

    def _untried(self, bucket: _Bucket) -> list[Contact]:
        """Candidates that were never asked anything."""
        return [spare for spare in bucket.spare if not spare.is_pinged and spare.last_asked == NEVER]

    def _distance(self, contact: Contact) -> int:
        return contact.number ^ self._number

    def _nearness(self, contact: Contact) -> int:
        """Least for the farthest, whom to place first: a bucket is only split behind one that is in use."""
        return -(contact.number ^ self._number)

    def _replace(self, contact: Contact, index: int, among: list[Contact], *, is_live: bool) -> bool:
        """`contact` instead of somebody worse in a full list; False when nobody is."""
        worst = max(among, key=lambda known: known.fail_count)
        if worst.fail_count > 0:
            loser: Contact | None = worst
        else:
            loser = self._redundant(contact, index, among)
        if loser is None:
            return False
        if self._log.on_line is not None:
            self._say(f"makes room for {contact.node_id.hex()} at {where(contact.address)}", loser)
        bucket = self._buckets[index]
        self._remove(loser)
        self._insert(contact, bucket, is_live=is_live)
        return True

    def _redundant(self, contact: Contact, index: int, among: list[Contact]) -> Contact | None:
        """Whom to give up for `contact` so that ids stay spread over the bucket."""
        slots: dict[int, list[Contact]] = {}
        for known in among:
            slots.setdefault(self._slot(known, index, len(among)), []).append(known)
        same = slots.get(self._slot(contact, index, len(among)))
        if same is not None:
            worst = max(same, key=lambda known: known.badness)
            return worst if contact.badness < worst.badness else None
        crowded = [known for slot in slots.values() if len(slot) > 1 for known in slot]
        return max(crowded, key=lambda known: known.badness)

    def _slot(self, contact: Contact, index: int, size: int) -> int:
        """Which part of the bucket's range an id falls in, of as many parts as the list has room for."""
        # All ids of a bucket but the last have the same bit at `index`.
        start = index + (index != len(self._buckets) - 1)
        bits = max(size.bit_length() - 1, 1)
        return contact.number >> max(ID_BITS - start - bits, 0) & ((1 << bits) - 1)

    def _keep_spare(self, contact: Contact, index: int, bucket: _Bucket) -> None:
        if len(bucket.spare) >= BUCKET_SIZE:
            unproven = next((spare for spare in bucket.spare if not spare.is_pinged), None)
            if unproven is None:
                if contact.is_pinged:
                    self._replace(contact, index, bucket.spare, is_live=False)
                return
            self._remove(unproven)
        self._insert(contact, bucket, is_live=False)

    def _expel(self, known: Contact, now: float) -> None:
        """The same address under another id: an attack, or a restart.  Its neighbours in the bucket are looked at soon."""
        if self._log.on_line is not None:
            self._say("answered under another id", known)
        bucket = self._bucket_of(known.number)
        self._remove(known)
        self._promote(bucket)
        for contact in bucket.live:
            if contact.last_asked + _SUSPECT_AFTER < now:
                contact.last_asked = NEVER

    def _promote(self, bucket: _Bucket) -> None:
        """Fill a gap among the live nodes with the best spare; drop empty buckets at the end."""
        index = next(i for i, each in enumerate(self._buckets) if each is bucket)
        while len(bucket.live) < self.bucket_limit(index):
            proven = [spare for spare in bucket.spare if spare.is_pinged]
            if not proven:
                break
            best = min(proven, key=lambda spare: (spare.fail_count, spare.badness))
            bucket.spare.remove(best)
            bucket.live.append(best)
            self._live.add(best)
            self._reach = None
        while len(self._buckets) > 1 and not self._buckets[-1].live and not self._buckets[-1].spare:
            self._buckets.pop()

    def _say(self, text: str, contact: Contact) -> None:
        line = f"{contact.node_id.hex()} at {where(contact.address)}: {text}"
        self._log.say(DhtModule.routing_table, line)

    def _insert(self, contact: Contact, bucket: _Bucket, *, is_live: bool) -> None:
        (bucket.live if is_live else bucket.spare).append(contact)
        if is_live:
            self._live.add(contact)
            self._reach = None
        self._by_address[contact.address] = contact
        prefix = host_prefix(contact.host)
        self._by_network[prefix] = (*self._by_network.get(prefix, ()), contact)

    def _remove(self, contact: Contact) -> None:
        bucket = self._bucket_of(contact.number)
        if contact in bucket.live:
            bucket.live.remove(contact)
            self._live.discard(contact)
            self._reach = None
        else:
            bucket.spare.remove(contact)
        self._forget(contact)

    def _forget(self, contact: Contact) -> None:
        del self._by_address[contact.address]
        prefix = host_prefix(contact.host)
        others = tuple([known for known in self._by_network[prefix] if known is not contact])
        if others:
            self._by_network[prefix] = others
        else:
            del self._by_network[prefix]
