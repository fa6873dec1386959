"""How many bytes may be read ahead of a peer's socket: what it takes in part of a second, between two bounds.

A slab begins with `send_buffer_low_watermark` and doubles whenever the socket took all of one; the most it may come to is the measured
rate times `send_buffer_watermark_factor`, and never more than `send_buffer_watermark`.  While no rate is known the doubling alone decides.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["WindowLimits", "most_ahead"]


class WindowLimits(Protocol):
    """The settings that bound a window."""

    @property
    def send_buffer_low_watermark(self) -> int: ...
    @property
    def send_buffer_watermark(self) -> int: ...
    @property
    def send_buffer_watermark_factor(self) -> int: ...


def most_ahead(rate: float, limits: WindowLimits) -> int:
    """Bytes for a peer that takes `rate` bytes per second; 0: nobody knows yet.  Of the bounds the lower one wins."""
    most = limits.send_buffer_watermark
    if rate > 0:
        most = min(most, int(rate * limits.send_buffer_watermark_factor) // 100)
    return max(most, limits.send_buffer_low_watermark)
