"""How much of what was made for one peer has not left yet: answers are made when there is room, not when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .peer_link import PeerLink

__all__ = ["UnsentAnswers"]


class UnsentAnswers:
    """Bytes made for a link, against the bytes that left it."""

    __slots__ = ("_limit", "_link", "_made", "_sent_before")

    def __init__(self, link: PeerLink, limit: int) -> None:
        self._link = link
        self._limit = limit
        self._made = 0
        self._sent_before = 0

    def add(self, size: int) -> None:
        """An answer of `size` bytes was made."""
        self._made += size

    def has_room(self) -> bool:
        """All that leaves counts as answers, which are in a queue with it: what is unsent may seem less than it is by what
        was in front, and a peer that does not read takes no more than the limit.
        """
        sent = self._link.meters.up.total
        if self._made <= sent - self._sent_before:
            self._made, self._sent_before = 0, sent
        return self._made - (sent - self._sent_before) < self._limit
