from __future__ import annotations

import errno
import socket
import struct
from typing import Any

import pytest
from evtorrent.reactor import READ, WRITE, ReactorUsageError
from evtorrent.reactor.sim import SimHost, SimWorld
from support.sim_kit import begin_to_connect, connect, listen


def code_of(call: Any, *args: Any) -> int | None:
    with pytest.raises(OSError) as caught:
        call(*args)
    return caught.value.errno


def test_fresh_socket(alice: SimHost) -> None:
    sock = alice.socket()
    assert sock.fileno() == 3
    assert sock.getsockname() == ("0.0.0.0", 0)
    assert code_of(sock.getpeername) == errno.ENOTCONN
    assert code_of(sock.recv, 1) == errno.ENOTCONN
    assert code_of(sock.send, b"x") == errno.ENOTCONN
    assert code_of(sock.shutdown, socket.SHUT_WR) == errno.ENOTCONN
    assert code_of(sock.accept) == errno.EINVAL


def test_names_of_both_ends(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    assert one.getsockname() == other.getpeername()
    assert one.getpeername() == other.getsockname() == ("10.0.0.2", 80)
    assert other.family == socket.AF_INET and other.type == socket.SOCK_STREAM


def test_ipv6_and_ipv4_through_one_listener(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listener = listen(bob, family=socket.AF_INET6)
    begin_to_connect(alice, "fd00::2")
    begin_to_connect(alice, "10.0.0.2")
    world.run_for(1.0)
    (first, name), (second, mapped) = listener.accept(), listener.accept()
    assert (name[0], len(name)) == ("fd00::1", 4)
    assert mapped[0] == "::ffff:10.0.0.1"
    assert first.getsockname()[0] == "fd00::2"
    assert second.getsockname()[0] == "::ffff:10.0.0.2"


def test_ipv6_socket_reaches_ipv4(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listen(bob)
    sock = alice.socket(socket.AF_INET6)
    assert sock.connect_ex(("::ffff:10.0.0.2", 80, 0, 0)) == errno.EINPROGRESS
    world.run_for(1.0)
    assert sock.getpeername()[0] == "::ffff:10.0.0.2"
    alone = alice.socket(socket.AF_INET6)
    alone.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    assert alone.connect_ex(("::ffff:10.0.0.2", 80, 0, 0)) == errno.ENETUNREACH


def test_connecting_states(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listen(bob)
    sock = begin_to_connect(alice, bob)
    assert sock.ready == 0
    assert sock.connect_ex(("10.0.0.2", 80)) == errno.EALREADY
    assert code_of(sock.send, b"x") == errno.EAGAIN
    assert code_of(sock.recv, 1) == errno.EAGAIN
    world.run_for(1.0)
    assert sock.ready == WRITE
    assert sock.connect_ex(("10.0.0.2", 80)) == errno.EISCONN


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (("0.0.0.0", 80), errno.ECONNREFUSED),
        (("10.0.0.2", 0), errno.ECONNREFUSED),
        (("fd00::2", 80), errno.EAFNOSUPPORT),
    ],
)
def test_addresses_that_cannot_be(alice: SimHost, address: Any, code: int) -> None:
    assert alice.socket().connect_ex(address) == code


def test_family_the_host_has_not(world: SimWorld) -> None:
    only_v4 = world.host("only v4", "10.0.0.9")
    assert only_v4.socket(socket.AF_INET6).connect_ex(("fd00::2", 80)) == errno.ENETUNREACH


def test_port_in_use(alice: SimHost) -> None:
    listen(alice)
    assert code_of(listen, alice) == errno.EADDRINUSE
    sock = alice.socket()
    assert code_of(sock.bind, ("10.0.0.2", 80)) == errno.EADDRNOTAVAIL
    sock.bind(("10.0.0.1", 81))
    assert code_of(sock.bind, ("10.0.0.1", 82)) == errno.EINVAL


def test_only_one_may_listen(alice: SimHost) -> None:
    socks = []
    for _ in range(2):
        sock = alice.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", 80))
        socks.append(sock)
    socks[0].listen()
    assert code_of(socks[1].listen) == errno.EADDRINUSE
    with pytest.raises(ReactorUsageError, match="backlog must be a number"):
        socks[0].listen("many")


def test_reuse_port_spreads_connections(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listeners = []
    for _ in range(2):
        sock = bob.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("0.0.0.0", 80))
        sock.listen()
        listeners.append(sock)
    for _ in range(10):
        begin_to_connect(alice, bob)
    world.run_for(1.0)
    taken = []
    for sock in listeners:
        count = 0
        while sock.ready:
            sock.accept()
            count += 1
        taken.append(count)
    assert sum(taken) == 10 and min(taken) > 0


def test_accepted_sockets_inherit_buffers(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listener = listen(bob)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    one = begin_to_connect(alice, bob)
    world.run_for(1.0)
    other, _ = listener.accept()
    assert other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 16_384
    one.send(bytes(200_000))
    world.run_for(1.0)
    assert other.recv_into(bytearray(1 << 20)) == 16_384


def test_several_buffers_in_one_send(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    assert one.sendmsg([b"ab", bytearray(b"cd"), memoryview(b"ef")]) == 6
    assert one.sendmsg([b"!"]) == 1
    world.run_for(1.0)
    assert other.recv(3) == b"abc"
    assert other.recv(9) == b"def!"
    assert code_of(other.recv, 1) == errno.EAGAIN


def test_shut_reading_drops_what_comes(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    one.send(b"x")
    world.run_for(1.0)
    other.shutdown(socket.SHUT_RD)
    assert other.recv(10) == b""
    assert code_of(other.shutdown, 7) == errno.EINVAL


def test_after_close(alice: SimHost) -> None:
    with alice.socket() as sock:
        pass
    sock.close()
    assert sock.fileno() == -1
    for call, args in ((sock.recv, (1,)), (sock.send, (b"x",)), (sock.getsockname, ()), (sock.listen, ())):
        assert code_of(call, *args) == errno.EBADF
    assert "closed" in repr(sock)


def test_linger_wants_its_struct(alice: SimHost) -> None:
    sock = alice.socket()
    assert code_of(sock.setsockopt, socket.SOL_SOCKET, socket.SO_LINGER, 1) == errno.EINVAL
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))


def test_misuse(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listener = listen(bob)
    assert listener.connect_ex(("10.0.0.1", 80)) == errno.EOPNOTSUPP
    first = alice.socket()
    first.bind(("0.0.0.0", 7000))
    first.connect_ex(("10.0.0.2", 80))
    assert code_of(first.listen) == errno.EINVAL
    second = alice.socket()
    for sock in (first, second):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    second.bind(("0.0.0.0", 7000))
    assert second.connect_ex(("10.0.0.2", 80)) == errno.EADDRNOTAVAIL, "there is that connection already"
    anywhere = alice.socket()
    anywhere.listen()
    assert anywhere.getsockname()[1] > 0


def test_buffers_of_a_live_connection(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, _ = connect(alice, bob)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 5_000)
    assert one.send(bytes(50_000)) == 10_000


def test_pair_is_connected_at_once(world: SimWorld, alice: SimHost) -> None:
    left, right = alice.pair()
    assert left.fileno() < right.fileno()
    left.send(b"x")
    world.run_for(0.1)
    assert right.ready & READ and right.recv(5) == b"x"
    right.close()
    world.run_for(0.1)
    assert left.recv(5) == b""
