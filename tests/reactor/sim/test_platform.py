from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from evtorrent.protocols.engine.ports import Platform
from evtorrent.reactor import READ, WRITE, ReactorUsageError
from evtorrent.reactor.net import SystemPlatform
from evtorrent.reactor.sim import SimHost, SimPlatform, SimWorld
from evtorrent.reactor.sim.platform import EPOCH
from support.sim_kit import begin_to_connect, listen


def test_it_has_the_shape(alice: SimHost) -> None:
    platform: Platform = alice.platform
    wanted = [name for name in vars(Platform) if not name.startswith("_")]
    assert wanted
    for each in (platform, SystemPlatform()):
        assert [name for name in wanted if not callable(getattr(each, name, None))] == []


def test_clocks(world: SimWorld, alice: SimHost) -> None:
    world.run_for(5)
    assert alice.platform.time() == 5.0
    assert alice.platform.wall_time() == EPOCH + 5


def test_randomness_is_the_hosts_own(world: SimWorld, alice: SimHost) -> None:
    first = alice.platform.random_bytes(16)
    with SimWorld(seed=1) as same:
        same.host("somebody else").platform.random_bytes(3)
        assert same.host("alice").platform.random_bytes(16) == first
    with SimWorld(seed=2) as other:
        assert other.host("alice").platform.random_bytes(16) != first


def test_there_is_no_multicast(alice: SimHost) -> None:
    with pytest.raises(OSError) as caught:
        alice.platform.datagram_socket(socket.AF_INET, group=("239.192.152.143", "10.0.0.1"))
    assert caught.value.errno == errno.EOPNOTSUPP


def test_sockets(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    platform = alice.platform
    listener = listen(bob)
    sock = platform.stream_socket(socket.AF_INET, source=("0.0.0.0", 7000))
    sock.connect_ex(("10.0.0.2", 80))
    world.run_for(1)
    assert listener.accept()[1] == ("10.0.0.1", 7000)
    udp = platform.datagram_socket(socket.AF_INET6, bind=("::", 7000))
    assert udp.getsockname()[1] == 7000 and udp.is_v6_only
    with pytest.raises(OSError):
        platform.datagram_socket(socket.AF_INET6, bind=("::", 7000))
    assert len(alice.descriptors) == 2, "nothing is left open"


def test_socket_by_number(alice: SimHost) -> None:
    platform = alice.platform
    sock = platform.open_socket(socket.AF_INET, socket.SOCK_STREAM)
    assert platform.socket_of(sock.fileno()) is sock
    wakeup = platform.wakeup()
    for fd, code in ((wakeup.fileno(), errno.ENOTSOCK), (99, errno.EBADF)):
        with pytest.raises(OSError) as caught:
            platform.socket_of(fd)
        assert caught.value.errno == code


def test_connect_error(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    sock = begin_to_connect(alice, bob)
    world.run_for(1)
    assert isinstance(alice.platform.connect_error(sock), ConnectionRefusedError)
    assert alice.platform.connect_error(sock) is None


def test_jobs_and_names(world: SimWorld, alice: SimHost) -> None:
    done: list[Any] = []
    alice.platform.submit(alice.loop, abs, -1, on_done=lambda result, error: done.append(result))
    alice.platform.resolve(alice.loop, "10.0.0.2", 80, done.append)
    world.run_for(1)
    assert done == [[(socket.AF_INET, ("10.0.0.2", 80))], 1]


def test_poll_tells_and_does_not_wait(world: SimWorld, alice: SimHost) -> None:
    left, right = alice.pair()
    right.send(b"x")
    world.run_for(1)
    wanted = [(left.fileno(), READ), (right.fileno(), READ), (right.fileno(), READ | WRITE), (99, READ)]
    assert alice.platform.poll(wanted, 0) == [(left.fileno(), READ), (right.fileno(), WRITE), (99, READ)]
    with pytest.raises(ReactorUsageError, match="timeout must be 0"):
        alice.platform.poll([], 1.0)


def test_rest(world: SimWorld, alice: SimHost) -> None:
    platform = alice.platform
    assert platform.host is alice and platform is alice.loop.platform
    assert platform.thread_id() == world.thread_id
    assert platform.close() is True
    assert ("sim0", "10.0.0.1", 24) in platform.interfaces()
    assert isinstance(platform, SimPlatform)
