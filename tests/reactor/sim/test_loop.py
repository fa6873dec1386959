from __future__ import annotations

import errno
import math
import threading
from typing import Any

import pytest
from evtorrent.reactor import READ, WRITE, ReactorClosed, ReactorUsageError
from evtorrent.reactor.sim import SimHost, SimWorld
from evtorrent.reactor.sim.loop import TURN


def test_calls_in_order(world: SimWorld, alice: SimHost) -> None:
    loop, order = alice.loop, []
    loop.call_later(2, order.append, "late")
    loop.call_at(1, order.append, "at")
    loop.call_later(1, order.append, "also")
    loop.call_later(0, order.append, "soon")
    loop.call_later(-5, order.append, "past")
    loop.call_at(-1, order.append, "long past")
    cancelled = [loop.call_soon(order.append, "no"), loop.call_later(1, order.append, "no")]
    for call in cancelled:
        call.cancel()
        call.cancel()
    world.run_for(3)
    assert order == ["soon", "past", "long past", "at", "also", "late"]
    assert loop.time() == 3.0


def test_calls_made_in_a_turn_come_in_the_next(world: SimWorld, alice: SimHost) -> None:
    loop, times = alice.loop, []

    def again() -> None:
        times.append(loop.time())
        if len(times) < 4:
            loop.call_soon(again)

    loop.call_soon(again)
    world.run_for(1)
    assert times == pytest.approx([0, TURN, 2 * TURN, 3 * TURN])


def test_level_triggered(world: SimWorld, alice: SimHost) -> None:
    left, right = alice.pair()
    seen: list[tuple[int, bytes]] = []
    alice.loop.watch(left.fileno(), READ, lambda ready: seen.append((ready, left.recv(1))))
    right.send(b"abc")
    world.run_for(1)
    assert seen == [(READ, b"a"), (READ, b"b"), (READ, b"c")]


def test_polling_for_ever_moves_the_clock(world: SimWorld, alice: SimHost) -> None:
    left, _right = alice.pair()
    seen: list[int] = []
    watch = alice.loop.watch(left.fileno(), WRITE, seen.append)
    world.run_for(100 * TURN)
    assert 95 <= len(seen) <= 105
    watch.modify(READ)
    del seen[:]
    world.run_for(1)
    assert seen == []
    watch.modify(WRITE)
    world.run_for(TURN)
    assert seen
    watch.modify(0)
    del seen[:]
    world.run_for(1)
    assert seen == []


def test_several_watches_on_one_descriptor(world: SimWorld, alice: SimHost) -> None:
    left, right = alice.pair()
    seen: list[str] = []

    def first(ready: int) -> None:
        seen.append("first")
        watches[1].close()
        left.recv(10)

    watches = [
        alice.loop.watch(left.fileno(), READ, first),
        alice.loop.watch(left.fileno(), READ, lambda ready: seen.append("closed by the first")),
        alice.loop.watch(left.fileno(), WRITE, lambda ready: (seen.append("third"), watches[2].close())),
    ]
    assert alice.loop.num_watches == 3
    right.send(b"x")
    world.run_for(1)
    assert sorted(seen) == ["first", "third"]
    watches[0].close()
    watches[0].close()
    assert alice.loop.num_watches == 0


def test_watch_added_by_a_callback_comes_in_the_next_turn(world: SimWorld, alice: SimHost) -> None:
    left, _ = alice.pair()
    times: list[float] = []
    watches: list[Any] = []

    def add(_ready: int) -> None:
        times.append(world.time())
        if len(watches) < 3:
            watches.append(alice.loop.watch(left.fileno(), WRITE, add))
        else:
            for watch in watches:
                watch.close()

    watches.append(alice.loop.watch(left.fileno(), WRITE, add))
    world.run_for(1)
    assert times == pytest.approx([0, TURN, TURN])


