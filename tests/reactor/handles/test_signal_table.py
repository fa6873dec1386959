"""The events of one reactor that wait for signals."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from evtorrent.reactor import EventFlags, Reactor, ReactorUsageError
from evtorrent.reactor.handles.signal_table import SignalTable


def test_each_signal_is_one_note_for_every_event(reactor: Reactor) -> None:
    notes: list[Any] = []
    told: list[str] = []
    table = SignalTable(notes.append)
    before = signal.getsignal(signal.SIGUSR2)
    events = [
        reactor.event(signal.SIGUSR2, EventFlags.SIGNAL, lambda signum, what, n=name: told.append(n))
        for name in ("first", "second")
    ]
    for event in events:
        table.insert(event)
    assert (bool(table), list(table), table.of(signal.SIGUSR2)) == (True, events, tuple(events))
    for _ in range(2):
        signal.raise_signal(signal.SIGUSR2)
    assert len(notes) == 2
    table.withdraw(events[0])
    for note in notes:
        note.expire()
    assert reactor.run() is True
    assert told == ["second", "second"]
    table.withdraw(events[1])
    assert (bool(table), table.gauge.value, table.gauge.maximum) == (False, 0, 2)
    assert signal.getsignal(signal.SIGUSR2) is before


def test_a_signal_that_cannot_be_caught_leaves_nothing_behind(reactor: Reactor) -> None:
    table = SignalTable(print)
    with pytest.raises(ReactorUsageError):
        table.insert(reactor.event(signal.SIGKILL, EventFlags.SIGNAL, print))
    assert (bool(table), table.gauge.value, table.of(signal.SIGKILL)) == (False, 0, ())
