"""Handlers come and go exactly."""

from __future__ import annotations

import signal
import threading

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.handles import signals
from evtorrent.reactor.handles.signals import listen_signal, unlisten_signal


def raise_usr2() -> None:
    signal.raise_signal(signal.SIGUSR2)


@pytest.mark.parametrize("previous", [signal.SIG_DFL, signal.SIG_IGN, lambda signum, frame: None])
def test_previous_handler_is_restored_exactly(previous: signal.Handlers) -> None:
    """signal-restore."""
    before = signal.signal(signal.SIGUSR2, previous)
    first: list[int] = []
    second: list[int] = []
    listen_signal(signal.SIGUSR2, first.append)
    listen_signal(signal.SIGUSR2, second.append)
    raise_usr2()
    unlisten_signal(signal.SIGUSR2, first.append)
    raise_usr2()
    assert signal.getsignal(signal.SIGUSR2) is not previous
    unlisten_signal(signal.SIGUSR2, second.append)
    assert signal.getsignal(signal.SIGUSR2) is previous
    assert (first, second) == ([signal.SIGUSR2], [signal.SIGUSR2] * 2)
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("number", [signal.SIGKILL, 0, 10_000])
def test_signals_that_cannot_be_caught(number: int) -> None:
    with pytest.raises(ReactorUsageError, match=f"signal {int(number)}"):
        listen_signal(number, print)
    assert number not in signals._slots


def test_only_the_main_thread_may_ask() -> None:
    caught: list[type[BaseException]] = []

    def ask() -> None:
        try:
            listen_signal(signal.SIGUSR2, print)
        except ReactorUsageError as exc:
            caught.append(type(exc))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert caught == [ReactorUsageError]


def test_last_listener_gone_on_another_thread_passes_the_signal_on() -> None:
    """Only the main thread may set handlers, and the next signal brings it here."""
    seen: list[int] = []

    def previous(signum: int, frame: object) -> None:
        seen.append(signum)

    before = signal.signal(signal.SIGUSR2, previous)
    listen_signal(signal.SIGUSR2, print)
    thread = threading.Thread(target=unlisten_signal, args=(signal.SIGUSR2, print))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGUSR2) is not previous
    raise_usr2()
    assert seen == [signal.SIGUSR2]
    assert signal.getsignal(signal.SIGUSR2) is previous
    signal.signal(signal.SIGUSR2, before)


def test_handler_left_by_another_thread_goes_with_the_next_call_from_the_main_thread() -> None:
    before = signal.getsignal(signal.SIGUSR2)
    listen_signal(signal.SIGUSR2, print)
    thread = threading.Thread(target=unlisten_signal, args=(signal.SIGUSR2, print))
    thread.start()
    thread.join()
    listen_signal(signal.SIGUSR1, print)
    assert signal.getsignal(signal.SIGUSR2) is before
    unlisten_signal(signal.SIGUSR1, print)
    assert not signals._slots


def test_handler_not_set_by_python_becomes_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGUSR2)
    listen_signal(signal.SIGUSR2, print)
    monkeypatch.setattr(signals._slots[signal.SIGUSR2], "previous", None)
    unlisten_signal(signal.SIGUSR2, print)
    assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL
    signal.signal(signal.SIGUSR2, before)


def test_late_signal_finds_nobody() -> None:
    signals._on_signal(signal.SIGUSR2, None)
