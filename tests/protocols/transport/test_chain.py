"""Chains and their table."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.transport import (
    ChainContext,
    Filter,
    Transport,
    build_chain,
    memory_pair,
    parse_chain,
    register_base,
    register_filter,
)
from support.engine_kit import make_engine


class Plain(Filter):
    name = "plain"


class Proxy(Filter):
    name = "proxy"


@pytest.fixture(autouse=True)
def registered() -> None:
    register_base("carrier")
    register_filter("plain", lambda below, context: Plain(below))
    register_filter("proxy", lambda below, context: Proxy(below))


@pytest.mark.parametrize(
    ("chain", "parsed"),
    [
        ("tcp", ("tcp", [])),
        ("tcp+tls", ("tcp", ["tls"])),
        ("carrier+plain", ("carrier", ["plain"])),
        ("proxy+tcp+plain+tls", ("tcp", ["proxy", "plain", "tls"])),
        ("plain+proxy+tcp", ("tcp", ["proxy", "plain"])),
    ],
)
def test_parsing(chain: str, parsed: tuple[str, list[str]]) -> None:
    assert parse_chain(chain) == parsed


@pytest.mark.parametrize(
    "chain", ["", "tls", "tcp+", "+tcp", "tcp+carrier", "tcp+tcp", "tcp+nonsense", "tcp tls"]
)
def test_impossible_chains(chain: str) -> None:
    with pytest.raises(LocalProtocolError, match="chain"):
        parse_chain(chain)


def test_filters_are_put_on_bottom_up() -> None:
    multi, _ = make_engine()
    below, _ = memory_pair(multi)
    top = build_chain(below, ["proxy", "plain"], ChainContext(multi))
    assert isinstance(top, Plain)
    assert top.query("chain") == "memory+proxy+plain"
    assert build_chain(below, [], ChainContext(multi)) is below


def test_a_filter_learns_its_context() -> None:
    seen: list[ChainContext] = []

    def factory(below: Transport, context: ChainContext) -> Transport:
        seen.append(context)
        return below

    register_filter("curious", factory)
    multi, _ = make_engine()
    context = ChainContext(multi, "host.test", 99, True, {"key": "value"})
    build_chain(memory_pair(multi)[0], ["curious"], context)
    assert seen == [context]
