"""One UDP socket, several users; on every loop."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.listener import DatagramMux, ListenerFlag, datagram_mux
from evtorrent.listener.datagram_mux import RECEIVE_LIMIT
from evtorrent.protocols.errors import TransportBroken, TransportBusy, TransportClosed
from evtorrent.protocols.transport.trains import TrainSocket
from evtorrent.protocols.utp import Train

LOCAL = ("127.0.0.1", 0)


class Inbox:
    def __init__(self) -> None:
        self.got: list[tuple[bytes, Any]] = []

    def __call__(self, data: memoryview, address: Any, now: float) -> None:
        self.got.append((bytes(data), address))

    @property
    def datagrams(self) -> list[bytes]:
        return [data for data, _ in self.got]


class FailingSocket(socket.socket):
    """Raises what `failures` holds (errno values) before it behaves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failures: list[int] = []
        self.send_failures: list[int] = []

    def recvfrom_into(self, *args: Any) -> Any:
        if self.failures:
            code = self.failures.pop(0)
            raise OSError(code, os.strerror(code))
        return super().recvfrom_into(*args)

    def sendto(self, *args: Any) -> Any:
        if self.send_failures:
            code = self.send_failures.pop(0)
            raise OSError(code, os.strerror(code))
        return super().sendto(*args)


@pytest.fixture
def mux(host: Any) -> Iterator[DatagramMux]:
    mux = DatagramMux.bind(host.base, LOCAL)
    yield mux
    mux.close()


@pytest.fixture
def peer(no_fd_survives: None) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(LOCAL)
        sock.settimeout(5)
        yield sock


@pytest.fixture
def failing(no_fd_survives: None) -> FailingSocket:
    sock = FailingSocket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(LOCAL)
    return sock


def test_first_byte_then_predicate_then_nobody(host: Any, mux: DatagramMux, peer: socket.socket) -> None:
    dht, utp, late, last = Inbox(), Inbox(), Inbox(), Inbox()
    mux.route_first_bytes(b"d", dht)
    mux.route_first_bytes([0x01, 0x11, 0x21, 0x31, 0x41], utp)
    mux.route_matching(lambda data, address: len(data) == 3, late)
    mux.route_matching(lambda data, address: len(data) in (0, 3), last)
    for data in [b"d1:ae", b"\x21xx", b"abc", b"", b"none"]:
        peer.sendto(data, mux.address)
    host.run_until(lambda: mux.num_unrouted == 1)
    assert dht.got == [(b"d1:ae", peer.getsockname())]
    assert utp.datagrams == [b"\x21xx"]
    assert late.datagrams == [b"abc"]
    assert last.datagrams == [b""]


def test_a_first_byte_has_one_owner_until_it_is_closed(
    host: Any, mux: DatagramMux, peer: socket.socket
) -> None:
    first, second = Inbox(), Inbox()
    route = mux.route_first_bytes(b"de", first)
    with pytest.raises(TransportBusy, match="0x65"):
        mux.route_first_bytes(b"fe", second)
    mux.route_first_bytes(b"f", second)  # the refused call took nothing
    route.close()
    route.close()
    mux.route_first_bytes(b"d", second)
    route.close()  # does not take what is another's now
    peer.sendto(b"d", mux.address)
    host.run_until(lambda: second.datagrams == [b"d"])
    assert not first.got


def test_closed_predicate_is_not_asked(host: Any, mux: DatagramMux, peer: socket.socket) -> None:
    inbox = Inbox()
    mux.route_matching(lambda data, address: True, inbox).close()
    peer.sendto(b"x", mux.address)
    host.run_until(lambda: mux.num_unrouted == 1)
    assert not inbox.got


def test_sending(host: Any, mux: DatagramMux, peer: socket.socket) -> None:
    route = mux.route_first_bytes(b"d", Inbox())
    assert mux.send(b"one", peer.getsockname())
    assert route.send(memoryview(b"two"), peer.getsockname())
    assert [peer.recvfrom(10) for _ in range(2)] == [(b"one", mux.address), (b"two", mux.address)]
    assert mux.num_wakeups == 0
    peer.sendto(b"three", mux.address)
    host.run_until(lambda: mux.num_wakeups == 1)


def test_a_datagram_too_long_is_broken(host: Any, mux: DatagramMux, peer: socket.socket) -> None:
    with pytest.raises(TransportBroken, match="send: Message too long"):
        mux.send(bytes(70_000), peer.getsockname())


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOBUFS])
def test_full_buffer_gives_the_datagram_back(
    host: Any, failing: FailingSocket, peer: socket.socket, code: int
) -> None:
    mux = DatagramMux(host.base, failing)
    failing.send_failures = [code]
    assert not mux.send(b"x", peer.getsockname())
    assert mux.num_unsent == 1
    calls: list[bool] = []
    mux.call_when_writable(lambda: calls.append(mux.send(b"x", peer.getsockname())))
    host.run_until(lambda: bool(calls))
    host.turn()
    assert calls == [True]
    mux.close()


