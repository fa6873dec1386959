"""Pieces read back from the disk for the program: `read_piece`, and deadlines that were met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..alerts import ReadPieceAlert
from ..errors import NO_ERROR, ErrorCode, TorrentErrc

if TYPE_CHECKING:
    from .torrent import Torrent

__all__ = ["read_piece"]


def read_piece(torrent: Torrent, piece: int) -> None:
    """`TorrentHandle.read_piece`"""
    info, source = torrent.info, torrent.need_storage()
    if info is None or not 0 <= piece < info.num_pieces or not torrent.has_piece(piece):
        torrent.post(ReadPieceAlert, piece, b"", ErrorCode.of(TorrentErrc.invalid_piece_index))
        return
    data = bytearray(info.piece_size(piece))

    def done(error: Exception | None) -> None:
        failed = error is not None
        torrent.post(
            ReadPieceAlert,
            piece,
            b"" if failed else bytes(data),
            ErrorCode.from_exception(error) if failed else NO_ERROR,
        )

    source.submit_read([memoryview(data)], piece * info.piece_length, done)
