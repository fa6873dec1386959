"""Who answers for a piece: trust won by good ones and lost by bad ones, parole, and proof.

Proof by comparing blocks is `smart_ban`; here is what follows from having taken part.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ...protocols.types import Address
from .peer_link import PeerLink
from .picker_modes import PickMode
from .web_link import WebLink
from .web_seed import WebAddress

__all__ = ["piece_failed", "piece_passed"]


def piece_passed(contributors: Sequence[Hashable | None]) -> None:
    """A piece was good; one that was all its own ends a peer's parole."""
    links = _links(contributors)
    for link in links:
        if link.peer is not None:
            link.peer.trust.piece_passed(alone=_is_alone(links, contributors))
            if not link.peer.trust.on_parole:
                link.pick_mode &= ~PickMode.ON_PAROLE


def piece_failed(
    contributors: Sequence[Hashable | None], *, use_parole_mode: bool
) -> list[Address | WebAddress]:
    """A piece was bad.  Returns the addresses of those to be banned; the others are on parole if that is wanted."""
    links = _links(contributors)
    guilty: list[Address | WebAddress] = []
    for link in links:
        if link.peer is not None and link.peer.trust.piece_failed(alone=_is_alone(links, contributors)):
            guilty.append(link.address)
        elif use_parole_mode:
            link.pick_mode |= PickMode.ON_PAROLE
    return guilty


def _is_alone(links: list[PeerLink | WebLink], contributors: Sequence[Hashable | None]) -> bool:
    """Nobody else sent anything, and nothing was read back from disk unverified."""
    return len(links) == 1 and None not in contributors


def _links(contributors: Sequence[Hashable | None]) -> list[PeerLink | WebLink]:
    return [link for link in dict.fromkeys(contributors) if isinstance(link, PeerLink | WebLink)]
