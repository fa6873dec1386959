"""Peers that go on asking while we choke them (`max_rejects`).

What was under way when we choked is nobody's fault, so requests count from a moment later on, as in libtorrent; and only those in a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..close_reason import CloseReason
from .link_end import LinkEnded

if TYPE_CHECKING:
    from .peer_link import PeerLink

__all__ = ["GRACE", "note_rejects"]

GRACE = 2.0
"""Seconds after a choke in which requests are still on their way."""


def note_rejects(link: PeerLink, count: int, limit: int, now: float, *, in_a_row: bool) -> None:
    """`count` requests of a choked peer were rejected; `in_a_row`: none was granted among them.  More than `limit` end the peer."""
    if now - link.choked_at <= GRACE:
        return
    link.num_rejects = count + (link.num_rejects if in_a_row else 0)
    if link.num_rejects > limit:
        why = f"{link.num_rejects} requests while it was choked"
        link.close(LinkEnded(CloseReason.request_when_choked, why))
