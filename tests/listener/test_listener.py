"""The listener on every loop: rows L of libevent's behaviour, and where this project decides otherwise."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import resource
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
from evtorrent.listener import Listener, ListenerFlag
from evtorrent.protocols.errors import TransportClosed
from evtorrent.reactor import Reactor, ReactorError, RunMode
from support.listener_kit import make_host

LOCAL = ("127.0.0.1", 0)
FREE = ListenerFlag.CLOSE_ON_FREE


def turns(host: Any, count: int = 1) -> None:
    for _ in range(count):
        host.turn()


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


class FailingSocket(socket.socket):
    """accept() raises what `failures` holds (an errno), gives a nameless connection for None, then behaves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failures: list[int | None] = []

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures:
            code = self.failures.pop(0)
            if code is not None:
                raise OSError(code, os.strerror(code))
            sock, _ = super().accept()
            return sock, None
        return super().accept()


@pytest.fixture
def failing() -> Any:
    with FailingSocket() as sock:
        sock.bind(LOCAL)
        yield sock


# Construction


@pytest.mark.parametrize("extra", [ListenerFlag(0), ListenerFlag.THREADSAFE])
def test_two_random_ports_differ(host: Any, accepted: Any, extra: ListenerFlag) -> None:
    flags = FREE | ListenerFlag.REUSEABLE | ListenerFlag.CLOSE_ON_EXEC | extra
    first = Listener.bind(host.base, LOCAL, accepted, flags=flags)
    second = Listener.bind(host.base, LOCAL, accepted, flags=flags)
    assert first.fileno() >= 0
    assert first.address[0] == "127.0.0.1"
    assert first.address != second.address
    assert first.base is host.base
    first.close()
    second.close()


def test_bind_with_backlog_zero_fails(host: Any, accepted: Any) -> None:
    with pytest.raises(ValueError, match="backlog 0"):
        Listener.bind(host.base, LOCAL, accepted, backlog=0)


@pytest.mark.parametrize("make", ["bind", "adopt"])
def test_accept_limit_is_at_least_one(host: Any, accepted: Any, make: str) -> None:
    with socket.socket() as raw:
        where: Any = LOCAL if make == "bind" else raw
        with pytest.raises(ValueError, match="accept_limit"):
            getattr(Listener, make)(host.base, where, accepted, accept_limit=0)


@pytest.mark.parametrize("make", ["bind", "adopt object", "adopt fd"])
def test_a_base_that_refuses_the_watch_leaves_nothing_of_ours_open(make: str, no_fd_survives: None) -> None:
    class Refusing:
        def watch(self, *_args: Any) -> Any:
            raise RuntimeError("full")

    with socket.socket() as raw:
        raw.bind(LOCAL)
        with pytest.raises(RuntimeError, match="full"):
            if make == "bind":
                Listener.bind(Refusing(), LOCAL, print)  # type: ignore[arg-type]
            else:
                Listener.adopt(Refusing(), raw if make == "adopt object" else raw.fileno(), print, flags=FREE)  # type: ignore[arg-type]
        assert is_open(raw.fileno())


@pytest.mark.parametrize("as_fd", [False, True])
def test_adopting_a_listening_socket_takes_what_is_queued(
    host: Any, clients: Any, accepted: Any, as_fd: bool
) -> None:
    with socket.socket() as raw:
        raw.bind(LOCAL)
        raw.listen()
        clients.connect(raw.getsockname(), 2)
        listener = Listener.adopt(host.base, raw.fileno() if as_fd else raw, accepted, backlog=0)
        host.turn()
        assert len(accepted) == 2
        fd = raw.fileno()
        listener.close()
        # L6, L54: without CLOSE_ON_FREE it stays open and listening.
        assert raw.fileno() == fd
        assert is_open(fd)
        clients.connect(raw.getsockname())


@pytest.mark.parametrize("as_fd", [False, True])
def test_adopting_with_close_on_free_owns_the_descriptor(host: Any, accepted: Any, as_fd: bool) -> None:
    raw = socket.socket()
    raw.bind(LOCAL)
    listener = Listener.adopt(host.base, raw.detach() if as_fd else raw, accepted, flags=FREE)
    fd = listener.fileno()
    listener.close()
    assert listener.fileno() == -1
    assert not is_open(fd)


