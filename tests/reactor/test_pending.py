"""Events are found where they wait.  Rows B21, B22, E27; through the reactor they are in test_event_base.py."""

from __future__ import annotations

from typing import Any

from evtorrent.reactor import READ, WRITE, EventFlags, Reactor, RunMode
from evtorrent.reactor.pending import activate_descriptor, events_of, statistics_of


def test_an_event_that_waits_in_several_places_is_found_once(reactor: Reactor, pair: Any) -> None:
    event = reactor.event(pair[0].fileno(), READ, lambda fd, what: None)
    event.add(60.0)
    event.activate(WRITE)
    reactor.watch(pair[1].fileno(), READ, print)
    reactor.watch(pair[1].fileno(), READ, [].append)
    assert events_of(reactor._core) == [event]
    reactor.run(RunMode.NOWAIT)
    assert events_of(reactor._core) == []


def test_activation_tells_an_event_only_what_it_waits_for(reactor: Reactor, pair: Any) -> None:
    told: list[EventFlags] = []
    fd = pair[0].fileno()
    for flags in (READ, READ | WRITE):
        reactor.event(fd, flags, lambda fd, what: told.append(what)).add()
    activate_descriptor(reactor._core, fd, READ)
    activate_descriptor(reactor._core, fd, EventFlags.SIGNAL)
    reactor.run(RunMode.NOWAIT)
    assert told[0] == EventFlags.READ
    assert told[1] & EventFlags.READ


def test_a_snapshot_does_not_change(reactor: Reactor) -> None:
    before = statistics_of(reactor._core, reset=False)
    call = reactor.call_later(60.0, print)
    assert (before.num_timers, statistics_of(reactor._core, reset=True).num_timers) == (0, 1)
    call.cancel()
    assert statistics_of(reactor._core, reset=True).max_timers == 1
    assert statistics_of(reactor._core, reset=False).max_timers == 0
