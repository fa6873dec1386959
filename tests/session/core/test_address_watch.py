from __future__ import annotations

import socket
import struct

import pytest
from evtorrent.listener.interfaces import Interface
from evtorrent.session.alerts import ListenSucceededAlert
from evtorrent.session.core import address_watch
from evtorrent.session.core.address_watch import SETTLE
from support.world import World

NEW_ADDRESS = struct.pack("=IHHII", 16, 20, 0, 0, 0)


class Machine:
    """The kernel's end of what sessions hear, and the addresses it has."""

    def __init__(self):
        self.ends = []
        self.interfaces = [Interface("lo", "127.0.0.1", 8)]
        self.is_silent = False

    def open(self):
        if self.is_silent:
            raise OSError(97, "Address family not supported by protocol")
        kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        self.ends.append((kernel, ours))
        return ours

    @property
    def num_open(self):
        return sum(ours.fileno() >= 0 for _, ours in self.ends)


@pytest.fixture
def machine(monkeypatch, no_fd_survives):
    machine = Machine()
    monkeypatch.setattr(address_watch, "address_socket_of", lambda base: machine.open)
    yield machine
    for kernel, _ in machine.ends:
        kernel.close()


def stage(machine, **settings):
    world = World()
    node = world.node(**settings)
    node.core._listeners._interfaces = lambda: machine.interfaces
    node.session.apply_settings({"listen_interfaces": "lo:0"})
    return world, node


def tell(world, node, machine):
    machine.ends[-1][0].send(NEW_ADDRESS)
    for fd, _ in node.multi._sockets.wanted():
        if fd < 1000:  # Those of the world have higher numbers.
            node.multi.socket_action(fd, 1)


def end(world, node):
    node.session.close()
    world.pump()


def hosts(node):
    return [opened.host for opened in node.core._listeners.endpoints]


def test_an_address_that_comes_is_listened_at(machine):
    world, node = stage(machine)
    kept = node.core.listen_port
    assert hosts(node) == ["127.0.0.1"]
    machine.interfaces.append(Interface("lo", "127.0.0.5", 8))
    tell(world, node, machine)
    world.advance(SETTLE / 2, step=0.05)
    tell(world, node, machine)
    assert hosts(node) == ["127.0.0.1"], "others may follow"
    world.advance(SETTLE, step=0.05)
    assert hosts(node) == ["127.0.0.1", "127.0.0.5"]
    assert node.core.listen_port == kept
    told = [alert.address for alert in node.alerts(ListenSucceededAlert)]
    assert told.count("127.0.0.1") == told.count("127.0.0.5") == 2  # TCP and UDP
    del machine.interfaces[0]
    tell(world, node, machine)
    world.advance(1)
    assert hosts(node) == ["127.0.0.5"]
    end(world, node)
    assert machine.num_open == 0


def test_the_setting_decides_whether_anybody_listens_to_that(machine):
    world, node = stage(machine, enable_ip_notifier=False)
    assert machine.ends == []
    node.session.apply_settings({"enable_ip_notifier": True})
    assert machine.num_open == 1
    machine.interfaces.append(Interface("lo", "127.0.0.5", 8))
    tell(world, node, machine)
    node.session.apply_settings({"enable_ip_notifier": False})
    assert machine.num_open == 0
    world.advance(1)
    assert hosts(node) == ["127.0.0.1"]
    end(world, node)


def test_a_session_that_does_not_listen_does_not_watch(machine):
    world = World()
    node = world.node()
    assert machine.ends == []
    node.session.apply_settings({"listen_interfaces": "127.0.0.1:0"})
    assert machine.num_open == 1
    node.session.apply_settings({"listen_interfaces": ""})
    assert machine.num_open == 0
    end(world, node)


def test_a_change_at_the_end_changes_nothing(machine):
    world, node = stage(machine)
    machine.interfaces.append(Interface("lo", "127.0.0.5", 8))
    tell(world, node, machine)
    node.core.closing = True
    world.advance(1)
    assert hosts(node) == ["127.0.0.1"]
    end(world, node)


def test_a_system_that_tells_nobody_is_no_failure(machine):
    machine.is_silent = True
    world, node = stage(machine)
    assert hosts(node) == ["127.0.0.1"]
    end(world, node)