def test_adopting_what_is_no_socket_never_closes_it(host: Any, accepted: Any, tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    with pytest.raises(OSError):
        Listener.adopt(host.base, fd, accepted, flags=FREE)
    os.close(fd)


def test_adopting_a_socket_that_never_listened_shows_in_the_error_callback(host: Any, accepted: Any) -> None:
    errors: list[OSError] = []
    with socket.socket() as raw:
        raw.bind(LOCAL)
        listener = Listener.adopt(
            host.base, raw, accepted, backlog=0, on_error=lambda _, error: errors.append(error)
        )
        host.turn()
        assert [error.errno for error in errors] == [errno.EINVAL]
        listener.close()


def test_bind_without_close_on_free_leaves_the_descriptor_to_the_caller(
    host: Any, clients: Any, accepted: Any
) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted)
    fd = listener.fileno()
    listener.close()
    with socket.socket(fileno=fd) as kept:
        clients.connect(kept.getsockname())


# Flags


@pytest.mark.parametrize(
    "flags", [ListenerFlag(0), ListenerFlag.LEAVE_SOCKETS_BLOCKING, ListenerFlag.CLOSE_ON_EXEC]
)
def test_blocking_and_inheritance(host: Any, clients: Any, accepted: Any, flags: ListenerFlag) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE | flags)
    clients.connect(listener.address)
    host.turn()
    (sock,) = accepted.sockets
    assert os.get_blocking(sock.fileno()) == bool(flags & ListenerFlag.LEAVE_SOCKETS_BLOCKING)
    assert not os.get_blocking(listener.fileno())
    assert not os.get_inheritable(sock.fileno())
    assert not os.get_inheritable(listener.fileno())
    listener.close()


def test_no_keep_alive_is_forced(host: Any, clients: Any, accepted: Any) -> None:
    # Departs from libevent (L12).
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    clients.connect(listener.address)
    host.turn()
    assert not accepted.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    listener.close()


@pytest.mark.parametrize("is_inheritable", [False, True])
def test_close_on_exec_leaves_an_adopted_descriptor_as_it_is(
    host: Any, clients: Any, accepted: Any, is_inheritable: bool
) -> None:
    with socket.create_server(LOCAL) as raw:
        raw.set_inheritable(is_inheritable)
        listener = Listener.adopt(host.base, raw, accepted, flags=ListenerFlag.CLOSE_ON_EXEC, backlog=0)
        clients.connect(listener.address)
        host.turn()
        assert raw.get_inheritable() is is_inheritable
        assert not accepted.sockets[0].get_inheritable()
        listener.close()


def test_accepted_address_is_the_clients(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    (client,) = clients.connect(listener.address)
    host.turn()
    assert accepted.addresses == [client.getsockname()]
    listener.close()


def test_deferred_accept_waits_for_data(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE | ListenerFlag.DEFERRED_ACCEPT)
    (client,) = clients.connect(listener.address)
    turns(host, 2)
    assert len(accepted) == 0
    client.send(b"x")
    host.run_until(lambda: len(accepted) == 1)
    assert accepted.sockets[0].recv(10) == b"x"
    listener.close()


@pytest.mark.slow
def test_deferred_accept_delivers_a_silent_client_after_a_second(
    fake: Any, clients: Any, accepted: Any
) -> None:
    listener = Listener.bind(fake.base, LOCAL, accepted, flags=FREE | ListenerFlag.DEFERRED_ACCEPT)
    clients.connect(listener.address)
    fake.run_until(lambda: len(accepted) == 1)
    listener.close()


def test_both_ipv6_flags_are_refused_by_adopt_too(host: Any, accepted: Any) -> None:
    with socket.socket() as raw, pytest.raises(ValueError, match="exclude"):
        Listener.adopt(
            host.base, raw, accepted, flags=ListenerFlag.BIND_IPV6ONLY | ListenerFlag.BIND_IPV4_AND_IPV6
        )


# Callback set and unset, enable and disable


def test_without_callback_connections_wait(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, None, flags=FREE)
    clients.connect(listener.address, 3)
    turns(host, 2)
    listener.set_callback(accepted)
    host.turn()
    assert len(accepted) == 3
    listener.close()


def test_losing_the_callback_holds_connections(host: Any, clients: Any, accepted: Any) -> None:
    # Departs from libevent, which would accept and close them (L32).
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    listener.set_callback(None)
    (client,) = clients.connect(listener.address)
    turns(host, 3)
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1)
    listener.set_callback(accepted)
    host.turn()
    assert len(accepted) == 1
    listener.close()


