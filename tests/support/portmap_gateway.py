"""A gateway that speaks NAT-PMP and PCP, written from RFC 6886 and RFC 6887 apart from our codecs, and talks with it in virtual time."""

from __future__ import annotations

import ipaddress
import itertools
import struct
from collections.abc import Callable
from random import Random
from typing import Any

from evtorrent.protocols.portmap import GatewayMapper, MapRequest, PortmapEvent, PortmapProtocol

GATEWAY, LOCAL = "10.0.0.1", "10.0.0.2"
GATEWAY_6, LOCAL_6 = "fe80::1%eth0", "2600::2"
OUTSIDE = "8.8.4.4"

TCP, UDP = PortmapProtocol.tcp, PortmapProtocol.udp


class FakeGateway:
    """Answers what it is asked; every habit can be changed."""

    def __init__(self, *, pcp: bool = True, natpmp: bool = True) -> None:
        self.pcp = pcp
        self.natpmp = natpmp
        self.is_silent = False
        self.refuses_version = True
        """Answers in its own version to one it does not know; else keeps silent."""
        self.result = 0
        """What it answers to wishes."""
        self.lifetime: int | None = None
        """The lease it gives; None gives what is asked for."""
        self.outside = OUTSIDE
        self.started = 0.0
        """Since when it remembers."""
        self.taken: set[int] = set()
        """External ports of others."""
        self.mapped: dict[tuple[int, int], int] = {}
        """(IANA protocol, local port) → external port."""
        self.heard: list[bytes] = []

    def restart(self, now: float) -> None:
        """Lose the table."""
        self.started = now
        self.mapped.clear()

    def answer(self, data: bytes, now: float) -> bytes | None:
        self.heard.append(data)
        if self.is_silent:
            return None
        epoch = int(now - self.started)
        if data[0] == 2:
            return self._pcp(data, epoch)
        assert data[0] == 0
        return self._natpmp(data, epoch)

    def _natpmp(self, data: bytes, epoch: int) -> bytes | None:
        if not self.natpmp:
            return struct.pack(">BBHI", 0, data[1] | 128, 1, epoch) if self.refuses_version else None
        if data == b"\0\0":
            return struct.pack(">BBHI", 0, 128, 0, epoch) + ipaddress.IPv4Address(self.outside).packed
        _, opcode, zero, local, external, lifetime = struct.unpack(">BBHHHI", data)
        assert zero == 0 and opcode in (1, 2)
        external, lifetime = self._map({1: 17, 2: 6}[opcode], local, external, lifetime)
        return struct.pack(">BBHIHHI", 0, opcode + 128, self.result, epoch, local, external, lifetime)

    def _pcp(self, data: bytes, epoch: int) -> bytes | None:
        if not self.pcp:
            # RFC 6886 3.5: version 0, the opcode with its highest bit, result 1.
            return struct.pack(">BBHI", 0, data[1] | 128, 1, epoch) if self.refuses_version else None
        assert len(data) == 60
        version, opcode, _, lifetime, _client = struct.unpack_from(">BBHI16s", data)
        nonce, number, local, external, wanted = struct.unpack_from(">12sB3xHH16s", data, 24)
        assert (version, opcode) == (2, 1)
        external, lifetime = self._map(number, local, external, lifetime)
        outside = ipaddress.ip_address(self.outside)
        packed = outside.packed if outside.version == 6 else bytes(10) + b"\xff\xff" + outside.packed
        if self.result:
            packed = wanted
        head = struct.pack(">BBBBII12x", 2, 0x81, 0, self.result, lifetime, epoch)
        return head + struct.pack(">12sB3xHH16s", nonce, number, local, external, packed)

    def _map(self, number: int, local: int, external: int, lifetime: int) -> tuple[int, int]:
        if self.result:
            return external, self.lifetime if self.lifetime is not None else lifetime
        if lifetime == 0:
            self.mapped.pop((number, local), None)
            return 0, 0
        while external in self.taken:
            external += 1
        self.mapped[number, local] = external
        return external, lifetime if self.lifetime is None else self.lifetime


class Talk:
    """A mapper and its gateway; nothing is lost unless `lose` says so."""

    def __init__(self, gateway: FakeGateway | None = None, *, ipv6: bool = False, **options: Any) -> None:
        self.gateway = gateway or FakeGateway()
        self.address = (GATEWAY_6 if ipv6 else GATEWAY, 5351)
        self.log: list[str] = []
        self.mapper = GatewayMapper(
            self.address[0],
            LOCAL_6 if ipv6 else LOCAL,
            rng=Random(7),
            log=lambda text, *args: self.log.append(text % args),
            **options,
        )
        self.now = 1000.0
        self.sent: list[tuple[float, bytes]] = []
        self.events: list[PortmapEvent] = []
        self.lose: Callable[[bytes], bool] = lambda data: False

    def map(self, mapping_id: int = 1, port: int = 6881, protocol: PortmapProtocol = TCP) -> None:
        self.mapper.send_mapping(MapRequest(mapping_id, protocol, port, port), now=self.now)
        self.pump()

    def remove(self, mapping_id: int) -> None:
        self.mapper.send_removal(mapping_id, now=self.now)
        self.pump()

    def close(self) -> None:
        self.mapper.close(now=self.now)
        self.pump()

    def pump(self) -> None:
        """Send, let the gateway answer, take events, until nothing moves."""
        while datagrams := self.mapper.datagrams_to_send(now=self.now):
            for data, address in datagrams:
                assert address == self.address
                self.sent.append((self.now, data))
                answer = self.gateway.answer(data, self.now)
                if answer is not None and not self.lose(answer):
                    self.mapper.receive_datagram(answer, self.address, now=self.now)
        while (event := self.mapper.next_event()) is not None:
            self.events.append(event)

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline."""
        end = self.now + seconds
        while (due := self.mapper.next_timeout()) is not None and due <= end:
            self.now = max(self.now, due)
            self.mapper.handle_timeout(now=self.now)
            self.pump()
        self.now = end

    def take(self) -> list[PortmapEvent]:
        """What happened since."""
        events, self.events = self.events, []
        return events

    def times(self) -> list[float]:
        """Seconds between the datagrams sent since."""
        sent, self.sent = self.sent, []
        return [round(later[0] - earlier[0], 3) for earlier, later in itertools.pairwise(sent)]
