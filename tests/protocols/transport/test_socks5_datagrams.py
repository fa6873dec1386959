"""Datagrams through SOCKS 5, against a proxy that works and against ones by hand, on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.engine.ports import READ, WRITE
from evtorrent.protocols.errors import LocalProtocolError, TransportBroken, TransportClosed, TransportError
from evtorrent.protocols.proxy import wrap_datagram
from evtorrent.protocols.transport.proxy import ProxyOptions
from evtorrent.protocols.transport.socks5_datagrams import (
    MAX_RETRY_DELAY,
    MAX_TRAINS_PER_WAKEUP,
    MAX_WAITING,
    RETRY_DELAY,
    Socks5Datagrams,
)
from evtorrent.protocols.transport.trains import TrainSocket
from evtorrent.protocols.utp.connection import Train
from evtorrent.reactor.net import SystemPlatform
from support.engine_kit import FakePlatform, Host, make_engine
from support.proxies import PASSWORD, USER, LocalProxy
from support.stream_kit import ScriptedSocket
from support.trackers import run_until
from support.watched_platform import WatchedPlatform

AGREED = b"\x05\x00" + b"\x05\x00\x00\x01"
FAR = ("10.0.0.1", 99)


class Clock(WatchedPlatform):
    """The system's platform, with a clock that can be turned on."""

    def __init__(self) -> None:
        super().__init__(SystemPlatform())
        self.later = 0.0
        self.refuses_datagrams = False

    def time(self) -> float:
        now: float = self.platform.time()
        return now + self.later

    def datagram_socket(self, *arguments: Any, **options: Any) -> Any:
        if self.refuses_datagrams:
            raise OSError(24, "Too many open files")
        return super().datagram_socket(*arguments, **options)


@pytest.fixture
def platform() -> Iterator[Clock]:
    made = Clock()
    yield made
    made.platform.close()


@pytest.fixture
def multi(platform: Clock) -> Iterator[Multi]:
    engine = Multi(platform)  # type: ignore[arg-type]
    yield engine
    engine.close()


class User:
    """A user of datagrams who writes everything down."""

    def __init__(self, multi: Multi, address: tuple[str, int], **options: Any) -> None:
        self.received: list[tuple[bytes, tuple[str, int]]] = []
        self.lost: list[TransportError] = []
        self.then: Callable[[], object] | None = None
        self.num_idle = 0
        self.datagrams = Socks5Datagrams(
            multi,
            ProxyOptions("socks5", address, **options),
            self.take,
            self.lost.append,
            on_idle=self.count_idle,
        )

    def count_idle(self, now: float) -> None:
        self.num_idle += 1

    def take(self, data: bytes, source: tuple[str, int], now: float) -> None:
        self.received.append((bytes(data), source))
        if self.then is not None:
            self.then()