def test_enable_without_callback_does_not_poll(fake: Any, accepted: Any) -> None:
    listener = Listener.bind(fake.base, LOCAL, None, flags=FREE | ListenerFlag.DISABLED)
    listener.enable()
    assert listener.is_enabled
    assert fake.base.num_watches == 0
    listener.set_callback(accepted)
    assert fake.base.num_watches == 1
    listener.close()


def test_callback_is_read_again_for_every_connection(
    host: Any, clients: Any, accepted: Any, accepting: Any
) -> None:
    first = accepting(lambda listener: listener.set_callback(accepted))
    listener = Listener.bind(host.base, LOCAL, first, flags=FREE)
    clients.connect(listener.address, 3)
    host.turn()
    assert (len(first), len(accepted)) == (1, 2)
    listener.close()


def test_callback_that_removes_itself_leaves_the_rest_queued(
    host: Any, clients: Any, accepted: Any, accepting: Any
) -> None:
    first = accepting(lambda listener: listener.set_callback(None))
    listener = Listener.bind(host.base, LOCAL, first, flags=FREE)
    clients.connect(listener.address, 3)
    turns(host, 2)
    assert len(first) == 1
    listener.set_callback(accepted)
    host.turn()
    assert len(accepted) == 2
    listener.close()


def test_enable_and_disable_are_idempotent(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    listener.disable()
    listener.disable()
    clients.connect(listener.address)
    host.turn()
    assert len(accepted) == 0
    listener.enable()
    listener.enable()
    host.turn()
    assert len(accepted) == 1
    listener.close()


def test_disabling_in_the_callback_stops_at_once(host: Any, clients: Any, accepting: Any) -> None:
    accepted = accepting(lambda listener: listener.disable())
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    clients.connect(listener.address, 3)
    turns(host, 2)
    assert len(accepted) == 1
    listener.enable()
    host.turn()
    assert len(accepted) == 2
    listener.close()


def test_disable_then_enable_in_the_callback_goes_on(host: Any, clients: Any, accepting: Any) -> None:
    accepted = accepting(lambda listener: (listener.disable(), listener.enable()))
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    clients.connect(listener.address, 3)
    host.turn()
    assert len(accepted) == 3
    listener.close()


def test_created_disabled(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE | ListenerFlag.DISABLED)
    clients.connect(listener.address)
    host.turn()
    assert len(accepted) == 0
    listener.enable()
    host.turn()
    assert len(accepted) == 1
    listener.close()


@pytest.mark.parametrize("extra", [ListenerFlag(0), ListenerFlag.THREADSAFE])
@pytest.mark.parametrize("end", ["close", "disable"])
def test_ending_another_listener_of_the_same_batch_silences_it(
    host: Any, clients: Any, accepting: Any, end: str, extra: ListenerFlag
) -> None:
    listeners: list[Listener] = []

    def end_the_other(listener: Listener) -> None:
        for other in listeners:
            if other is not listener:
                getattr(other, end)()

    accepted = accepting(end_the_other)
    listeners += [Listener.bind(host.base, LOCAL, accepted, flags=FREE | extra) for _ in range(2)]
    for listener in listeners:
        clients.connect(listener.address)
    turns(host, 3)
    assert len(accepted) == 1
    for listener in listeners:
        listener.close()


def test_the_number_of_a_listener_ended_in_the_batch_may_be_anothers_at_once(
    host: Any, clients: Any, accepted: Any, accepting: Any
) -> None:
    listeners: list[Listener] = []
    numbers: list[int] = []

    def replace_the_other(listener: Listener) -> None:
        other = listeners[listeners.index(listener) - 1]
        numbers.append(other.fileno())
        other.close()
        listeners.append(Listener.bind(host.base, LOCAL, accepted, flags=FREE))

    first = accepting(replace_the_other)
    listeners += [Listener.bind(host.base, LOCAL, first, flags=FREE) for _ in range(2)]
    for listener in tuple(listeners):
        clients.connect(listener.address)
    turns(host, 3)
    assert len(first) == 1
    assert listeners[2].fileno() == numbers[0]
    assert len(accepted) == 0  # what the kernel said of the old one is not told to the new one
    clients.connect(listeners[2].address)
    host.turn()
    assert len(accepted) == 1
    assert not host.errors
    for listener in listeners:
        listener.close()


# The accept loop and its errors


def test_one_event_drains_the_queue(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE, accept_limit=None)
    clients.connect(listener.address, 20)
    host.turn()
    assert len(accepted) == 20
    listener.close()


def test_accept_limit_bounds_one_event_and_nothing_is_lost(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE, accept_limit=4)
    clients.connect(listener.address, 10)
    seen = []
    for _ in range(3):
        host.turn()
        seen.append(len(accepted))
    assert seen == [4, 8, 10]
    listener.close()


def test_default_limit_is_256(fake: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(fake.base, LOCAL, accepted, flags=FREE, backlog=300)
    if int(Path("/proc/sys/net/core/somaxconn").read_text()) < 300 or not _has_descriptors(700):
        pytest.skip("the system does not queue 257 connections")
    clients.connect(listener.address, 257)
    fake.turn()
    assert len(accepted) == 256
    fake.turn()
    assert len(accepted) == 257
    listener.close()


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EINTR, errno.ECONNABORTED])
def test_retriable_errors_are_silent(
    host: Any, clients: Any, accepted: Any, failing: Any, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[OSError] = []
    listener = Listener.adopt(host.base, failing, accepted, on_error=lambda _, error: errors.append(error))
    clients.connect(listener.address, 2)
    failing.failures = [code]
    host.turn()
    assert len(accepted) == 0  # the drain ended
    host.turn()
    assert len(accepted) == 2  # level triggering brought it back
    assert not errors
    assert not caplog.records
    listener.close()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EINVAL])
