"""A call is made once, or never."""

from __future__ import annotations

from typing import Any

from evtorrent.reactor import Reactor


def test_a_call_goes_from_armed_to_due_to_done(reactor: Reactor) -> None:
    made: list[Any] = []
    call = reactor.call_later(0.001, lambda *args: made.append((args, repr(call))), 1, 2)
    assert repr(call) == "<Call armed>"
    assert reactor.run() is True
    assert made == [((1, 2), "<Call done>")]
    call.fire()
    call.cancel()
    assert len(made) == 1


def test_a_call_the_reactor_drops_is_never_made(reactor: Reactor) -> None:
    made: list[int] = []
    call = reactor.call_soon(made.append, 1)
    assert repr(call) == "<Call due>"
    call.drop()
    assert repr(call) == "<Call done>"
    assert reactor.run() is True
    assert made == []


def test_cancelling_the_last_call_ends_the_run(reactor: Reactor) -> None:
    far = reactor.call_later(60.0, print)
    reactor.call_soon(far.cancel)
    assert reactor.run() is True
