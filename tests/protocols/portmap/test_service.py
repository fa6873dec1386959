"""The drivers: on scripted sockets, and on real ones of the loopback network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.http import PlatformPorts
from evtorrent.protocols.portmap import (
    ExternalAddress,
    GatewayMapper,
    Mapped,
    MapperService,
    MapRequest,
    PortmapEvent,
    Unmapped,
    Upnp,
    UpnpService,
)
from evtorrent.protocols.portmap.service import MAX_DATAGRAMS_PER_WAKEUP
from evtorrent.protocols.portmap.xml_tree import MAX_XML
from support.http_world import AF_INET, World, http
from support.igd import WANIP_2, FakeIgd
from support.igd_server import IgdServer
from support.portmap_gateway import GATEWAY, LOCAL, OUTSIDE, TCP, FakeGateway
from support.trackers import run_until


class Bench:
    """A service on scripted sockets; the gateway answers datagrams when `answer` is called."""

    def __init__(self) -> None:
        self.world = World()
        self.gateway = FakeGateway()
        self.sock = self.world.datagram_socket(AF_INET)
        self.events: list[PortmapEvent] = []
        self.is_closed = False
        self.mapper = GatewayMapper(GATEWAY, LOCAL, rng=Random(1))
        self.service = MapperService(self.world.multi, self.mapper, self.sock, self.events.append)

    def map(self, mapping_id: int = 1, port: int = 6881) -> None:
        self.service.add(MapRequest(mapping_id, TCP, port, port))
        self.world.run()

    def close(self) -> None:
        self.service.close(self._closed)
        assert not self.is_closed
        self.world.run()

    def _closed(self) -> None:
        self.is_closed = True

    def answer(self) -> None:
        sent, self.sock.sent[:] = list(self.sock.sent), []
        for data, address in sent:
            answer = self.gateway.answer(data, self.world.now)
            assert answer is not None
            self.sock.inbox.append((answer, address))
        self.world.run()

    def is_clean(self) -> bool:
        return self.sock.is_closed and self.world.multi.timeout() == -1


def test_mapping_renewal_and_end() -> None:
    bench = Bench()
    bench.map()
    assert bench.events == []
    bench.answer()
    assert bench.events == [ExternalAddress(OUTSIDE), Mapped(1, TCP, 6881, OUTSIDE, 3600.0)]
    bench.world.advance(2250.0)
    assert bench.sock.sent
    bench.answer()
    bench.map(2, 6882)
    bench.answer()
    bench.service.remove(2)
    bench.world.run()
    bench.answer()
    assert bench.events[-1] == Unmapped(2)
    bench.close()
    assert not bench.is_closed
    bench.answer()
    assert bench.is_closed
    assert bench.is_clean()
    assert bench.events[-1] == Unmapped(1)


def test_the_end_does_not_wait_for_a_gateway_that_is_gone() -> None:
    bench = Bench()
    bench.map()
    bench.answer()
    bench.close()
    bench.world.advance(5.0)
    assert bench.is_closed and bench.is_clean()


def test_the_end_of_what_never_was() -> None:
    bench = Bench()
    bench.close()
    assert bench.is_closed and bench.is_clean()


def test_letting_go_at_once() -> None:
    bench = Bench()
    bench.map()
    bench.service.abort()
    bench.service.abort()
    assert bench.is_clean()
    bench.service.remove(1)
    bench.world.run()
    assert bench.events == []
    assert not bench.service.is_full


def test_letting_go_before_anything_happened() -> None:
    bench = Bench()
    bench.service.abort()
    assert bench.is_clean()


def test_letting_go_inside_an_event() -> None:
    bench = Bench()
    bench.service._on_event = lambda event: bench.service.abort()
    bench.map()
    bench.answer()
    assert bench.is_clean()
    assert bench.events == []


def test_what_cannot_be_sent_is_sent_again() -> None:
    bench = Bench()
    bench.sock.send_errors += [BlockingIOError(), OSError(101, "Network is unreachable")]
    bench.map()
    assert bench.sock.sent == []
    bench.world.advance(12.0)
    assert len(bench.sock.sent) == 1
    bench.answer()
    assert bench.events


def test_errors_of_the_network_on_receiving() -> None:
    bench = Bench()
    bench.map()
    bench.sock.inbox.append(OSError(111, "Connection refused"))
    bench.answer()
    assert bench.events


def test_a_flood_leaves_others_their_turn() -> None:
    bench = Bench()
    bench.world.run()
    bench.sock.inbox.extend([(b"x", (GATEWAY, 5351))] * (MAX_DATAGRAMS_PER_WAKEUP + 1))
    bench.world.multi.socket_action(bench.sock.fd, bench.world.multi.CSELECT_IN)
    assert len(bench.sock.inbox) == 1
    bench.world.run()
    assert bench.mapper.num_dropped == MAX_DATAGRAMS_PER_WAKEUP + 1


class UpnpBench:
    """A UPnP service on scripted sockets."""

    def __init__(self, igd: FakeIgd | None = None) -> None:
        self.world = World()
        self.igd = igd or FakeIgd()
        self.world.servers["10.0.0.1"] = self._serve
        self.sock = self.world.datagram_socket(AF_INET)
        self.events: list[PortmapEvent] = []
        self.is_closed = False
        self.upnp = Upnp("10.0.0.2", "10.0.0.0/24", rng=Random(1))
        self.service = UpnpService(
            self.world.multi, self.upnp, self.sock, self.events.append, ports=self.world
        )
        self.service.add(MapRequest(1, TCP, 6881, 6881))
        self.world.run()

    def _serve(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        method, path, _ = head.decode().split("\r\n")[0].split()
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        # h11 writes names as they were given; the script asks for one.
        soap = {"SOAPAction": headers.get("SOAPAction", "")}
        status, answer = self.igd.answer(path, soap, body if method == "POST" else None)
        return http(answer, f"{status} X")

    def hear(self) -> None:
        self.sock.inbox.append((self.igd.ssdp(), ("10.0.0.1", 1900)))
        self.world.run()

    def close(self) -> None:
        def closed() -> None:
            self.is_closed = True

        self.service.close(closed)
        self.world.run()


def test_upnp() -> None:
    bench = UpnpBench()
    assert [address for _, address in bench.sock.sent] == [("239.255.255.250", 1900)] * 2
    bench.hear()
    assert bench.events == [ExternalAddress("8.8.4.4"), Mapped(1, TCP, 6881, "8.8.4.4", 3600.0)]
    bench.close()
    assert bench.is_closed
    assert not bench.igd.mapped
    assert bench.sock.is_closed
    assert bench.world.multi.timeout() == -1


def test_upnp_searches_when_told() -> None:
    bench = UpnpBench()
    bench.hear()
    bench.world.advance(60.0)
    bench.sock.sent.clear()
    bench.service.search()
    assert bench.sock.sent == []
    bench.world.run()
    assert len(bench.sock.sent) == 2


def test_upnp_with_a_description_beyond_the_limit() -> None:
    igd = FakeIgd()
    igd.replies["describe"] = 200, b"<root>".ljust(MAX_XML + 1)
    bench = UpnpBench(igd)
    bench.hear()
    assert bench.upnp.devices == []
    assert len(bench.world.connections) == 1


def test_upnp_follows_no_redirect() -> None:
    bench = UpnpBench()
    bench.world.servers["10.0.0.1"] = lambda request: http(b"", "302 X", "Location: http://10.0.0.1:9/")
    bench.hear()
    assert bench.upnp.devices == []
    assert len(bench.world.dialled) == 1


def test_upnp_where_nobody_listens_or_answers() -> None:
    bench = UpnpBench()
    del bench.world.servers["10.0.0.1"]
    bench.hear()
    assert bench.upnp.devices == []
    bench = UpnpBench()
    bench.world.servers["10.0.0.1"] = lambda request: None
    bench.hear()
    bench.world.advance(11.0)
    assert bench.upnp.devices == []


def test_upnp_letting_go_while_it_talks() -> None:
    bench = UpnpBench()
    bench.world.servers["10.0.0.1"] = lambda request: None
    bench.hear()
    bench.service.abort()
    bench.world.run()
    assert bench.world.multi.timeout() == -1
    assert bench.world.connections[0].is_cut


# On real sockets


@pytest.fixture
def multi() -> Iterator[Multi]:
    engine = Multi()
    yield engine
    engine.close()
    engine.platform.close()  # type: ignore[attr-defined]


def test_upnp_on_loopback(no_fd_survives: None, multi: Multi) -> None:
    sock: Any = multi.platform.datagram_socket(AF_INET, bind=("127.0.0.2", 0))
    # The search stays on this machine.
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.2"))
    events: list[PortmapEvent] = []
    closed: list[bool] = []
    with IgdServer(FakeIgd(WANIP_2)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        server.igd.taken = {6881}
        upnp = Upnp("127.0.0.2", "127.0.0.0/8", rng=Random(1))
        ports = PlatformPorts(multi.platform, source=("127.0.0.2", 0))
        service = UpnpService(multi, upnp, sock, events.append, ports=ports)
        service.add(MapRequest(1, TCP, 6881, 6881))
        device.sendto(server.igd.ssdp(), sock.getsockname())
        run_until(multi, lambda: Mapped in [type(event) for event in events])
        assert events[1] == Mapped(1, TCP, 6882, "8.8.4.4", 3600.0)
        service.close(lambda: closed.append(True))
        run_until(multi, lambda: bool(closed))
        assert not server.igd.mapped
    assert events[-1] == Unmapped(1)


def test_natpmp_on_loopback(no_fd_survives: None, multi: Multi) -> None:
    fake = FakeGateway()
    events: list[PortmapEvent] = []
    closed: list[bool] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gateway:
        gateway.bind(("127.0.0.1", 0))
        gateway.setblocking(False)
        sock = multi.platform.datagram_socket(AF_INET, bind=("127.0.0.2", 0))
        mapper = GatewayMapper("127.0.0.1", "127.0.0.2", rng=Random(1))
        mapper.gateway = gateway.getsockname()
        service = MapperService(multi, mapper, sock, events.append)

        def answers() -> bool:
            try:
                data, address = gateway.recvfrom(2000)
            except BlockingIOError:
                return False
            answer = fake.answer(data, multi.time())
            assert answer is not None
            gateway.sendto(answer, address)
            return True

        service.add(MapRequest(1, TCP, 6881, 6881))
        run_until(multi, answers)
        run_until(multi, lambda: len(events) == 2)
        service.close(lambda: closed.append(True))
        run_until(multi, answers)
        run_until(multi, lambda: bool(closed))
    assert not fake.mapped
