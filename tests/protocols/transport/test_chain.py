"""Chains and their table."""

from __future__ import annotations

from pathlib import Path

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
from evtorrent.protocols.transport.chain import base_of
from support.distributions import install
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


class Carrier:
    """A base of somebody else's."""

    def dial(self, context: ChainContext) -> Transport:
        return memory_pair(context.base)[0]

    def listen(self, context: ChainContext, on_accept: object) -> object:
        raise NotImplementedError


def test_a_base_brings_its_maker() -> None:
    carrier = Carrier()
    register_base("carrier2", carrier)  # type: ignore[arg-type]
    assert base_of("carrier2") is carrier
    assert base_of("tcp") is base_of("utp") is None


def test_names_are_looked_for_in_distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "class Base:\n    def dial(self, context): ...\n    def listen(self, context, on_accept): ...\n"
        "base = Base()\nnothing = 7\ndef put_on(below, context): return below\n"
    )
    offers = {"chain_base": "base", "chain_filter": "put_on", "chain_nothing": "nothing"}
    install(tmp_path, "dist_chain", {name: f"dist_chain:{what}" for name, what in offers.items()}, code)
    monkeypatch.syspath_prepend(tmp_path)
    assert parse_chain("chain_base+chain_filter") == ("chain_base", ["chain_filter"])
    assert base_of("chain_base") is not None
    with pytest.raises(LocalProtocolError, match="'chain_nothing' is neither"):
        parse_chain("tcp+chain_nothing")


def test_a_filter_that_fails_is_named() -> None:
    multi, _ = make_engine()

    def fails(below: Transport, context: ChainContext) -> Transport:
        raise KeyError("where is it")

    def refuses(below: Transport, context: ChainContext) -> Transport:
        raise LocalProtocolError("in its own words")

    for name, factory, text in (
        ("fails", fails, "'fails' failed: KeyError"),
        ("refuses", refuses, "in its own words"),
        ("gives", lambda below, context: None, "'gives' gave None"),
    ):
        register_filter(name, factory)  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError, match=text):
            build_chain(memory_pair(multi)[0], [name], ChainContext(multi))
