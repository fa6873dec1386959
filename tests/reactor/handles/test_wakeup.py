"""Both kinds of wake-up keep the same promises."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from evtorrent.reactor import READ
from evtorrent.reactor.handles import wakeup as module
from evtorrent.reactor.handles.wakeup import EventFdWakeup, SocketWakeup, Wakeup, open_wakeup
from evtorrent.reactor.net import poll_descriptors

pytestmark = pytest.mark.usefixtures("no_fd_survives")

KINDS = [SocketWakeup] + ([EventFdWakeup] if hasattr(os, "eventfd") else [])


def is_readable(wakeup: Wakeup) -> bool:
    return bool(poll_descriptors([(wakeup.fileno(), READ)], 0.0))


@pytest.mark.parametrize("kind", KINDS)
def test_set_and_clear(kind: Callable[[], Wakeup]) -> None:
    wakeup = kind()
    assert not is_readable(wakeup)
    wakeup.clear()
    for _ in range(3):
        wakeup.set()
    assert is_readable(wakeup)
    wakeup.clear()
    assert not is_readable(wakeup)
    wakeup.set()
    assert is_readable(wakeup)
    wakeup.close()


@pytest.mark.parametrize("kind", KINDS)
def test_after_close_everything_is_harmless(kind: Callable[[], Wakeup]) -> None:
    wakeup = kind()
    wakeup.close()
    wakeup.close()
    wakeup.set()
    wakeup.clear()
    assert wakeup.fileno() == -1


def test_full_buffer_stays_set_and_clears_completely() -> None:
    wakeup = SocketWakeup()
    for _ in range(module.DRAIN_SIZE * 2 + 1):
        wakeup.set()
    wakeup.clear()
    assert not is_readable(wakeup)
    wakeup.close()


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="no eventfd here")
def test_counter_at_its_limit_stays_set() -> None:
    wakeup = EventFdWakeup()
    os.eventfd_write(wakeup.fileno(), 2**64 - 2)
    wakeup.set()
    assert is_readable(wakeup)
    wakeup.clear()
    assert not is_readable(wakeup)
    wakeup.close()


def test_best_kind_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    best = open_wakeup()
    assert isinstance(best, KINDS[-1])
    best.close()
    monkeypatch.delattr(os, "eventfd", raising=False)
    fallback = open_wakeup()
    assert isinstance(fallback, SocketWakeup)
    fallback.close()
