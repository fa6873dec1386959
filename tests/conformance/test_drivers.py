"""What every driver of an engine promises, whatever the loop."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from evtorrent.protocols.engine import Handle, Multi
from evtorrent.reactor import READ, WRITE
from support.driver_hosts import KIT, ScriptedMulti
from support.http_server import HttpServer

pytestmark = pytest.mark.usefixtures("no_fd_survives")

STORM = 1000
"""Descriptors that are ready at once."""


@pytest.fixture(params=KIT)
def host(request: pytest.FixtureRequest) -> Iterator[Any]:
    host = KIT[request.param]()
    yield host
    host.close()


@pytest.fixture
def multi(host: Any) -> Iterator[Multi]:
    multi = host.multi()
    yield multi
    multi.close()


@pytest.fixture
def pair(host: Any) -> Iterator[tuple[Any, Any]]:
    left, right = host.socketpair()
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
    old, old_peer = host.socketpair()
    seen: list[str] = []
    number = old.fileno()

    def replace(ready: int) -> None:
        seen.append("old")
        first.close()
        old.close()
        new, new_peer = host.socketpair()
        sockets.extend((new, new_peer))
        second.append(multi.watch(new.fileno(), READ, lambda ready: seen.append(f"new {new.recv(9)!r}")))
        new_peer.send(b"x")

    sockets: list[Any] = [old_peer]
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
    start = host.time()
    for name, delay in (("late", 0.02), ("early", 0.005), ("soon", 0.0)):
        multi.call_later(delay, lambda name=name: fired.append((name, host.time() - start)))
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
        host.socket(socket.AF_INET, socket.SOCK_DGRAM) as free,
        host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
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
    with host.socket() as free, host.socket() as sock:
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


@pytest.mark.parametrize("days", [20, 25, 50, 3650])
def test_deadline_of_days_neither_overflows_nor_comes_early(host: Any, days: int) -> None:
    """Milliseconds in 31 or 32 bits end after 24.8 and 49.7 days."""
    multi = ScriptedMulti()
    driver = host.drive(multi)
    host.run_until(lambda: multi.actions)
    multi.tell_timer(days * 24 * 3600 * 1000)
    wait_a_little(host)
    assert len(multi.actions) == 1
    multi.tell_timer(1)
    host.run_until(lambda: len(multi.actions) == 2)
    driver.close()


def test_calls_of_an_engine_days_ahead_do_not_hold_up_the_near_ones(host: Any, multi: Multi) -> None:
    fired: list[str] = []
    driver = host.drive(multi)
    far = multi.call_later(40 * 24 * 3600.0, fired.append, "far")
    host.run_until(lambda: True)
    multi.call_later(0.002, fired.append, "near")
    host.run_until(lambda: fired)
    wait_a_little(host)
    assert fired == ["near"]
    far.cancel()
    driver.close()


def test_storm_of_a_thousand_descriptors(host: Any, multi: Multi) -> None:
    """All ready at once, each heard, each withdrawn from its own callback and closed at once."""
    pairs = [host.socketpair() for _ in range(STORM // 2)]
    heard: list[int] = []
    watches: dict[int, Any] = {}

    def hear(sock: Any, ready: int) -> None:
        number = sock.fileno()
        heard.append(number)
        watches.pop(number).close()
        sock.close()

    driver = host.drive(multi)
    sockets = [sock for pair in pairs for sock in pair]
    for sock in sockets:
        sock.send(b"x")
        watches[sock.fileno()] = multi.watch(sock.fileno(), READ, partial(hear, sock))
    numbers = sorted(watches)
    host.run_until(lambda: not watches)
    assert sorted(heard) == numbers
    assert host.errors == []
    driver.close()


def test_watch_withdrawn_by_another_of_the_same_batch_is_not_called(host: Any, multi: Multi) -> None:
    """Both are ready; whichever is first closes the other and its descriptor."""
    (first, first_peer), (second, second_peer) = host.socketpair(), host.socketpair()
    called: list[Any] = []
    watches: dict[Any, Any] = {}

    def close_the_other(mine: Any, ready: int) -> None:
        called.append(mine)
        other = second if mine is first else first
        watches[other].close()
        other.close()
        mine.recv(10)

    driver = host.drive(multi)
    for sock, peer in ((first, first_peer), (second, second_peer)):
        peer.send(b"x")
        watches[sock] = multi.watch(sock.fileno(), READ, partial(close_the_other, sock))
    host.run_until(lambda: called)
    fence(host, multi)
    assert len(called) == 1
    assert host.errors == []
    for watch in watches.values():
        watch.close()
    driver.close()
    for sock in (first, first_peer, second, second_peer):
        sock.close()


def test_driver_closed_from_inside_an_action_acts_no_more(host: Any, pair: Any) -> None:
    multi = ScriptedMulti()
    driver = host.drive(multi)
    host.run_until(lambda: multi.actions)
    for sock in pair:
        multi.tell_socket(multi.POLL_OUT, sock.fileno())
    multi.tell_timer(1)
    multi.on_action = lambda fd, events: driver.close()
    host.run_until(lambda: len(multi.actions) == 2)
    wait_a_little(host)
    assert len(multi.actions) == 2
    assert set(multi.options.values()) == {None}
    assert host.errors == []


def test_driver_closed_from_its_message_callback(host: Any, multi: Multi) -> None:
    offered: list[int] = []
    fired: list[str] = []

    def close() -> None:
        offered.append(1)
        driver.close()

    driver = host.drive(multi)
    driver.on_messages = close
    host.run_until(lambda: offered)
    multi.call_soon(fired.append, "late")
    wait_a_little(host)
    assert (offered, fired, host.errors) == ([1], [], [])
    driver = host.drive(multi)
    host.run_until(lambda: fired)
    driver.close()


def test_failing_message_callback_goes_to_the_loops_own_error_path(host: Any, multi: Multi) -> None:
    def fail() -> None:
        raise LookupError("the host's own")

    driver = host.drive(multi)
    host.run_until(lambda: True)
    driver.on_messages = fail
    multi.call_later(0.001, lambda: None)
    host.run_until(lambda: host.errors)
    driver.on_messages = None
    fence(host, multi)
    assert {type(error) for error in host.errors} == {LookupError}
    driver.close()


def test_failing_watch_of_an_engine_ends_nothing_else(host: Any, multi: Multi, pair: Any) -> None:
    left, right = pair
    reported: list[BaseException] = []
    seen: list[bytes] = []
    multi.on_error = lambda context, error: reported.append(error)

    def fail_once(ready: int) -> None:
        seen.append(left.recv(10))
        if len(seen) == 1:
            raise LookupError("once")

    driver = host.drive(multi)
    watch = multi.watch(left.fileno(), READ, fail_once)
    right.send(b"one")
    host.run_until(lambda: reported)
    right.send(b"two")
    host.run_until(lambda: len(seen) == 2)
    assert (seen, host.errors) == ([b"one", b"two"], [])
    watch.close()
    driver.close()


def test_curls_own_engine_is_driven_by_the_same_driver(host: Any) -> None:
    """The shape is pycurl's: a transfer of libcurl runs on every one of these loops."""
    needs_system_sockets(host)
    pycurl = pytest.importorskip("pycurl")
    body = bytes(range(256)) * 800
    with HttpServer(body) as server:
        curl_multi, easy, received = pycurl.CurlMulti(), pycurl.Curl(), io.BytesIO()
        easy.setopt(pycurl.URL, server.url)
        easy.setopt(pycurl.WRITEDATA, received)
        ended: list[Any] = []

        def drain() -> None:
            _, succeeded, failed = curl_multi.info_read()
            ended.extend([*succeeded, *failed])

        driver = host.drive(curl_multi)
        driver.on_messages = drain
        curl_multi.add_handle(easy)
        host.run_until(lambda: ended)
        assert ended == [easy]
        assert received.getvalue() == body
        curl_multi.remove_handle(easy)
        driver.close()
        curl_multi.close()
        easy.close()


def fence(host: Any, multi: Multi) -> None:
    """Everything asked of the engine before this has reached the loop and been polled since."""
    passed: list[bool] = []
    multi.call_later(0.003, passed.append, True)
    host.run_until(lambda: passed)


def wait_a_little(host: Any) -> None:
    end = host.time() + 0.005
    host.run_until(lambda: host.time() > end)


def needs_system_sockets(host: Any) -> None:
    if not host.has_system_sockets:
        pytest.skip("about sockets of the system")