def test_an_error_is_told_once_and_the_listener_pauses(
    fake: Any, clients: Any, accepted: Any, failing: Any, code: int
) -> None:
    errors: list[OSError] = []
    listener = Listener.adopt(fake.base, failing, accepted, on_error=lambda _, error: errors.append(error))
    clients.connect(listener.address)
    failing.failures = [code] * 6
    pauses = []
    for _ in range(6):
        turns(fake, 2)
        assert listener.is_pausing
        assert listener.is_enabled
        assert fake.base.num_watches == 0  # nothing spins
        start = fake.base.time()
        while listener.is_pausing:
            fake.base.advance(0.0125)
            if len(errors) == len(pauses) + 1:
                fake.turn()
            if not listener.is_pausing:
                break
        pauses.append(fake.base.time() - start)
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0], abs=0.03)
    assert [error.errno for error in errors] == [code] * 6
    fake.turn()
    assert len(accepted) == 1  # the same client: nothing was shed
    # A success starts over.
    failing.failures = [code]
    clients.connect(listener.address)
    fake.turn()
    assert listener.is_pausing
    fake.base.advance(0.1)
    turns(fake, 2)
    assert len(accepted) == 2
    listener.close()


def test_descriptor_limit_keeps_the_client_waiting(host: Any, clients: Any, accepted: Any) -> None:
    errors: list[OSError] = []
    listener = Listener.bind(
        host.base, LOCAL, accepted, flags=FREE, on_error=lambda _, error: errors.append(error)
    )
    (client,) = clients.connect(listener.address)
    listener.disable()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fill: list[int] = []

    def release() -> None:
        while fill:
            os.close(fill.pop())
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def exhaust() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
        with contextlib.suppress(OSError):
            while True:
                fill.append(os.dup(client.fileno()))
        listener.enable()
        host.base.call_later(0.05, release)

    host.base.call_soon(exhaust)
    try:
        host.run_until(lambda: len(accepted) == 1)
    finally:
        release()
    # Many rounds passed while nothing could be accepted: told once, nothing shed, then the same client.
    assert [error.errno for error in errors] == [errno.EMFILE]
    assert accepted.addresses == [client.getsockname()]
    listener.close()


