"""What every driver of an engine promises, whatever the loop."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.protocols.engine import Handle, Multi
from evtorrent.reactor import READ, WRITE
from support.driver_hosts import HOSTS, ScriptedMulti

pytestmark = pytest.mark.usefixtures("no_fd_survives")


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> Iterator[Any]:
    host = HOSTS[request.param]()
    yield host
    host.close()


@pytest.fixture
def multi() -> Iterator[Multi]:
    multi = Multi()
    yield multi
    multi.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    yield left, right
    left.close()
    right.close()


def test_readable_descriptor_reaches_its_watch(host: Any, multi: Multi, pair: Any) -> None:
    left, right = pair
    seen: list[tuple[int, bytes]] = []
    driver = host.drive(multi)
    watch = multi.watch(left.fileno(), READ, lambda ready: seen.append((ready, left.recv(10))))
    right.send(b"one")
    host.run_until(lambda: seen)
    right.send(b"two")
    host.run_until(lambda: len(seen) == 2)
    assert seen == [(READ, b"one"), (READ, b"two")]
    watch.close()
    driver.close()


def test_interest_is_changed_and_withdrawn(host: Any, multi: Multi, pair: Any) -> None:
    left, right = pair
    seen: list[int] = []
    driver = host.drive(multi)
    watch = multi.watch(left.fileno(), READ, seen.append)
    host.run_until(lambda: True)
    watch.modify(WRITE)
    host.run_until(lambda: seen)
    assert set(seen) == {WRITE}
    watch.modify(0)
    right.send(b"ignored")
    fence(host, multi)
    del seen[:]
    fence(host, multi)
    assert seen == []
    watch.modify(READ)
    host.run_until(lambda: seen)
    assert set(seen) == {READ}
    watch.close()
    del seen[:]
    fence(host, multi)
    assert seen == []
    driver.close()


def test_reused_number_belongs_to_its_new_watch(host: Any, multi: Multi, pair: Any) -> None:
    driver = host.drive(multi)
    old, old_peer = socket.socketpair()
    seen: list[str] = []
    number = old.fileno()

    def replace(ready: int) -> None:
        seen.append("old")
        first.close()
        old.close()
        new, new_peer = socket.socketpair()
        sockets.extend((new, new_peer))
        second.append(multi.watch(new.fileno(), READ, lambda ready: seen.append(f"new {new.recv(9)!r}")))
        new_peer.send(b"x")

    sockets: list[socket.socket] = [old_peer]
    second: list[Any] = []
    first = multi.watch(number, READ, replace)
    old_peer.send(b"go")
    host.run_until(lambda: len(seen) == 2)
    assert sockets[1].fileno() == number
    assert seen == ["old", "new b'x'"]
    second[0].close()
    driver.close()
    for sock in sockets:
        sock.close()


def test_timers_fire_in_order_and_not_early(host: Any, multi: Multi) -> None:
    fired: list[tuple[str, float]] = []
    driver = host.drive(multi)
    start = time.monotonic()
    for name, delay in (("late", 0.02), ("early", 0.005), ("soon", 0.0)):
        multi.call_later(delay, lambda name=name: fired.append((name, time.monotonic() - start)))
    host.run_until(lambda: len(fired) == 3)
    assert [name for name, _ in fired] == ["soon", "early", "late"]
    assert fired[1][1] >= 0.005 - 1e-5
    assert fired[2][1] >= 0.02 - 1e-5
    driver.close()


def test_other_thread_wakes_the_loop(host: Any, multi: Multi) -> None:
    threads: list[threading.Thread] = []
    driver = host.drive(multi)
    worker = threading.Thread(
        target=multi.call_soon_threadsafe, args=(lambda: threads.append(threading.current_thread()),)
    )
    worker.start()
    worker.join()
    host.run_until(lambda: threads)
    assert threads == [threading.current_thread()]
    driver.close()


def test_errors_of_a_datagram_socket_are_told_every_time(host: Any, multi: Multi) -> None:
    """uvloop-poll-dies-after-error: the second refused datagram went unseen."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        free.bind(("127.0.0.1", 0))
        sock.connect(free.getsockname())
        sock.setblocking(False)
        free.close()
        errors: list[OSError] = []

        def on_ready(ready: int) -> None:
            try:
                sock.recv(10)
            except BlockingIOError:
                pass
            except OSError as exc:
                errors.append(exc)

        driver = host.drive(multi)
        watch = multi.watch(sock.fileno(), READ, on_ready)
        for count in range(1, 4):
            sock.send(b"anybody?")
            host.run_until(lambda count=count: len(errors) == count)
        assert {type(error) for error in errors} == {ConnectionRefusedError}
        watch.close()
        driver.close()


