"""A UPnP Internet gateway device as a script, written from the UPnP documents apart from our codecs, and talks with it."""

from __future__ import annotations

import re
from collections import deque
from random import Random
from typing import Any

from evtorrent.protocols.http.url import Url
from evtorrent.protocols.portmap import HttpCall, MapRequest, PortmapEvent, PortmapProtocol, Upnp

LOCAL, NETWORK, GATEWAY = "10.0.0.2", "10.0.0.0/24", "10.0.0.1"
OUTSIDE = "8.8.4.4"
TCP, UDP = PortmapProtocol.tcp, PortmapProtocol.udp

WANIP_1 = "urn:schemas-upnp-org:service:WANIPConnection:1"
WANIP_2 = "urn:schemas-upnp-org:service:WANIPConnection:2"
WANPPP_1 = "urn:schemas-upnp-org:service:WANPPPConnection:1"

_SERVICE = """<service><serviceType>{0}</serviceType><serviceId>x</serviceId><SCPDURL>/x.xml</SCPDURL>
<controlURL>{1}</controlURL><eventSubURL>/evt</eventSubURL></service>"""

_DESCRIPTION = """<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>{base}
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<friendlyName>A router</friendlyName><modelName>Scripted</modelName>
<serviceList>{layer3}</serviceList>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>
<serviceList>{services}</serviceList></device></deviceList></device></deviceList></device></root>"""

_ANSWER = """<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
<s:Body><u:{0}Response xmlns:u="{1}">{2}</u:{0}Response></s:Body></s:Envelope>"""

