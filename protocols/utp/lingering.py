"""Connections that ended a moment ago, both sides agreeing: what is still under way to them is no stranger's.

A late acknowledgement answered with a reset would take the other side's clean end for a broken one.  A FIN that comes again,
since our last acknowledgement was lost, gets another one.  (TCP's TIME-WAIT, in short.)
"""

from __future__ import annotations

from collections.abc import Hashable

from .packet import Packet, PacketType, pack_packet

__all__ = ["LINGER", "MAX_LINGERING", "Lingering"]

LINGER = 5.0
"""Seconds a connection is remembered."""
MAX_LINGERING = 4096
"""Connections remembered; beyond, the oldest are forgotten."""

Key = tuple[Hashable, int]


class Lingering:
    """By (source address, id their packets carry)."""

    __slots__ = ("_ended",)

    def __init__(self) -> None:
        self._ended: dict[Key, tuple[float, int, int]] = {}

    def add(self, key: Key, send_id: int, next_number: int, now: float) -> None:
        """A connection is over that called the other side `send_id` and would have sent packet `next_number` next."""
        self._ended.pop(key, None)
        self._ended[key] = (now + LINGER, send_id, next_number)
        while len(self._ended) > MAX_LINGERING or self._first_is_due(now):
            del self._ended[next(iter(self._ended))]

    def knows(self, key: Key, now: float) -> bool:
        """It ended, and not long ago."""
        found = self._ended.get(key)
        return found is not None and now < found[0]

    def answer(self, key: Key, packet: Packet, now: float) -> bytes | None:
        """What a packet to a connection it knows is answered with; None is nothing."""
        if packet.kind is not PacketType.FIN:
            return None
        _, send_id, next_number = self._ended[key]
        stamp = int(now * 1_000_000) & 0xFFFFFFFF
        return pack_packet(
            Packet(
                PacketType.STATE,
                send_id,
                stamp,
                (stamp - packet.timestamp) & 0xFFFFFFFF,
                0,
                next_number & 0xFFFF,
                packet.seq_nr,
            )
        )

    def __len__(self) -> int:
        return len(self._ended)

    def _first_is_due(self, now: float) -> bool:
        return next(iter(self._ended.values()))[0] <= now
