from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim import Nat, NatKind, SimHost, SimWorld
from support.sim_kit import begin_to_connect, connect, datagram_socket, listen, receive_all

PORT = 4000
FULL, RESTRICTED, PORT_RESTRICTED, SYMMETRIC = NatKind


class Home:
    """A host behind a box, and two servers with two ports each outside."""

    def __init__(self, world: SimWorld, kind: NatKind, **options: Any) -> None:
        self.world = world
        self.nat = world.nat("nat", "1.0.0.1", kind=kind, **options)
        self.host = world.host("inside", "192.168.0.2", "fd00::a", nat=self.nat)
        self.sock = datagram_socket(self.host, PORT)
        self.servers = [world.host(f"server{index}", f"10.0.1.{index}") for index in range(2)]
        self.ports = {
            (index, port): datagram_socket(server, port)
            for index, server in enumerate(self.servers)
            for port in (1, 2)
        }

    def send(self, index: int, port: int) -> Any:
        """Send to a port of a server; gives where it saw that come from."""
        self.sock.sendto(b"out", (f"10.0.1.{index}", port))
        self.world.run_for(0.1)
        ((_, source),) = receive_all(self.ports[index, port])
        return source

    def reaches(self, index: int, port: int, outside: Any) -> bool:
        """A datagram from there to `outside` comes in."""
        self.ports[index, port].sendto(b"in", outside)
        self.world.run_for(0.1)
        return bool(receive_all(self.sock))


@pytest.fixture
def home(world: SimWorld) -> Callable[..., Home]:
    return lambda kind, **options: Home(world, kind, **options)


@pytest.mark.parametrize(
    ("kind", "same_host", "other_host"),
    [
        (FULL, True, True),
        (RESTRICTED, True, False),
        (PORT_RESTRICTED, False, False),
        (SYMMETRIC, False, False),
    ],
)
def test_who_may_answer(home: Any, kind: NatKind, same_host: bool, other_host: bool) -> None:
    box = home(kind)
    outside = box.send(0, 1)
    assert outside[0] == "1.0.0.1"
    assert box.reaches(0, 1, outside)
    assert box.reaches(0, 2, outside) is same_host
    assert box.reaches(1, 1, outside) is other_host


@pytest.mark.parametrize("kind", NatKind)
def test_one_port_or_one_for_each_peer(home: Any, kind: NatKind) -> None:
    box = home(kind)
    seen = {box.send(0, 1), box.send(0, 2), box.send(1, 1)}
    assert len(seen) == (3 if kind is SYMMETRIC else 1)
    assert box.send(0, 1) in seen, "again through the same"
    if kind is not SYMMETRIC:
        assert seen == {("1.0.0.1", PORT)} == {box.nat.outside_of("192.168.0.2", PORT)}
    else:
        assert box.nat.outside_of("192.168.0.2", PORT) is None


def test_nothing_comes_in_unasked(home: Any) -> None:
    box = home(FULL)
    assert not box.reaches(0, 1, ("1.0.0.1", PORT))


def test_mappings_expire_and_traffic_keeps_them(home: Any) -> None:
    box = home(PORT_RESTRICTED, udp_timeout=30)
    outside = box.send(0, 1)
    for _ in range(3):
        box.world.run_for(20)
        assert box.send(0, 1) == outside
    box.world.run_for(20)
    assert box.reaches(0, 1, outside)
    box.world.run_for(20)
    assert not box.reaches(0, 1, outside), "what comes in does not refresh"
    assert box.nat.num_mappings == 0


def test_permission_of_one_peer_expires_by_itself(home: Any) -> None:
    box = home(RESTRICTED, udp_timeout=30)
    outside = box.send(0, 1)
    box.world.run_for(20)
    box.send(1, 1)
    box.world.run_for(20)
    assert not box.reaches(0, 1, outside)
    assert box.reaches(1, 1, outside)


