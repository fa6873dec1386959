"""How many bytes may be read ahead of a peer's socket: what it takes in part of a second, between two bounds.

A slab begins with `send_buffer_low_watermark` and doubles whenever the socket took all of one; the most it may come to is the measured
rate times `send_buffer_watermark_factor`, and never more than `send_buffer_watermark`.  While no rate is known the doubling alone decides.
"""

from __future__ import annotations

from typing import Protocol

from ...protocols.types import BLOCK_SIZE

__all__ = ["LIMITED_SLAB", "WindowLimits", "send_window"]

LIMITED_SLAB = 4 * BLOCK_SIZE
"""Under a rate limit a peer that wants the rest of one block gets no more than that, and loses what else its share would have been."""


class WindowLimits(Protocol):
    """The settings that bound a window."""

    @property
    def send_buffer_low_watermark(self) -> int: ...
    @property
    def send_buffer_watermark(self) -> int: ...
    @property
    def send_buffer_watermark_factor(self) -> int: ...


def send_window(rate: float, limits: WindowLimits, *, is_limited: bool) -> tuple[int, int]:
    """(bytes to begin with, bytes at most) for a peer that takes `rate` bytes per second; 0: nobody knows yet.

    Of the bounds the lower one wins.  `is_limited`: a rate limit concerns it, and its share is asked for by the slab.
    """
    first, most = limits.send_buffer_low_watermark, limits.send_buffer_watermark
    if is_limited:
        first = max(first, min(most, LIMITED_SLAB))
    if rate > 0:
        most = min(most, int(rate * limits.send_buffer_watermark_factor) // 100)
    return first, max(most, first)