def test_error_callback_that_disables_decides_itself(
    fake: Any, clients: Any, accepted: Any, failing: Any
) -> None:
    listener = Listener.adopt(fake.base, failing, accepted, on_error=lambda listener, _: listener.disable())
    clients.connect(listener.address)
    failing.failures = [errno.EMFILE]
    turns(fake, 2)
    assert not listener.is_enabled
    assert not listener.is_pausing
    assert fake.base.num_timers == 0
    listener.enable()
    fake.turn()
    assert len(accepted) == 1
    listener.close()


@pytest.mark.parametrize("extra", [ListenerFlag(0), ListenerFlag.THREADSAFE])
def test_error_callback_that_closes_is_safe(
    host: Any, clients: Any, accepted: Any, failing: Any, extra: ListenerFlag
) -> None:
    errors: list[OSError] = []

    def end(listener: Listener, error: OSError) -> None:
        errors.append(error)
        listener.close()

    listener = Listener.adopt(host.base, failing, accepted, flags=FREE | extra, on_error=end)
    clients.connect(listener.address)
    failing.failures = [errno.EMFILE] * 3
    turns(host, 3)
    assert len(errors) == 1
    assert len(accepted) == 0
    assert listener.fileno() == -1
    assert failing.fileno() == -1
    assert not host.errors


def test_error_callback_that_raises_still_pauses(
    fake: Any, clients: Any, accepted: Any, failing: Any
) -> None:
    def raising(_listener: Listener, _error: OSError) -> None:
        raise LookupError("told")

    listener = Listener.adopt(fake.base, failing, accepted, on_error=raising)
    clients.connect(listener.address)
    failing.failures = [errno.EMFILE]
    turns(fake, 2)
    assert [str(error) for error in fake.errors] == ["told"]
    assert listener.is_pausing
    listener.set_error_callback(None)
    listener.close()
    assert fake.base.num_timers == 0