def test_writer_that_closes_silences_the_next(host: Any, mux: DatagramMux) -> None:
    calls: list[int] = []
    mux.call_when_writable(lambda: (calls.append(1), mux.close()))
    mux.call_when_writable(lambda: calls.append(2))
    host.run_until(lambda: bool(calls))
    host.turn()
    assert calls == [1]


def test_one_event_takes_a_bounded_number(fake: Any) -> None:
    left = [0]

    class Endless(socket.socket):
        def recvfrom_into(self, *args: Any) -> Any:
            left[0] += 1
            return 0, LOCAL

    sock = Endless(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(LOCAL)
    mux = DatagramMux(fake.base, sock)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"x", mux.address)
    fake.turn()
    assert left == [RECEIVE_LIMIT]
    fake.turn()
    assert left == [2 * RECEIVE_LIMIT]
    mux.close()


def test_what_icmp_leaves_on_the_socket_means_nothing(
    host: Any, failing: FailingSocket, peer: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox()
    mux = DatagramMux(host.base, failing)
    mux.route_first_bytes(b"x", inbox)
    failing.failures = [errno.ECONNREFUSED, errno.EHOSTUNREACH]
    peer.sendto(b"x", mux.address)
    host.run_until(lambda: bool(inbox.got))
    assert not caplog.records
    mux.close()


def test_an_error_of_the_socket_is_told_and_it_pauses(
    fake: Any, failing: FailingSocket, peer: socket.socket
) -> None:
    inbox, errors = Inbox(), []
    mux = DatagramMux(fake.base, failing, on_error=lambda _, error: errors.append(error.errno))
    mux.route_first_bytes(b"x", inbox)
    failing.failures = [errno.ENOMEM, errno.ENOMEM]
    peer.sendto(b"x", mux.address)
    for _ in range(3):
        fake.turn()
    assert errors == [errno.ENOMEM]
    fake.base.advance(0.1)
    for _ in range(3):
        fake.turn()
    assert errors == [errno.ENOMEM] * 2
    fake.base.advance(0.15)
    fake.turn()
    assert not inbox.got  # the second pause is longer
    fake.base.advance(0.06)
    fake.turn()
    fake.turn()
    assert inbox.datagrams == [b"x"]
    mux.close()


def test_without_error_callback_it_is_logged_and_close_ends_the_pause(
    fake: Any, failing: FailingSocket, peer: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    mux = DatagramMux(fake.base, failing)
    failing.failures = [errno.ENOMEM]
    peer.sendto(b"x", mux.address)
    with caplog.at_level(logging.WARNING):
        fake.turn()
    assert "Cannot allocate memory" in caplog.records[0].message
    mux.close()
    assert fake.base.num_timers == 0


def test_error_callback_that_closes(fake: Any, failing: FailingSocket, peer: socket.socket) -> None:
    mux = DatagramMux(fake.base, failing, on_error=lambda mux, _: mux.close())
    failing.failures = [errno.ENOMEM]
    peer.sendto(b"x", mux.address)
    fake.turn()
    assert fake.base.num_timers == 0
    assert mux.fileno() == -1


def test_closing_in_a_callback_ends_the_batch(host: Any, peer: socket.socket) -> None:
    mux = DatagramMux.bind(host.base, LOCAL, flags=ListenerFlag.REUSEABLE)
    got: list[bytes] = []

    def end(data: memoryview, address: Any, now: float) -> None:
        got.append(bytes(data))
        mux.close()

    mux.route_first_bytes(b"x", end)
    peer.sendto(b"x1", mux.address)
    peer.sendto(b"x2", mux.address)
    host.run_until(lambda: bool(got))
    host.turn()
    assert got == [b"x1"]


def test_callback_that_raises_loses_only_its_datagram(
    host: Any, mux: DatagramMux, peer: socket.socket
) -> None:
    got: list[bytes] = []

    def raising(data: memoryview, address: Any, now: float) -> None:
        got.append(bytes(data))
        raise LookupError("mine")

    mux.route_first_bytes(b"x", raising)
    peer.sendto(b"x1", mux.address)
    peer.sendto(b"x2", mux.address)
    host.run_until(lambda: len(got) == 2)
    assert [str(error) for error in host.errors] == ["mine", "mine"]


def test_after_close(host: Any, mux: DatagramMux) -> None:
    assert repr(mux) == f"<DatagramMux 127.0.0.1:{mux.address[1]} open>"
    mux.close()
    mux.close()
    assert repr(mux) == f"<DatagramMux 127.0.0.1:{mux.address[1]} closed>"
    with pytest.raises(TransportClosed):
        mux.send(b"", LOCAL)
    with pytest.raises(TransportClosed):
        mux.route_first_bytes(b"d", Inbox())
    with pytest.raises(TransportClosed):
        mux.call_when_writable(print)


def test_port_in_use_leaves_nothing_open(host: Any, mux: DatagramMux) -> None:
    with pytest.raises(OSError, match="in use"):
        DatagramMux.bind(host.base, mux.address)


# -- trains


class Rider:
    """A user of trains."""

    def __init__(self) -> None:
        self.trains: list[tuple[bytes, int]] = []
        self.idle: list[int] = []

    def on_train(self, data: memoryview, segment: int, address: Any, now: float) -> None:
        self.trains.append((bytes(data), segment))

    def on_idle(self, now: float) -> None:
        self.idle.append(len(self.trains))


def coupled(monkeypatch: pytest.MonkeyPatch, *trains: tuple[bytes, int]) -> None:
    """The kernel hands over these, as if each had come from one sender."""
    left = list(trains)

    def receive(self: TrainSocket, buffer: memoryview) -> tuple[int, int, Any]:
        if not left:
            raise BlockingIOError
        data, segment = left.pop(0)
        buffer[: len(data)] = data
        return len(data), segment, LOCAL

    monkeypatch.setattr(TrainSocket, "receive", receive)


def test_trains_are_taken_whole_and_the_end_of_an_event_is_told(
    host: Any, mux: DatagramMux, peer: socket.socket
) -> None:
    rider, other = Rider(), Inbox()
    mux.route_trains([0x01], rider.on_train, rider.on_idle)
    mux.route_first_bytes(b"d", other)
    for data in (b"\x01a", b"d1:ae", b"\x01b"):
        peer.sendto(data, mux.address)
    host.run_until(lambda: rider.idle and rider.idle[-1] == 2)
    assert b"".join(data for data, _ in rider.trains) == b"\x01a\x01b"
    assert {segment for _, segment in rider.trains} == {2}
    assert other.datagrams == [b"d1:ae"]
    with pytest.raises(TransportBusy):
        mux.route_trains([0x01], rider.on_train, rider.on_idle)


def test_who_takes_no_trains_gets_their_datagrams(
    fake: Any, peer: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    mux, rider, inbox, late = DatagramMux.bind(fake.base, LOCAL), Rider(), Inbox(), Inbox()
    mux.route_trains([0x01], rider.on_train, rider.on_idle)
    mux.route_first_bytes(b"d", inbox)
    mux.route_matching(lambda data, address: data[0] == 0x65, late)
    coupled(monkeypatch, (b"\x01abc\x01de", 4), (b"d12d3", 3), (b"e12e3", 3))
    peer.sendto(b"now", mux.address)
    fake.turn()
    assert rider.trains == [(b"\x01abc\x01de", 4)]
    assert rider.idle == [1]
    assert inbox.datagrams == [b"d12", b"d3"]
    assert late.datagrams == [b"e12", b"e3"]
    mux.close()


def test_closing_in_the_midst_of_a_train(
    fake: Any, peer: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    mux, rider, got = DatagramMux.bind(fake.base, LOCAL), Rider(), []
    mux.route_trains([0x01], rider.on_train, rider.on_idle)

    def end(data: memoryview, address: Any, now: float) -> None:
        got.append(bytes(data))
        mux.close()

    mux.route_first_bytes(b"d", end)
    coupled(monkeypatch, (b"\x01a", 2), (b"d12d34", 3))
    peer.sendto(b"now", mux.address)
    fake.turn()
    assert got == [b"d12"]
    assert rider.trains == [(b"\x01a", 2)]
    assert rider.idle == [], "nothing is called once it is closed"


def test_one_event_takes_a_bounded_number_of_bytes(
    fake: Any, peer: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    mux, rider = DatagramMux.bind(fake.base, LOCAL), Rider()
    mux.route_trains([0x01], rider.on_train, rider.on_idle)
    monkeypatch.setattr(datagram_mux, "RECEIVE_BYTES", 5)
    coupled(monkeypatch, *[(b"\x01abc", 4)] * 4)
    peer.sendto(b"now", mux.address)
    fake.turn()
    assert rider.idle == [2]
    mux.close()


def test_sending_a_train(host: Any, mux: DatagramMux, peer: socket.socket) -> None:
    assert mux.send_train(Train([b"ab", b"c", b"de", b""], 3, 2), peer.getsockname())
    assert [peer.recv(10) for _ in range(2)] == [b"abc", b"de"]


def test_a_full_buffer_gives_the_train_back(fake: Any, failing: FailingSocket, peer: socket.socket) -> None:
    mux = DatagramMux(fake.base, failing)
    failing.send_failures = [errno.EAGAIN]
    assert not mux.send_train(Train([b"abc"], 3, 1), peer.getsockname())
    assert mux.num_unsent == 1
    mux.close()
    with pytest.raises(TransportClosed):
        mux.send_train(Train([b"abc"], 3, 1), peer.getsockname())