def test_refused_connection_is_told_as_ready(host: Any, multi: Multi) -> None:
    with socket.socket() as free, socket.socket() as sock:
        free.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        sock.setblocking(False)
        sock.connect_ex(free.getsockname())
        seen: list[int] = []
        driver = host.drive(multi)
        watch = multi.watch(sock.fileno(), WRITE, lambda ready: (seen.append(ready), watch.close()))
        host.run_until(lambda: seen)
        assert seen == [WRITE]
        assert multi.platform.connect_error(sock)
        driver.close()


class Sleeper(Handle):
    def start(self, engine: Multi) -> None:
        self.call_later(0.002, self.finish, "rested")


def test_messages_are_offered_after_actions(host: Any, multi: Multi) -> None:
    done: list[Handle] = []
    driver = host.drive(multi)
    driver.on_messages = lambda: done.extend(multi.info_read()[1])
    sleeper = Sleeper()
    multi.add_handle(sleeper)
    host.run_until(lambda: done)
    assert done == [sleeper]
    assert sleeper.result == "rested"
    multi.remove_handle(sleeper)
    driver.close()


def test_second_driver_takes_over(host: Any, multi: Multi, pair: Any) -> None:
    left, right = pair
    seen: list[bytes] = []
    fired: list[str] = []
    driver = host.drive(multi)
    watch = multi.watch(left.fileno(), READ, lambda ready: seen.append(left.recv(10)))
    multi.call_later(0.01, fired.append, "timer")
    host.run_until(lambda: True)
    driver.close()
    driver.close()
    driver = host.drive(multi)
    right.send(b"after")
    host.run_until(lambda: seen and fired)
    assert (seen, fired) == ([b"after"], ["timer"])
    watch.close()
    driver.close()


def test_failing_action_goes_to_the_loops_own_error_path(host: Any, pair: Any) -> None:
    left, right = pair
    multi = ScriptedMulti()

    def fail(fd: int, events: int) -> None:
        if fd == left.fileno():
            left.recv(10)
            raise LookupError("the engine broke")

    multi.on_action = fail
    driver = host.drive(multi)
    multi.tell_socket(multi.POLL_IN, left.fileno())
    right.send(b"x")
    host.run_until(lambda: host.errors)
    right.send(b"y")
    host.run_until(lambda: len(host.errors) == 2)
    assert {type(error) for error in host.errors} == {LookupError}
    assert multi.actions_on(left.fileno()) == [multi.CSELECT_IN] * 2
    driver.close()


def test_both_directions_are_reported_in_curls_bits(host: Any, pair: Any) -> None:
    left, right = pair
    multi = ScriptedMulti()
    driver = host.drive(multi)
    right.send(b"x")
    multi.tell_socket(multi.POLL_INOUT, left.fileno())
    both = multi.CSELECT_IN | multi.CSELECT_OUT
    host.run_until(lambda: sum(set(multi.actions_on(left.fileno())) & {1, 2, 3}) >= both)
    multi.tell_socket(multi.POLL_REMOVE, left.fileno())
    multi.tell_socket(multi.POLL_REMOVE, left.fileno())  # the second is harmless
    driver.close()


def test_timer_is_replaced_and_cancelled(host: Any) -> None:
    multi = ScriptedMulti()
    driver = host.drive(multi)
    host.run_until(lambda: multi.actions == [(multi.SOCKET_TIMEOUT, 0)])
    multi.tell_timer(1)
    multi.tell_timer(-1)
    multi.tell_timer(60_000)
    multi.tell_timer(3)
    host.run_until(lambda: len(multi.actions) == 2)
    multi.tell_timer(1)
    multi.tell_timer(-1)
    wait_a_little(host)
    assert len(multi.actions) == 2
    driver.close()
    assert set(multi.options.values()) == {None}


def test_timer_of_zero_does_not_act_from_inside_the_call(host: Any) -> None:
    multi = ScriptedMulti()
    driver = host.drive(multi)
    multi.tell_timer(0)
    assert multi.actions == []
    host.run_until(lambda: multi.actions)
    driver.close()


def fence(host: Any, multi: Multi) -> None:
    """Everything asked of the engine before this has reached the loop and been polled since."""
    passed: list[bool] = []
    multi.call_later(0.003, passed.append, True)
    host.run_until(lambda: passed)


def wait_a_little(host: Any) -> None:
    end = time.monotonic() + 0.005
    host.run_until(lambda: time.monotonic() > end)