def test_without_error_callback_it_is_logged(
    fake: Any, clients: Any, accepted: Any, failing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener.adopt(fake.base, failing, accepted, flags=ListenerFlag.THREADSAFE)
    clients.connect(listener.address)
    failing.failures = [errno.EMFILE]
    with caplog.at_level(logging.WARNING):
        turns(fake, 3)
    (record,) = caplog.records
    assert "Too many open files" in record.message
    assert repr(listener) in record.message
    other = threading.Thread(target=listener.disable)
    other.start()
    other.join(5)
    assert not other.is_alive()  # no lock was left held
    listener.close()


def test_disable_ends_a_pause(fake: Any, clients: Any, accepted: Any, failing: Any) -> None:
    errors: list[OSError] = []
    listener = Listener.adopt(fake.base, failing, accepted, on_error=lambda _, error: errors.append(error))
    clients.connect(listener.address)
    failing.failures = [errno.EMFILE]
    fake.turn()
    listener.disable()
    assert fake.base.num_timers == 0
    listener.enable()
    fake.turn()
    assert len(accepted) == 1
    listener.close()


@pytest.mark.parametrize("flags", [ListenerFlag(0), ListenerFlag.THREADSAFE])
def test_connected_socket_in_place_of_a_listening_one(host: Any, accepted: Any, flags: ListenerFlag) -> None:
    errors: list[OSError] = []

    def disable(listener: Listener, error: OSError) -> None:
        errors.append(error)
        listener.disable()

    with socket.create_server(LOCAL) as server, socket.create_connection(server.getsockname()) as client:
        other, _ = server.accept()
        other.send(b"unread")
        with other:
            listener = Listener.adopt(host.base, client, accepted, flags=flags, backlog=0, on_error=disable)
            host.run_until(lambda: bool(errors))
            turns(host, 2)
            assert [error.errno for error in errors] == [errno.EINVAL]
            listener.close()


def test_listening_socket_shut_down(host: Any, accepted: Any) -> None:
    errors: list[OSError] = []
    listener = Listener.bind(
        host.base, LOCAL, accepted, flags=FREE, on_error=lambda _, error: errors.append(error)
    )
    with socket.socket(fileno=os.dup(listener.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
    host.run_until(lambda: bool(errors))
    assert errors[0].errno == errno.EINVAL
    listener.close()


def test_client_that_reset_before_accept_is_delivered(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    (client,) = clients.connect(listener.address)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    host.turn()
    with pytest.raises(ConnectionResetError):
        accepted.sockets[0].recv(1)
    listener.close()


def test_connection_without_an_address_is_closed_and_the_drain_goes_on(
    host: Any, clients: Any, accepted: Any, failing: Any
) -> None:
    listener = Listener.adopt(host.base, failing, accepted)
    first, _second = clients.connect(listener.address, 2)
    failing.failures = [None]
    host.turn()
    assert len(accepted) == 1
    assert first.recv(1) == b""
    listener.close()


# Lifetime


@pytest.mark.parametrize("extra", [ListenerFlag(0), ListenerFlag.THREADSAFE])
def test_closing_in_the_callback(host: Any, clients: Any, accepting: Any, extra: ListenerFlag) -> None:
    accepted = accepting(lambda listener: listener.close())
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE | extra)
    fd = listener.fileno()
    first, second = clients.connect(listener.address, 2)
    turns(host, 2)
    assert len(accepted) == 1
    assert not is_open(fd)
    with pytest.raises(ConnectionResetError):
        second.recv(1)
    accepted.sockets[0].send(b"x")  # what the callback got is its own
    assert first.recv(1) == b"x"


def test_callback_that_raises_is_reported_and_accepting_goes_on(
    host: Any, clients: Any, accepting: Any
) -> None:
    def raising(_listener: Listener) -> None:
        raise LookupError("mine")

    accepted = accepting(raising)
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    first, _ = clients.connect(listener.address, 2)
    turns(host, 3)
    assert len(accepted) == 2
    assert [str(error) for error in host.errors] == ["mine", "mine"]
    accepted.sockets[0].send(b"x")  # never closed by the listener
    assert first.recv(1) == b"x"
    listener.close()


def test_close_is_final_and_repeatable(host: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    address = listener.address
    listener.close()
    listener.close()
    listener.disable()
    listener.set_callback(None)
    listener.set_error_callback(None)
    assert listener.fileno() == -1
    assert listener.address == address
    for use in (
        listener.enable,
        lambda: listener.set_callback(accepted),
        lambda: listener.set_error_callback(print),
    ):
        with pytest.raises(TransportClosed, match="the listener is closed"):
            use()
    host.turn()
    assert not host.errors


@pytest.mark.parametrize("flags", [ListenerFlag(0), ListenerFlag.DISABLED, ListenerFlag.THREADSAFE])
def test_base_closed_before_the_listener(kind: str, flags: ListenerFlag, no_fd_survives: None) -> None:
    host = make_host(kind)
    listener = Listener.bind(host.base, LOCAL, print, flags=FREE | flags)
    fd = listener.fileno()
    host.close()
    assert is_open(fd)
    listener.disable()
    listener.close()
    assert not is_open(fd)


def test_base_closed_by_a_thread_that_lives_on(no_fd_survives: None) -> None:
    ready, finish = threading.Event(), threading.Event()
    made: list[Listener] = []

    def loop() -> None:
        reactor = Reactor()
        made.append(Listener.bind(reactor, LOCAL, print, flags=FREE | ListenerFlag.THREADSAFE))
        reactor.call_soon(reactor.stop)
        reactor.run()
        reactor.close()
        ready.set()
        finish.wait(5)

    thread = threading.Thread(target=loop)
    thread.start()
    assert ready.wait(5)
    (listener,) = made
    fd = listener.fileno()
    listener.disable()
    with pytest.raises(ReactorError, match="closed"):
        listener.enable()
    assert not listener.is_enabled
    listener.close()
    assert not is_open(fd)
    finish.set()
    thread.join(5)


@pytest.mark.parametrize("as_fd", [False, True])
def test_a_listener_dropped_without_close_never_closes_what_it_adopted(
    as_fd: bool, no_fd_survives: None
) -> None:
    host = make_host("reactor")
    with socket.create_server(LOCAL) as raw:
        Listener.adopt(host.base, raw.fileno() if as_fd else raw, print, backlog=0)
        host.close()
        gc.collect()
        assert is_open(raw.fileno())


def test_a_loop_that_refuses_leaves_the_listener_disabled(fake: Any, accepted: Any, clients: Any) -> None:
    listener = Listener.bind(fake.base, LOCAL, accepted, flags=FREE | ListenerFlag.DISABLED)
    watch, fake.base.watch = fake.base.watch, lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        listener.enable()
    assert not listener.is_enabled
    assert fake.base.num_watches == 0
    fake.base.watch = watch
    listener.enable()
    clients.connect(listener.address)
    fake.turn()
    assert len(accepted) == 1
    listener.close()


def test_watch_that_fails_to_close_does_not_keep_the_descriptor(fake: Any, accepted: Any) -> None:
    listener = Listener.bind(fake.base, LOCAL, accepted, flags=FREE)
    fd = listener.fileno()
    watch = listener._watch
    assert watch is not None
    real_close = watch.close

    def failing_close() -> None:
        real_close()
        raise LookupError("loop is gone")

    watch.close = failing_close  # type: ignore[method-assign]
    with pytest.raises(LookupError):
        listener.close()
    assert not is_open(fd)


def test_nothing_keeps_a_closed_listener_alive(host: Any, clients: Any, accepted: Any) -> None:
    import weakref

    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
    clients.connect(listener.address)
    host.turn()
    listener.close()
    gone = weakref.ref(listener)
    del listener
    turns(host, 2)
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (("127.0.0.1", 0), "127.0.0.1:"),
        (("::1", 0), "[::1]:"),
    ],
)
def test_repr(host: Any, accepted: Any, address: Any, text: str) -> None:
    listener = Listener.bind(host.base, address, accepted, flags=FREE)
    port = listener.address[1]
    assert repr(listener) == f"<Listener {text}{port} enabled>"
    listener.disable()
    assert repr(listener) == f"<Listener {text}{port} disabled>"
    listener.close()
    assert repr(listener) == f"<Listener {text}{port} closed>"


def test_repr_of_a_unix_listener(host: Any, accepted: Any, tmp_path: Path) -> None:
    listener = Listener.bind(host.base, tmp_path / "s", accepted, flags=FREE)
    assert repr(listener) == f"<Listener unix:{str(tmp_path / 's')!r} enabled>"
    listener.close()


def test_keeps_the_loop_alive_exactly_while_it_watches(kind: str, host: Any, accepted: Any) -> None:
    if kind == "fake":
        listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
        assert host.base.num_watches == 1
        listener.disable()
        assert host.base.num_watches == 0
        listener.close()
    elif kind == "reactor":
        for flags, callback in [(ListenerFlag.DISABLED, accepted), (ListenerFlag(0), None)]:
            listener = Listener.bind(host.base, LOCAL, callback, flags=FREE | flags)
            assert host.base.run()  # "nothing registered", at once
            listener.close()
        listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
        host.base.call_later(0, listener.close)
        assert host.base.run()
    else:
        listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE)
        host.turn()
        assert listener.fileno() in host.base.fdset()[0]
        listener.disable()
        host.turn()
        assert listener.fileno() not in host.base.fdset()[0]
        listener.close()


# Threads


def test_threadsafe_callback_may_call_every_method(host: Any, clients: Any, accepting: Any) -> None:
    def everything(listener: Listener) -> None:
        listener.disable()
        listener.enable()
        listener.set_callback(accepted)
        listener.set_error_callback(None)
        assert listener.fileno() >= 0
        listener.close()

    accepted = accepting(everything)
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE | ListenerFlag.THREADSAFE)
    clients.connect(listener.address)
    turns(host, 2)
    assert len(accepted) == 1
    assert not host.errors