@pytest.mark.parametrize("hairpin", [True, False])
def test_hairpin(home: Any, hairpin: bool) -> None:
    box = home(FULL, hairpin=hairpin)
    outside = box.send(0, 1)
    neighbour = datagram_socket(box.world.host("neighbour", "192.168.0.3", nat=box.nat), PORT)
    neighbour.sendto(b"round", outside)
    box.world.run_for(0.1)
    got = receive_all(box.sock)
    assert got == ([(b"round", ("1.0.0.1", PORT + 1))] if hairpin else [])


def test_neighbours_need_no_translation(home: Any) -> None:
    box = home(SYMMETRIC)
    neighbour = datagram_socket(box.world.host("neighbour", "192.168.0.3", nat=box.nat), PORT)
    neighbour.sendto(b"hello", ("192.168.0.2", PORT))
    box.world.run_for(0.1)
    assert receive_all(box.sock) == [(b"hello", ("192.168.0.3", PORT))]


def test_two_homes_may_use_the_same_addresses(home: Any) -> None:
    box = home(FULL)
    other_nat = box.world.nat("other", "1.0.0.2", kind=FULL)
    other = datagram_socket(box.world.host("other", "192.168.0.2", nat=other_nat), PORT)
    outside = box.send(0, 1)
    other.sendto(b"hi", outside)
    box.world.run_for(0.1)
    assert receive_all(box.sock) == [(b"hi", ("1.0.0.2", PORT))]
    assert receive_all(other) == []


def test_forwarded_port_is_open_to_all_and_symmetric_boxes_use_it_too(home: Any) -> None:
    box = home(SYMMETRIC)
    assert box.nat.forward(box.host, PORT, outside_port=99, tcp=False) == 99
    assert box.reaches(0, 1, ("1.0.0.1", 99))
    assert box.send(0, 1) == ("1.0.0.1", 99)
    box.world.run_for(100_000)
    assert box.reaches(1, 1, ("1.0.0.1", 99)), "for ever"


def test_tcp_through_the_box(world: SimWorld, home: Any) -> None:
    box = home(PORT_RESTRICTED)
    one, other = connect(box.host, box.servers[0], 80)
    assert other.getpeername()[0] == "1.0.0.1"
    other.send(b"x")
    world.run_for(0.1)
    assert one.recv(1) == b"x"
    inside = listen(box.host, 80)
    begin_to_connect(box.servers[0], "1.0.0.1", 80)
    world.run_for(1)
    assert not inside.ready
    box.nat.forward(box.host, 80)
    begin_to_connect(box.servers[0], "1.0.0.1", 80)
    world.run_for(5)
    assert inside.ready


def test_hole_punching_between_two_cones(world: SimWorld) -> None:
    homes = []
    for index in (1, 2):
        nat = world.nat(f"nat{index}", f"1.0.0.{index}", kind=PORT_RESTRICTED)
        homes.append(datagram_socket(world.host(f"host{index}", "192.168.0.2", nat=nat), PORT))
    homes[0].sendto(b"first is lost", ("1.0.0.2", PORT))
    world.run_for(0.1)
    homes[1].sendto(b"second passes", ("1.0.0.1", PORT))
    world.run_for(0.1)
    homes[0].sendto(b"third passes", ("1.0.0.2", PORT))
    world.run_for(0.1)
    assert [data for data, _ in receive_all(homes[0])] == [b"second passes"]
    assert [data for data, _ in receive_all(homes[1])] == [b"third passes"]


def test_ipv6_passes_by(world: SimWorld, home: Any) -> None:
    import socket

    box = home(SYMMETRIC)
    server = datagram_socket(world.host("v6", "fd00::b"), 5, family=socket.AF_INET6)
    datagram_socket(box.host, 6, family=socket.AF_INET6).sendto(b"x", ("fd00::b", 5))
    world.run_for(0.1)
    assert receive_all(server)[0][1][:2] == ("fd00::a", 6)


def test_many_mappings_are_swept(world: SimWorld) -> None:
    nat = world.nat("nat", "1.0.0.1", kind=SYMMETRIC, udp_timeout=1)
    sock = datagram_socket(world.host("inside", "192.168.0.2", nat=nat), PORT)
    world.host("outside", "10.0.0.9")
    for port in range(1, 2001):
        sock.sendto(b"x", ("10.0.0.9", port))
        world.run_for(0.01)
    assert nat.num_mappings < 600


