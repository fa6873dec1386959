"""A machine on networks of fake gateways, for the session's port mapping: sockets, interfaces and routes by hand."""

from __future__ import annotations

from typing import Any, TypeVar

from evtorrent.listener.gateways import Gateway
from evtorrent.listener.interfaces import Interface
from evtorrent.session.alert_queue import AlertQueue
from evtorrent.session.alerts import Alert
from evtorrent.session.core.map_places import ListenPort
from evtorrent.session.core.port_mapping import PortMapping
from evtorrent.session.settings import SettingsPack
from support.http_world import Datagrams, World, http
from support.igd import FakeIgd
from support.portmap_gateway import FakeGateway

A = TypeVar("A", bound=Alert)

ETH0 = Interface("eth0", "10.0.0.2", 24)
ETH0_6 = Interface("eth0", "2600::2", 64)
LOOPBACK = Interface("lo", "127.0.0.1", 8)
ROUTER = Gateway("10.0.0.1", "eth0")
ROUTER_6 = Gateway("fe80::1%eth0", "eth0")


class MappedSocket(Datagrams):
    """A UDP socket that remembers where it is bound and what was set."""

    def __init__(self, fd: int, bind: Any) -> None:
        super().__init__(fd)
        self.bound = bind
        self.options: list[tuple[int, int, Any]] = []

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        self.options.append((level, option, value))


class MappingWorld(World):
    """The platform, the session as port mapping sees it, and the gateways."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.interfaces = [LOOPBACK, ETH0]
        self.routes = [ROUTER]
        self.num_looks = 0
        """How often the system was asked for its networks."""
        self.gateway = FakeGateway()
        self.igd: FakeIgd | None = FakeIgd()
        self.servers["10.0.0.1"] = self._serve
        self.sockets_opened: list[MappedSocket] = []
        self.ports = [ListenPort("0.0.0.0", 6881)]
        self.external: list[str] = []
        self.base = self.multi
        self.platform: Any = self
        self.settings = SettingsPack(settings)
        self.alerts = AlertQueue(self.time, mask=-1)
        self.seen: list[Alert] = []
        self.mapping = PortMapping(
            self,
            interfaces=self._list_interfaces,
            gateways=lambda: list(self.routes),
            http_ports=lambda platform, local: self,
        )

    # The host of port mapping

    def gateway_said(self, host: str) -> None:
        self.external.append(host)

    def listen_ports(self) -> list[ListenPort]:
        return list(self.ports)

    def _list_interfaces(self) -> list[Interface]:
        self.num_looks += 1
        return list(self.interfaces)

    # The platform

    def datagram_socket(self, family: int, *, bind: Any = None) -> MappedSocket:
        if self.refuses_datagram_sockets:
            raise OSError(99, "Cannot assign requested address")
        sock = MappedSocket(500 + len(self.sockets_opened), bind)
        self.sockets_opened.append(sock)
        self.datagrams[sock.fd] = sock
        return sock

    # The gateways

    def _serve(self, request: bytes) -> bytes | None:
        if self.igd is None:
            return None
        head, _, body = request.partition(b"\r\n\r\n")
        method, path, _ = head.decode().split("\r\n")[0].split()
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        soap = {"SOAPAction": headers.get("SOAPAction", "")}
        status, answer = self.igd.answer(path, soap, body if method == "POST" else None)
        return http(answer, f"{status} X")

    def settle(self) -> None:
        """Let the gateways answer until nothing moves."""
        self.run()
        while any(self._answer(sock) for sock in self.sockets_opened):
            self.run()

    def _answer(self, sock: MappedSocket) -> bool:
        sent, sock.sent[:] = list(sock.sent), []
        for data, address in sent:
            if address[1] == 1900:
                if self.igd is not None:
                    sock.inbox.append((self.igd.ssdp(), ("10.0.0.1", 1900)))
                continue
            answer = self.gateway.answer(data, self.now)
            if answer is not None:
                sock.inbox.append((answer, address))
        return bool(sent)

    def refresh(self, *, remap: bool = False) -> None:
        self.mapping.refresh(remap=remap)
        self.settle()

    def told(self, kind: type[A]) -> list[A]:
        """The alerts of a class so far."""
        self.seen += self.alerts.pop_all()
        return [alert for alert in self.seen if type(alert) is kind]

    def forget(self) -> None:
        self.alerts.pop_all()
        self.seen.clear()

    def is_clean(self) -> bool:
        """No socket, no timer is left."""
        return all(sock.is_closed for sock in self.sockets_opened) and self.multi.timeout() == -1