@pytest.mark.parametrize("where", ["callback", "error callback"])
def test_disabling_from_another_thread_waits_for_the_callback(
    host: Any, clients: Any, accepting: Any, failing: Any, where: str
) -> None:
    running, finish = threading.Event(), threading.Event()
    log: list[str] = []

    def callback(*_args: Any) -> None:
        running.set()
        finish.wait(0.05)  # the other thread must still be waiting when this ends
        log.append("callback over")

    accepted = accepting(callback if where == "callback" else None)
    listener = Listener.adopt(host.base, failing, accepted, flags=ListenerFlag.THREADSAFE, on_error=callback)
    host.turn()

    def disable() -> None:
        running.wait(5)
        listener.disable()
        log.append("disabled")
        finish.set()

    other = threading.Thread(target=disable)
    other.start()
    clients.connect(listener.address, 1)
    if where == "error callback":
        failing.failures = [errno.EMFILE] * 5
    turns(host, 2)
    other.join(5)
    turns(host, 3)
    assert log == ["callback over", "disabled"]
    listener.close()


def test_enabling_from_another_thread_wakes_the_loop(host: Any, clients: Any, accepted: Any) -> None:
    listener = Listener.bind(
        host.base, LOCAL, accepted, flags=FREE | ListenerFlag.THREADSAFE | ListenerFlag.DISABLED
    )
    clients.connect(listener.address)
    host.turn()
    other = threading.Thread(target=listener.enable)
    other.start()
    other.join(5)
    host.run_until(lambda: len(accepted) == 1)
    listener.close()