def test_streams_and_datagrams_have_ports_of_their_own(world: SimWorld, home: Any) -> None:
    """A sweep once took the TCP mapping for the UDP one of the same number."""
    box = home(FULL, udp_timeout=1)
    stream = box.host.socket()
    stream.bind(("0.0.0.0", PORT))
    listener = listen(box.servers[0], 80)
    stream.connect_ex(("10.0.1.0", 80))
    world.run_for(1)
    accepted, address = listener.accept()
    assert address == ("1.0.0.1", PORT)
    for port in range(5000, 5600):
        with datagram_socket(box.host, port) as sock:
            sock.sendto(b"x", ("10.0.1.1", 9))
        world.run_for(0.01)
    accepted.send(b"still here")
    world.run_for(1)
    assert stream.recv(20) == b"still here"
    assert box.nat.num_mappings < 600


def test_permissions_are_swept_too(world: SimWorld, home: Any) -> None:
    box = home(PORT_RESTRICTED, udp_timeout=1)
    for port in range(1, 1500):
        box.sock.sendto(b"x", ("10.0.1.1", port))
        world.run_for(0.01)
    (mapping,) = box.nat._by_port.values()
    assert len(mapping.peers) < 600


def test_expired_mapping_is_made_anew(home: Any) -> None:
    box = home(SYMMETRIC, udp_timeout=1)
    first = box.send(0, 1)
    box.world.run_for(5)
    second = box.send(0, 1)
    assert first != second
    assert not box.reaches(0, 1, first) and box.reaches(0, 1, second)


def test_error_of_a_host_behind_a_symmetric_box(world: SimWorld, home: Any) -> None:
    box = home(SYMMETRIC)
    box.send(1, 1)
    outside = box.send(0, 1)
    server = box.ports[0, 1]
    box.sock.close()
    server.connect(outside)
    server.send(b"anybody?")
    world.run_for(0.1)
    with pytest.raises(ConnectionRefusedError):
        server.recv(1)


def test_removed_box(world: SimWorld, home: Any) -> None:
    """Nothing passes any more; what was under way is lost, and another box may take its place."""
    home = home(FULL)
    outside = home.send(0, 1)
    home.ports[0, 1].sendto(b"under way", outside)
    world.remove(home.nat)
    assert not home.reaches(0, 1, outside)
    home.sock.sendto(b"out", ("10.0.1.0", 1))
    world.run_for(0.1)
    assert not receive_all(home.ports[0, 1])
    world.nat("nat", "1.0.0.1")
    with pytest.raises(ReactorUsageError, match="nat must be a box of this world"):
        world.remove(home.nat)


def test_bad_arguments(world: SimWorld, alice: SimHost) -> None:
    nat = world.nat("nat", "1.0.0.1")
    inside = world.host("inside", "192.168.0.2", nat=nat)
    nat.forward(inside, 80)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: world.nat("x", "1.0.0.2", kind="cone"), "kind must be a NatKind"),  # type: ignore[arg-type]
        (lambda: world.nat("x", "1.0.0.2", udp_timeout=0), "udp_timeout must be .* above 0"),
        (lambda: world.nat("x", "1.0.0.2", tcp_timeout=-1), "tcp_timeout must be"),
        (lambda: world.nat("x", "fd00::77"), "address must be an IPv4 address"),
        (lambda: world.nat("x", "10.0.0.1"), "address must be free, and alice has"),
        (lambda: world.nat("nat", "1.0.0.3"), "name must be new"),
        (lambda: nat.forward(alice, 80), "host must be behind nat"),
        (lambda: nat.forward(inside, 80), "outside_port must be free"),
        (lambda: nat.forward(inside, 0), "port must be a number from 1"),
    ]
    for call, match in calls:
        with pytest.raises(ReactorUsageError, match=match):
            call()
    assert repr(nat) == "<Nat nat 1.0.0.1, port restricted cone>"
    assert isinstance(nat, Nat)