_FAULT = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode>
<faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{0}</errorCode>
<errorDescription>no</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>"""


class FakeIgd:
    """Answers HTTP requests as a gateway does; every habit can be changed."""

    def __init__(self, *services: str, host: str = GATEWAY, port: int = 5000) -> None:
        self.services = services or (WANIP_1,)
        self.host, self.port = host, port
        self.base = ""
        self.control = "/ctl/{0}"
        """Of each service, with its number."""
        self.outside = [OUTSIDE] * len(self.services)
        """External address of each service."""
        self.errors: dict[str, deque[int]] = {}
        """Action → UPnP errors it answers with next."""
        self.replies: dict[str, tuple[int, bytes]] = {}
        """Action, or "describe" → what it answers instead."""
        self.is_dead = False
        self.mapped: dict[tuple[str, int], tuple[str, int, int]] = {}
        """(protocol, external port) → (client, internal port, lease)."""
        self.taken: set[int] = set()
        """External ports of others."""
        self.calls: list[tuple[str, dict[str, str]]] = []

    @property
    def location(self) -> str:
        return f"http://{self.host}:{self.port}/rootDesc.xml"

    def ssdp(self, target: str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1") -> bytes:
        """Its answer to a search."""
        return (
            f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: {target}\r\nUSN: uuid:1::{target}\r\nEXT:\r\n"
            f"SERVER: Scripted/1 UPnP/1.1\r\nLOCATION: {self.location}\r\n\r\n"
        ).encode()

    def describe(self) -> bytes:
        services = "".join(
            _SERVICE.format(kind, self.control.format(number)) for number, kind in enumerate(self.services)
        )
        layer3 = _SERVICE.format("urn:schemas-upnp-org:service:Layer3Forwarding:1", "/ctl/L3F")
        return _DESCRIPTION.format(base=self.base, layer3=layer3, services=services).encode()

    def answer(self, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
        """(status, body) for a GET, or a POST with a body."""
        if body is None:
            assert path == "/rootDesc.xml", path
            return self.replies.get("describe", (200, self.describe()))
        number = int(path[-1])
        service, _, action = headers["SOAPAction"].strip('"').partition("#")
        assert service == self.services[number], service
        arguments = dict(re.findall(r"<(New\w+)>([^<]*)</", body.decode()))
        self.calls.append((action, arguments))
        if action in self.replies:
            return self.replies[action]
        if self.errors.get(action):
            return 500, _FAULT.format(self.errors[action].popleft()).encode()
        values = getattr(self, f"_{action}")(arguments, number)
        if isinstance(values, int):
            return 500, _FAULT.format(values).encode()
        return 200, _ANSWER.format(action, service, values).encode()

    def _GetExternalIPAddress(self, arguments: dict[str, str], number: int) -> str:
        return f"<NewExternalIPAddress>{self.outside[number]}</NewExternalIPAddress>"

    def _AddPortMapping(self, arguments: dict[str, str], number: int) -> str | int:
        port = int(arguments["NewExternalPort"])
        if port in self.taken:
            return 718
        self._map(port, arguments)
        return ""

    def _AddAnyPortMapping(self, arguments: dict[str, str], number: int) -> str:
        port = int(arguments["NewExternalPort"])
        while port in self.taken:
            port += 1
        self._map(port, arguments)
        return f"<NewReservedPort>{port}</NewReservedPort>"

    def _DeletePortMapping(self, arguments: dict[str, str], number: int) -> str | int:
        key = arguments["NewProtocol"], int(arguments["NewExternalPort"])
        if self.mapped.pop(key, None) is None:
            return 714
        return ""

    def _map(self, port: int, arguments: dict[str, str]) -> None:
        assert arguments["NewRemoteHost"] == "" and arguments["NewEnabled"] == "1"
        key = arguments["NewProtocol"], port
        client, internal = arguments["NewInternalClient"], int(arguments["NewInternalPort"])
        self.mapped[key] = client, internal, int(arguments["NewLeaseDuration"])

    def actions(self) -> list[str]:
        """What it was told since, by name."""
        calls, self.calls = self.calls, []
        return [action for action, _ in calls]


class IgdTalk:
    """A mapper on a network of scripted devices, in virtual time."""

    def __init__(self, *igds: FakeIgd, **options: Any) -> None:
        self.igds = list(igds)
        self.log: list[str] = []
        given = {"gateway": GATEWAY, "log": lambda text, *args: self.log.append(text % args), **options}
        self.upnp = Upnp(LOCAL, NETWORK, rng=Random(3), **given)
        self.now = 1000.0
        self.is_deaf = False
        """No search is answered."""
        self.searches: list[tuple[float, str]] = []
        """(time, search target) of each."""
        self.calls: list[HttpCall] = []
        self.holds: list[HttpCall] | None = None
        """With a list, calls are kept there and not answered."""
        self.events: list[PortmapEvent] = []

    def map(self, mapping_id: int = 1, port: int = 6881, protocol: PortmapProtocol = TCP) -> None:
        self.upnp.send_mapping(MapRequest(mapping_id, protocol, port, port), now=self.now)
        self.pump()

    def remove(self, mapping_id: int) -> None:
        self.upnp.send_removal(mapping_id, now=self.now)
        self.pump()

    def close(self) -> None:
        self.upnp.close(now=self.now)
        self.pump()

    def hear(self, data: bytes, host: str = GATEWAY) -> None:
        """An answer to a search."""
        self.upnp.receive_datagram(data, (host, 1900), now=self.now)
        self.pump()

    def pump(self) -> None:
        """Let searches and calls be answered until nothing moves."""
        while True:
            datagrams = self.upnp.datagrams_to_send(now=self.now)
            for data, address in datagrams:
                assert address == ("239.255.255.250", 1900)
                self._search(data)
            calls = self.upnp.calls_to_send(now=self.now)
            if not datagrams and not calls:
                break
            self.calls += calls
            for call in calls:
                if self.holds is None:
                    self.serve(call)
                else:
                    self.holds.append(call)
        while (event := self.upnp.next_event()) is not None:
            self.events.append(event)

    def _search(self, data: bytes) -> None:
        target = re.search(rb"\nST: (.*)\r\n", data)
        assert (
            target is not None and data.startswith(b"M-SEARCH * HTTP/1.1\r\n") and data.endswith(b"\r\n\r\n")
        )
        self.searches.append((self.now, target[1].decode()))
        for igd in self.igds:
            if not igd.is_dead and not self.is_deaf:
                self.upnp.receive_datagram(igd.ssdp(), (igd.host, 1900), now=self.now)

    def serve(self, call: HttpCall) -> None:
        """Let the device a call is for answer it."""
        igd = self.igd_at(call.url)
        if igd is None or igd.is_dead:
            self.upnp.receive_failure(call.call_id, "connect: Connection refused", now=self.now)
            return
        status, body = igd.answer(call.url.target, dict(call.headers), call.post)
        self.upnp.receive_answer(call.call_id, status, body, now=self.now)

    def igd_at(self, url: Url) -> FakeIgd | None:
        return next((igd for igd in self.igds if (igd.host, igd.port) == (url.host, url.port)), None)

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline."""
        end = self.now + seconds
        while (due := self.upnp.next_timeout()) is not None and due <= end:
            self.now = max(self.now, due)
            self.upnp.handle_timeout(now=self.now)
            self.pump()
        self.now = end

    def take(self) -> list[PortmapEvent]:
        """What happened since."""
        events, self.events = self.events, []
        return events