class Echo:
    """Answers each datagram with itself, read by hand."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(5)
        self.address: tuple[str, int] = self.sock.getsockname()

    def answer(self) -> bytes:
        data, source = self.sock.recvfrom(2000)
        self.sock.sendto(data, source)
        return data


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.sock.close()


class HandProxy:
    """A proxy played by the test."""

    def __init__(self, multi: Multi) -> None:
        self.multi = multi
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(5)
        self.relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.relay.bind(("127.0.0.1", 0))
        self.relay.settimeout(5)
        self.address = self.server.getsockname()
        self.control: socket.socket | None = None

    def accept(self) -> socket.socket:
        self.multi.perform()
        self.control = self.server.accept()[0]
        return self.control

    def agree(self, user: User, host: bytes = b"\x7f\0\0\1") -> None:
        """Take the association."""
        control = self.accept()
        control.sendall(AGREED + host + self.relay.getsockname()[1].to_bytes(2, "big"))
        run_until(self.multi, lambda: user.datagrams.is_associated)

    def close(self) -> None:
        for sock in (self.server, self.relay, self.control):
            if sock is not None:
                sock.close()


@pytest.fixture
def proxy(multi: Multi) -> Iterator[HandProxy]:
    made = HandProxy(multi)
    yield made
    made.close()


@pytest.mark.parametrize("password", ["", PASSWORD])
@pytest.mark.parametrize("relay_host", ["127.0.0.1", "0.0.0.0"])
def test_there_and_back(multi: Multi, platform: Clock, echo: Echo, password: str, relay_host: str) -> None:
    with LocalProxy(password=password, names={"echo.example": "127.0.0.1"}) as proxy:
        proxy.relay_host = relay_host
        user = User(multi, proxy.address, username=USER if password else "", password=password)
        name = ("echo.example", echo.address[1])
        assert not user.datagrams.is_associated
        for number, target in enumerate((name, echo.address, name)):
            assert user.datagrams.send(b"%d" % number, target)
        run_until(multi, lambda: user.datagrams.is_associated)
        assert [echo.answer() for _ in range(3)] == [b"0", b"1", b"2"]
        run_until(multi, lambda: len(user.received) == 3)
        assert user.datagrams.send(b"more", name)
        assert echo.answer() == b"more"
        run_until(multi, lambda: len(user.received) == 4)
        assert user.received[-1] == (b"more", echo.address)
        assert set(proxy.asked_over_udp) == {name, echo.address}
        assert len(proxy.associations) == 1
        assert not platform.names
        assert set(platform.connected) == {proxy.address}
        assert {host for host, _ in platform.sent_to} == {"127.0.0.1"}
        assert echo.address not in platform.sent_to
        user.datagrams.close()
        user.datagrams.close()
        assert not user.lost


def test_it_is_made_anew_when_it_ended(multi: Multi, platform: Clock, echo: Echo) -> None:
    with LocalProxy() as proxy:
        user = User(multi, proxy.address)
        user.datagrams.send(b"one", echo.address)
        run_until(multi, lambda: user.datagrams.is_associated)
        assert echo.answer() == b"one"  # The end of an association takes what is under way with it.
        proxy.associations[0].shutdown(socket.SHUT_RDWR)
        run_until(multi, lambda: bool(user.lost))
        assert not user.datagrams.is_associated
        with pytest.raises(TransportBroken, match="ended the association"):
            user.datagrams.send(b"two", echo.address)
        platform.later += RETRY_DELAY
        assert user.datagrams.send(b"three", echo.address)
        run_until(multi, lambda: user.datagrams.is_associated)
        assert echo.answer() == b"three"
        user.datagrams.close()


def test_the_pauses_grow_until_something_comes_back(multi: Multi, platform: Clock, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    for expected in (RETRY_DELAY, 2 * RETRY_DELAY, 4 * RETRY_DELAY):
        user.lost.clear()
        assert user.datagrams.send(b"x", FAR)
        proxy.accept().close()
        run_until(multi, lambda: bool(user.lost))
        assert user.datagrams.is_refusing
        platform.later += expected - 0.5
        assert user.datagrams.is_refusing
        platform.later += 0.5
        assert not user.datagrams.is_refusing
    for _ in range(5):
        user.datagrams._lost(TransportBroken("recv", "again"))
    platform.later += MAX_RETRY_DELAY
    assert user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    _, ours = proxy.relay.recvfrom(2000)
    proxy.relay.sendto(wrap_datagram(b"y", FAR), ours)
    run_until(multi, lambda: bool(user.received))
    user.lost.clear()
    assert proxy.control is not None
    proxy.control.close()
    run_until(multi, lambda: bool(user.lost))
    platform.later += RETRY_DELAY
    assert not user.datagrams.is_refusing
    user.datagrams.close()
    assert user.datagrams.is_refusing


def pair_train(count: int, size: int, **flags: bool) -> Train:
    """Packets of a header of 2 bytes and a payload."""
    buffers: list[Any] = []
    for number in range(count):
        buffers += [b"%02d" % number, bytes([number]) * (size - 2)]
    return Train(buffers, size, count, **flags)


def packets_of(train: Train) -> list[bytes]:
    buffers = train.buffers
    return [b"".join(buffers[index : index + 2]) for index in range(0, len(buffers), 2)]


@pytest.mark.parametrize("target", [("127.0.0.1", 0), ("::1", 0)])
@pytest.mark.parametrize("flags", [{}, {"is_probe": True}, {"may_fragment": True}])
def test_trains_are_wrapped_packet_by_packet(
    multi: Multi, proxy: HandProxy, target: tuple[str, int], flags: dict[str, bool]
) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    proxy.relay.recvfrom(2000)
    train = pair_train(1 if flags else 5, 700, **flags)
    assert user.datagrams.send_train(train, target)
    head = wrap_datagram(b"", target)
    for packet in packets_of(train):
        assert proxy.relay.recvfrom(2000)[0] == head + packet
    assert user.datagrams.send_train(Train([b"alone"], 5, 1), target)
    assert proxy.relay.recvfrom(2000)[0] == head + b"alone"
    user.datagrams.close()


def test_trains_wait_for_the_association_and_no_longer_than_there_is_room(
    multi: Multi, proxy: HandProxy
) -> None:
    user = User(multi, proxy.address)
    train = pair_train(MAX_WAITING + 3, 20)
    assert user.datagrams.send_train(train, FAR)
    assert not user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    for packet in packets_of(train)[:MAX_WAITING]:
        assert proxy.relay.recvfrom(2000)[0] == wrap_datagram(packet, FAR)
    proxy.relay.settimeout(0)
    with pytest.raises(BlockingIOError):
        proxy.relay.recvfrom(2000)
    user.datagrams.close()
    with pytest.raises(TransportClosed):
        user.datagrams.send_train(train, FAR)


def test_a_train_that_comes_in_is_cut_up(multi: Multi, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    _, ours = proxy.relay.recvfrom(2000)
    parts = [wrap_datagram(b"%04d" % number, FAR) for number in range(20)]
    buffers = [piece for part in parts for piece in (part[:4], part[4:])]
    TrainSocket(proxy.relay).send(buffers, len(parts[0]), len(parts), ours)
    run_until(multi, lambda: len(user.received) == 20)
    assert [data for data, _ in user.received] == [b"%04d" % number for number in range(20)]
    assert user.num_idle
    user.received.clear()
    user.then = user.datagrams.close
    TrainSocket(proxy.relay).send(buffers, len(parts[0]), len(parts), ours)
    run_until(multi, lambda: bool(user.received))
    assert len(user.received) == 1


def test_who_waits_for_room_is_called_once(multi: Multi, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    calls: list[int] = []
    user.datagrams.call_when_writable(lambda: calls.append(0))  # nothing to wait for: no association
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    user.datagrams.call_when_writable(lambda: calls.append(1))
    run_until(multi, lambda: bool(calls))
    user.datagrams._on_ready(WRITE)
    assert calls == [1]
    user.datagrams.call_when_writable(lambda: calls.append(2))
    user.datagrams.close()
    user.datagrams._on_ready(WRITE)
    assert calls == [1]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"\x05\xff", "authentication"),
        (b"\x05\x00\x05\x07\x00\x01" + bytes(6), "does not know the command"),
        (b"HTTP/1.1 400 No", "not an answer of SOCKS 5"),
        (AGREED[:5] + b"\x03\x05relay\x00\x50", "relay that is no address: 'relay'"),
        (b"", ""),
    ],
)
def test_what_a_proxy_may_answer_instead(multi: Multi, proxy: HandProxy, answer: bytes, text: str) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    control = proxy.accept()
    control.sendall(answer)
    if not answer:
        control.close()
    run_until(multi, lambda: bool(user.lost))
    (error,) = user.lost
    assert error.operation == "socks5"
    assert text in str(error)
    assert not user.datagrams.is_associated
    user.datagrams.close()


def test_nobody_is_there(multi: Multi) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    user = User(multi, address)
    user.datagrams.send(b"x", FAR)
    run_until(multi, lambda: bool(user.lost))
    assert user.lost[0].operation == "connect"
    user.datagrams.close()


def test_a_reset_while_it_is_read(multi: Multi, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    assert proxy.control is not None
    proxy.control.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    proxy.control.close()
    run_until(multi, lambda: bool(user.lost))
    user.datagrams.close()


def test_what_is_said_on_the_control_connection_is_nothing(multi: Multi, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    assert proxy.control is not None
    proxy.control.sendall(b"noise")
    for _ in range(3):
        multi.poll(0.01)
        multi.perform()
    assert user.datagrams.is_associated
    user.datagrams.on_writable(0.0)
    user.datagrams.close()


def test_datagrams_from_elsewhere_and_broken_ones_are_ignored(multi: Multi, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    _, ours = proxy.relay.recvfrom(2000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(wrap_datagram(b"evil", FAR), ours)
    for datagram in (b"", b"\0\0\1\1", b"\0\0\0\x09xx", wrap_datagram(b"good", FAR)):
        proxy.relay.sendto(datagram, ours)
    run_until(multi, lambda: bool(user.received))
    assert user.received == [(b"good", FAR)]
    assert user.datagrams.num_ignored == 4
    user.datagrams.close()


def test_many_at_a_time(multi: Multi, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    _, ours = proxy.relay.recvfrom(2000)
    count = MAX_TRAINS_PER_WAKEUP + 5
    for number in range(count):
        proxy.relay.sendto(wrap_datagram(b"%d" % number, FAR), ours)
    user.datagrams._on_ready(READ)
    assert len(user.received) == MAX_TRAINS_PER_WAKEUP
    run_until(multi, lambda: len(user.received) == count)
    user.datagrams.close()


def test_closed_by_who_gets_one(multi: Multi, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    user.then = user.datagrams.close
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    _, ours = proxy.relay.recvfrom(2000)
    for _ in range(2):
        proxy.relay.sendto(wrap_datagram(b"y", FAR), ours)
    run_until(multi, lambda: bool(user.received))
    assert len(user.received) == 1
    with pytest.raises(TransportClosed):
        user.datagrams.send(b"x", FAR)


class Refusing:
    """A datagram socket the system lets down."""

    def __init__(self, sock: Any, error: OSError) -> None:
        self.sock, self.error = sock, error
        self.errors = [error]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def sendto(self, data: Any, address: Any) -> int:
        raise self.error

    def recvfrom_into(self, buffer: Any) -> Any:
        if self.errors:
            raise self.errors.pop()
        return self.sock.recvfrom_into(buffer)


def test_the_system_lets_it_down(multi: Multi, platform: Clock, proxy: HandProxy) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    proxy.agree(user)
    _, ours = proxy.relay.recvfrom(2000)
    real = user.datagrams._sock
    refusing = Refusing(real, ConnectionRefusedError(111, "Connection refused"))
    user.datagrams._trains = TrainSocket(refusing)
    proxy.relay.sendto(wrap_datagram(b"behind an error", FAR), ours)
    run_until(multi, lambda: bool(user.received))
    with pytest.raises(TransportBroken, match="refused"):
        user.datagrams.send(b"x", FAR)
    refusing.error = BlockingIOError(11, "again")
    assert not user.datagrams.send(b"x", FAR)
    user.datagrams.close()
    assert not user.lost


@pytest.mark.parametrize("when", ["opening", "sending"])
def test_the_system_lets_it_down_at_once(multi: Multi, platform: Clock, proxy: HandProxy, when: str) -> None:
    user = User(multi, proxy.address)
    user.datagrams.send(b"x", FAR)
    platform.refuses_datagrams = when == "opening"
    # Broadcasting is not allowed to sockets that did not ask for it.
    host = b"\xff\xff\xff\xff" if when == "sending" else b"\x7f\0\0\1"
    control = proxy.accept()
    control.sendall(AGREED + host + b"\x00\x50")
    run_until(multi, lambda: bool(user.lost))
    assert user.lost[0].operation == ("socks5" if when == "opening" else "send")
    assert not user.datagrams.is_associated
    user.datagrams.close()


def test_an_ipv6_relay(multi: Multi, proxy: HandProxy) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as relay:
        relay.bind(("::1", 0))
        relay.settimeout(5)
        user = User(multi, proxy.address)
        user.datagrams.send(b"x", FAR)
        port = relay.getsockname()[1].to_bytes(2, "big")
        proxy.accept().sendall(AGREED[:5] + b"\x04" + bytes(15) + b"\1" + port)
        run_until(multi, lambda: user.datagrams.is_associated)
        _, ours = relay.recvfrom(2000)
        relay.sendto(wrap_datagram(b"y", ("2001:db8::1", 7)), ours)
        run_until(multi, lambda: bool(user.received))
        assert user.received == [(b"y", ("2001:db8::1", 7))]
        user.datagrams.close()


@pytest.mark.parametrize("is_ipv6", [False, True])
def test_the_proxy_is_told_the_port(multi: Multi, proxy: HandProxy, is_ipv6: bool) -> None:
    """Then something may come in first.  A relay of the other family is sent to from another socket."""
    with socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as relay:
        relay.bind(("::1" if is_ipv6 else "127.0.0.1", 0))
        relay.settimeout(5)
        user = User(multi, proxy.address, tells_udp_port=True)
        user.datagrams.send(b"x", FAR)
        control = proxy.accept()
        control.sendall(AGREED[:2])
        asked = b""

        def has_asked() -> bool:
            nonlocal asked
            control.setblocking(False)
            try:
                asked += control.recv(100)
            except BlockingIOError:
                pass
            return len(asked) == 13

        run_until(multi, has_asked)
        assert asked[3:11] == b"\x05\x03\x00\x01" + bytes(4)
        port = int.from_bytes(asked[11:], "big")
        assert port
        where = b"\x04" + bytes(15) + b"\1" if is_ipv6 else b"\x01\x7f\0\0\1"
        control.sendall(AGREED[2:5] + where + relay.getsockname()[1].to_bytes(2, "big"))
        run_until(multi, lambda: user.datagrams.is_associated)
        ours = relay.recvfrom(2000)[1]
        assert (ours[1] == port) is not is_ipv6
        user.datagrams.close()


def test_no_socket_to_tell_of(multi: Multi, platform: Clock, proxy: HandProxy) -> None:
    user = User(multi, proxy.address, tells_udp_port=True)
    platform.refuses_datagrams = True
    with pytest.raises(TransportBroken, match="Too many open files"):
        user.datagrams.send(b"x", FAR)
    platform.refuses_datagrams = False
    user.datagrams.send(b"x", FAR)
    proxy.accept().sendall(b"no")
    run_until(multi, lambda: bool(user.lost))
    user.datagrams.close()


def test_what_waits_is_bounded() -> None:
    multi, platform = make_engine()
    assert isinstance(platform, FakePlatform)
    platform.sockets = [ScriptedSocket(7)]
    user = User(multi, ("10.0.0.9", 1080))
    for _ in range(MAX_WAITING):
        assert user.datagrams.send(b"x", FAR)
    assert not user.datagrams.send(b"x", FAR)
    user.datagrams.close()
    Host(multi).timeout()
    assert not user.lost


def test_what_cannot_be_said(multi: Multi) -> None:
    with pytest.raises(LocalProtocolError, match="takes no datagrams"):
        Socks5Datagrams(multi, ProxyOptions("http_connect", ("10.0.0.9", 1)), print)
    user = User(multi, ("10.0.0.9", 1080), username="x" * 256)
    with pytest.raises(LocalProtocolError):
        user.datagrams.send(b"x", ("y" * 256, 1))
    with pytest.raises(TransportBroken, match="255 bytes"):
        user.datagrams.send(b"x", FAR)
    user.datagrams.close()


def test_nobody_has_to_listen_to_losses(multi: Multi, proxy: HandProxy) -> None:
    datagrams = Socks5Datagrams(multi, ProxyOptions("socks5", proxy.address), print)
    datagrams.send(b"x", FAR)
    proxy.accept().sendall(b"no")
    run_until(multi, lambda: datagrams._last_error is not None)
    datagrams.close()
