"""One association for several users: who gets what, and who hears of its end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import LocalProtocolError, TransportBusy, TransportClosed
from evtorrent.protocols.proxy import wrap_datagram
from evtorrent.protocols.transport.proxy import ProxyOptions
from evtorrent.protocols.transport.shared_relay import SharedRelay, SourceKind
from evtorrent.protocols.utp.connection import Train
from evtorrent.reactor.net import SystemPlatform
from support.trackers import run_until

V4, V6, NAMED = ("10.0.0.1", 9), ("2001:db8::1", 9), ("far.example", 9)


class Played:
    """A relay on a proxy played by the test."""

    def __init__(self) -> None:
        self.platform = SystemPlatform()
        self.multi = Multi(self.platform)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(5)
        self.control: socket.socket | None = None
        self.ours: Any = None
        self.failed: list[Exception] = []
        self.relay = SharedRelay(
            self.multi, ProxyOptions("socks5", self.server.getsockname()), self.failed.append
        )
        self.log: list[tuple[str, Any]] = []

    def route(self, name: str, first_bytes: bytes, *kinds: SourceKind) -> Any:
        return self.relay.open_route(
            first_bytes,
            kinds,
            lambda data, source, now: self.log.append((name, (bytes(data), source))),
            on_lost=lambda error: self.log.append((name, "lost")),
            on_idle=lambda now: self.log.append((name, "idle")),
        )

    def agree(self) -> None:
        """Take the association, and the datagram that asked for it."""
        self.multi.perform()
        self.control = self.server.accept()[0]
        port = self.sock.getsockname()[1].to_bytes(2, "big")
        self.control.sendall(b"\x05\x00" + b"\x05\x00\x00\x01\x7f\0\0\x01" + port)
        run_until(self.multi, lambda: self.relay.is_associated)
        self.ours = self.sock.recvfrom(2000)[1]

    def tell(self, *datagrams: tuple[bytes, Any]) -> None:
        for data, source in datagrams:
            self.sock.sendto(wrap_datagram(data, source), self.ours)

    def close(self) -> None:
        self.relay.close()
        for sock in (self.server, self.sock, self.control):
            if sock is not None:
                sock.close()
        self.multi.close()
        self.platform.close()


@pytest.fixture
def played() -> Iterator[Played]:
    made = Played()
    yield made
    made.close()


def test_by_first_byte_and_kind_of_source(played: Played) -> None:
    four = played.route("four", b"d", SourceKind.IPV4)
    played.route("six", b"d", SourceKind.IPV6)
    played.route("any", b"\0", *SourceKind)
    assert four.send(b"hello", V4)
    assert not played.relay.is_associated
    played.agree()
    told = [
        (b"d1", V4),
        (b"d2", V6),
        (b"d3", NAMED),
        (b"\x001", V4),
        (b"\x002", NAMED),
        (b"z", V4),
        (b"", V4),
    ]
    played.tell(*told)
    run_until(played.multi, lambda: played.relay.num_unrouted == 3)
    assert {entry for entry in played.log if entry[1] != "idle"} == {
        ("four", told[0]),
        ("six", told[1]),
        ("any", told[3]),
        ("any", told[4]),
    }
    assert {name for name, what in played.log if what == "idle"} == {"four", "six", "any"}
    assert played.relay.num_wakeups
    assert not played.relay.num_ignored


def test_a_route_without_listeners(played: Played) -> None:
    heard: list[bytes] = []
    route = played.relay.open_route(b"d", [SourceKind.IPV4], lambda data, *_: heard.append(bytes(data)))
    route.send_train(Train([b"dx"], 2, 1), V4)
    played.agree()
    calls: list[int] = []
    route.call_when_writable(lambda: calls.append(1))
    run_until(played.multi, lambda: bool(calls))
    played.tell((b"dy", V4))
    run_until(played.multi, lambda: heard == [b"dy"])
    assert played.control is not None
    played.control.close()
    run_until(played.multi, lambda: bool(played.failed))
    assert played.relay.is_refusing


def test_what_is_taken_and_what_is_closed(played: Played) -> None:
    route = played.route("one", b"de", SourceKind.IPV4)
    with pytest.raises(TransportBusy, match="0x65 from ipv4"):
        played.route("two", b"e", SourceKind.IPV6, SourceKind.IPV4)
    other = played.route("two", b"e", SourceKind.IPV6)
    route.close()
    route.close()
    with pytest.raises(TransportClosed):
        route.send(b"x", V4)
    played.route("again", b"e", SourceKind.IPV4)
    played.relay.close()
    with pytest.raises(TransportClosed):
        other.send(b"x", V4)
    with pytest.raises(TransportClosed):
        played.route("late", b"f", SourceKind.IPV4)
    with pytest.raises(LocalProtocolError):
        SharedRelay(played.multi, ProxyOptions("socks4", ("127.0.0.1", 1)))


def test_the_end_is_told_to_those_that_are_left(played: Played) -> None:
    routes = [played.route(name, bytes([index]), SourceKind.IPV4) for index, name in enumerate("abc")]
    routes[0].on_lost = lambda error: routes[1].close()
    routes[0].send(b"x", V4)
    played.agree()
    assert played.control is not None
    played.control.close()
    run_until(played.multi, lambda: bool(played.failed))
    assert played.log == [("c", "lost")]


def test_without_anybody_to_tell() -> None:
    played = Played()
    silent = SharedRelay(played.multi, ProxyOptions("socks5", played.server.getsockname()))
    route = silent.open_route(b"d", [SourceKind.IPV4], print)
    route.send(b"x", V4)
    played.multi.perform()
    played.server.accept()[0].close()
    run_until(played.multi, lambda: silent.is_refusing)
    silent.close()
    played.close()


def test_closed_while_it_is_served(played: Played) -> None:
    """A user may end itself or another one by what it hears; nobody is called afterwards."""
    one = played.route("one", b"a", SourceKind.IPV4)
    two = played.route("two", b"b", SourceKind.IPV4)
    one.on_idle = lambda now: two.close()
    one.send(b"x", V4)
    played.agree()
    played.tell((b"a", V4), (b"b", V4))
    run_until(played.multi, lambda: len(played.log) >= 2)
    run_until(played.multi, lambda: played.relay.num_wakeups > 0)
    two.close()
    one.close()
    assert [what for _, what in played.log if what != "idle"] == [(b"a", V4), (b"b", V4)]
