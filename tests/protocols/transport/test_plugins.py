"""Transports found among the entry points of distributions, which are really installed, in a folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.transport.plugins import GROUP, find_transport
from support import distributions
from support.distributions import install


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def test_the_group_is_the_documented_one() -> None:
    assert GROUP == distributions.GROUP == "evtorrent.transport"


def test_nobody_offers_it(site: Path) -> None:
    assert find_transport("scramble_a") is None


def test_it_is_loaded_when_it_is_named(site: Path) -> None:
    install(site, "dist_b", {"scramble_b": "dist_b:put_on"}, "def put_on(below, context): return below\n")
    found = find_transport("scramble_b")
    assert callable(found)
    assert found(1, 2) == 1
    assert find_transport("other_b") is None


@pytest.mark.parametrize(
    ("code", "target", "text"),
    [
        ("raise RuntimeError('no luck')", "put_on", "RuntimeError: no luck"),
        ("import no_such_module_at_all", "put_on", "ModuleNotFoundError"),
        ("pass", "put_on", "AttributeError"),
        ("def broken(:", "put_on", "SyntaxError"),
    ],
)
def test_what_cannot_be_loaded_is_named(site: Path, code: str, target: str, text: str) -> None:
    name = f"dist_c{abs(hash(code)) % 10**9}"
    install(site, name, {"scramble_c": f"{name}:{target}"}, code)
    with pytest.raises(LocalProtocolError, match=re.escape("'scramble_c'")) as raised:
        find_transport("scramble_c")
    assert text in str(raised.value)
    assert name in str(raised.value)


def test_a_module_that_is_missing(site: Path) -> None:
    install(site, "dist_d", {"scramble_d": "not_there_d:put_on"})
    with pytest.raises(LocalProtocolError, match="not_there_d"):
        find_transport("scramble_d")


def test_two_that_offer_the_same_name(site: Path) -> None:
    install(site, "dist_e", {"scramble_e": "dist_e:put_on"}, "put_on = print\n")
    install(site, "dist_f", {"scramble_e": "dist_f:put_on"}, "put_on = print\n")
    with pytest.raises(LocalProtocolError, match=r"several: dist_e.*dist_f"):
        find_transport("scramble_e")
