"""The platform and its sockets."""

from __future__ import annotations

import errno
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from evtorrent.reactor import READ, WRITE, Reactor, SystemPlatform, net

if TYPE_CHECKING:
    from evtorrent.protocols.engine.ports import Platform

    _fits: Platform = SystemPlatform()  # mypy: it has the port's shape

WAIT = 5.0


@pytest.fixture
def platform() -> Iterator[SystemPlatform]:
    platform = SystemPlatform()
    yield platform
    assert platform.close(WAIT)


def test_clock_random_and_thread(platform: SystemPlatform) -> None:
    assert abs(platform.time() - time.monotonic()) < 1.0
    assert len(platform.random_bytes(20)) == 20
    assert platform.random_bytes(20) != platform.random_bytes(20)
    assert platform.thread_id() == threading.get_ident()


def test_wakeup_becomes_readable(platform: SystemPlatform) -> None:
    wakeup = platform.wakeup()
    assert platform.poll([(wakeup.fileno(), READ)], 0.0) == []
    wakeup.set()
    assert platform.poll([(wakeup.fileno(), READ)], 0.0) == [(wakeup.fileno(), READ)]
    wakeup.close()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_stream_socket(platform: SystemPlatform, family: int, host: str) -> None:
    with platform.stream_socket(family) as sock:
        assert not sock.getblocking()
        assert not sock.get_inheritable()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    with platform.stream_socket(family, source=(host, 0)) as sock:
        assert sock.getsockname()[0] == host
        port = sock.getsockname()[1]
    with socket.socket(family) as probe:
        probe.bind((host, port))
        free = probe.getsockname()[1]
    with platform.stream_socket(family, source=(host, free)) as sock:
        assert sock.getsockname()[:2] == (host, free)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def test_source_that_is_not_ours_is_an_error(platform: SystemPlatform) -> None:
    with pytest.raises(OSError):
        platform.stream_socket(socket.AF_INET, source=("192.0.2.1", 0))
    with pytest.raises(OSError):
        platform.datagram_socket(socket.AF_INET, bind=("192.0.2.1", 0))


def test_sockets_from_one_source_address_may_share_a_port_number_space(platform: SystemPlatform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with platform.stream_socket(socket.AF_INET, source=("127.0.0.1", 0)) as sock:
            assert sock.connect_ex(server.getsockname()) in (0, errno.EINPROGRESS)
            assert platform.poll([(sock.fileno(), WRITE)], WAIT) == [(sock.fileno(), WRITE)]
            assert platform.connect_error(sock) is None
            assert sock.getsockname()[1] != 0


def test_connect_error_says_why(platform: SystemPlatform) -> None:
    with socket.socket() as free, platform.stream_socket(socket.AF_INET) as sock:
        free.bind(("127.0.0.1", 0))
        sock.connect_ex(free.getsockname())
        assert platform.poll([(sock.fileno(), READ | WRITE)], WAIT) == [(sock.fileno(), READ | WRITE)]
        error = platform.connect_error(sock)
        assert error is not None
        assert (error.errno, type(error)) == (errno.ECONNREFUSED, ConnectionRefusedError)
        assert platform.connect_error(sock) is None


def test_datagram_sockets(platform: SystemPlatform) -> None:
    with (
        platform.datagram_socket(socket.AF_INET, bind=("127.0.0.1", 0)) as left,
        platform.datagram_socket(socket.AF_INET) as right,
    ):
        assert not left.getblocking()
        right.sendto(b"hello", left.getsockname())
        assert platform.poll([(left.fileno(), READ)], WAIT)
        assert left.recvfrom(10)[0] == b"hello"
    with platform.datagram_socket(socket.AF_INET6) as sock:
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def test_members_of_a_group_share_a_port_and_hear_each_other(platform: SystemPlatform) -> None:
    group = "239.192.152.143"

    def member(host: str) -> socket.socket:
        return platform.datagram_socket(socket.AF_INET, bind=("", port), group=(group, host))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with member("127.0.0.2") as one, member("127.0.0.3") as two:
        one.sendto(b"hello", (group, port))
        for sock in (one, two):
            assert platform.poll([(sock.fileno(), READ)], WAIT)
            assert sock.recvfrom(10) == (b"hello", ("127.0.0.2", port))


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_a_group_of_ipv6_is_joined_on_a_device(platform: SystemPlatform) -> None:
    with platform.datagram_socket(socket.AF_INET6, group=("ff15::efc0:988f", "lo")) as sock:
        option = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF)
        assert option == socket.if_nametoindex("lo")
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS) == 32


