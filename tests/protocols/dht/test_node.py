"""The node: upkeep, what any datagram comes to, its limits, and its id."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.bencode import decode, encode
from evtorrent.protocols.dht.compact import pack_address
from evtorrent.protocols.dht.events import (
    Announced,
    Bootstrapped,
    ExternalAddressChanged,
    NodesFound,
    PeersAsked,
    PeersDone,
    PeersFound,
)
from evtorrent.protocols.dht.external_address import MIN_VOTES
from evtorrent.protocols.dht.guard import MAX_COUNTED
from evtorrent.protocols.dht.node import MAX_EVENTS, MAX_LOOKUPS, Node
from evtorrent.protocols.dht.node_id import NodeId, verify_node_id
from evtorrent.protocols.dht.quota import UploadQuota
from evtorrent.protocols.dht.settings import DhtSettings
from evtorrent.protocols.dht.storage import MemoryStorage
from evtorrent.protocols.errors import LocalProtocolError
from support.dht_peers import OPEN, OURS, Stage, at, far, near
from support.dht_world import DhtWorld

HASH = NodeId(b"h" * 20)
US = "84.124.73.14"


def index(address: tuple[str, int]) -> int:
    return int(address[0].split(".")[2])


def test_nodes_are_asked_in_turn_to_keep_the_table_fresh() -> None:
    stage = Stage()
    stage.know(*((far(n), at(n)) for n in range(20)))
    asked = []
    for _ in range(100):
        stage.pass_time(1.0)
        for question in stage.questions():
            if question.arguments.get(b"target") != OURS:  # that one looks for neighbours
                asked.append((question.method, index(question.address)))
            stage.reply(question, far(index(question.address)))
    assert 18 <= len(asked) <= 21, "one every five seconds"
    assert len({n for _, n in asked}) >= 12
    assert stage.node.parts.table.num_confirmed == 20


def test_a_full_bucket_is_only_pinged() -> None:
    settings = DhtSettings(extended_routing_table=False, prefer_verified_node_ids=False)
    stage = Stage(settings)
    stage.know(*((far(n), at(n)) for n in range(60)))
    methods = set()
    for _ in range(20):
        stage.pass_time(5.0)
        for question in stage.questions():
            methods.add(question.method)
            stage.reply(question, far(index(question.address)))
    assert b"ping" in methods


def test_a_dead_node_is_dropped() -> None:
    stage = Stage(DhtSettings(max_fail_count=2))
    stage.know((far(1), at(1)))
    stage.pass_time(120)
    assert stage.node.live_nodes() == []


def test_few_nodes_make_it_look_again() -> None:
    stage = Stage()
    stage.know((far(1), at(1)))
    stage.node.bootstrap(now=stage.now)
    targets = []
    for _ in range(90):
        for question in stage.questions():
            targets.append(question.arguments[b"target"])
            stage.reply(question, far(1))
        stage.pass_time(1.0)
    assert 6 <= targets.count(OURS) <= 9, "after 1, 2, 4, 8, 16, 32 seconds"
    assert len([event for event in stage.events() if isinstance(event, Bootstrapped)]) >= 6


def test_candidates_are_tried_quickly_while_few_are_known() -> None:
    stage = Stage()
    for n in range(4):
        stage.query(b"ping", {}, at(n), node_id=far(n))
    for _ in range(20):
        stage.pass_time(0.1)
        for question in stage.questions():
            stage.reply(question, far(index(question.address)))
    assert stage.node.parts.table.num_live == 4


def test_a_newcomer_who_lives_near_us_is_tried_within_a_second() -> None:
    """Or who looks for what is near him is not told of him, and finds less than there is."""
    stage = Stage()
    stage.know(*((far(n), at(n)) for n in range(20)))
    stage.query(b"ping", {}, at(200), node_id=far(100))
    stage.query(b"ping", {}, at(201), node_id=near(30))
    stage.pass_time(1.0)
    (question,) = [each for each in stage.questions() if each.address == at(201)]
    stage.reply(question, near(30))
    assert near(30) in [contact.node_id for contact in stage.node.live_nodes()]


def test_storage_is_looked_after() -> None:
    stage = Stage()
    stage.node.storage.announce_peer(HASH, pack_address(at(1)), is_seed=False, name=b"", now=stage.now)
    stage.pass_time(3000)
    assert stage.node.storage.statistics().torrents == 0


def test_read_only_nodes_keep_silent() -> None:
    stage = Stage(DhtSettings(read_only=True))
    assert stage.query(b"ping", {}) is None
    assert stage.query(b"", {}) is None
    assert stage.node.counters.messages_in_dropped == 2
    stage.node.add_node(at(1), now=stage.now)
    assert stage.questions()[0].table[b"ro"] == 1


def test_answers_stop_when_the_quota_is_used_up() -> None:
    stage = Stage(DhtSettings(upload_rate_limit=100, block_ratelimit=1000))
    answered = sum(stage.query(b"ping", {}) is not None for _ in range(20))
    assert 2 <= answered <= 5
    dropped = stage.node.counters.messages_in_dropped
    stage.query(b"", {})
    assert stage.node.counters.messages_in_dropped == dropped + 1
    stage.pass_time(3.0)
    assert stage.query(b"ping", {}) is not None


def test_a_quota_may_be_shared() -> None:
    quota = UploadQuota(0)
    assert Stage(quota=quota).query(b"ping", {}) is None


def test_floods_are_dropped() -> None:
    stage = Stage(DhtSettings(block_ratelimit=1, upload_rate_limit=10_000_000))
    answered = sum(stage.query(b"ping", {}) is not None for _ in range(30))
    assert answered == 10
    assert stage.node.counters.blocked == 20


def test_the_other_family_is_not_ours() -> None:
    stage = Stage()
    assert stage.query(b"ping", {}, ("2600::1", 5)) is None
    assert stage.node.counters.blocked == 1


def test_ids_that_do_not_fit_are_told_so_when_enforced() -> None:
    stage = Stage(DhtSettings(enforce_node_id=True))
    answer = stage.query(b"ping", {})
    assert answer is not None
    assert answer[b"e"][0] == 203
    assert stage.query(b"ping", {}, ("10.0.0.1", 5)) is not None


def test_our_id_follows_our_address() -> None:
    stage = Stage(node_id=NodeId(b"\x01" * 20))
    stage.know(*((far(n), at(n)) for n in range(MIN_VOTES)))
    old = stage.node.node_id
    stage.node.bootstrap(now=stage.now)
    votes = 0
    while votes < MIN_VOTES:
        for question in stage.questions():
            stage.reply(question, far(index(question.address)), ip=pack_address((US, 5)))
            votes += 1
    assert stage.node.node_id != old
    assert verify_node_id(stage.node.node_id, US)
    changed = stage.event(ExternalAddressChanged)
    assert (changed.host, changed.node_id) == (US, stage.node.node_id)
    assert stage.questions()[0].arguments[b"target"] == stage.node.node_id, "it looks for its new neighbours"
    stage.node.set_external_address(US, now=stage.now)
    assert stage.events() == [], "it fits already"
    stage.node.parts.table.check_invariant()


def test_refusals_vote_too() -> None:
    stage = Stage(node_id=NodeId(b"\x01" * 20))
    for n in range(MIN_VOTES):
        stage.node.direct_request(at(n), b"x", {}, now=stage.now)
        (question,) = stage.questions()
        table: dict[bytes, Any] = {
            b"t": question.transaction,
            b"y": b"e",
            b"e": [201, b""],
            b"ip": pack_address((US, 5)),
        }
        stage.receive(table, question.address)
    assert verify_node_id(stage.node.node_id, US)


def test_an_answer_nobody_waits_for_still_counts_for_the_table() -> None:
    stage = Stage()
    lookup_id = stage.node.direct_request(at(1), b"x", {}, now=stage.now)
    (question,) = stage.questions()
    stage.node.cancel(lookup_id)
    stage.reply(question, far(1))
    assert [contact.address for contact in stage.node.live_nodes()] == [at(1)]
    lookup_id = stage.node.direct_request(at(1), b"x", {}, now=stage.now)
    (question,) = stage.questions()
    stage.node.cancel(lookup_id)
    stage.refuse(question)
    assert stage.events() == []


def test_a_port_nobody_is_at_fails_at_once() -> None:
    stage = Stage()
    stage.know((far(1), at(1)))
    stage.node.find_node(HASH, now=stage.now)
    stage.questions()
    stage.node.receive_error(at(1), now=stage.now)
    assert stage.event(NodesFound).nodes == ()
    assert stage.node.parts.table.num_confirmed == 0
    assert stage.node.counters.messages_out_dropped == 1


def test_nodes_of_the_other_family_are_not_asked() -> None:
    stage = Stage()
    stage.node.add_node(("2600::1", 5), now=stage.now)
    stage.node.add_node(("name", 5), now=stage.now)
    stage.node.add_router(("2600::1", 5))
    stage.node.add_router(at(1, 0))
    assert stage.questions() == []
    assert not stage.node.parts.table.routers


def test_settings_may_change() -> None:
    stage = Stage()
    stage.node.apply_settings(DhtSettings(read_only=True, upload_rate_limit=7))
    assert stage.query(b"ping", {}) is None
    assert stage.node.quota.rate == 7
    assert isinstance(stage.node.storage, MemoryStorage)
    assert stage.node.storage.settings.read_only

    class Foreign:
        """By shape only."""

        def __init__(self) -> None:
            self.inner = MemoryStorage(DhtSettings(), rng=Random(1))

        def __getattr__(self, name: str) -> Any:
            if name == "settings":
                raise AttributeError(name)
            return getattr(self.inner, name)

    foreign: Any = Foreign()
    other = Stage(storage=foreign)
    other.node.apply_settings(OPEN)
    assert other.query(b"ping", {}) is not None


def test_closed_it_does_nothing() -> None:
    stage = Stage()
    stage.know((far(1), at(1)))
    stage.node.find_node(HASH, now=stage.now)
    stage.node.close()
    stage.node.close()
    assert stage.node.next_timeout() is None
    assert stage.query(b"ping", {}) is None
    stage.node.handle_timeout(now=stage.now + 100)
    assert stage.events() == []
    assert stage.questions() == []
    with pytest.raises(LocalProtocolError):
        stage.node.find_node(HASH, now=stage.now)


def test_questions_are_counted() -> None:
    stage = Stage()
    assert stage.node.num_questions == 0
    stage.node.add_node(at(1), now=stage.now)
    assert stage.node.num_questions == 1


def test_lookups_are_bounded() -> None:
    stage = Stage()
    stage.know((far(1), at(1)))
    for _ in range(MAX_LOOKUPS):
        stage.node.find_node(HASH, now=stage.now)
    with pytest.raises(LocalProtocolError):
        stage.node.find_node(HASH, now=stage.now)
    assert len(stage.node.lookups()) == MAX_LOOKUPS
    stage.node.set_external_address(US, now=stage.now)
    stage.pass_time(5)
    assert stage.node.num_lookups == MAX_LOOKUPS


def test_ports_are_checked() -> None:
    stage = Stage()
    for port in (0, -1, 65536):
        with pytest.raises(LocalProtocolError):
            stage.node.announce(HASH, port, now=stage.now)


def test_traffic_cannot_fill_the_events() -> None:
    stage = Stage(DhtSettings(block_ratelimit=1_000_000, upload_rate_limit=0))
    stage.node.reports_traffic = True
    for _ in range(MAX_EVENTS + 5):
        stage.node._emit(PeersAsked(HASH, at(1)))
    stage.node.find_node(HASH, now=stage.now)
    events = stage.events()
    assert len(events) == MAX_EVENTS + 1
    assert isinstance(events[-1], NodesFound)


def test_repr() -> None:
    assert repr(Stage().node) == "<Node 00000000 IPv4>"
    assert repr(Stage(is_ipv6=True).node) == "<Node 00000000 IPv6>"
    assert not Stage().node.is_ipv6


def test_by_itself_it_takes_any_id_and_default_settings() -> None:
    one, two = (Node(rng=Random(seed), now=0.0) for seed in (1, 2))
    assert one.node_id != two.node_id
    assert one.parts.settings == DhtSettings()


# Whatever arrives


def messages(rng: Random, node: Node) -> bytes:
    """Queries and answers with anything in them."""

    def value(depth: int = 0) -> Any:
        kind = rng.randrange(7 if depth < 2 else 4)
        if kind == 0:
            return rng.randint(-(2**63), 2**63 - 1)
        if kind == 1:
            return rng.randbytes(20)
        if kind == 2:
            return rng.randbytes(rng.choice([0, 1, 6, 18, 26, 32, 38, 64, 256]))
        if kind == 3:
            return rng.choice([0, 1, b"n4", b"n6", 6881, 65536])
        if kind == 4:
            return [value(depth + 1) for _ in range(rng.randrange(4))]
        return {key: value(depth + 1) for key in rng.sample(KEYS, rng.randrange(4))}

    inner = {key: value() for key in rng.sample(KEYS, rng.randrange(len(KEYS)))}
    if rng.random() < 0.9:
        inner[b"id"] = rng.randbytes(20)
    if rng.random() < 0.5:
        inner[rng.choice([b"target", b"info_hash"])] = rng.randbytes(20)
    top: dict[bytes, Any] = {
        b"t": rng.randbytes(4),
        b"y": rng.choice([b"q", b"q", b"r", b"e"]),
        b"q": rng.choice(METHODS),
        b"a": inner,
        b"r": inner,
        b"e": value(),
    }
    if rng.random() < 0.2:
        top[rng.choice(list(top))] = value()
    waiting = list(node.parts.rpc._waiting)
    if waiting and rng.random() < 0.7:
        top[b"t"] = rng.choice(waiting)[0]
    return encode(top)


KEYS = [
    *(
        b"id",
        b"target",
        b"info_hash",
        b"port",
        b"token",
        b"want",
        b"v",
        b"k",
        b"sig",
        b"seq",
        b"cas",
        b"salt",
    ),
    *(b"nodes", b"nodes6", b"values", b"samples", b"num", b"interval", b"BFsd", b"BFpe", b"n", b"seed"),
]
METHODS = [b"ping", b"find_node", b"get_peers", b"announce_peer", b"get", b"put", b"sample_infohashes", b"x"]


def fuzz(seed: int | bytes, count: int) -> None:
    """Any message, from whom a question is under way or from anybody, in any state of lookups."""
    rng = Random(seed)
    settings = DhtSettings(
        block_ratelimit=1_000_000, upload_rate_limit=2**31 - 1, max_torrents=20, max_dht_items=20
    )
    stage = Stage(settings)
    node = stage.node
    stage.know(*((far(n), at(n)) for n in range(30)))
    key = bytes(32)
    begin = [
        lambda: node.get_peers(HASH, now=stage.now, scrape=True),
        lambda: node.announce(HASH, 5, now=stage.now),
        lambda: node.get_immutable(HASH, now=stage.now),
        lambda: node.get_mutable(key, now=stage.now),
        lambda: node.put_mutable(key, lambda current: None, now=stage.now),
        lambda: node.sample_infohashes(at(1), HASH, now=stage.now),
        lambda: node.bootstrap(now=stage.now),
    ]
    for n in range(count):
        if n % 50 == 0 and node.num_lookups < 20:
            rng.choice(begin)()
        if n % 20 == 0:
            stage.pass_time(rng.random())
        waiting = list(node.parts.rpc._waiting)
        source = rng.choice(waiting)[1] if waiting and rng.random() < 0.5 else at(rng.randrange(1000))
        node.receive_datagram(messages(rng, node), source, now=stage.now)
        for data, _ in node.datagrams_to_send(now=stage.now):
            table = decode(data)
            assert isinstance(table, dict)
            assert table[b"y"] in (b"q", b"r", b"e")
            assert len(data) <= 2048
        while node.next_event() is not None:
            pass
    node.parts.table.check_invariant()
    stored = node.storage.statistics()
    assert max(stored.torrents, stored.immutable_data, stored.mutable_data) <= 20


@pytest.mark.slow
def test_any_message_in_any_state() -> None:
    fuzz(1, 10_000)


@pytest.mark.soak
def test_any_message_in_any_state_for_long() -> None:
    fuzz(os.urandom(8), 1_000_000)


def test_memoryviews_are_taken() -> None:
    stage = Stage()
    data = encode({"t": b"tt", "y": b"q", "q": b"ping", "a": {"id": bytes(20)}})
    stage.node.receive_datagram(memoryview(bytearray(data)), at(1), now=stage.now)
    stage.questions()
    assert stage.answers[0][0][b"t"] == b"tt"


@pytest.mark.slow
def test_what_strangers_send_does_not_add_up() -> None:
    """A thousand networks send what they can; what the node keeps stays within its limits."""
    settings = DhtSettings(
        block_ratelimit=1_000_000,
        upload_rate_limit=2**31 - 1,
        max_torrents=50,
        max_peers=20,
        max_dht_items=50,
    )
    stage = Stage(settings)
    rng = Random(3)

    def wave() -> None:
        for n in range(600):
            source = (f"{rng.randrange(60, 200)}.{rng.randrange(256)}.{rng.randrange(256)}.1", 5)
            fields = {b"info_hash": rng.randbytes(20)}
            answer = stage.query(b"get_peers", fields, source, node_id=rng.randbytes(20))
            assert answer is not None
            token = answer[b"r"].get(b"token")
            if token is not None:
                stage.query(
                    b"announce_peer",
                    {**fields, b"port": 1 + n, b"token": token},
                    source,
                    node_id=rng.randbytes(20),
                )
        stage.answers.clear()
        stage.pass_time(60)
        stage.questions()
        stage.events()

    for _ in range(4):
        wave()
    table = stage.node.parts.table
    table.check_invariant()
    assert table.num_live + table.num_spare <= 400
    assert stage.node.parts.guard.num_counted <= MAX_COUNTED
    assert stage.node.parts.rpc.num_waiting <= 20
    stored = stage.node.storage.statistics()
    assert stored.torrents <= 50
    assert stored.peers <= 50 * 20


# Together


@pytest.mark.slow
def test_a_small_network_over_ipv6() -> None:
    world = DhtWorld()
    members = world.grow(10, is_ipv6=True)
    world.run(30)
    one, other = members[2], members[7]
    assert one.ask(Announced, one.node.announce, HASH, 4000).num_success == 8
    other.ask(PeersDone, other.node.get_peers, HASH)
    assert (one.address[0], 4000) in other.take(PeersFound)[0].peers
    world.check()


@pytest.mark.slow
def test_loss_is_survived() -> None:
    world = DhtWorld(loss=0.1)
    members = world.grow(30)
    world.run(60)
    one, other = members[3], members[20]
    assert one.ask(Announced, one.node.announce, HASH, 4000).num_success >= 4
    other.ask(PeersDone, other.node.get_peers, HASH)
    assert other.take(PeersFound)
    world.check()
