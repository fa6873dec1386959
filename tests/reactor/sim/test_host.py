from __future__ import annotations

import errno
import gc
import socket
import weakref

import pytest
from evtorrent.reactor import READ, ReactorClosed, ReactorUsageError
from evtorrent.reactor.sim import Link, SimHost, SimWorld
from support.sim_kit import connect, datagram_socket, receive_all


class Program:
    """Something that runs on a host."""

    def run(self, events: int) -> None:
        """Called when it is readable."""


def test_addresses(alice: SimHost) -> None:
    assert alice.owns("10.0.0.1") and alice.owns("fd00::1") and alice.owns("127.9.9.9")
    assert not alice.owns("10.0.0.2")
    assert alice.source_for("10.0.0.2") == "10.0.0.1"
    assert alice.source_for("fd00::2") == "fd00::1"
    assert alice.source_for("::1") == "::1"


def test_several_addresses_of_one_family(world: SimWorld, alice: SimHost) -> None:
    multi = world.host("multi", "10.0.5.1", "10.0.5.2")
    sock = multi.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("10.0.5.2", 7))
    into = datagram_socket(alice, 9)
    sock.sendto(b"x", ("10.0.0.1", 9))
    world.run_for(1)
    assert receive_all(into) == [(b"x", ("10.0.5.2", 7))]
    into.sendto(b"wrong address", ("10.0.5.1", 7))
    into.sendto(b"right", ("10.0.5.2", 7))
    world.run_for(1)
    assert [data for data, _ in receive_all(sock)] == [b"right"]


def test_descriptors_are_limited(alice: SimHost) -> None:
    alice.descriptor_limit = 2
    socks = [alice.socket() for _ in range(2)]
    with pytest.raises(OSError) as caught:
        alice.socket()
    assert caught.value.errno == errno.EMFILE
    socks[0].close()
    alice.socket()


def test_killed_host_is_silent(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    udp = datagram_socket(bob, 9)
    seen: list[int] = []
    bob.loop.watch(other.fileno(), READ, seen.append)
    one.send(b"x")
    bob.kill()
    bob.kill()
    datagram_socket(alice).sendto(b"x", ("10.0.0.2", 9))
    world.run_for(5)
    assert seen == [] and not one.error
    assert "bob dies" in " ".join(world.trace.lines)
    for sock in (other, udp):
        sock.close()  # closing what lived on it is harmless
    with pytest.raises(ReactorClosed):
        bob.socket()
    with pytest.raises(ReactorClosed):
        bob.platform.wakeup()
    assert repr(bob) == "<SimHost bob 10.0.0.2 fd00::2, dead>"


def test_machine_comes_back_and_resets_what_it_forgot(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, _other = connect(alice, bob)
    bob.kill()
    world.host("bob", "10.0.0.2")
    one.send(b"are you there?")
    world.run_for(1)
    with pytest.raises(ConnectionResetError):
        one.recv(1)


def test_nothing_keeps_a_dead_machine(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    """A world in which machines come and go for long does not grow."""
    world.join(alice, bob, Link(delay=0.1))
    bob.loop.watch(datagram_socket(bob, 9).fileno(), READ, (program := Program()).run)
    left = weakref.ref(program)
    nat = world.nat("box", "1.0.0.1")
    inside = world.host("inside", "192.168.0.2", nat=nat)
    for host in (bob, inside):
        host.kill()
    assert world.hosts == {"alice": alice}
    assert not nat.hosts and not alice.lines and not set(world.network.owners) & {"10.0.0.2", "fd00::2"}
    del program
    gc.collect()
    assert left() is None


def test_line_can_change(world: SimWorld, alice: SimHost) -> None:
    alice.set_link(Link(delay=1), down=Link(delay=2))
    assert (alice.up.delay, alice.down.delay) == (1, 2)
    alice.set_link(up=Link(delay=3))
    assert (alice.up.delay, alice.down.delay) == (3, 2)
    with pytest.raises(ReactorUsageError, match="link must be a Link"):
        alice.set_link("fast")  # type: ignore[arg-type]


def test_interfaces(alice: SimHost) -> None:
    assert alice.interfaces() == [
        ("lo", "127.0.0.1", 8),
        ("sim0", "10.0.0.1", 24),
        ("sim0", "fd00::1", 64),
        ("lo", "::1", 128),
    ]
