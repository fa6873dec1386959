"""A loop that never waits: what an outer loop is told, and when (libuv's embedding facts)."""

from __future__ import annotations

import asyncio
import select
import selectors
import time
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError, SteppedLoop, stepped
from evtorrent.reactor.stepped import MAX_TURNS

pytestmark = pytest.mark.usefixtures("no_fd_survives")


@pytest.fixture
def stepped_loop() -> Iterator[SteppedLoop]:
    loop = SteppedLoop()
    yield loop
    loop.close()


def is_readable(loop: SteppedLoop) -> bool:
    return bool(select.select([loop.fileno()], [], [], 0)[0])


def outer_wait(loop: SteppedLoop) -> None:
    """What an outer loop does: sleep as long as it is told, or until the descriptor is ready; then step."""
    select.select([loop.fileno()], [], [], loop.wants)
    loop.run_forever()


def test_idle_loop_wants_to_sleep_for_ever_and_does_not(stepped_loop: SteppedLoop) -> None:
    stepped_loop.run_forever()
    assert stepped_loop.wants is None
    assert not is_readable(stepped_loop)


def test_wait_outside_then_step(stepped_loop: SteppedLoop, pair: Any) -> None:
    left, right = pair
    seen: list[bytes] = []
    stepped_loop.add_reader(left, lambda: seen.append(left.recv(10)))
    stepped_loop.run_forever()
    for data in (b"one", b"two"):
        assert not is_readable(stepped_loop)
        right.send(data)
        assert is_readable(stepped_loop)
        outer_wait(stepped_loop)
    assert seen == [b"one", b"two"]
    stepped_loop.remove_reader(left)


def test_watch_added_between_steps_needs_no_step_to_be_known(stepped_loop: SteppedLoop, pair: Any) -> None:
    """libuv tells the kernel in its next turn only; here the descriptor wakes the outer loop at once."""
    left, right = pair
    stepped_loop.run_forever()
    seen: list[bytes] = []
    stepped_loop.add_reader(left, lambda: seen.append(left.recv(10)))
    right.send(b"x")
    assert is_readable(stepped_loop)
    outer_wait(stepped_loop)
    assert seen == [b"x"]
    stepped_loop.remove_reader(left)


def test_time_to_sleep_is_reckoned_from_now(stepped_loop: SteppedLoop) -> None:
    """libuv answers from the clock of its last turn, and the outer loop oversleeps by what passed since."""
    due = stepped_loop.time() + 3600
    stepped_loop.call_at(due, lambda: None)
    stepped_loop.run_forever()
    first = stepped_loop.wants
    assert first is not None
    start = time.monotonic()
    while time.monotonic() - start < 0.003:
        pass
    stepped_loop.run_forever()
    second = stepped_loop.wants
    assert second is not None
    assert second <= first - 0.003
    assert second <= due - start


def test_nothing_to_do_and_something_to_do_are_told_apart(stepped_loop: SteppedLoop) -> None:
    """libuv says 0 for an empty loop too."""
    stepped_loop.run_forever()
    assert stepped_loop.wants is None
    turns: list[int] = []

    def again() -> None:
        turns.append(1)
        stepped_loop.call_soon(again)

    stepped_loop.call_soon(again)
    stepped_loop.run_forever()
    assert stepped_loop.wants == 0


def test_work_that_makes_work_gives_the_outer_loop_its_turn(stepped_loop: SteppedLoop) -> None:
    turns: list[int] = []

    def again() -> None:
        turns.append(1)
        stepped_loop.call_soon(again)

    stepped_loop.call_soon(again)
    stepped_loop.run_forever()
    assert len(turns) == MAX_TURNS


def test_due_timer_fires_in_a_step_without_waiting(stepped_loop: SteppedLoop) -> None:
    fired: list[int] = []
    stepped_loop.call_at(stepped_loop.time() - 1, fired.append, 1)
    stepped_loop.run_forever()
    assert fired == [1]


def test_stop_before_a_step_fires_what_is_due_once(stepped_loop: SteppedLoop) -> None:
    fired: list[int] = []
    stepped_loop.call_soon(fired.append, 1)
    stepped_loop.stop()
    stepped_loop.run_forever()
    stepped_loop.call_soon(fired.append, 2)
    stepped_loop.run_forever()
    assert fired == [1, 2]


def test_other_thread_makes_the_descriptor_readable(stepped_loop: SteppedLoop) -> None:
    stepped_loop.run_forever()
    ran: list[int] = []
    stepped_loop.call_soon_threadsafe(ran.append, 1)
    assert is_readable(stepped_loop)
    outer_wait(stepped_loop)
    assert ran == [1]


def test_what_is_asked_between_steps_is_noted_and_what_is_asked_inside_is_not(
    stepped_loop: SteppedLoop,
) -> None:
    stepped_loop.run_forever()
    notes: list[str] = []
    stepped_loop.on_asked = lambda: notes.append("asked")
    stepped_loop.call_soon(lambda: None)
    stepped_loop.call_later(0.001, lambda: None)
    assert notes == ["asked"] * 2
    stepped_loop.call_soon(lambda: stepped_loop.call_soon(lambda: None))
    stepped_loop.run_forever()
    assert notes == ["asked"] * 3


def test_coroutine_to_its_end_waits_as_any_loop_does(stepped_loop: SteppedLoop) -> None:
    assert stepped_loop.run_until_complete(asyncio.sleep(0.002, "slept")) == "slept"
    stepped_loop.run_forever()
    assert stepped_loop.wants is None


def test_selector_without_a_descriptor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain(selectors.SelectSelector):
        pass

    monkeypatch.setattr(stepped, "_Glance", Plain)
    with pytest.raises(ReactorUsageError, match="no descriptor"):
        SteppedLoop()
