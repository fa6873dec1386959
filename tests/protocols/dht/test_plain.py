"""The short way gives what the long way gives, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.bencode import decode
from evtorrent.protocols.dht.krpc import encode_query
from evtorrent.protocols.dht.settings import DhtSettings
from support.dht_peers import OURS, Stage, at, far

HASH = b"h" * 20
OTHER = b"o" * 20
ASKER = at(99)
ASKER6 = ("2600::99", 6881)


def stage_of(*, is_ipv6: bool = False, **settings: Any) -> Stage:
    stage = Stage(
        DhtSettings(block_ratelimit=100_000, upload_rate_limit=10_000_000, **settings), is_ipv6=is_ipv6
    )
    stage.know(*((far(n), (f"2600:{n}::1", 6881) if is_ipv6 else at(n)) for n in range(20)))
    return stage


def ways(stage: Stage, method: bytes, arguments: dict[bytes, Any], asker: Any = ASKER) -> tuple[bytes, bytes]:
    """(the answer of the short way, of the long one), which is taken while traffic is reported."""
    query = encode_query(b"tttt", method, {b"id": far(99), **arguments})
    answers = []
    for reports in (False, True):
        stage.node.reports_traffic = reports
        stage.node.receive_datagram(query, asker, now=stage.now)
        answers += [data for data, _ in stage.node.datagrams_to_send(now=stage.now)]
    short, long = answers
    return short, long


@pytest.mark.parametrize("is_ipv6", [False, True])
@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        (b"ping", {}),
        (b"ping", {b"target": HASH}),
        (b"find_node", {b"target": HASH}),
        (b"get_peers", {b"info_hash": HASH}),
        (b"get_peers", {b"info_hash": OTHER}),
        # Not so plain: both go the long way.
        (b"find_node", {b"target": HASH, b"want": [b"n4", b"n6"]}),
        (b"find_node", {b"target": b"short"}),
        (b"find_node", {b"info_hash": HASH}),
        (b"find_node", {}),
        (b"get_peers", {b"info_hash": HASH, b"scrape": 1}),
        (b"get_peers", {b"info_hash": HASH, b"noseed": 1}),
        (b"get_peers", {b"info_hash": 5}),
        (b"get", {b"target": HASH}),
    ],
)
def test_both_ways_say_the_same(method: bytes, arguments: dict[bytes, Any], is_ipv6: bool) -> None:
    stage = stage_of(is_ipv6=is_ipv6)
    for host in range(3):
        peer = (bytes(15) if is_ipv6 else bytes(3)) + bytes((host, 0, 80))
        stage.node.storage.announce_peer(HASH, peer, is_seed=host == 0, name=b"a name", now=stage.now)
    short, long = ways(stage, method, arguments, ASKER6 if is_ipv6 else ASKER)
    assert short == long
    table: Any = decode(short)
    assert table[b"y"] == b"e" or table[b"r"][b"id"] == OURS


def test_no_token_where_there_is_no_room() -> None:
    stage = stage_of(max_torrents=0)
    short, long = ways(stage, b"get_peers", {b"info_hash": HASH})
    assert short == long
    table: Any = decode(short)
    assert set(table[b"r"]) == {b"id", b"nodes", b"p"}


def test_both_ways_count() -> None:
    stage = stage_of()
    for method, key in ((b"ping", b"target"), (b"find_node", b"target"), (b"get_peers", b"info_hash")):
        ways(stage, method, {key: HASH})
    counters = stage.node.counters
    assert (counters.ping_in, counters.find_node_in, counters.get_peers_in) == (2, 2, 2)


def test_a_handler_of_the_owner_is_asked() -> None:
    stage = stage_of()
    stage.node.extend(b"ping", lambda query, sender, now: {b"n": sender.host})
    stage.node.extend(b"other", lambda query, sender, now: {})
    short, long = ways(stage, b"ping", {})
    assert short == long
    table: Any = decode(short)
    assert table[b"r"][b"n"] == bytes((60, 0, 99, 1))
