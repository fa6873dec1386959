from __future__ import annotations

import errno

import pytest
from evtorrent.reactor.sim.port_table import EPHEMERAL_PORTS, PortTable


class Sock:
    def __init__(
        self, *, listening: bool = False, v6_only: bool = False, address: bool = False, port: bool = False
    ) -> None:
        self.bound_host = ""
        self.is_listening = listening
        self.is_v6_only = v6_only
        self.can_reuse_address = address
        self.can_reuse_port = port


@pytest.mark.parametrize(
    ("first", "second", "is_clash"),
    [
        ("0.0.0.0", "0.0.0.0", True),
        ("0.0.0.0", "10.0.0.1", True),
        ("10.0.0.1", "0.0.0.0", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::", "0.0.0.0", True),
        ("::", "10.0.0.1", True),
        ("::", "fd00::1", True),
        ("0.0.0.0", "fd00::1", False),
    ],
)
def test_overlapping_addresses_clash(first: str, second: str, is_clash: bool) -> None:
    table = PortTable()
    table.bind(Sock(), first, 80)
    if is_clash:
        with pytest.raises(OSError) as caught:
            table.bind(Sock(), second, 80)
        assert caught.value.errno == errno.EADDRINUSE
    else:
        assert table.bind(Sock(), second, 80) == 80


def test_ipv6_only_leaves_ipv4_alone() -> None:
    table = PortTable()
    table.bind(Sock(v6_only=True), "::", 80)
    assert table.bind(Sock(), "0.0.0.0", 80) == 80
    assert table.find("10.0.0.1", 80).bound_host == "0.0.0.0"
    assert table.find("fd00::1", 80).bound_host == "::"


def test_reuse() -> None:
    table = PortTable()
    table.bind(Sock(address=True), "0.0.0.0", 1)
    table.bind(Sock(address=True), "0.0.0.0", 1)
    table.bind(Sock(address=True, listening=True), "0.0.0.0", 2)
    with pytest.raises(OSError):
        table.bind(Sock(address=True), "0.0.0.0", 2)
    sharing = [Sock(port=True, listening=True) for _ in range(3)]
    for sock in sharing:
        table.bind(sock, "0.0.0.0", 3)
    assert {table.find("10.0.0.1", 3, ("10.0.0.9", port)) for port in range(9)} == set(sharing)
    assert table.may_listen(sharing[0], 3)


def test_most_exact_socket_is_found() -> None:
    table = PortTable()
    wide, exact = Sock(address=True), Sock(address=True)
    table.bind(wide, "0.0.0.0", 80)
    table.bind(exact, "10.0.0.1", 80)
    assert table.find("10.0.0.1", 80) is exact
    assert table.find("10.0.0.2", 80) is wide
    assert table.find("10.0.0.1", 80, listening=True) is None
    assert table.find("10.0.0.1", 81) is None
    table.release(exact, 80)
    assert table.find("10.0.0.1", 80) is wide


def test_two_do_not_listen_at_one_port() -> None:
    table = PortTable()
    one, other = Sock(address=True), Sock(address=True)
    for sock in (one, other):
        table.bind(sock, "0.0.0.0", 80)
    one.is_listening = True
    assert table.may_listen(one, 80) and not table.may_listen(other, 80)


def test_free_ports_go_round_and_end() -> None:
    table = PortTable()
    first = table.bind(Sock(), "0.0.0.0", 0)
    assert first in EPHEMERAL_PORTS
    assert table.bind(Sock(), "0.0.0.0", 0) == first + 1
    assert table.free_port(lambda port: port < first + 10) == first + 10
    with pytest.raises(OSError, match="every port"):
        table.free_port(lambda port: True)
