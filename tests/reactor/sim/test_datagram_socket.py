from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from evtorrent.reactor import READ, WRITE
from evtorrent.reactor.sim import Link, NatKind, SimHost, SimWorld
from evtorrent.reactor.sim.datagram_socket import MAX_PAYLOAD
from support.sim_kit import datagram_socket, receive_all

MTU_DISCOVER, DONT_FRAGMENT, PROBE = 10, 2, 3


def test_there_and_back(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = datagram_socket(alice, 1000), datagram_socket(bob, 2000)
    assert one.sendto(b"ping", ("10.0.0.2", 2000)) == 4
    world.run_for(0.1)
    buffer = bytearray(10)
    assert other.recvfrom_into(buffer) == (4, ("10.0.0.1", 1000))
    assert buffer[:4] == b"ping"
    other.sendto(b"pong", 0, ("10.0.0.1", 1000))
    world.run_for(0.1)
    assert one.recvfrom(10) == (b"pong", ("10.0.0.2", 2000))
    with pytest.raises(BlockingIOError):
        one.recvfrom_into(buffer)
    assert one.ready == WRITE


def test_ipv6_and_mapped_ipv4(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = (
        datagram_socket(alice, family=socket.AF_INET6),
        datagram_socket(bob, 5, family=socket.AF_INET6),
    )
    one.sendto(b"6", ("fd00::2", 5, 0, 0))
    one.sendto(b"4", ("::ffff:10.0.0.2", 5))
    world.run_for(0.1)
    assert [(data, name[0]) for data, name in receive_all(other)] == [
        (b"6", "fd00::1"),
        (b"4", "::ffff:10.0.0.1"),
    ]


def test_what_does_not_fit_the_buffer_is_cut(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = datagram_socket(alice), datagram_socket(bob, 5)
    for _ in range(3):
        one.sendto(b"abcdef", ("10.0.0.2", 5))
    world.run_for(0.1)
    buffer = bytearray(3)
    assert other.recvfrom_into(buffer)[0] == 3 and buffer == b"abc"
    assert other.recv(2) == b"ab"
    assert other.recv_into(buffer) == 3


def test_unbound_socket_gets_a_port_with_its_first_datagram(
    world: SimWorld, alice: SimHost, bob: SimHost
) -> None:
    one = alice.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other = datagram_socket(bob, 5)
    one.sendto(b"x", ("10.0.0.2", 5))
    host, port = one.getsockname()
    assert host == "0.0.0.0" and port > 0
    world.run_for(0.1)
    assert other.recvfrom(1)[1] == ("10.0.0.1", port)


def test_connected_socket_hears_only_its_peer_and_its_errors(
    world: SimWorld, alice: SimHost, bob: SimHost
) -> None:
    carol = world.host("carol", "10.0.0.3")
    one = datagram_socket(alice, 1000)
    one.connect(("10.0.0.2", 5))
    assert one.getpeername() == ("10.0.0.2", 5)
    datagram_socket(carol, 5).sendto(b"not for you", ("10.0.0.1", 1000))
    one.send(b"anybody?")
    world.run_for(0.1)
    assert one.ready & READ
    with pytest.raises(ConnectionRefusedError):
        one.recv(10)
    assert one.ready == WRITE
    one.send(b"anybody?")
    world.run_for(0.1)
    with pytest.raises(ConnectionRefusedError):
        one.send(b"the error comes first")


def test_unconnected_socket_does_not_hear_of_errors(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one = datagram_socket(alice)
    one.sendto(b"anybody?", ("10.0.0.2", 5))
    world.run_for(0.1)
    assert one.ready == WRITE
    assert " icmp " in world.trace.lines[-1]


def test_error_comes_back_through_a_nat(world: SimWorld, bob: SimHost) -> None:
    nat = world.nat("nat", "1.0.0.1")
    inside = world.host("inside", "192.168.0.2", nat=nat)
    one = datagram_socket(inside)
    one.connect(("10.0.0.2", 5))
    one.send(b"anybody?")
    world.run_for(0.1)
    with pytest.raises(ConnectionRefusedError):
        one.recv(10)


def test_error_of_a_host_behind_a_nat_names_the_nat(world: SimWorld, bob: SimHost) -> None:
    nat = world.nat("nat", "1.0.0.1", kind=NatKind.FULL_CONE)
    inside = world.host("inside", "192.168.0.2", nat=nat)
    with datagram_socket(inside, 7000) as sock:
        sock.sendto(b"open", ("10.0.0.9", 1))
    one = datagram_socket(bob)
    one.connect(("1.0.0.1", 7000))
    one.send(b"anybody?")
    world.run_for(0.1)
    with pytest.raises(ConnectionRefusedError):
        one.recv(10)


def test_receive_buffer_is_finite(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = datagram_socket(alice), datagram_socket(bob, 5)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(100):
        one.sendto(bytes(1000), ("10.0.0.2", 5))
    world.run_for(0.1)
    assert len(receive_all(other)) == 8192 // 1256


def test_sender_is_held_back_by_a_slow_line(world: SimWorld, bob: SimHost) -> None:
    slow = world.host("slow", link=Link(bandwidth=100_000, queue=1 << 20))
    one, other = datagram_socket(slow), datagram_socket(bob, 5)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    seen: list[float] = []
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            one.sendto(bytes(972), ("10.0.0.2", 5))
            sent += 1
    assert sent == 17
    watch = slow.loop.watch(one.fileno(), WRITE, lambda ready: (seen.append(world.time()), watch.close()))
    world.run_for(1.0)
    assert seen == [pytest.approx(0.0881, abs=0.01)], "when half of it is gone"
    assert len(receive_all(other)) == sent


def test_too_long_and_forbidden_destinations(alice: SimHost) -> None:
    one = datagram_socket(alice)
    for data, address, code in (
        (bytes(MAX_PAYLOAD + 1), ("10.0.0.2", 5), errno.EMSGSIZE),
        (b"x", ("10.0.0.2", 0), errno.EINVAL),
        (b"x", ("224.0.0.1", 5), errno.ENETUNREACH),
        (b"x", ("fd00::2", 5), errno.EAFNOSUPPORT),
        (b"x", ("example.org", 5), errno.EINVAL),
    ):
        with pytest.raises(OSError) as caught:
            one.sendto(data, address)
        assert caught.value.errno == code
    with pytest.raises(OSError) as caught:
        one.send(b"x")
    assert caught.value.errno == errno.EDESTADDRREQ


def test_long_datagrams_are_fragmented(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = datagram_socket(alice), datagram_socket(bob, 5)
    one.sendto(bytes(20_000), ("10.0.0.2", 5))
    world.run_for(0.1)
    assert [len(data) for data, _ in receive_all(other)] == [20_000]


@pytest.mark.parametrize("mode", [DONT_FRAGMENT, PROBE])
def test_df_at_the_first_line(alice: SimHost, mode: int) -> None:
    one = datagram_socket(alice)
    one.setsockopt(socket.IPPROTO_IP, MTU_DISCOVER, mode)
    assert one.getsockopt(socket.IPPROTO_IP, MTU_DISCOVER) == mode
    assert one.sendto(bytes(1472), ("10.0.0.2", 5)) == 1472
    with pytest.raises(OSError) as caught:
        one.sendto(bytes(1473), ("10.0.0.2", 5))
    assert caught.value.errno == errno.EMSGSIZE


@pytest.mark.parametrize("is_behind_nat", [False, True])
def test_df_at_a_line_further_on(world: SimWorld, is_behind_nat: bool) -> None:
    narrow = world.host("narrow", "10.0.0.7", down=Link(mtu=1280))
    nat = world.nat("nat", "1.0.0.1") if is_behind_nat else None
    host = world.host("host", "192.168.0.2", nat=nat) if nat else world.host("host")
    one, other = datagram_socket(host), datagram_socket(narrow, 5)
    one.setsockopt(socket.IPPROTO_IP, MTU_DISCOVER, DONT_FRAGMENT)
    one.sendto(bytes(1400), ("10.0.0.7", 5))
    world.run_for(0.1)
    assert receive_all(other) == []
    with pytest.raises(OSError) as caught:
        one.sendto(bytes(1400), ("10.0.0.7", 5))
    assert caught.value.errno == errno.EMSGSIZE
    one.setsockopt(socket.IPPROTO_IP, MTU_DISCOVER, PROBE)
    one.sendto(bytes(1400), ("10.0.0.7", 5))
    one.sendto(bytes(1252), ("10.0.0.7", 5))
    world.run_for(0.1)
    assert [len(data) for data, _ in receive_all(other)] == [1252]


def test_after_close(alice: SimHost) -> None:
    one = datagram_socket(alice, 5)
    one.close()
    calls: list[tuple[Any, tuple[Any, ...]]] = [
        (one.recv, (1,)),
        (one.sendto, (b"x", ("10.0.0.2", 5))),
        (one.connect, (("10.0.0.2", 5),)),
        (one.send, (b"x",)),
    ]
    for call, args in calls:
        with pytest.raises(OSError) as caught:
            call(*args)
        assert caught.value.errno == errno.EBADF
    assert one.connect_ex(("10.0.0.2", 5)) == errno.EBADF
    datagram_socket(alice, 5)