def test_errors_leave_the_world_and_nothing_is_lost(world: SimWorld, alice: SimHost) -> None:
    loop, done = alice.loop, []
    left, right = alice.pair()
    right.send(b"x")
    loop.watch(left.fileno(), READ, lambda ready: done.append(left.recv(1)))
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(done.append, "after")
    with pytest.raises(ZeroDivisionError):
        world.run_for(1)
    world.run_for(1)
    assert done == ["after", b"x"]


def test_errors_go_to_the_hook(world: SimWorld, alice: SimHost) -> None:
    left, _ = alice.pair()
    errors: list[tuple[str, type]] = []
    alice.loop.on_error = lambda context, error: errors.append((context, type(error)))

    def fail(*_: Any) -> None:
        raise LookupError

    def fail_once(*_: Any) -> None:
        watch.close()
        raise LookupError

    alice.loop.call_soon(fail)
    alice.loop.call_later(1, fail)
    watch = alice.loop.watch(left.fileno(), WRITE, fail_once)
    world.run_for(2)
    assert errors == [("call_soon", LookupError), ("watch", LookupError), ("timer", LookupError)]


def test_other_threads_post(world: SimWorld, alice: SimHost) -> None:
    where: list[int] = []
    thread = threading.Thread(
        target=lambda: alice.loop.call_soon_threadsafe(lambda: where.append(threading.get_ident()))
    )
    thread.start()
    thread.join()
    alice.loop.call_soon_threadsafe(lambda: where.append(threading.get_ident()))
    assert where == []
    world.run_for(1)
    assert where == [threading.get_ident()] * 2


def test_jobs(world: SimWorld, alice: SimHost) -> None:
    done: list[Any] = []
    alice.loop.submit(divmod, 7, 2, on_done=lambda result, error: done.append((result, world.time())))
    world.run_for(1)
    assert done == [((3, 1), pytest.approx(0.002))]


def test_bad_arguments(alice: SimHost) -> None:
    left, _ = alice.pair()
    with pytest.raises(ReactorUsageError, match="mask must be a combination of READ and WRITE, not 0x1"):
        alice.loop.watch(left.fileno(), 1, print)
    with pytest.raises(ReactorUsageError, match="mask must be"):
        alice.loop.watch(left.fileno(), READ, print).modify(64)
    with pytest.raises(OSError) as caught:
        alice.loop.watch(99, READ, print)
    assert caught.value.errno == errno.EBADF
    with pytest.raises(ReactorUsageError, match="when must be a moment"):
        alice.loop.call_at(math.nan, print)


def test_dead_host_calls_nothing(world: SimWorld, alice: SimHost) -> None:
    left, _ = alice.pair()
    seen: list[Any] = []
    watch = alice.loop.watch(left.fileno(), WRITE, seen.append)
    alice.loop.call_soon(seen.append, "soon")
    alice.loop.call_later(1, seen.append, "late")
    alice.kill()
    alice.loop.call_soon_threadsafe(seen.append, "posted")
    watch.close()
    world.run_for(2)
    assert seen == [] and alice.loop.is_closed
    for call in (
        lambda: alice.loop.call_soon(print),
        lambda: alice.loop.call_later(1, print),
        lambda: alice.loop.watch(3, READ, print),
        lambda: alice.loop.submit(print, on_done=print),
    ):
        with pytest.raises(ReactorClosed):
            call()


def test_killed_in_its_own_turn(world: SimWorld, alice: SimHost) -> None:
    seen: list[str] = []
    alice.loop.call_soon(alice.kill)
    alice.loop.call_soon(seen.append, "after")
    world.run_for(1)
    assert seen == []


def test_closed_watch_is_not_called_in_the_same_turn(world: SimWorld, alice: SimHost) -> None:
    one, other = alice.pair()[0], alice.pair()[0]
    seen: list[str] = []
    watches: list[Any] = []

    def close_both(name: str) -> None:
        seen.append(name)
        for watch in watches:
            watch.close()

    watches += [
        alice.loop.watch(sock.fileno(), WRITE, lambda ready, name=name: close_both(name))
        for name, sock in (("one", one), ("other", other))
    ]
    world.run_for(1)
    assert seen == ["one"]
