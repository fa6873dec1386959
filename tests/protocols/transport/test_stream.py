"""TCP over sockets by hand: what is called, in which order, and what each failure becomes."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

import pytest
from evtorrent.protocols.engine import READ, WRITE, Multi
from evtorrent.protocols.engine import constants as c
from evtorrent.protocols.errors import TransportBroken, TransportClosed
from evtorrent.protocols.transport import WOULD_BLOCK, StreamTransport, wrap_accepted
from evtorrent.protocols.transport import stream as stream_module
from evtorrent.protocols.transport.stream import MAX_SEND_BUFFERS
from support.engine_kit import FakePlatform, Host, make_engine
from support.stream_kit import Listening, ScriptedSocket


@pytest.fixture
def engine() -> tuple[Multi, FakePlatform]:
    return make_engine()


@pytest.fixture
def multi(engine: tuple[Multi, FakePlatform]) -> Multi:
    return engine[0]


@pytest.fixture
def host(multi: Multi) -> Host:
    return Host(multi)


@pytest.fixture
def sock() -> ScriptedSocket:
    sock = ScriptedSocket(7)
    sock.is_established = True
    return sock


@pytest.fixture
def user(multi: Multi, host: Host, sock: ScriptedSocket) -> Listening:
    """Listens to an accepted, connected transport."""
    user = Listening(wrap_accepted(multi, sock))
    host.timeout()
    host.take()
    return user


def test_the_numbers_are_the_systems() -> None:
    assert stream_module.AF_INET == socket.AF_INET
    assert stream_module.AF_INET6 == socket.AF_INET6
    assert stream_module._SOL_SOCKET == socket.SOL_SOCKET
    assert stream_module._SO_LINGER == socket.SO_LINGER
    assert stream_module._IPPROTO_TCP == socket.IPPROTO_TCP
    assert stream_module._TCP_NODELAY == socket.TCP_NODELAY
    assert stream_module._SHUT_WR == socket.SHUT_WR


def test_accepted_it_reads_when_it_has_a_user(multi: Multi, host: Host, sock: ScriptedSocket) -> None:
    transport = wrap_accepted(multi, sock)
    assert not transport.is_connected
    host.timeout()
    assert transport.is_connected
    assert host.take_sockets() == []  # nobody would read
    user = Listening(transport)
    host.timeout()
    assert host.take_sockets() == [("IN", 7, None)]
    assert (transport.local_address, transport.peer_address) == (("10.0.0.1", 4000), ("10.0.0.2", 80))
    assert transport.family == socket.AF_INET
    assert transport.query("socket") is sock
    assert transport.query("chain") == "tcp"
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in sock.options
    assert user.heard == []


def test_one_wake_up_is_one_call(user: Listening, multi: Multi, sock: ScriptedSocket) -> None:
    sock.incoming = [b"abc"]
    multi.socket_action(7, c.CSELECT_IN)
    assert user.received == b"abc"
    assert user.heard == ["connected", "readable"]
    assert user.read() == WOULD_BLOCK


def test_readable_and_writable_in_one_wake_up(user: Listening, multi: Multi, sock: ScriptedSocket) -> None:
    user.transport.want_write(True)
    multi.socket_action(7, c.CSELECT_IN | c.CSELECT_OUT)
    assert user.heard == ["connected", "readable", "writable"]
    user.also["readable"] = lambda: user.transport.want_write(False)
    multi.socket_action(7, c.CSELECT_IN | c.CSELECT_OUT)
    assert user.heard[3:] == ["readable"]


def test_interest_follows_what_is_wanted(user: Listening, host: Host) -> None:
    transport = user.transport
    for change, told in (
        (lambda: transport.want_write(True), "INOUT"),
        (lambda: transport.suspend_reading(1), "OUT"),
        (lambda: transport.want_write(False), "REMOVE"),
        (lambda: transport.resume_reading(1), "IN"),
    ):
        change()
        host.timeout()
        assert host.take_sockets() == [(told, 7, None)]
    transport.want_write(True)
    transport.want_write(False)
    host.timeout()
    assert host.take_sockets() == []


@pytest.mark.parametrize("call", ["recv_into", "send", "sendv", "shutdown_write"])
def test_what_a_call_runs_into_is_raised_there(
    user: Listening, host: Host, sock: ScriptedSocket, call: str
) -> None:
    reset = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    sock.incoming, sock.send_error, sock.option_error = [reset], reset, reset
    argument: list[Any] = {"recv_into": [bytearray(1)], "send": [b"x"], "sendv": [[b"x"]]}.get(call, [])
    with pytest.raises(TransportBroken, match="reset by peer") as caught:
        getattr(user.transport, call)(*argument)
    assert caught.value.cause is reset
    assert sock.is_closed
    assert user.transport.is_closed
    assert host.take_sockets() == [("REMOVE", 7, None)]
    assert user.heard == ["connected"]
    # Whoever goes on hears the same again, as an error of its own.
    with pytest.raises(TransportBroken, match="reset by peer") as again:
        user.transport.send(b"x")
    assert again.value is not caught.value


def test_the_end_is_read_once_and_not_announced_again(
    user: Listening, host: Host, sock: ScriptedSocket
) -> None:
    sock.incoming = [b"", b""]
    user.multi = None  # type: ignore[attr-defined]
    assert user.read() == 0
    host.timeout()
    assert host.take_sockets() == [("REMOVE", 7, None)]
    assert user.read() == 0
    assert not user.transport.is_closed
    assert user.transport.send(b"still") == 5


def test_would_block(user: Listening, sock: ScriptedSocket) -> None:
    sock.room = 0
    assert user.transport.send(b"x") == 0
    assert user.transport.sendv([b"x"]) == 0
    assert user.transport.recv_into(bytearray(1)) == WOULD_BLOCK


def test_sendv_is_bounded(user: Listening, sock: ScriptedSocket) -> None:
    assert user.transport.sendv([b"x"] * (MAX_SEND_BUFFERS + 5)) == MAX_SEND_BUFFERS
    assert user.transport.sendv([b"x"] * MAX_SEND_BUFFERS) == MAX_SEND_BUFFERS


def test_the_watch_goes_before_the_socket(user: Listening, host: Host, sock: ScriptedSocket) -> None:
    was_open: list[bool] = []
    host.on_socket = lambda what, fd, data: was_open.append(not sock.is_closed)
    user.transport.close()
    assert was_open == [True]
    assert sock.is_closed
    with pytest.raises(TransportClosed, match="the transport is closed"):
        user.transport.send(b"x")
    assert user.transport.local_address is None
    assert user.transport.query("socket") is None


@pytest.mark.parametrize("is_odd", [False, True])
def test_abort_resets(user: Listening, sock: ScriptedSocket, is_odd: bool) -> None:
    if is_odd:
        sock.option_error = OSError(errno.EINVAL, "not this kind")
    user.transport.abort()
    linger = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert (linger in sock.options) == (not is_odd)
    assert sock.is_closed


def test_gone_before_it_began(multi: Multi, host: Host, sock: ScriptedSocket) -> None:
    """A peer that is gone already is found by reading, a transport closed at once never speaks."""
    sock.is_established = False
    sock.option_error = OSError(errno.EINVAL, "gone")
    user = Listening(wrap_accepted(multi, sock))
    assert user.transport.peer_address is None
    user.transport.close()
    host.timeout()
    assert user.heard == []
    assert sock.is_closed


def test_other_families(multi: Multi, host: Host) -> None:
    six = ScriptedSocket(8, peer=("::2", 80, 0, 0))
    six.is_established = True
    transport = wrap_accepted(multi, six)
    host.timeout()
    assert transport.family == socket.AF_INET6
    assert transport.peer_address == ("::2", 80)


@pytest.mark.usefixtures("no_fd_survives")
def test_unix_sockets_work_too(multi: Multi, host: Host) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    user = Listening(wrap_accepted(multi, ours))
    host.timeout()
    theirs.send(b"hello")
    multi.socket_action(ours.fileno(), c.CSELECT_IN)
    assert user.received == b"hello"
    assert user.transport.family == 0
    assert user.transport.local_address is None
    user.transport.close()
    theirs.close()


class Observer:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def on_connect_succeeded(self, now: float) -> None:
        self.heard.append("connected")

    def on_connect_failed(self, error: OSError, now: float) -> None:
        self.heard.append(error)

    def on_abandoned(self) -> None:
        self.heard.append("abandoned")


def connect(multi: Multi, sock: ScriptedSocket) -> tuple[StreamTransport, Observer]:
    """A transport that connects to 10.0.0.2:80 by `sock`."""
    transport, observer = StreamTransport(multi), Observer()
    transport.connect(sock, ("10.0.0.2", 80), observer, lambda sock: sock.connect_error)  # type: ignore[attr-defined]
    return transport, observer


@pytest.mark.parametrize("code", [0, errno.EINPROGRESS, errno.EINTR])
def test_connecting_waits_for_room_to_write(multi: Multi, host: Host, code: int) -> None:
    sock = ScriptedSocket(7, connect=code)
    transport, observer = connect(multi, sock)
    Listening(transport)
    host.timeout()
    assert host.take_sockets() == [("OUT", 7, None)]
    assert (transport.peer_address, transport.is_connected, transport.is_closed) == (
        ("10.0.0.2", 80),
        False,
        False,
    )
    assert "connecting" in repr(transport)
    multi.socket_action(7, 0)  # a spurious wake-up is no connection
    assert observer.heard == []
    sock.is_established = True
    multi.socket_action(7, c.CSELECT_OUT)
    assert observer.heard == ["connected"]
    transport.opened(multi.time())
    host.timeout()
    assert host.take_sockets() == [("IN", 7, None)]  # C14: no removal in between


@pytest.mark.parametrize("code", [errno.ECONNREFUSED, errno.ENETUNREACH, -errno.EPERM, 9999])
def test_connecting_that_fails_at_once(multi: Multi, host: Host, code: int) -> None:
    sock = ScriptedSocket(7, connect=code)
    with pytest.raises(OSError):
        connect(multi, sock)
    assert sock.is_closed
    host.timeout()
    assert host.take_sockets() == []


def test_connecting_that_fails_later(multi: Multi, host: Host) -> None:
    sock = ScriptedSocket(7)
    transport, observer = connect(multi, sock)
    host.timeout()
    sock.connect_error = OSError(errno.ECONNREFUSED, "refused")
    multi.socket_action(7, c.CSELECT_ERR)
    assert observer.heard == [sock.connect_error]
    assert sock.is_closed
    assert ("REMOVE", 7, None) in host.take()
    assert not transport.is_closed  # the observer may have another address


def test_connecting_that_is_abandoned(multi: Multi, host: Host) -> None:
    sock = ScriptedSocket(7)
    transport, observer = connect(multi, sock)
    transport.abort()
    assert observer.heard == ["abandoned"]
    assert sock.is_closed
    transport.opened(multi.time())
    transport.failed(TransportBroken("connect", "too late"), multi.time())
    assert observer.heard == ["abandoned"]


def test_release_gives_the_socket_away(multi: Multi, host: Host) -> None:
    sock = ScriptedSocket(7)
    transport, _ = connect(multi, sock)
    host.timeout()
    assert transport.release() is sock
    assert not sock.is_closed
    assert transport.is_closed
    assert ("REMOVE", 7, None) in host.take()


def test_facts_of_a_socket_that_cannot_tell(multi: Multi, host: Host, sock: ScriptedSocket) -> None:
    sock.is_closed = True  # as seen by getsockname
    transport = wrap_accepted(multi, sock)
    host.timeout()
    assert transport.family == 0
    assert transport.local_address is None


def test_it_asks_for_nothing_but_what_a_base_has(sock: ScriptedSocket) -> None:
    """Any loop will do: here one that is five methods."""

    class Watch:
        mask = 0

        def modify(self, mask: int) -> None:
            self.mask = mask

        def close(self) -> None:
            self.mask = -1

    class Loop:
        watch_made = Watch()

        def watch(self, fd: int, mask: int, callback: Any) -> Watch:
            self.watch_made.mask = mask
            self.callback = callback
            return self.watch_made

        def call_soon(self, callback: Any, *args: Any) -> Any:
            self.soon = callback

        def time(self) -> float:
            return 5.0

    loop = Loop()
    user = Listening(wrap_accepted(loop, sock))  # type: ignore[arg-type]
    loop.soon()
    assert loop.watch_made.mask == READ
    user.transport.want_write(True)
    assert loop.watch_made.mask == READ | WRITE
    loop.callback(WRITE)
    assert user.heard == ["connected", "writable"]
    user.transport.close()
    assert loop.watch_made.mask == -1
