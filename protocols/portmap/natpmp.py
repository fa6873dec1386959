"""NAT-PMP (RFC 6886): its messages and times.  IPv4 only.

Left out: the gateway's multicast announcements (224.0.0.1:5350), whose port others on this host may hold; a restart is seen
at the next renewal.
"""

from __future__ import annotations

import ipaddress
import struct

from ..errors import RemoteProtocolError
from ..types import Buffer
from .dialect import AddressAnswer, Answer, Epoch, Grant, MapAnswer, VersionRefused, Wish
from .epoch import NatPmpEpoch
from .errors import PcpResult, pcp_result_of_natpmp
from .mapping import Bits, PortmapProtocol
from .retransmission import NATPMP_SCHEDULE, renewal_delay

__all__ = ["REFUSAL_PAUSE", "NatPmp", "pack_address_request", "pack_map_request", "parse_answer"]

VERSION = 0
OPCODE_ADDRESS = 0
OPCODE_UDP = 1
OPCODE_TCP = 2
RESPONSE = 128

REFUSAL_PAUSE = 2 * 3600.0
"""Seconds after which a refused mapping is tried again (libtorrent's two hours)."""

_OPCODES = {PortmapProtocol.udp: OPCODE_UDP, PortmapProtocol.tcp: OPCODE_TCP}
_PROTOCOLS = {RESPONSE + opcode: protocol for protocol, opcode in _OPCODES.items()}

_MAP_REQUEST = struct.Struct(">BBHHHI")
_HEAD = struct.Struct(">BBHI")
_MAP_BODY = struct.Struct(">HHI")
_HEAD_OF_REFUSAL = 8
"""Bytes that every answer has."""


def pack_address_request() -> bytes:
    """What is our address outside?"""
    return bytes((VERSION, OPCODE_ADDRESS))


def pack_map_request(wish: Wish) -> bytes:
    """Map a port, or remove the mapping."""
    opcode = _OPCODES[wish.protocol]
    return _MAP_REQUEST.pack(VERSION, opcode, 0, wish.local_port, wish.external_port, wish.lifetime)


def parse_answer(data: Buffer) -> Answer:
    """An answer of a gateway.  RemoteProtocolError when it is none."""
    if len(data) < _HEAD_OF_REFUSAL:
        raise RemoteProtocolError(f"NAT-PMP answer of {len(data)} bytes")
    version, opcode, code, epoch = _HEAD.unpack_from(data)
    if version != VERSION or opcode < RESPONSE:
        raise RemoteProtocolError(f"not a NAT-PMP answer: version {version}, opcode {opcode}")
    if code == PcpResult.UNSUPP_VERSION:
        return VersionRefused()
    result = pcp_result_of_natpmp(code)
    if opcode == RESPONSE + OPCODE_ADDRESS:
        return _parse_address(data, result, epoch)
    protocol = _PROTOCOLS.get(opcode)
    if protocol is None or len(data) < _HEAD.size + _MAP_BODY.size:
        raise RemoteProtocolError(f"NAT-PMP answer of opcode {opcode} and {len(data)} bytes")
    local_port, external_port, lifetime = _MAP_BODY.unpack_from(data, _HEAD.size)
    return MapAnswer(result, epoch, protocol, local_port, b"", Grant(lifetime, external_port, ""))


def _parse_address(data: Buffer, result: int, epoch: int) -> AddressAnswer:
    if result != PcpResult.SUCCESS:
        return AddressAnswer(result, epoch, "")
    if len(data) < _HEAD.size + 4:
        raise RemoteProtocolError(f"NAT-PMP address of {len(data)} bytes")
    address = ipaddress.IPv4Address(bytes(data[_HEAD.size : _HEAD.size + 4]))
    return AddressAnswer(result, epoch, "" if address.is_unspecified else str(address))


class NatPmp:
    """NAT-PMP as spoken with one gateway."""

    name = "NAT-PMP"
    schedule = NATPMP_SCHEDULE
    probe_schedule = NATPMP_SCHEDULE

    def __init__(self) -> None:
        self.epoch: Epoch = NatPmpEpoch()

    def map_request(self, wish: Wish) -> bytes:
        """See `Dialect`."""
        return pack_map_request(wish)

    def address_request(self) -> bytes | None:
        """See `Dialect`."""
        return pack_address_request()

    def parse(self, data: Buffer) -> Answer:
        """See `Dialect`."""
        return parse_answer(data)

    def renewal_delay(self, lifetime: float, rng: Bits) -> float:
        """See `Dialect`."""
        return renewal_delay(lifetime)

    def retry_delay(self, answer: MapAnswer) -> float:
        """See `Dialect`."""
        return REFUSAL_PAUSE
