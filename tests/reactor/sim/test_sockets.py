"""What both kinds of sockets share: options, blocking, addresses."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim import SimHost
from support.sim_kit import datagram_socket


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def sock(request: pytest.FixtureRequest, alice: SimHost) -> Any:
    return alice.socket(socket.AF_INET, request.param)


def test_options_that_act(sock: Any) -> None:
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == sock.type
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 20_000
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, struct.pack("i", 1))
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 4096
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        assert sock.getsockopt(socket.SOL_SOCKET, option) == 1
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_options_that_are_kept(sock: Any) -> None:
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_options_that_mean_nothing_here_are_refused(sock: Any) -> None:
    for call in (lambda: sock.setsockopt(17, 103, 1400), lambda: sock.getsockopt(17, 103)):  # UDP_SEGMENT
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.ENOPROTOOPT
    with pytest.raises(OSError) as caught:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, b"\1")
    assert caught.value.errno == errno.EINVAL


def test_ipv6_only_is_set_before_bind(alice: SimHost) -> None:
    sock = alice.socket(socket.AF_INET6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    sock.bind(("::", 80))
    with alice.socket() as other:
        other.bind(("0.0.0.0", 80))
    with pytest.raises(OSError):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def test_it_never_blocks(sock: Any) -> None:
    sock.setblocking(False)
    sock.settimeout(0)
    assert (sock.getblocking(), sock.gettimeout(), sock.get_inheritable()) == (False, 0.0, False)
    with pytest.raises(ReactorUsageError, match="flag must be False"):
        sock.setblocking(True)
    with pytest.raises(ReactorUsageError, match="timeout must be 0, not 5"):
        sock.settimeout(5)


@pytest.mark.parametrize("address", ["10.0.0.1:5", ("10.0.0.1",), ("10.0.0.1", 5, 0), None])
def test_odd_addresses(sock: Any, address: Any) -> None:
    with pytest.raises(ReactorUsageError, match="address must be"):
        sock.bind(address)


@pytest.mark.parametrize("port", [-1, 65_536, "80"])
def test_odd_ports(sock: Any, port: Any) -> None:
    with pytest.raises(ReactorUsageError, match="port must be a number from 0 to 65535"):
        sock.bind(("10.0.0.1", port))


def test_numbers_are_not_for_the_system(sock: Any) -> None:
    with pytest.raises(OSError, match="cannot be detached"):
        sock.detach()


def test_families_and_kinds(alice: SimHost) -> None:
    with pytest.raises(OSError) as caught:
        alice.socket(socket.AF_UNIX)
    assert caught.value.errno == errno.EAFNOSUPPORT
    with pytest.raises(OSError) as caught:
        alice.socket(socket.AF_INET, socket.SOCK_RAW)
    assert caught.value.errno == errno.EPROTONOSUPPORT
    assert not alice.descriptors


def test_packets_leave_from_where_a_socket_is_bound(alice: SimHost) -> None:
    with alice.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(OSError) as caught:
            sock.connect(("10.0.0.2", 5))
        assert caught.value.errno == errno.ENETUNREACH
    assert repr(datagram_socket(alice, 7)) == "<SimDatagramSocket of alice, 0.0.0.0 7>"
