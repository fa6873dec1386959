"""Listeners, groups and muxes in the simulator: the same code, on sockets of the base's platform."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.listener import DatagramMux, GroupSettings, Listener, ListenerFlag, ListenerGroup
from evtorrent.protocols.engine import Multi
from evtorrent.reactor import drive
from evtorrent.reactor.sim import SimHost, SimWorld
from support.sim_kit import begin_to_connect, datagram_socket

pytestmark = pytest.mark.usefixtures("no_fd_survives")


@pytest.fixture
def world() -> Iterator[SimWorld]:
    with SimWorld() as world:
        yield world


@pytest.fixture
def server(world: SimWorld) -> SimHost:
    return world.host("server", "10.0.0.1", "fd00::1")


@pytest.fixture
def client(world: SimWorld) -> SimHost:
    return world.host("client", "10.0.0.2", "fd00::2")


@pytest.fixture(params=["loop", "multi"])
def base(request: pytest.FixtureRequest, server: SimHost) -> Iterator[Any]:
    if request.param == "loop":
        yield server.loop
        return
    multi = Multi(server.platform)
    driver = drive(multi, server.loop)
    yield multi
    driver.close()
    multi.close()


def test_accepts(world: SimWorld, base: Any, client: SimHost) -> None:
    seen: list[Any] = []
    listener = Listener.bind(
        base,
        ("0.0.0.0", 80),
        lambda listener, sock, address: seen.append((sock.getpeername(), address)),
        flags=ListenerFlag.CLOSE_ON_FREE | ListenerFlag.REUSEABLE,
    )
    socks = [begin_to_connect(client, "10.0.0.1") for _ in range(3)]
    world.run_for(1)
    assert seen == [(sock.getsockname(), sock.getsockname()) for sock in socks]
    listener.disable()
    late = begin_to_connect(client, "10.0.0.1")
    world.run_for(1)
    assert len(seen) == 3 and late.getpeername() == ("10.0.0.1", 80)
    listener.enable()
    world.run_for(1)
    assert len(seen) == 4
    listener.close()
    world.run_for(1)


def test_adopts_a_socket_or_its_number(world: SimWorld, base: Any, server: SimHost, client: SimHost) -> None:
    seen: list[Any] = []
    for port, is_number in ((80, False), (81, True)):
        sock = server.socket()
        sock.bind(("0.0.0.0", port))
        Listener.adopt(
            base,
            sock.fileno() if is_number else sock,
            lambda listener, sock, address: seen.append(listener.address[1]),
            flags=ListenerFlag.CLOSE_ON_FREE,
        )
    for port in (80, 81):
        begin_to_connect(client, "10.0.0.1", port)
    world.run_for(1)
    assert seen == [80, 81]
    with pytest.raises(OSError) as caught:
        Listener.adopt(base, 999, None)
    assert caught.value.errno == errno.EBADF


def test_out_of_descriptors_pauses(world: SimWorld, base: Any, server: SimHost, client: SimHost) -> None:
    errors: list[int | None] = []
    seen: list[Any] = []
    Listener.bind(
        base,
        ("0.0.0.0", 80),
        lambda listener, sock, address: seen.append(sock),
        on_error=lambda listener, error: errors.append(error.errno),
    )
    server.descriptor_limit = len(server.descriptors)
    begin_to_connect(client, "10.0.0.1")
    world.run_for(0.25)
    assert errors == [errno.EMFILE] * 2 and not seen
    server.descriptor_limit += 1
    world.run_for(1)
    assert len(seen) == 1


def test_group_listens_where_the_text_says(world: SimWorld, base: Any, client: SimHost) -> None:
    seen: list[Any] = []
    group = ListenerGroup(
        base,
        lambda opened, sock, address: seen.append((opened.host, address[0])),
        settings=GroupSettings(with_datagrams=True),
    )
    outcomes = group.apply("sim0:80,[::]:81")
    assert [(outcome.kind, outcome.address[:2]) for outcome in outcomes] == [
        ("tcp", ("10.0.0.1", 80)),
        ("udp", ("10.0.0.1", 80)),
        ("tcp", ("fd00::1", 80)),
        ("udp", ("fd00::1", 80)),
        ("tcp", ("::", 81)),
        ("udp", ("::", 81)),
    ]
    begin_to_connect(client, "10.0.0.1", 80)
    begin_to_connect(client, "fd00::1", 81)
    world.run_for(1)
    assert seen == [("10.0.0.1", "10.0.0.2"), ("::", "fd00::2")]
    group.close()


def test_datagrams(world: SimWorld, base: Any, client: SimHost) -> None:
    mux = DatagramMux.bind(base, ("0.0.0.0", 80))
    seen: list[Any] = []
    mux.route_first_bytes(
        b"x", lambda data, address, now: (seen.append(bytes(data)), mux.send(b"y", address))
    )
    sock = datagram_socket(client)
    for payload in (b"xa", b"xb", b"other"):
        sock.sendto(payload, ("10.0.0.1", 80))
    world.run_for(1)
    assert seen == [b"xa", b"xb"] and mux.num_unrouted == 1
    assert sock.recvfrom(5) == (b"y", ("10.0.0.1", 80))
    mux.close()


def test_unix_addresses_are_refused(base: Any) -> None:
    with pytest.raises(OSError) as caught:
        Listener.bind(base, "/tmp/x", None)
    assert caught.value.errno == errno.EAFNOSUPPORT
