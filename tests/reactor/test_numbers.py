"""curl's numbers are said three times: here, by the engine, and by libcurl; they are the same."""

from __future__ import annotations

from types import ModuleType

import pytest
from evtorrent.protocols.engine import Multi, constants
from evtorrent.reactor import READ, WRITE, numbers

NAMES = sorted(set(numbers.__all__) - {"MAX_TIMER_MS"})


@pytest.mark.parametrize("name", NAMES)
def test_engine_says_the_same(name: str) -> None:
    assert getattr(numbers, name) == getattr(constants, name) == getattr(Multi, name)


@pytest.mark.parametrize("name", NAMES)
def test_libcurl_says_the_same(name: str) -> None:
    pycurl: ModuleType = pytest.importorskip("pycurl")
    assert getattr(numbers, name) == getattr(pycurl, name)


def test_interest_is_their_bits_shifted() -> None:
    assert (READ, WRITE) == (numbers.POLL_IN << 1, numbers.POLL_OUT << 1)
    assert (READ, WRITE) == (numbers.CSELECT_IN << 1, numbers.CSELECT_OUT << 1)
