"""Every refusal names the argument."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.listener import ListenerFlag
from evtorrent.listener.arguments import (
    MAX_BACKLOG,
    check_backlog,
    check_base,
    check_callback,
    check_flags,
    check_limit,
)


def test_flags_that_make_sense_come_back_as_flags() -> None:
    assert check_flags(ListenerFlag.REUSEABLE) is ListenerFlag.REUSEABLE
    assert check_flags(1 << 3) is ListenerFlag.REUSEABLE
    assert check_flags(0) == ListenerFlag(0)


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (ListenerFlag.BIND_IPV6ONLY | ListenerFlag.BIND_IPV4_AND_IPV6, "flags .* exclude each other"),
        (1 << 10, "flags 0x400 have bits"),
        (-1, "flags -0x1 have bits"),
        (True, "flags are a ListenerFlag"),
        (None, "flags are a ListenerFlag"),
        ("REUSEABLE", "flags are a ListenerFlag"),
        (1.0, "flags are a ListenerFlag"),
    ],
)
def test_flags_that_make_none(flags: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        check_flags(flags)


@pytest.mark.parametrize("backlog", [-5, -1, 0, 1, 128, MAX_BACKLOG])
def test_backlog(backlog: int) -> None:
    check_backlog(backlog)


@pytest.mark.parametrize("backlog", [MAX_BACKLOG + 1, True, None, "5", 1.5])
def test_no_backlog(backlog: Any) -> None:
    with pytest.raises(ValueError, match="backlog"):
        check_backlog(backlog)


@pytest.mark.parametrize("limit", [None, 1, 256])
def test_limit(limit: int | None) -> None:
    check_limit(limit)


@pytest.mark.parametrize("limit", [0, -1, True, "1", 2.0])
def test_no_limit(limit: Any) -> None:
    with pytest.raises(ValueError, match="accept_limit"):
        check_limit(limit)


def test_callbacks() -> None:
    check_callback("on_accept", None)
    check_callback("on_accept", print)
    with pytest.raises(ValueError, match="on_error is a callable or None, not 7"):
        check_callback("on_error", 7)


def test_base() -> None:
    class Loop:
        def watch(self) -> None: ...

    check_base(Loop())
    with pytest.raises(ValueError, match="base is"):
        check_base(None)
