"""Messages of the holepunch extension (BEP 55): ask to be introduced, connect now, cannot be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from ...types import Address, Buffer
from ..compact import IPV4_ENDPOINT, IPV6_ENDPOINT, pack_endpoint, split_endpoints

__all__ = ["HolepunchError", "HolepunchKind", "HolepunchMessage", "pack_message", "parse_message"]

_U32 = Struct(">I")
_SIZES = {0: IPV4_ENDPOINT, 1: IPV6_ENDPOINT}


class HolepunchKind(IntEnum):
    """What a message is, "msg_type"."""

    RENDEZVOUS = 0
    """Introduce me to that peer."""
    CONNECT = 1
    """Connect to that peer, which does the same."""
    ERROR = 2
    """You cannot be introduced."""


class HolepunchError(IntEnum):
    """Why not, "err_code"."""

    NO_ERROR = 0
    NO_SUCH_PEER = 1
    """The endpoint is none."""
    NOT_CONNECTED = 2
    """The relay is not connected to it."""
    NO_SUPPORT = 3
    """It does not speak the extension."""
    NO_SELF = 4
    """It is the relay, or the one that asks."""


@dataclass(frozen=True, slots=True)
class HolepunchMessage:
    """One message."""

    kind: HolepunchKind
    address: Address
    """The other peer."""
    error: int = 0
    """A `HolepunchError`, or a number nobody has defined."""


def pack_message(message: HolepunchMessage) -> bytes:
    """The payload; the error code is always there, 0 when there is none."""
    return (
        bytes((message.kind, ":" in message.address[0]))
        + pack_endpoint(message.address)
        + _U32.pack(message.error)
    )


def parse_message(payload: Buffer) -> HolepunchMessage | None:
    """Parse a message; None for what cannot be understood, which is to be ignored.

    libtorrent leaves the error code out where there is none; what follows it is skipped.
    """
    raw = bytes(payload[:32])
    size = _SIZES.get(raw[1]) if len(raw) > 1 else None
    if size is None or len(raw) < 2 + size or raw[0] not in _KINDS:
        return None
    kind = HolepunchKind(raw[0])
    (address,) = split_endpoints(raw[2 : 2 + size], size)
    code = raw[2 + size : 6 + size]
    if kind is HolepunchKind.ERROR and len(code) < 4:
        return None
    return HolepunchMessage(kind, address, int.from_bytes(code, "big") if len(code) == 4 else 0)


_KINDS = frozenset(HolepunchKind)
