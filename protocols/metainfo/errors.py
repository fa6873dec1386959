"""What can be wrong with a torrent, a magnet link, or the making of one.

RemoteProtocolError
    MetainfoError           a .torrent or info dictionary that breaks a rule; `reason` names the rule
    MagnetError             a link that is not a magnet link to a torrent
LocalProtocolError
    CreateError             asked to make a torrent that would break a rule
"""

from __future__ import annotations

from ..errors import LocalProtocolError, RemoteProtocolError

__all__ = ["CreateError", "MagnetError", "MetainfoError"]


class MetainfoError(RemoteProtocolError):
    """A torrent that breaks a rule."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        """libtorrent's name of the error, such as "torrent_missing_piece_length"."""
        self.detail = detail
        """A sentence for people."""

    def __str__(self) -> str:
        return self.detail


class MagnetError(RemoteProtocolError):
    """A link that is not a magnet link to a torrent."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        """libtorrent's name of the error: "unsupported_url_protocol", "missing_info_hash_in_uri", …"""
        self.detail = detail
        """A sentence for people."""

    def __str__(self) -> str:
        return self.detail


class CreateError(LocalProtocolError):
    """Asked to make a torrent that would break a rule."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        """libtorrent's name of the error, such as "invalid_piece_size"."""
        self.detail = detail
        """A sentence for people."""

    def __str__(self) -> str:
        return self.detail
