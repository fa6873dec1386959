"""What a peer suggests to us (BEP 6): pieces it would rather send, which are asked of it before others.

The latest counts most.  Of what is remembered there is a limit (`max_suggest_pieces`): a peer may suggest as often as it likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .picker_modes import PickMode

if TYPE_CHECKING:
    from .download import Download
    from .peer_link import PeerLink

__all__ = ["note_suggestion", "pick_suggested"]


def note_suggestion(link: PeerLink, piece: int, most: int) -> None:
    """The peer would rather send `piece`; `most` of these are remembered."""
    requester = link.requester
    if requester is None or requester.is_needless(piece):
        return
    suggested = requester.suggested
    suggested.pop(piece, None)
    suggested[piece] = None
    while len(suggested) > most:
        del suggested[next(iter(suggested))]


def pick_suggested(
    suggested: dict[int, None], bits: int, room: int, download: Download, link: PeerLink
) -> list[tuple[int, int, int]]:
    """Up to `room` blocks of suggested pieces for `link`, which would send `bits`.  Used up ones are forgotten."""
    if download.is_draining or download.is_held:
        return []
    runs: list[tuple[int, int, int]] = []
    mode = link.pick_mode & ~PickMode.END_GAME  # Advice is no reason to ask for a block twice.
    for piece in list(reversed(suggested)):
        if room <= 0:
            break
        if not bits >> piece & 1:
            continue  # It chokes us, and does not mean this one.
        found = download.picker.pick(1 << piece, room, link, mode=mode)
        room -= sum(count for _, _, count in found)
        if room > 0:
            del suggested[piece]
        runs += found
    return runs
