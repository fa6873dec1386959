"""Which loop is underneath.  Row B28 of the behaviours."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from evtorrent.reactor import READ, EventFlags, Reactor, ReactorError, ReactorUsageError
from evtorrent.reactor.backend import AVOID_VARIABLE, BACKENDS, open_loop


def kind_of(loop: asyncio.AbstractEventLoop) -> str:
    loop.close()
    return "asyncio" if isinstance(loop, asyncio.SelectorEventLoop) else "libuv"


def test_libuv_is_used_when_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kind_of(open_loop()) == "libuv"
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.setitem(sys.modules, "winloop", None)
    assert kind_of(open_loop()) == "asyncio"


def test_what_is_avoided_is_not_chosen() -> None:
    assert kind_of(open_loop(avoid=["libuv"])) == "asyncio"
    assert kind_of(open_loop(avoid={"asyncio"})) == "libuv"
    with Reactor(avoid=("libuv",)) as reactor:
        assert isinstance(reactor.asyncio_loop, asyncio.SelectorEventLoop)


def test_the_environment_avoids_too_unless_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(AVOID_VARIABLE, "libuv, nobody")
    assert kind_of(open_loop()) == "asyncio"
    assert kind_of(open_loop(ignore_environment=True)) == "libuv"


def test_nothing_left_fails_the_constructor(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReactorError, match="no loop is left"):
        Reactor(avoid=BACKENDS)
    monkeypatch.setenv(AVOID_VARIABLE, "asyncio")
    with pytest.raises(ReactorError, match="asyncio, libuv avoided"):
        Reactor(avoid=["libuv"])


@pytest.mark.parametrize("avoid", ["libuv", ["epoll"], ["libuv", ""]])
def test_avoiding_what_does_not_exist_is_refused(avoid: Any) -> None:
    with pytest.raises(ReactorUsageError, match="avoid"):
        open_loop(avoid=avoid)


@pytest.mark.parametrize("requires", [EventFlags.ET, EventFlags.CLOSED, EventFlags.ET | READ])
def test_features_no_loop_has_fail_the_constructor(requires: int) -> None:
    with pytest.raises(ReactorUsageError, match="requires: no loop has"):
        Reactor(requires=requires)
    with Reactor(requires=READ | EventFlags.PERSIST):
        pass