def test_closing_from_another_thread_lets_go_in_the_next_pass(host: Any, accepted: Any) -> None:
    listener = Listener.bind(host.base, LOCAL, accepted, flags=FREE | ListenerFlag.THREADSAFE)
    fd = listener.fileno()
    host.turn()
    other = threading.Thread(target=listener.close)
    other.start()
    other.join(5)
    assert listener.fileno() == -1
    host.run_until(lambda: not is_open(fd))


def test_closing_after_the_loops_thread_has_ended_needs_no_pass(fake: Any, accepted: Any) -> None:
    listener = Listener.bind(fake.base, LOCAL, accepted, flags=FREE | ListenerFlag.THREADSAFE)
    fd = listener.fileno()
    loop = threading.Thread(target=fake.turn)
    loop.start()
    loop.join(5)
    listener.close()
    assert not is_open(fd)


def test_reactor_on_a_thread_of_its_own(no_fd_survives: None, clients: Any, accepted: Any) -> None:
    reactor = Reactor()
    listener = Listener.bind(
        reactor, LOCAL, accepted, flags=FREE | ListenerFlag.THREADSAFE | ListenerFlag.DISABLED
    )
    fd = listener.fileno()
    started = threading.Event()
    keep = reactor.call_later(60, print)
    reactor.call_soon(started.set)
    loop = threading.Thread(target=reactor.run)
    loop.start()
    assert started.wait(5)
    (client,) = clients.connect(listener.address)
    listener.set_callback(lambda _, sock, address: (accepted(listener, sock, address), sock.send(b"x")))
    listener.enable()
    assert client.recv(1) == b"x"
    listener.close()
    reactor.call_soon_threadsafe(keep.cancel)
    loop.join(5)  # nothing is left to wait for
    assert not loop.is_alive()
    assert not is_open(fd)
    reactor.close()


def test_no_callback_runs_between_disable_and_enable_of_another_thread() -> None:
    reactor = Reactor()
    seen: list[bool] = []
    begun, over = threading.Semaphore(0), threading.Semaphore(0)
    may_run = [True]

    def on_accept(_listener: Listener, sock: socket.socket, _address: Any) -> None:
        with sock:
            begun.release()
            for _ in range(20):
                sock.send(b"x")  # lets the other thread run
            seen.append(may_run[0])
        over.release()

    listener = Listener.bind(reactor, LOCAL, on_accept, flags=FREE | ListenerFlag.THREADSAFE)
    loop = threading.Thread(target=reactor.run, args=(RunMode.NO_EXIT_ON_EMPTY,))
    loop.start()
    for _ in range(100):
        with socket.create_connection(listener.address), socket.create_connection(listener.address):
            assert begun.acquire(timeout=5)
            listener.disable()  # while the first callback runs, or the second, or between them
            may_run[0] = False
            passed = threading.Event()
            reactor.call_soon_threadsafe(passed.set)
            assert passed.wait(5)
            may_run[0] = True
            listener.enable()
            assert begun.acquire(timeout=5)
            assert over.acquire(timeout=5)
            assert over.acquire(timeout=5)
    listener.close()
    reactor.stop()
    loop.join(5)
    assert not loop.is_alive()
    reactor.close()
    assert seen == [True] * 200


def _has_descriptors(count: int) -> bool:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= count
