"""The storage in memory."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from evtorrent.protocols.dht.items import ImmutableItem, MutableItem
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.scrape import BloomFilter
from evtorrent.protocols.dht.settings import DhtSettings
from evtorrent.protocols.dht.storage import (
    MAX_ANNOUNCERS,
    MAX_NAME,
    MAX_PORTS_PER_HOST,
    MAX_SCRAPED,
    MIN_ITEM_LIFETIME,
    PEER_LIFETIME,
    MemoryStorage,
    StoredPeers,
)

HASH = NodeId(b"h" * 20)
HOST, HOST6 = bytes((9, 9, 9, 9)), bytes((0x26,)) + bytes(15)


def storage(**settings: int) -> MemoryStorage:
    made = MemoryStorage(DhtSettings(**settings), rng=Random(1))  # type: ignore[arg-type]
    made.update_node_ids([NodeId(bytes(20))])
    return made


def peer(index: int, port: int = 1000) -> bytes:
    return (0x3C000000 + index).to_bytes(4, "big") + port.to_bytes(2, "big")


def announce(
    stored: MemoryStorage, *peers: bytes, seed: bool = False, now: float = 0.0, name: bytes = b""
) -> None:
    for each in peers:
        stored.announce_peer(HASH, each, is_seed=seed, name=name, now=now)


def get(
    stored: MemoryStorage, host: bytes = HOST, *, noseed: bool = False, scrape: bool = False
) -> StoredPeers:
    return stored.get_peers(HASH, host, noseed=noseed, scrape=scrape)


def test_peers_are_stored_once() -> None:
    stored = storage()
    assert get(stored) == StoredPeers()
    announce(stored, peer(1), peer(2), peer(1), name=b"n" * (MAX_NAME + 5))
    answer = get(stored)
    assert sorted(answer.peers) == [peer(1), peer(2)]
    assert answer.name == b"n" * MAX_NAME
    assert stored.statistics().peers == 2
    assert stored.statistics().torrents == 1


def test_families_are_kept_apart() -> None:
    stored = storage()
    announce(stored, peer(1), HOST6 + b"\x01\x02")
    assert get(stored).peers == [peer(1)]
    assert get(stored, HOST6).peers == [HOST6 + b"\x01\x02"]


def test_an_answer_is_a_random_choice() -> None:
    stored = storage(max_peers_reply=10)
    announce(stored, *(peer(n) for n in range(50)))
    assert len(set(get(stored).peers)) == 10
    assert set(get(stored).peers) != set(get(stored).peers)
    for n in range(50):
        stored.announce_peer(HASH, HOST6[:14] + bytes((0, n, 0, 9)), is_seed=False, name=b"", now=0.0)
    assert len(get(stored, HOST6).peers) == 2


def test_seeds_are_left_out_for_seeds() -> None:
    stored = storage()
    announce(stored, peer(1), seed=True)
    announce(stored, peer(2))
    assert get(stored, noseed=True).peers == [peer(2)]
    announce(stored, peer(2), seed=True)
    assert not get(stored, noseed=True).peers


def test_scrape() -> None:
    stored = storage()
    announce(stored, *(peer(n) for n in range(5)), seed=True)
    announce(stored, *(peer(n) for n in range(100, 140)))
    answer = get(stored, scrape=True)
    assert not answer.peers
    assert round(BloomFilter(answer.seed_filter).estimate()) == 5
    assert 38 <= BloomFilter(answer.peer_filter).estimate() <= 42


def test_torrents_are_bounded() -> None:
    stored = storage(max_torrents=1)
    announce(stored, peer(1))
    stored.announce_peer(NodeId(b"i" * 20), peer(1), is_seed=False, name=b"", now=0.0)
    assert stored.statistics().torrents == 1
    other = stored.get_peers(NodeId(b"i" * 20), HOST, noseed=False, scrape=False)
    assert other.is_full, "no token for what there is no room for"


def test_peers_are_bounded() -> None:
    stored = storage(max_peers=3)
    announce(stored, *(peer(n) for n in range(5)))
    assert stored.statistics().peers == 3
    assert get(stored).is_full
    assert not get(stored, peer(1)[:4]).is_full, "who is there already may stay"
    announce(stored, peer(1), seed=True, now=9.0)
    assert len(get(stored, noseed=True).peers) == 2
    nothing = storage(max_peers=0)
    announce(nothing, peer(1))
    assert nothing.statistics().torrents == 0


def test_one_host_is_not_a_swarm() -> None:
    stored = storage()
    announce(stored, *(peer(1, port) for port in range(1, 50)))
    assert stored.statistics().peers == MAX_PORTS_PER_HOST


def test_no_more_than_filters_can_count() -> None:
    stored = storage(max_peers=100_000)
    announce(stored, *(peer(n) for n in range(MAX_SCRAPED)))
    assert get(stored).is_full


def test_peers_are_forgotten() -> None:
    stored = storage()
    announce(stored, peer(1), now=0.0)
    announce(stored, peer(2), now=100.0)
    stored.tick(now=PEER_LIFETIME)
    assert stored.statistics().peers == 2
    stored.tick(now=PEER_LIFETIME + 1)
    assert get(stored).peers == [peer(2)]
    stored.tick(now=PEER_LIFETIME + 101)
    assert stored.statistics() == replace(stored.statistics(), torrents=0, peers=0)


def test_a_host_is_forgotten_with_its_last_peer() -> None:
    stored = storage()
    announce(stored, peer(1, 1), now=0.0)
    announce(stored, peer(1, 2), now=100.0)
    stored.tick(now=PEER_LIFETIME + 1)
    assert get(stored).peers == [peer(1, 2)]
    announce(stored, *(peer(1, 10 + n) for n in range(20)), now=100.0)
    assert stored.statistics().peers == MAX_PORTS_PER_HOST


def test_items() -> None:
    stored = storage()
    immutable = ImmutableItem.of(b"value")
    mutable = MutableItem.signed(b"value", bytes(32), sequence=1)
    assert stored.get_immutable_item(immutable.target) is None
    assert stored.get_mutable_item(mutable.target) is None
    stored.put_immutable_item(immutable.target, immutable.encoded, HOST, now=0.0)
    stored.put_mutable_item(mutable.target, mutable, HOST, now=0.0)
    assert stored.get_immutable_item(immutable.target) == b"5:value"
    assert stored.get_mutable_item(mutable.target) == mutable
    assert stored.get_immutable_item(mutable.target) is None
    newer = MutableItem.signed(b"newer", bytes(32), sequence=2)
    stored.put_mutable_item(mutable.target, newer, HOST, now=1.0)
    assert stored.get_mutable_item(mutable.target) == newer
    assert (stored.statistics().immutable_data, stored.statistics().mutable_data) == (1, 1)


def test_items_are_bounded_and_the_farthest_makes_room() -> None:
    stored = storage(max_dht_items=2)
    near, middle, far = (NodeId(bytes((first,)) + b"x" * 19) for first in (0, 0x10, 0xF0))
    for target in (far, near, middle):
        stored.put_immutable_item(target, b"i1e", HOST, now=0.0)
    assert stored.statistics().immutable_data == 2
    assert stored.get_immutable_item(far) is None
    none = storage(max_dht_items=0)
    none.put_immutable_item(near, b"i1e", HOST, now=0.0)
    assert none.statistics().immutable_data == 0


def test_items_many_want_stay() -> None:
    stored = storage(max_dht_items=2)
    popular, lonely, new = (NodeId(bytes((first,)) + b"x" * 19) for first in (0xF0, 0x70, 0x01))
    for n in range(MAX_ANNOUNCERS + 10):
        stored.put_immutable_item(popular, b"i1e", n.to_bytes(4, "big"), now=0.0)
    stored.put_immutable_item(lonely, b"i2e", HOST, now=0.0)
    stored.put_immutable_item(new, b"i3e", HOST, now=0.0)
    assert stored.get_immutable_item(popular)
    assert stored.get_immutable_item(lonely) is None


def test_a_storage_of_no_node_still_makes_room() -> None:
    stored = MemoryStorage(DhtSettings(max_dht_items=1), rng=Random(1))
    stored.put_immutable_item(NodeId(b"a" * 20), b"i1e", HOST, now=0.0)
    stored.put_immutable_item(NodeId(b"b" * 20), b"i1e", HOST, now=0.0)
    assert stored.statistics().immutable_data == 1


def test_items_expire_only_when_told_to() -> None:
    forever = storage()
    forever.put_immutable_item(HASH, b"i1e", HOST, now=0.0)
    forever.tick(now=1e9)
    assert forever.get_immutable_item(HASH)
    stored = storage(item_lifetime=60)
    stored.put_immutable_item(HASH, b"i1e", HOST, now=0.0)
    stored.tick(now=MIN_ITEM_LIFETIME - 1)
    assert stored.get_immutable_item(HASH), "two hours at least"
    stored.put_immutable_item(HASH, b"i1e", HOST, now=100.0)
    stored.tick(now=MIN_ITEM_LIFETIME + 99)
    assert stored.get_immutable_item(HASH), "put again"
    stored.tick(now=MIN_ITEM_LIFETIME + 100)
    assert stored.get_immutable_item(HASH) is None


def test_samples() -> None:
    stored = storage()
    announce(stored, peer(1))
    sample = stored.sample_infohashes(now=0.0)
    assert sample.infohashes == (HASH,)
    assert sample.num_infohashes == 1