@pytest.mark.parametrize(
    ("family", "group"),
    [(socket.AF_INET, ("10.0.0.1", "127.0.0.1")), (socket.AF_INET6, ("::1", "lo"))],
)
def test_what_is_no_group_is_an_error(platform: SystemPlatform, family: int, group: tuple[str, str]) -> None:
    with pytest.raises(OSError):
        platform.datagram_socket(family, group=group)


def test_buffer_sizes() -> None:
    with net.open_stream_socket(socket.AF_INET) as sock:
        before = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        net.set_buffer_sizes(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == before
        net.set_buffer_sizes(sock, receive=32_768, send=65_536)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 32_768
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 65_536


def test_submit_and_resolve_come_back_to_the_loop(platform: SystemPlatform) -> None:
    told: list[Any] = []
    with Reactor() as reactor:
        platform.submit(reactor, divmod, 7, 2, on_done=lambda result, error: told.append((result, error)))
        platform.resolve(reactor, "127.0.0.1", 9, told.append)
        while len(told) < 2:
            reactor.exit_later(WAIT)
            reactor.run(1)
    assert sorted(map(str, told)) == sorted(map(str, [((3, 1), None), [(socket.AF_INET, ("127.0.0.1", 9))]]))


def test_closing_is_repeatable(platform: SystemPlatform) -> None:
    assert platform.close() is True
    assert platform.close() is True


# -- poll, with each of the system's calls


@pytest.fixture(params=["poll", "select"])
def poll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "select":
        monkeypatch.delattr(select, "poll")
    return net.poll_descriptors


def test_poll_reports_what_is_ready_of_what_is_wanted(poll: Any, pair: Any) -> None:
    left, right = pair
    fd = left.fileno()
    assert poll([(fd, READ)], 0.0) == []
    assert poll([(fd, READ | WRITE)], 0.0) == [(fd, WRITE)]
    right.send(b"x")
    assert poll([(fd, READ)], None) == [(fd, READ)]
    assert poll([(fd, READ | WRITE)], 0.0) == [(fd, READ | WRITE)]
    assert poll([(fd, READ), (fd, WRITE)], 0.0) == [(fd, READ | WRITE)]
    assert poll([(fd, WRITE)], 0.0) == [(fd, WRITE)]


def test_hang_up_counts_as_ready(poll: Any, pair: Any) -> None:
    left, right = pair
    right.close()
    assert poll([(left.fileno(), READ)], 0.0) == [(left.fileno(), READ)]


def test_poll_of_nothing_sleeps(poll: Any) -> None:
    start = time.monotonic()
    assert poll([], 0.005) == []
    assert time.monotonic() - start >= 0.004
    with pytest.raises(OSError, match="nothing"):
        poll([], None)


def test_negative_timeout_is_refused(poll: Any) -> None:
    with pytest.raises(OSError, match="negative"):
        poll([], -0.1)


def test_poll_does_not_return_before_its_timeout(poll: Any, pair: Any) -> None:
    start = time.monotonic()
    assert poll([(pair[0].fileno(), READ)], 0.0034) == []
    assert time.monotonic() - start >= 0.0034


def test_socket_as_it_comes(no_fd_survives: None) -> None:
    with SystemPlatform().open_socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert sock.getblocking() and sock.type == socket.SOCK_DGRAM


def test_wall_time_is_posix_time() -> None:
    before = time.time()
    assert before <= SystemPlatform().wall_time() <= time.time()
