"""What happened, as one running hash and, when asked for, as lines to read."""

from __future__ import annotations

import hashlib
import struct
import zlib

from .address import Address
from .arguments import check_count
from .packet import Packet

__all__ = ["DELIVERED", "LOST", "Trace"]

DELIVERED, LOST = 0, 1
"""The fates of a packet."""

_FATES = ("arrived", "lost")
_HASHED_BYTES = 2048
"""Bytes of each packet that count: every datagram that fits a line, the head of a run of segments."""
_FLUSH_AT = 65_536
_ROW = struct.Struct("<dBIIqII").pack


class Trace:
    """Every packet that was delivered or lost, in order.  Two runs with equal hashes did the same."""

    def __init__(self, *, keep: int = 0) -> None:
        """`keep`: the number of newest lines to hold in `lines`."""
        check_count("keep", keep)
        self.num_records = 0
        self.num_lost = 0
        """Packets that did not arrive: lost on a line, shut out by a box, or sent to nobody."""
        self._keep = keep
        self._lines: list[str] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self._rows = bytearray()
        self._numbers: dict[Address, int] = {}
        """Addresses by order of appearance: cheaper to write than their text."""

    def record(self, now: float, fate: int, packet: Packet) -> None:
        """Add the fate of a packet."""
        numbers = self._numbers
        source = numbers.get(packet.source)
        if source is None:
            source = self._number(packet.source)
        target = numbers.get(packet.target)
        if target is None:
            target = self._number(packet.target)
        payload = packet.payload
        if packet.is_tcp:
            what, seq = 2 + packet.code, packet.seq + packet.ack  # type: ignore[union-attr]
            if len(payload) > _HASHED_BYTES:
                payload = payload[:_HASHED_BYTES]
        else:
            what, seq = (1 if packet.errno else 0), 0
        self._rows += _ROW(
            now, what << 1 | fate, source, target, seq, len(packet.payload), zlib.crc32(payload)
        )
        self.num_records += 1
        self.num_lost += fate
        if len(self._rows) > _FLUSH_AT:
            self._flush()
        if self._keep:
            self._write_line(now, fate, packet)

    def note(self, now: float, what: str) -> None:
        """Add something that is not about a packet."""
        self._rows += f"{now!r} {what}\n".encode()
        self.num_records += 1
        if self._keep:
            self._append(f"{now:.6f} {what}")

    @property
    def lines(self) -> list[str]:
        """The newest lines, oldest first; empty unless some are kept."""
        return self._lines[-self._keep :] if self._keep else []

    @property
    def hexdigest(self) -> str:
        """The hash of all records so far, 32 digits."""
        self._flush()
        return self._hash.hexdigest()

    def _number(self, address: Address) -> int:
        number = self._numbers[address] = len(self._numbers)
        self._rows += f"{number}={address[0]} {address[1]}\n".encode()
        return number

    def _flush(self) -> None:
        self._hash.update(self._rows)
        self._rows.clear()

    def _write_line(self, now: float, fate: int, packet: Packet) -> None:
        (host, port), (to_host, to_port) = packet.source, packet.target
        line = (
            f"{now:.6f} {packet.kind} {host} {port} > {to_host} {to_port} "
            f"{len(packet.payload)} bytes {_FATES[fate]}"
        )
        if packet.is_tcp:
            line += f" seq {packet.seq} ack {packet.ack}"  # type: ignore[union-attr]
        self._append(line)

    def _append(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) > 2 * self._keep:
            del self._lines[: -self._keep]
