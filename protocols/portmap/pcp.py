"""The Port Control Protocol (RFC 6887), MAP opcode: its messages and times.  IPv4 mappings and IPv6 pinholes.

Left out: PEER and ANNOUNCE, all options, and the multicast announcements; a restart is seen at the next renewal.
"""

from __future__ import annotations

import ipaddress
import struct

from ..errors import RemoteProtocolError
from ..types import Buffer
from .dialect import Answer, Epoch, Grant, MapAnswer, VersionRefused, Wish
from .epoch import PcpEpoch
from .errors import PcpResult
from .mapping import Bits, PortmapProtocol
from .retransmission import PCP_PROBE_SCHEDULE, PCP_SCHEDULE, renewal_delay

__all__ = ["MAX_PACKET", "NONCE_LENGTH", "Pcp", "pack_map_request", "parse_answer"]

VERSION = 2
OPCODE_MAP = 1
RESPONSE = 0x80
NONCE_LENGTH = 12

MAX_PACKET = 1100
"""Bytes of a message (RFC 6887 7)."""

SHORTEST_ERROR, LONGEST_ERROR = 60.0, 1800.0
"""Seconds we stay away after a refusal: what the gateway says, within these (RFC 6887 8.3: at most 30 minutes)."""

_NUMBERS = {PortmapProtocol.tcp: 6, PortmapProtocol.udp: 17}
_PROTOCOLS = {number: protocol for protocol, number in _NUMBERS.items()}

_REQUEST = struct.Struct(">BBHI16s")
_RESPONSE = struct.Struct(">BBBBII12x")
_MAP = struct.Struct(">12sB3xHH16s")
_SHORTEST = 4
"""Bytes up to the result; gateways of another version may send no more that we understand."""


def pack_map_request(wish: Wish, client: str) -> bytes:
    """Map a port of `client`, or remove the mapping."""
    wanted = wish.external_address or ("::" if ":" in client else "0.0.0.0")
    head = _REQUEST.pack(VERSION, OPCODE_MAP, 0, wish.lifetime, _packed(client))
    number = _NUMBERS[wish.protocol]
    return head + _MAP.pack(wish.nonce, number, wish.local_port, wish.external_port, _packed(wanted))


def parse_answer(data: Buffer) -> Answer:
    """An answer of a gateway, also one of another version that refuses ours.  RemoteProtocolError when it is none."""
    if not _SHORTEST <= len(data) <= MAX_PACKET:
        raise RemoteProtocolError(f"PCP answer of {len(data)} bytes")
    version, opcode, result = data[0], data[1], data[3]
    if not opcode & RESPONSE:
        raise RemoteProtocolError("a PCP request, not an answer")
    if version != VERSION:
        # RFC 6887 9: a NAT-PMP gateway answers in its own version, with a result of two bytes.
        if result == PcpResult.UNSUPP_VERSION and data[2] == 0:
            return VersionRefused()
        raise RemoteProtocolError(f"answer in version {version}")
    if result == PcpResult.UNSUPP_VERSION:
        return VersionRefused()
    if opcode != RESPONSE | OPCODE_MAP or len(data) < _RESPONSE.size + _MAP.size:
        raise RemoteProtocolError(f"PCP answer of opcode {opcode & 0x7F} and {len(data)} bytes")
    lifetime, epoch = _RESPONSE.unpack_from(data)[4:]
    nonce, number, local_port, external_port, packed = _MAP.unpack_from(data, _RESPONSE.size)
    protocol = _PROTOCOLS.get(number)
    if protocol is None:
        raise RemoteProtocolError(f"PCP answer about protocol {number}")
    grant = Grant(lifetime, external_port, _unpacked(packed))
    return MapAnswer(result, epoch, protocol, local_port, nonce, grant)


def _packed(host: str) -> bytes:
    """RFC 6887 5: IPv4 addresses are mapped into IPv6."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return bytes(10) + b"\xff\xff" + address.packed if address.version == 4 else address.packed


def _unpacked(packed: bytes) -> str:
    address = ipaddress.IPv6Address(packed)
    inner = address.ipv4_mapped or address
    return "" if inner.is_unspecified else str(inner)


class Pcp:
    """PCP as spoken with one gateway, for one address of ours."""

    name = "PCP"
    schedule = PCP_SCHEDULE
    probe_schedule = PCP_PROBE_SCHEDULE

    def __init__(self, client: str) -> None:
        self.epoch: Epoch = PcpEpoch()
        self._client = client

    def map_request(self, wish: Wish) -> bytes:
        """See `Dialect`."""
        return pack_map_request(wish, self._client)

    def address_request(self) -> bytes | None:
        """See `Dialect`."""
        return None

    def parse(self, data: Buffer) -> Answer:
        """See `Dialect`."""
        return parse_answer(data)

    def renewal_delay(self, lifetime: float, rng: Bits) -> float:
        """See `Dialect`."""
        return renewal_delay(lifetime, rng)

    def retry_delay(self, answer: MapAnswer) -> float:
        """See `Dialect`."""
        return min(max(float(answer.grant.lifetime), SHORTEST_ERROR), LONGEST_ERROR)
