"""A port of a node's own."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.dht.udp_port import MAX_DATAGRAMS_PER_WAKEUP, UdpPort
from evtorrent.protocols.errors import TransportBroken
from support.http_world import AF_INET, AF_INET6, World

HERE = ("10.0.0.1", 6881)


class Bench:
    def __init__(self, host: str = HERE[0]) -> None:
        self.world = World()
        self.received: list[tuple[bytes, Any]] = []
        self.port = UdpPort(self.world.multi, self.world, (host, 6881), self.on_datagram)  # type: ignore[arg-type]
        self.socket = self.world.datagrams[AF_INET6 if ":" in host else AF_INET]

    def on_datagram(self, data: memoryview, address: Any, now: float) -> None:
        self.received.append((bytes(data), address))


def test_in_and_out() -> None:
    bench = Bench()
    bench.socket.inbox.append((b"hello", ("1.2.3.4", 5)))
    bench.world.run()
    assert bench.received == [(b"hello", ("1.2.3.4", 5))]
    assert bench.port.send(b"there", ("1.2.3.4", 5))
    assert bench.socket.sent == [(b"there", ("1.2.3.4", 5))]
    assert bench.port.address == ("0.0.0.0", 0)


def test_the_family_follows_the_host() -> None:
    assert Bench("::1").socket is not None


def test_a_full_buffer_and_a_refusal() -> None:
    bench = Bench()
    bench.socket.send_errors.append(BlockingIOError())
    assert not bench.port.send(b"x", HERE)
    bench.socket.send_errors.append(OSError(101, "Network is unreachable"))
    with pytest.raises(TransportBroken, match="send: Network is unreachable"):
        bench.port.send(b"x", HERE)


def test_errors_of_earlier_datagrams_are_passed_over() -> None:
    bench = Bench()
    bench.socket.inbox.append(ConnectionRefusedError(111, "Connection refused"))
    bench.socket.inbox.append((b"hello", HERE))
    bench.world.run()
    assert bench.received == [(b"hello", HERE)]


def test_others_get_their_turn() -> None:
    bench = Bench()
    bench.socket.inbox.extend((b"x", HERE) for _ in range(MAX_DATAGRAMS_PER_WAKEUP + 1))
    bench.world.multi.socket_action(bench.world.multi.SOCKET_TIMEOUT, 0)
    bench.world.multi.socket_action(bench.socket.fd, bench.world.multi.CSELECT_IN)
    assert len(bench.received) == MAX_DATAGRAMS_PER_WAKEUP
    bench.world.run()
    assert len(bench.received) == MAX_DATAGRAMS_PER_WAKEUP + 1


def test_closed() -> None:
    bench = Bench()
    bench.port.close()
    bench.port.close()
    assert bench.socket.is_closed
    assert not bench.port.send(b"x", HERE)


def test_closed_by_what_arrives() -> None:
    bench = Bench()
    bench.port._on_datagram = lambda *datagram: bench.port.close()
    bench.socket.inbox.extend([(b"x", HERE), (b"y", HERE)])
    bench.world.multi.socket_action(bench.socket.fd, bench.world.multi.CSELECT_IN)
    assert len(bench.socket.inbox) == 1


def test_a_port_that_is_taken() -> None:
    world = World()
    world.refuses_datagram_sockets = True
    with pytest.raises(OSError):
        UdpPort(world.multi, world, HERE, lambda *datagram: None)  # type: ignore[arg-type]
