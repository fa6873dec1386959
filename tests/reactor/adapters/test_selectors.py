"""What `drive_selectors` does beyond the kit that runs over every driver (tests/conformance/test_drivers.py)."""

from __future__ import annotations

import selectors
import time
from typing import Any

from evtorrent.protocols.engine import Handle, Multi
from evtorrent.reactor import drive_selectors
from support.driver_hosts import ScriptedMulti


class Sleeper(Handle):
    def start(self, engine: Multi) -> None:
        self.call_later(0.002, self.finish, "rested")


def test_run_returns_when_no_handle_is_running() -> None:
    multi = Multi()
    driver = drive_selectors(multi)
    sleeper = Sleeper()
    multi.add_handle(sleeper)
    driver.run()
    assert (driver.num_running, sleeper.result) == (0, "rested")
    driver.close()
    driver.close()
    multi.close()


def test_run_until_a_condition() -> None:
    multi = Multi()
    driver = drive_selectors(multi)
    ticks: list[int] = []
    for number in range(3):
        multi.call_later(0.001 * number, ticks.append, number)
    driver.run(until=lambda: len(ticks) == 3)
    assert ticks == [0, 1, 2]
    driver.close()
    multi.close()


def test_run_once_waits_no_longer_than_asked_or_due() -> None:
    multi = ScriptedMulti()
    driver = drive_selectors(multi)
    driver.run_once()
    assert multi.actions == [(multi.SOCKET_TIMEOUT, 0)]
    multi.tell_timer(60_000)
    start = time.monotonic()
    driver.run_once(0.001)
    multi.tell_timer(1)
    driver.run_once(60.0)
    assert time.monotonic() - start < 30.0
    assert len(multi.actions) == 2
    driver.close()


def test_descriptor_withdrawn_in_the_same_round_is_not_acted_on(pair: Any) -> None:
    multi = ScriptedMulti()
    driver = drive_selectors(multi)
    driver.run_once()
    fds = [sock.fileno() for sock in pair]
    for fd in fds:
        multi.tell_socket(multi.POLL_OUT, fd)

    def withdraw_both(fd: int, events: int) -> None:
        for each in fds:
            multi.tell_socket(multi.POLL_REMOVE, each)

    multi.on_action = withdraw_both
    driver.run_once(0.0)
    assert sum(len(multi.actions_on(fd)) for fd in fds) == 1
    driver.close()


def test_selector_of_the_caller_stays_open(pair: Any) -> None:
    multi = ScriptedMulti()
    with selectors.DefaultSelector() as selector:
        driver = drive_selectors(multi, selector)
        multi.tell_socket(multi.POLL_IN, pair[0].fileno())
        driver.close()
        assert dict(selector.get_map()) == {}
        selector.register(pair[0].fileno(), selectors.EVENT_READ)
