"""What a base with a simulated platform, one with the system's, and one without any are given."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from evtorrent.listener.address_changes import open_address_socket
from evtorrent.listener.gateways import Gateway, list_gateways
from evtorrent.listener.interfaces import Interface, list_interfaces
from evtorrent.listener.origin import (
    address_socket_of,
    gateways_of,
    interfaces_of,
    socket_finder,
    socket_maker,
)
from evtorrent.protocols.engine import Multi
from evtorrent.reactor.sim import SimWorld


def test_simulated_platform_has_the_say() -> None:
    with SimWorld() as world:
        host = world.host("host", "10.1.2.3")
        for base in (host.loop, Multi(host.platform)):
            sock = socket_maker(base)(socket.AF_INET, socket.SOCK_STREAM)
            finder = socket_finder(base)
            assert finder is not None and finder(sock.fileno()) is sock
            assert interfaces_of(base)() == [
                Interface("lo", "127.0.0.1", 8),
                Interface("sim0", "10.1.2.3", 24),
                Interface("lo", "::1", 128),
            ]
            assert gateways_of(base)() == []  # Not those of the machine the simulation runs on.


def test_a_platform_with_routers_of_its_own() -> None:
    platform = SimpleNamespace(interfaces=list, gateways=lambda: [("10.0.0.1", "sim0")])
    assert gateways_of(SimpleNamespace(platform=platform))() == [Gateway("10.0.0.1", "sim0")]


def test_system_otherwise(no_fd_survives: None) -> None:
    multi = Multi()
    for base in (multi, object()):
        with socket_maker(base)(socket.AF_INET, socket.SOCK_STREAM) as sock:
            assert isinstance(sock, socket.socket)
        assert socket_finder(base) is None
        assert interfaces_of(base) is list_interfaces
        assert gateways_of(base) is list_gateways
    multi.close()


def test_a_machine_with_addresses_of_its_own_tells_of_changes_if_it_says_so():
    assert address_socket_of(object()) is open_address_socket
    with pytest.raises(OSError, match="not supported"):
        address_socket_of(SimpleNamespace(platform=SimpleNamespace(interfaces=list)))()
    platform = SimpleNamespace(interfaces=list, address_socket=lambda: "socket")
    assert address_socket_of(SimpleNamespace(platform=platform))() == "socket"
