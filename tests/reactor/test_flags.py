"""The bits are libevent's, and the port's."""

from __future__ import annotations

from evtorrent.protocols.engine import ports
from evtorrent.reactor import READ, WRITE, EventFlags, RunMode


def test_event_flags_have_libevents_values() -> None:
    assert {flag.name: flag.value for flag in EventFlags} == {
        "TIMEOUT": 0x01,
        "READ": 0x02,
        "WRITE": 0x04,
        "SIGNAL": 0x08,
        "PERSIST": 0x10,
        "ET": 0x20,
        "FINALIZE": 0x40,
        "CLOSED": 0x80,
    }


def test_run_modes_have_libevents_values() -> None:
    assert (RunMode.DEFAULT, RunMode.ONCE, RunMode.NOWAIT, RunMode.NO_EXIT_ON_EMPTY) == (0, 1, 2, 4)


def test_interest_is_the_same_everywhere() -> None:
    assert (READ, WRITE) == (EventFlags.READ, EventFlags.WRITE) == (ports.READ, ports.WRITE)
