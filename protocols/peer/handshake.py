"""The 68-byte handshake (BEP 3) and the capabilities in its reserved bytes (BEP 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from ..errors import RemoteProtocolError
from ..types import Buffer, PeerId, Sha1Hash

__all__ = ["HANDSHAKE_LENGTH", "PROTOCOL", "Capability", "Handshake"]

PROTOCOL = b"\x13BitTorrent protocol"
HANDSHAKE_LENGTH = 68


class Capability(IntFlag):
    """Reserved bits, the eight bytes read as one big-endian number."""

    DHT = 0x01  # BEP 5
    FAST = 0x04  # BEP 6
    V2 = 0x10  # BEP 52
    EXTENSION = 0x10_0000  # BEP 10


@dataclass(frozen=True, slots=True)
class Handshake:
    """What each side says first."""

    info_hash: Sha1Hash
    peer_id: PeerId
    reserved: bytes = bytes(8)

    @property
    def capabilities(self) -> Capability:
        """The reserved bytes as flags; unknown bits are kept."""
        return Capability(int.from_bytes(self.reserved, "big"))

    @classmethod
    def with_capabilities(cls, info_hash: Sha1Hash, peer_id: PeerId, capabilities: Capability) -> Handshake:
        """A handshake that announces `capabilities`."""
        return cls(info_hash, peer_id, int(capabilities).to_bytes(8, "big"))

    def pack(self) -> bytes:
        """The 68 bytes."""
        return PROTOCOL + self.reserved + self.info_hash + self.peer_id

    @classmethod
    def parse(cls, data: Buffer) -> Handshake:
        """Parse 68 bytes.  RemoteProtocolError when they do not begin as BEP 3 says."""
        raw = bytes(data)
        check_prefix(raw)
        if len(raw) != HANDSHAKE_LENGTH:
            raise RemoteProtocolError(f"handshake of {len(raw)} bytes")
        return cls(Sha1Hash(raw[28:48]), PeerId(raw[48:68]), raw[20:28])


def check_prefix(data: Buffer) -> None:
    """Refuse a peer on the first wrong byte, so that a stranger to the protocol does not wait for 68."""
    start = bytes(data[: len(PROTOCOL)])
    if start != PROTOCOL[: len(start)]:
        raise RemoteProtocolError("not a BitTorrent handshake")
