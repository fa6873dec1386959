"""What the bytes of each piece must come to: the seam between a torrent's version and whoever verifies its pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from .info import TorrentInfo

__all__ = ["ExpectedHash", "PieceHashes", "Sha1Hashes"]


class ExpectedHash(NamedTuple):
    """The hash of one piece."""

    digest: bytes
    """20 bytes of SHA-1 of the piece, or 32 of the root above the SHA-256 of its blocks (BEP 52)."""
    height: int = 0
    """Of that root above the blocks; what has no bytes is padding."""


class PieceHashes(Protocol):
    """All hashes of one torrent."""

    @property
    def is_complete(self) -> bool:
        """Every piece has one."""
        ...

    def expected(self, piece: int) -> ExpectedHash:
        """That of one piece.  IndexError when there is no such piece, or its hash is not known yet."""
        ...


class Sha1Hashes:
    """Those of v1 and hybrid torrents, which are in their metadata."""

    __slots__ = ("_info",)

    is_complete = True

    def __init__(self, info: TorrentInfo) -> None:
        self._info = info

    def expected(self, piece: int) -> ExpectedHash:
        """That of one piece.  IndexError when there is no such piece."""
        return ExpectedHash(self._info.piece_hash(piece))
