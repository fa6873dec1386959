"""Answers to every kind of query."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.bencode import RawValue, encode
from evtorrent.protocols.dht.compact import pack_address
from evtorrent.protocols.dht.events import PeerAnnounced, PeersAsked
from evtorrent.protocols.dht.hosts import pack_host
from evtorrent.protocols.dht.items import MAX_SALT, MAX_VALUE, ImmutableItem, MutableItem, mutable_target
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.settings import DhtSettings
from support.dht_peers import OURS, Stage, at, far

HASH = b"h" * 20
ASKER = at(99)
SEED = bytes(range(32))


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.know(*((far(n), at(n)) for n in range(20)))
    return stage


def values(stage: Stage, method: bytes, arguments: dict[bytes, Any], **options: Any) -> dict[bytes, Any]:
    answer = stage.query(method, arguments, **options)
    assert answer is not None
    assert answer[b"y"] == b"r", answer
    fields: dict[bytes, Any] = answer[b"r"]
    return fields


def error(stage: Stage, method: bytes, arguments: dict[bytes, Any], **options: Any) -> int:
    answer = stage.query(method, arguments, **options)
    assert answer is not None
    assert answer[b"y"] == b"e", answer
    code: int = answer[b"e"][0]
    return code


def token(stage: Stage, target: bytes) -> bytes:
    found: bytes = values(stage, b"get", {b"target": target})[b"token"]
    return found


def test_ping(stage: Stage) -> None:
    answer = stage.query(b"ping", {})
    assert answer is not None
    assert answer[b"r"] == {b"id": OURS, b"p": 6881}
    assert answer[b"t"] == b"tt"
    assert answer[b"ip"] == pack_address(ASKER)
    assert answer[b"v"] == b"EV\x01\x00"


def test_find_node_gives_the_eight_nearest(stage: Stage) -> None:
    nodes = values(stage, b"find_node", {b"target": far(5)})[b"nodes"]
    assert len(nodes) == 8 * 26
    assert nodes[:26] == far(5) + pack_address(at(5))


@pytest.mark.parametrize("method", [b"find_node", b"get", b"sample_infohashes"])
@pytest.mark.parametrize("arguments", [{}, {b"target": b"short"}, {b"target": 5}])
def test_a_target_has_20_bytes(stage: Stage, method: bytes, arguments: dict[bytes, Any]) -> None:
    assert error(stage, method, arguments) == 203


def test_want_names_families(stage: Stage) -> None:
    six = Stage(is_ipv6=True)
    six.know((far(1), ("2600::1", 7)))
    stage.node.sibling = six.node
    both = values(stage, b"find_node", {b"target": HASH, b"want": [b"n4", b"n6", b"n9"]})
    assert len(both[b"nodes"]) == 8 * 26
    assert both[b"nodes6"] == far(1) + pack_address(("2600::1", 7))
    assert b"nodes" not in values(stage, b"find_node", {b"target": HASH, b"want": [b"n6"]})
    assert b"nodes6" not in values(stage, b"find_node", {b"target": HASH, b"want": [7] * 9 + [b"n6"]})
    stage.node.sibling = None
    assert b"nodes6" not in values(stage, b"find_node", {b"target": HASH, b"want": [b"n6"]})


def test_ipv6_nodes_are_the_default_over_ipv6() -> None:
    six = Stage(is_ipv6=True)
    six.know((far(1), ("2600::1", 7)))
    fields = values(six, b"find_node", {b"target": HASH}, address=("2600:1::1", 9))
    assert b"nodes" not in fields
    assert len(fields[b"nodes6"]) == 38


def test_announce_and_get_peers(stage: Stage) -> None:
    first = values(stage, b"get_peers", {b"info_hash": HASH})
    assert b"values" not in first
    announced = {b"info_hash": HASH, b"port": 4000, b"token": first[b"token"], b"n": b"name", b"seed": 1}
    assert values(stage, b"announce_peer", announced) == {b"id": OURS, b"p": 6881}
    second = values(stage, b"get_peers", {b"info_hash": HASH})
    assert second[b"values"] == [pack_address((ASKER[0], 4000))]
    assert second[b"n"] == b"name"
    assert second[b"nodes"]
    assert b"values" not in values(stage, b"get_peers", {b"info_hash": HASH, b"noseed": 1})
    scrape = values(stage, b"get_peers", {b"info_hash": HASH, b"scrape": 1})
    assert len(scrape[b"BFsd"]) == len(scrape[b"BFpe"]) == 256
    assert ASKER in [contact.address for contact in stage.node.live_nodes()], "a token is a proof"


def test_implied_port(stage: Stage) -> None:
    announced = {b"info_hash": HASH, b"port": 0, b"token": token(stage, HASH), b"implied_port": 1}
    values(stage, b"announce_peer", announced)
    assert values(stage, b"get_peers", {b"info_hash": HASH})[b"values"] == [pack_address(ASKER)]
    values(stage, b"announce_peer", {b"info_hash": HASH, b"token": token(stage, HASH), b"implied_port": 1})


@pytest.mark.parametrize("port", [0, -1, 65536, b"80", None])
def test_wrong_ports(stage: Stage, port: Any) -> None:
    announced = {b"info_hash": HASH, b"token": token(stage, HASH)}
    if port is not None:
        announced[b"port"] = port
    assert error(stage, b"announce_peer", announced) == 203


def test_wrong_tokens(stage: Stage) -> None:
    right = token(stage, HASH)
    base = {b"info_hash": HASH, b"port": 1}
    assert error(stage, b"announce_peer", base) == 203
    assert error(stage, b"announce_peer", {**base, b"token": 5}) == 203
    assert error(stage, b"announce_peer", {**base, b"token": b"12345678"}) == 203
    assert error(stage, b"announce_peer", {**base, b"token": right}, address=at(98)) == 203, "somebody else's"
    assert error(stage, b"announce_peer", {**base, b"info_hash": b"i" * 20, b"token": right}) == 203
    assert stage.node.storage.statistics().peers == 0
    assert ASKER not in [contact.address for contact in stage.node.live_nodes()]
    assert stage.node.counters.invalid_announce == 5


def test_tokens_grow_old(stage: Stage) -> None:
    announced = {b"info_hash": HASH, b"port": 1, b"token": token(stage, HASH)}
    stage.pass_time(299)
    values(stage, b"announce_peer", announced)
    stage.pass_time(302)
    assert error(stage, b"announce_peer", announced) == 203


def test_no_token_when_full() -> None:
    stage = Stage(DhtSettings(max_torrents=0))
    assert b"token" not in values(stage, b"get_peers", {b"info_hash": HASH})


def test_an_immutable_item(stage: Stage) -> None:
    item = ImmutableItem.of([1, b"two"])
    put = {b"v": RawValue(item.encoded), b"token": token(stage, item.target)}
    values(stage, b"put", put)
    got = values(stage, b"get", {b"target": item.target})
    assert got[b"v"] == [1, b"two"]
    assert b"seq" not in got
    assert b"v" not in values(stage, b"get", {b"target": item.target, b"seq": 1}), "not a mutable one"


def put_fields(stage: Stage, item: MutableItem, **changes: Any) -> dict[bytes, Any]:
    fields: dict[bytes, Any] = {
        b"k": item.public_key,
        b"seq": item.sequence,
        b"sig": item.signature,
        b"v": RawValue(item.encoded),
        b"token": token(stage, item.target),
    }
    if item.salt:
        fields[b"salt"] = item.salt
    fields.update({key.encode(): value for key, value in changes.items()})
    return {key: value for key, value in fields.items() if value is not None}


def signed(value: Any, sequence: int, salt: bytes = b"") -> MutableItem:
    return MutableItem.signed(value, SEED, sequence=sequence, salt=salt)


def test_a_mutable_item(stage: Stage) -> None:
    item = signed(b"one", 1, b"salt")
    values(stage, b"put", put_fields(stage, item))
    got = values(stage, b"get", {b"target": item.target})
    assert (got[b"k"], got[b"seq"], got[b"sig"], got[b"v"]) == (item.public_key, 1, item.signature, b"one")
    assert b"salt" not in got
    known = values(stage, b"get", {b"target": item.target, b"seq": 1})
    assert known[b"seq"] == 1
    assert b"v" not in known
    assert values(stage, b"get", {b"target": item.target, b"seq": 0})[b"v"] == b"one"
    assert b"seq" not in values(stage, b"get", {b"target": b"x" * 20})


def test_sequence_numbers(stage: Stage) -> None:
    values(stage, b"put", put_fields(stage, signed(b"five", 5)))
    assert error(stage, b"put", put_fields(stage, signed(b"four", 4))) == 302
    assert error(stage, b"put", put_fields(stage, signed(b"other", 5))) == 302
    values(stage, b"put", put_fields(stage, signed(b"five", 5)))
    values(stage, b"put", put_fields(stage, signed(b"six", 6)))


def test_cas(stage: Stage) -> None:
    values(stage, b"put", put_fields(stage, signed(b"one", 1), cas=77))
    assert error(stage, b"put", put_fields(stage, signed(b"three", 3), cas=2)) == 301
    values(stage, b"put", put_fields(stage, signed(b"three", 3), cas=1))


def test_refused_puts(stage: Stage) -> None:
    item = signed(b"one", 1, b"salt")
    assert error(stage, b"put", put_fields(stage, item, v=None)) == 203
    assert error(stage, b"put", put_fields(stage, item, token=None)) == 203
    assert error(stage, b"put", put_fields(stage, item, sig=bytes(64))) == 206
    assert error(stage, b"put", put_fields(stage, item, seq=2)) == 206
    assert error(stage, b"put", put_fields(stage, item, v=RawValue(encode(bytes(MAX_VALUE))))) == 205
    assert error(stage, b"put", put_fields(stage, item, sig=None)) == 203
    assert error(stage, b"put", put_fields(stage, item, seq=None)) == 203
    assert error(stage, b"put", put_fields(stage, item, v=RawValue(b"d1:b0:1:a0:e"))) == 203
    long_salt = bytes(MAX_SALT + 1)
    target = mutable_target(item.public_key, long_salt)
    assert error(stage, b"put", put_fields(stage, item, salt=long_salt, token=token(stage, target))) == 207
    negative = put_fields(stage, item, seq=-1)
    assert error(stage, b"put", negative) == 203
    assert stage.node.storage.statistics().mutable_data == 0
    assert stage.node.counters.invalid_put == 10


def test_an_immutable_put_needs_the_token_of_its_hash(stage: Stage) -> None:
    assert error(stage, b"put", {b"v": b"value", b"token": token(stage, b"x" * 20)}) == 203


def test_sample_infohashes(stage: Stage) -> None:
    values(stage, b"announce_peer", {b"info_hash": HASH, b"port": 1, b"token": token(stage, HASH)})
    sample = values(stage, b"sample_infohashes", {b"target": far(5)})
    assert (sample[b"samples"], sample[b"num"], sample[b"interval"]) == (HASH, 1, 21_600)
    assert len(sample[b"nodes"]) == 8 * 26
    assert values(Stage(), b"sample_infohashes", {b"target": HASH})[b"samples"] == b""


def test_unknown_queries_that_look_for_something_are_led_on(stage: Stage) -> None:
    assert values(stage, b"future", {b"target": far(3)})[b"nodes"]
    assert values(stage, b"future", {b"info_hash": far(3), b"target": 5})[b"nodes"]
    assert error(stage, b"future", {}) == 204
    assert error(stage, b"future", {b"target": b"short"}) == 204


def test_extensions(stage: Stage) -> None:
    stage.node.extend(
        b"echo", lambda query, sender, now: {b"host": sender.host, b"said": query.arguments[b"x"]}
    )
    fields = values(stage, b"echo", {b"x": 7})
    assert (fields[b"host"], fields[b"said"]) == (pack_host(ASKER[0]), 7)


def test_traffic_is_reported_when_wanted(stage: Stage) -> None:
    values(stage, b"announce_peer", {b"info_hash": HASH, b"port": 1, b"token": token(stage, HASH)})
    values(stage, b"get_peers", {b"info_hash": HASH})
    assert stage.events() == []
    stage.node.reports_traffic = True
    assert stage.node.reports_traffic
    values(stage, b"announce_peer", {b"info_hash": HASH, b"port": 2, b"token": token(stage, HASH)})
    values(stage, b"get_peers", {b"info_hash": HASH})
    target = NodeId(HASH)
    assert stage.events() == [PeerAnnounced(target, (ASKER[0], 2)), PeersAsked(target, ASKER)]


def test_a_read_only_asker_is_served_and_forgotten(stage: Stage) -> None:
    announced = {b"info_hash": HASH, b"port": 1, b"token": token(stage, HASH)}
    other = Stage()
    announced[b"token"] = values(other, b"get_peers", {b"info_hash": HASH}, ro=1)[b"token"]
    values(other, b"announce_peer", announced, ro=1)
    assert other.node.parts.table.num_live == other.node.parts.table.num_spare == 0


def test_an_answer_fits_a_datagram(stage: Stage) -> None:
    for n in range(300):
        stage.node.storage.announce_peer(
            NodeId(HASH), pack_address(at(n)), is_seed=False, name=b"n" * 200, now=stage.now
        )
    stage.query(b"get_peers", {b"info_hash": HASH})
    table, _ = stage.answers[-1]
    assert len(table[b"r"][b"values"]) == 100
    assert len(encode(table)) <= 1400
