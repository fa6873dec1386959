"""Counters."""

from __future__ import annotations

import pytest
from evtorrent.protocols.dht.statistics import DhtCounters

METHODS = [b"ping", b"find_node", b"get_peers", b"announce_peer", b"get", b"put", b"sample_infohashes"]


@pytest.mark.parametrize("method", METHODS)
def test_queries_are_counted_by_kind(method: bytes) -> None:
    counters = DhtCounters()
    counters.count_in(method)
    counters.count_out(method)
    counters.count_invalid(method)
    changed = {name: count for name, count in counters.as_dict().items() if count}
    name = method.decode()
    invalid = {} if method == b"ping" else {f"invalid_{name.removesuffix('_peer')}": 1}
    assert changed == {f"{name}_in": 1, f"{name}_out": 1, **invalid}


def test_unknown_queries_are_not() -> None:
    counters = DhtCounters()
    counters.count_in(b"x")
    counters.count_out(b"x")
    counters.count_invalid(b"x")
    assert not any(counters.as_dict().values())
