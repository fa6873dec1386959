"""Finding nodes, peers and items."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.dht.compact import pack_address
from evtorrent.protocols.dht.events import Bootstrapped, GetPeersSent, ItemFound, PeersDone, PeersFound
from evtorrent.protocols.dht.hosts import pack_host
from evtorrent.protocols.dht.items import ImmutableItem, MutableItem
from evtorrent.protocols.dht.lookups import MAX_PEERS_PER_ANSWER
from evtorrent.protocols.dht.node_id import NodeId, shared_bits
from evtorrent.protocols.dht.scrape import BloomFilter
from evtorrent.protocols.dht.settings import DhtSettings
from support.dht_peers import OURS, Question, Stage, at, far

HASH = NodeId(b"\xc0" + b"h" * 19)
SEED = bytes(range(32))


def index(question: Question) -> int:
    return int(question.address[0].split(".")[2])


def answer_all(stage: Stage, *fields: dict[bytes, Any]) -> None:
    """Each question in turn gets the next fields, the rest empty ones."""
    left = list(fields)
    while stage.node.num_lookups and (asked := stage.questions()):
        for question in asked:
            stage.reply(question, far(index(question)), left.pop(0) if left else {})


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.know(*((far(n), at(n)) for n in range(4)))
    return stage


def test_bootstrap_asks_for_ourselves(stage: Stage) -> None:
    stage.node.bootstrap([at(3), ("2600::1", 5), ("0.0.0.0", 5), ("a name", 5)], now=stage.now)
    asked = stage.questions()
    assert all(question.arguments == {b"id": OURS, b"target": OURS} for question in asked)
    assert sorted(index(question) for question in asked) == [0, 1, 2, 3]
    for question in asked:
        stage.reply(question, far(index(question)))
    assert stage.event(Bootstrapped).num_nodes == 4


def test_bootstrap_asks_for_both_families_when_there_are_two_nodes(stage: Stage) -> None:
    stage.node.sibling = Stage(is_ipv6=True).node
    stage.node.bootstrap(now=stage.now)
    assert stage.questions()[0].arguments[b"want"] == [b"n4", b"n6"]


def peers(*found: tuple[str, int]) -> dict[bytes, Any]:
    return {b"values": [pack_address(peer) for peer in found]}


def test_peers_come_as_they_are_found(stage: Stage) -> None:
    stage.node.get_peers(HASH, now=stage.now)
    asked = stage.questions()
    assert asked[0].method == b"get_peers"
    assert asked[0].arguments == {b"id": OURS, b"info_hash": HASH}
    stage.reply(asked[0], far(index(asked[0])), peers(("1.2.3.4", 5), ("1.2.3.5", 0)))
    assert stage.event(PeersFound).peers == (("1.2.3.4", 5),)
    for question in asked[1:]:
        stage.reply(question, far(index(question)), {b"values": [], b"token": b"t"})
    done = stage.event(PeersDone)
    assert (done.info_hash, done.num_responses, done.num_seeds, done.num_peers) == (HASH, 4, None, None)


def test_noseed_and_scrape_are_said(stage: Stage) -> None:
    stage.node.get_peers(HASH, now=stage.now, noseed=True, scrape=True)
    arguments = stage.questions()[0].arguments
    assert (arguments[b"noseed"], arguments[b"scrape"]) == (1, 1)


VALUES: list[tuple[Any, int]] = [
    ([pack_address(("1.2.3.4", 5)), pack_address(("2600::1", 6))], 2),
    ([pack_address(("1.2.3.4", 5)) + pack_address(("1.2.3.5", 6))], 2),
    ([pack_address(("2600::1", 5))], 1),
    ([pack_address(("1.2.3.4", 5))], 1),
    ([b"12345"], 0),
    ([7, b"", [b"x"]], 0),
    ([7], 0),
    (b"text", 0),
    ([pack_address(("1.2.3.4", 1 + n)) for n in range(MAX_PEERS_PER_ANSWER + 50)], MAX_PEERS_PER_ANSWER),
    (
        [b"".join(pack_address(("1.2.3.4", 1 + n)) for n in range(MAX_PEERS_PER_ANSWER + 50))],
        MAX_PEERS_PER_ANSWER,
    ),
]


@pytest.mark.parametrize(("values", "count"), VALUES)
def test_values_of_the_wild(stage: Stage, values: Any, count: int) -> None:
    stage.node.get_peers(HASH, now=stage.now)
    answer_all(stage, {b"values": values})
    found = [event for event in stage.events() if isinstance(event, PeersFound)]
    assert sum(len(event.peers) for event in found) == count


def test_counting(stage: Stage) -> None:
    seeds, others = BloomFilter(), BloomFilter()
    seeds.update(bytes((60, 1, 1, n)) for n in range(20))
    others.update(bytes((60, 2, 2, n)) for n in range(40))
    stage.node.get_peers(HASH, now=stage.now, scrape=True)
    answer_all(
        stage,
        {b"BFsd": bytes(seeds), b"BFpe": bytes(others)},
        {b"BFsd": b"short", b"BFpe": bytes(others), **peers(("60.2.2.1", 5))},
        peers(("60.1.1.1", 5), ("60.2.2.2", 5), ("60.3.3.3", 5)),
    )
    done = stage.event(PeersDone)
    assert done.num_seeds is not None
    assert done.num_peers is not None
    assert 19 <= done.num_seeds <= 21
    assert 40 <= done.num_peers <= 43
    assert pack_host("60.1.1.1") in seeds


def test_privacy_shows_only_as_much_as_needed() -> None:
    stage = Stage(DhtSettings(privacy_lookups=True))
    stage.node.add_router(at(120))
    stage.know((far(0), at(0)), (NodeId(HASH[:2] + bytes(18)), at(1)))
    stage.node.get_peers(HASH, now=stage.now)
    first = {index(question): question for question in stage.questions()}
    shown = {n: shared_bits(question.arguments[b"info_hash"], HASH) for n, question in first.items()}
    assert all(question.arguments[b"info_hash"] != HASH for question in first.values())
    assert shown[0] >= shared_bits(far(0), HASH) + 3
    assert shown[1] >= 16 + 3
    assert shown[120] >= 3
    stage.reply(first[0], far(0), {b"token": b"of another target", **peers(("1.2.3.4", 5))})
    stage.reply(first[1], HASH[:2] + bytes(18))
    stage.reply(first[120], far(120))
    assert stage.events() == []
    second = stage.questions()
    assert len(second) == 3, "the same again, for the real one"
    assert all(question.arguments[b"info_hash"] == HASH for question in second)
    for question in second:
        node_id = HASH[:2] + bytes(18) if index(question) == 1 else far(index(question))
        stage.reply(question, node_id, peers(("1.2.3.4", 5)))
    assert [type(event) for event in stage.events()] == [PeersFound] * 3 + [PeersDone]


@pytest.mark.parametrize("is_private", [False, True])
def test_whom_it_asks_is_reported_when_wanted(is_private: bool) -> None:
    stage = Stage(DhtSettings(privacy_lookups=is_private))
    stage.know((far(0), at(0)))
    stage.node.get_peers(HASH, now=stage.now)
    assert stage.events() == []
    stage.node.reports_traffic = True
    stage.node.get_peers(HASH, now=stage.now)
    told = NodeId(stage.questions()[-1].arguments[b"info_hash"])
    assert stage.events() == [GetPeersSent(HASH, told, at(0))]
    assert (told == HASH) == (not is_private)


def test_privacy_with_nobody_there() -> None:
    stage = Stage(DhtSettings(privacy_lookups=True))
    stage.node.get_peers(HASH, now=stage.now)
    assert stage.event(PeersDone).num_responses == 0


IMMUTABLE = ImmutableItem.of(b"value")


def test_an_immutable_item_ends_the_search(stage: Stage) -> None:
    stage.node.get_immutable(IMMUTABLE.target, now=stage.now)
    asked = stage.questions()
    assert asked[0].method == b"get"
    stage.reply(asked[0], far(index(asked[0])), {b"v": b"other value"})
    assert stage.node.counters.bad_value == 1
    stage.reply(asked[1], far(index(asked[1])), {b"v": bytes(2000)})
    stage.reply(asked[2], far(index(asked[2])), {b"v": b"value"})
    event = stage.event(ItemFound)
    assert (event.item, event.is_authoritative, event.num_copies) == (IMMUTABLE, True, 1)


def test_nobody_has_it(stage: Stage) -> None:
    stage.node.get_immutable(IMMUTABLE.target, now=stage.now)
    answer_all(stage)
    event = stage.event(ItemFound)
    assert (event.item, event.is_authoritative) == (None, True)


def signed(value: Any, sequence: int) -> MutableItem:
    return MutableItem.signed(value, SEED, sequence=sequence, salt=b"salt")


def fields(item: MutableItem, **changes: Any) -> dict[bytes, Any]:
    table = {b"k": item.public_key, b"seq": item.sequence, b"sig": item.signature, b"v": item.value}
    table.update({key.encode(): value for key, value in changes.items()})
    return {key: value for key, value in table.items() if value is not None}


def test_the_newest_state_of_a_mutable_item(stage: Stage) -> None:
    one, two = signed(b"one", 1), signed([b"two"], 2)
    stage.node.get_mutable(one.public_key, b"salt", now=stage.now)
    asked = stage.questions()
    assert b"seq" not in asked[0].arguments
    for question, answer in zip(asked, (fields(one), fields(two), fields(one), {b"seq": 2}), strict=True):
        stage.reply(question, far(index(question)), answer)
    events = stage.events()
    found = [(e.item, e.is_authoritative, e.num_copies) for e in events if isinstance(e, ItemFound)]
    assert found == [(one, False, 1), (two, False, 1), (two, True, 2)]


def test_later_nodes_are_asked_for_something_newer() -> None:
    stage = Stage()
    stage.know(*((far(n), at(n)) for n in range(9)))
    one = signed(b"one", 1)
    stage.node.get_mutable(one.public_key, b"salt", now=stage.now)
    asked = stage.questions()
    stage.reply(asked[0], far(index(asked[0])), fields(one))
    assert stage.questions()[0].arguments[b"seq"] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"sig": bytes(64)},
        {"sig": None},
        {"k": bytes(32)},
        {"k": None},
        {"seq": 2},
        {"seq": -1},
        {"v": b"other"},
        {"v": bytes(1500)},
    ],
)
def test_false_states_are_none(stage: Stage, changes: dict[str, Any]) -> None:
    item = signed(b"one", 1)
    stage.node.get_mutable(item.public_key, b"salt", now=stage.now)
    answer_all(stage, fields(item, **changes))
    event = stage.event(ItemFound)
    assert event.item is None
    assert stage.node.counters.bad_value == (changes.get("seq") != -1)


@pytest.mark.parametrize("answer", [{}, {b"v": b"x"}, {b"seq": 5}, {b"seq": b"5", b"v": b"x"}])
def test_incomplete_states_are_none(stage: Stage, answer: dict[bytes, Any]) -> None:
    stage.node.get_mutable(bytes(32), now=stage.now)
    answer_all(stage, answer)
    assert stage.event(ItemFound).item is None


def test_values_are_compared_as_they_are_encoded(stage: Stage) -> None:
    item = ImmutableItem.of({b"b": 1, b"a": [2]})
    stage.node.get_immutable(item.target, now=stage.now)
    answer_all(stage, {b"v": {b"b": 1, b"a": [2]}})
    found = stage.event(ItemFound).item
    assert found == item
    assert isinstance(found, ImmutableItem)
    assert encode(found.value) == item.encoded
