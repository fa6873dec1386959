"""What libuv does underneath: the facts the reactor, the drivers and the listener are built around.

Called without uvloop, on the library it carries.  How this package answers each fact is shown where docs/behaviours.md says.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.libuv import DISCONNECT, READABLE, RUN_DEFAULT, RUN_NOWAIT, RUN_ONCE, WRITABLE, RawLoop


@pytest.fixture
def loop() -> Iterator[RawLoop]:
    loop = RawLoop()
    yield loop
    loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    yield left, right
    left.close()
    right.close()


def is_readable(loop: RawLoop) -> bool:
    return bool(select.select([loop.fileno()], [], [], 0)[0])


def spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_outer_loop_waits_on_the_backend_and_takes_nowait_turns(loop: RawLoop, pair: Any) -> None:
    left, right = pair
    seen: list[bytes] = []
    poll = loop.poll(left.fileno())
    loop.start_poll(poll, READABLE, lambda status, events: seen.append(left.recv(10)))
    loop.start_timer(2, lambda: right.send(b"x"))
    while not seen:
        assert loop.is_alive()
        select.select([loop.fileno()], [], [], None if loop.timeout() < 0 else loop.timeout() / 1000)
        loop.run()
    assert seen == [b"x"]


def test_kernel_does_not_know_a_poll_started_between_turns(loop: RawLoop, pair: Any) -> None:
    left, right = pair
    seen: list[int] = []
    right.send(b"x")
    loop.start_poll(loop.poll(left.fileno()), READABLE, lambda status, events: seen.append(events))
    assert not is_readable(loop)
    assert loop.timeout() == 0, "the hint that a turn is needed"
    loop.run()
    assert is_readable(loop)
    assert loop.timeout() == -1
    assert set(seen) <= {READABLE}


def test_timeout_is_told_from_the_clock_of_the_last_turn(loop: RawLoop) -> None:
    loop.start_timer(1000, lambda: None)
    loop.run()
    before = loop.timeout()
    spin(0.003)
    assert loop.timeout() == before
    loop.lib.uv_update_time(loop.memory)
    assert loop.timeout() <= before - 2


def test_timeout_of_zero_has_many_reasons(loop: RawLoop) -> None:
    assert (loop.timeout(), loop.is_alive()) == (0, False), "nothing to do looks like everything at once"
    loop.start_timer(1000, lambda: None)
    assert loop.timeout() == 0, "the loop's own descriptors, of which the kernel does not know yet"
    loop.run()
    assert loop.timeout() > 0
    idle = loop.start_idle()
    assert loop.timeout() == 0
    loop.close_handle(idle)
    assert loop.timeout() == 0, "a handle that is closing"
    loop.run()
    assert loop.timeout() > 0
    loop.lib.uv_stop(loop.memory)
    assert loop.timeout() == 0
    loop.run()


@pytest.mark.parametrize("mode", [RUN_DEFAULT, RUN_ONCE, RUN_NOWAIT])
def test_due_timer_fires_in_one_run_of_any_mode(loop: RawLoop, mode: int) -> None:
    fired: list[str] = []
    loop.start_timer(0, lambda: fired.append("due"))
    assert loop.run(mode) == 0, "nothing is left"
    assert fired == ["due"]


def test_run_tells_whether_something_is_left(loop: RawLoop) -> None:
    timer = loop.start_timer(60_000, lambda: None)
    assert loop.run() == 1
    loop.close_handle(timer)
    assert loop.run() == 0


def test_stop_before_run_ends_it_before_a_timer_and_is_forgotten(loop: RawLoop) -> None:
    fired: list[str] = []
    loop.start_timer(0, lambda: fired.append("timer"))
    loop.lib.uv_stop(loop.memory)
    loop.run(RUN_DEFAULT)
    assert fired == []
    loop.run(RUN_DEFAULT)
    assert fired == ["timer"]


def test_second_active_poll_of_a_descriptor_is_refused(loop: RawLoop, pair: Any) -> None:
    fd = pair[0].fileno()
    first, second = loop.poll(fd), loop.poll(fd)
    assert loop.start_poll(first, READABLE, lambda status, events: None) == 0
    assert loop.start_poll(second, READABLE, lambda status, events: None) == -errno.EEXIST
    assert loop.handle("poll", fd)[1] == -errno.EEXIST


def test_polling_makes_a_descriptor_non_blocking(loop: RawLoop, pair: Any) -> None:
    fd = pair[0].fileno()
    assert os.get_blocking(fd)
    loop.poll(fd)
    assert not os.get_blocking(fd)


def test_any_error_is_told_as_ebadf_and_ends_the_poll(loop: RawLoop) -> None:
    with socket.socket() as free, socket.socket() as sock:
        free.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        sock.connect_ex(free.getsockname())
        told: list[tuple[int, int]] = []
        poll = loop.poll(sock.fileno())
        loop.start_poll(poll, READABLE | WRITABLE, lambda status, events: told.append((status, events)))
        loop.run()
        loop.run()
        assert told == [(-errno.EBADF, 0)]
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
        assert not loop.lib.uv_is_active(poll)
        loop.close_handle(poll)


def test_hang_up_without_an_error_tells_all_that_was_asked(loop: RawLoop, pair: Any) -> None:
    left, right = pair
    told: list[tuple[int, int]] = []
    asked = READABLE | WRITABLE | DISCONNECT
    loop.start_poll(loop.poll(left.fileno()), asked, lambda status, events: told.append((status, events)))
    right.close()
    loop.run()
    assert set(told) == {(0, asked)}


def test_starting_again_changes_the_mask_and_zero_stops(loop: RawLoop, pair: Any) -> None:
    told: list[int] = []
    poll = loop.poll(pair[0].fileno())
    loop.start_poll(poll, READABLE, lambda status, events: told.append(events))
    loop.start_poll(poll, WRITABLE, lambda status, events: told.append(events))
    loop.run()
    assert set(told) == {WRITABLE}
    del told[:]
    loop.start_poll(poll, 0, lambda status, events: told.append(events))
    loop.run()
    assert told == []
    assert not loop.lib.uv_is_active(poll)


def test_stopping_in_a_callback_cancels_the_rest_of_the_batch(loop: RawLoop) -> None:
    """The descriptor may be closed right after."""
    pairs = [socket.socketpair() for _ in range(2)]
    polls: dict[int, Any] = {}
    told: list[int] = []

    def make(index: int) -> Any:
        def on_ready(status: int, events: int) -> None:
            told.append(index)
            loop.close_handle(polls.pop(1 - index))
            pairs[1 - index][0].close()
            loop.close_handle(polls.pop(index))

        return on_ready

    for index, (left, right) in enumerate(pairs):
        right.send(b"x")
        polls[index] = loop.poll(left.fileno())
        loop.start_poll(polls[index], READABLE, make(index))
    loop.run()
    loop.run()
    assert len(told) == 1
    for left, right in pairs:
        left.close()
        right.close()


def test_number_reused_under_an_active_poll_is_not_noticed(loop: RawLoop, pair: Any) -> None:
    """Why a watch is closed before its descriptor: the poll goes on for whoever has the number now."""
    told: list[bytes] = []
    number = os.dup(pair[0].fileno())
    poll = loop.poll(number)
    loop.start_poll(poll, READABLE, lambda status, events: told.append(os.read(number, 10)))
    loop.run()
    with_new, peer = socket.socketpair()
    os.dup2(with_new.fileno(), number)  # closes the old one and takes its number
    loop.start_poll(poll, READABLE | WRITABLE, lambda status, events: told.append(b"stranger"))
    loop.run()
    assert set(told) == {b"stranger"}
    loop.close_handle(poll)
    os.close(number)
    with_new.close()
    peer.close()


def test_regular_file_is_refused(loop: RawLoop, tmp_path: Any) -> None:
    with (tmp_path / "file").open("w") as file:
        assert loop.handle("poll", file.fileno())[1] == -errno.EPERM


def test_loop_is_busy_until_closed_handles_had_a_turn(loop: RawLoop) -> None:
    timer = loop.start_timer(60_000, lambda: None)
    loop.close_handle(timer)
    assert loop.lib.uv_loop_close(loop.memory) == -errno.EBUSY
    assert loop.run() == 0


def test_closing_an_active_poll_tells_nobody(loop: RawLoop, pair: Any) -> None:
    told: list[int] = []
    poll = loop.poll(pair[0].fileno())
    loop.start_poll(poll, READABLE | WRITABLE, lambda status, events: told.append(status))
    loop.close_handle(poll)
    loop.run()
    assert told == []


def test_more_than_one_batch_of_events_is_told_in_one_turn(loop: RawLoop) -> None:
    """A wait brings 1,024 at most; the turn goes on while it was full."""
    pairs = [socket.socketpair() for _ in range(600)]
    told: set[int] = set()
    for sock in (sock for each in pairs for sock in each):
        fd = sock.fileno()

        def on_ready(status: int, events: int, fd: int = fd) -> None:
            told.add(fd)

        loop.start_poll(loop.poll(fd), WRITABLE, on_ready)
    loop.run()
    assert len(told) == 1200
    for handle in list(loop.handles):
        loop.close_handle(handle)
    loop.run()
    for left, right in pairs:
        left.close()
        right.close()


def test_timer_of_zero_armed_in_a_callback_waits_for_the_next_turn(loop: RawLoop) -> None:
    fired: list[str] = []

    def first() -> None:
        fired.append("first")
        loop.start_timer(0, lambda: fired.append("second"))

    loop.start_timer(0, first)
    loop.run()
    assert fired == ["first"]
    loop.run()
    assert fired == ["first", "second"]


def test_timer_starts_from_the_clock_of_the_last_turn(loop: RawLoop) -> None:
    """A timer of 5 ms armed 5 ms after the turn is due at once: drivers on bare libuv update the clock first."""
    fired: list[str] = []
    loop.run()
    spin(0.006)
    loop.start_timer(5, lambda: fired.append("early"))
    loop.run()
    assert fired == ["early"]


def test_handle_without_a_reference_fires_and_does_not_keep_the_loop(loop: RawLoop) -> None:
    fired: list[str] = []
    loop.lib.uv_unref(loop.start_timer(0, lambda: fired.append("unreferenced")))
    assert not loop.is_alive()
    keeper = loop.start_timer(2, lambda: loop.close_handle(keeper))
    loop.run(RUN_DEFAULT)
    assert fired == ["unreferenced"]
