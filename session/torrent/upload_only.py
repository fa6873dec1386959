"""Peers that want nothing (BEP 21, "upload_only"): told in the handshake, and by a message when it changes.

Where both ends want nothing the connection is of no use and ends, if `close_redundant_connections` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.peer.extensions.upload_only import pack_upload_only, parse_upload_only
from ..close_reason import CloseReason
from .link_end import LinkEnded

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["UploadOnly", "note_told", "tell_upload_only"]

_NAME = "upload_only"


class UploadOnly:
    """The extension "upload_only"."""

    __slots__ = ("_core", "name")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.name = _NAME

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer may have said so in its handshake; we may have become finished since ours."""
        self._judge(torrent, link)
        if not link.closed:
            _tell(link, torrent.is_upload_only)

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A peer wants nothing any more, or wants again."""
        value = parse_upload_only(payload)
        if value is not None:
            link.connection.extensions.upload_only = value
            self._judge(torrent, link)

    def _judge(self, torrent: Torrent, link: PeerLink) -> None:
        tuning = self._core.tuning
        if (
            link.connection.extensions.upload_only
            and torrent.leaves_seeds
            and tuning.close_redundant_connections
        ):
            link.close(LinkEnded(CloseReason.upload_to_upload))


def note_told(link: PeerLink, upload_only: bool) -> None:
    """Our handshake said whether we want nothing."""
    link.user_data[_NAME] = upload_only


def tell_upload_only(torrent: Torrent, now: float) -> None:
    """What we want may have changed: say so to those who were told otherwise."""
    if torrent.swarm is None:
        return
    for link in list(torrent.swarm.links):
        if not link.closed and _tell(link, torrent.is_upload_only):
            link.flush(now)


def _tell(link: PeerLink, upload_only: bool) -> bool:
    if link.user_data.get(_NAME, False) is upload_only:
        return False
    if not link.connection.send_extension(_NAME, pack_upload_only(upload_only)):
        return False
    link.user_data[_NAME] = upload_only
    return True
