"""What `drive` does beyond the kit that runs over every driver (tests/conformance/test_drivers.py)."""

from __future__ import annotations

from typing import Any

from evtorrent.reactor import READ, WRITE, Reactor, drive
from support.driver_hosts import ScriptedMulti


def test_interest_becomes_watches_and_goes_with_the_driver(reactor: Reactor, pair: Any) -> None:
    multi = ScriptedMulti()
    driver = drive(multi, reactor)
    multi.tell_socket(multi.POLL_INOUT, pair[0].fileno())
    multi.tell_socket(multi.POLL_OUT, pair[1].fileno())
    masks = {fd: watch.mask for fd, watch in driver._watches.items()}
    assert masks == {pair[0].fileno(): READ | WRITE, pair[1].fileno(): WRITE}
    driver.close()
    assert reactor.run() is True


def test_none_keeps_the_watch_and_watches_nothing(reactor: Reactor, pair: Any) -> None:
    multi = ScriptedMulti()
    driver = drive(multi, reactor)
    fd = pair[0].fileno()
    multi.tell_socket(multi.POLL_OUT, fd)
    multi.tell_socket(multi.POLL_NONE, fd)
    assert reactor.run() is True
    assert multi.actions_on(fd) == []
    driver.close()


def test_messages_are_offered_after_the_timer_too(reactor: Reactor) -> None:
    multi = ScriptedMulti()
    driver = drive(multi, reactor)
    offered: list[int] = []
    driver.on_messages = lambda: offered.append(len(multi.actions))
    multi.tell_timer(1)
    assert reactor.run() is True
    assert offered == [1]
    driver.close()
