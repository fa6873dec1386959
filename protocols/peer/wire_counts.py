"""What went over the peer wire, counted for all connections of one loop together: messages by kind, reads and writes by size.

Plain integers in lists: a message costs one addition, a batch of blocks or requests one for all of them.
"""

from __future__ import annotations

__all__ = ["MOST_SIZE", "WireCounts"]

_KINDS = 256
MOST_SIZE = 20
"""Reads and writes of 2 to the power of this and more bytes are counted together."""


class WireCounts:
    """Written by connections and by whoever moves their bytes; read by anybody."""

    __slots__ = ("handshakes_in", "handshakes_out", "reads", "received", "sent", "writes")

    def __init__(self) -> None:
        self.received = [0] * _KINDS
        """Messages by number (`MessageId`), unknown ones too."""
        self.sent = [0] * _KINDS
        self.handshakes_in = 0
        """Extension handshakes (BEP 10), which are also counted as extended messages."""
        self.handshakes_out = 0
        self.reads = [0] * (MOST_SIZE + 1)
        """Calls that read 2**i bytes or more, and less than twice that."""
        self.writes = [0] * (MOST_SIZE + 1)

    def count_read(self, size: int) -> None:
        """`size` bytes, one or more, were read in one call."""
        self.reads[min(size.bit_length() - 1, MOST_SIZE)] += 1

    def count_write(self, size: int) -> None:
        """`size` bytes, one or more, were written in one call."""
        self.writes[min(size.bit_length() - 1, MOST_SIZE)] += 1
