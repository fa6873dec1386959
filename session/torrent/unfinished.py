"""Blocks of unfinished pieces: on disk while the torrent is paused or its resume data is saved, and back in their pieces after.

While a torrent runs, its unfinished pieces are in memory.  Before it stops, and for resume data (`unfinished` of libtorrent's
format), the blocks that came are written where they belong; what resume data lists so, be it ours or libtorrent's, is read
back before it is asked of peers.  Such blocks were never verified: their piece is hashed as any other when it is complete, and
nobody is blamed for them.

Law: `AddTorrentParams.unfinished_pieces` of a torrent that runs lists what has yet to be read, of one that stands still what
is on its disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ...protocols.bits import Bitfield, iter_bits
from ...protocols.types import BLOCK_SIZE
from ..disk.errors import StorageError
from .piece_blocks import RECEIVED

if TYPE_CHECKING:
    from .bound_storage import BoundStorage
    from .download import Download
    from .torrent import Torrent

__all__ = ["MAX_RESTORED_BYTES", "keep", "restore", "unfinished_pieces", "write_down"]

MAX_RESTORED_BYTES: Final = 64 * 1024 * 1024
"""Bytes of pieces that are read back; blocks of others are fetched again."""


def unfinished_pieces(torrent: Torrent) -> dict[int, Bitfield]:
    """What is here of each piece that is neither had nor complete, for resume data."""
    download = torrent.download
    pieces = {
        piece: blocks
        for piece, blocks in torrent.params.unfinished_pieces.items()
        if download is None or (piece < download.num_pieces and not torrent.has_piece(piece))
    }
    return pieces if download is None else pieces | _received(download)


def write_down(torrent: Torrent, on_done: Callable[[StorageError | None], object]) -> None:
    """Write the blocks of unfinished pieces; `on_done` is called when that and all before it is written."""
    source, download = torrent.block_source, torrent.download
    assert source is not None
    pieces = _received(download) if download is not None else {}
    if download is None or not pieces:
        source.disk.submit_flush(source.storage, on_done)
        return
    # Copies: a piece may be complete, written and its buffer another's before the worker comes to it.
    runs = [run for piece, blocks in pieces.items() for run in _runs(download, piece, blocks)]
    source.disk.submit_blocks(source.storage, runs, on_done)


def keep(torrent: Torrent) -> None:
    """The torrent stops: its unfinished pieces go to disk, to be read when it goes on."""
    download = torrent.download
    if download is None or torrent.block_source is None:
        return
    pieces = torrent.params.unfinished_pieces = unfinished_pieces(torrent)
    if not pieces:
        return

    def done(error: StorageError | None) -> None:
        if error is not None and torrent.params.unfinished_pieces is pieces:
            torrent.params.unfinished_pieces = {}

    write_down(torrent, done)


def restore(torrent: Torrent) -> None:
    """The torrent goes on: read what is on disk of unfinished pieces."""
    download, source = torrent.download, torrent.block_source
    if download is None or source is None or not torrent.params.unfinished_pieces:
        return
    room = MAX_RESTORED_BYTES
    chosen: dict[int, Bitfield] = {}
    for piece, blocks in unfinished_pieces(torrent).items():
        if not blocks.any() or piece in download.picker.begun or room < download.piece_size(piece):
            continue
        room -= download.piece_size(piece)
        chosen[piece] = blocks
    torrent.params.unfinished_pieces = chosen
    for piece, blocks in list(chosen.items()):
        _Reading(torrent, download, source, piece, blocks).begin()


class _Reading:
    """The blocks of one piece on their way back into memory."""

    __slots__ = (
        "_blocks",
        "_buffer",
        "_download",
        "_num_running",
        "_piece",
        "_source",
        "_torrent",
        "_worked",
    )

    def __init__(
        self, torrent: Torrent, download: Download, source: BoundStorage, piece: int, blocks: Bitfield
    ) -> None:
        self._torrent = torrent
        self._download = download
        self._source = source
        self._piece = piece
        self._blocks = blocks
        self._buffer = download.new_buffer(piece)
        self._num_running = 0
        self._worked = True

    def begin(self) -> None:
        view, start = memoryview(self._buffer), self._piece * self._download.piece_length
        spans = _spans(self._blocks, self._download.piece_size(self._piece))
        self._num_running = len(spans)
        for begin, end in spans:
            self._source.submit_read([view[begin:end]], start + begin, self._read)

    def _read(self, error: StorageError | None) -> None:
        self._num_running -= 1
        self._worked = self._worked and error is None
        if self._num_running:
            return
        download, waiting = self._download, self._torrent.params.unfinished_pieces
        if download.closed or self._torrent.swarm is None or self._torrent.download is not download:
            download.put_buffer(self._buffer)  # Stopped meanwhile; what is on disk stays there.
            return
        if waiting.get(self._piece) is self._blocks:
            del waiting[self._piece]
        if not self._worked or not download.take_restored(self._piece, self._blocks.bits, self._buffer):
            download.put_buffer(self._buffer)


def _received(download: Download) -> dict[int, Bitfield]:
    pieces: dict[int, Bitfield] = {}
    for status in download.picker.downloading():
        if status.num_received and status.num_received < status.num_blocks:
            here = (block for block, state in enumerate(status.states) if state == RECEIVED)
            pieces[int(status.piece)] = Bitfield.from_indices(status.num_blocks, here)
    return pieces


def _runs(download: Download, piece: int, blocks: Bitfield) -> list[tuple[int, bytes]]:
    start = piece * download.piece_length
    return [
        (start + begin, download.bytes_of(piece, begin, end))
        for begin, end in _spans(blocks, download.piece_size(piece))
    ]


def _spans(blocks: Bitfield, size: int) -> list[tuple[int, int]]:
    """The stretches of a piece of `size` bytes that its `blocks` make up."""
    spans: list[tuple[int, int]] = []
    for block in iter_bits(blocks.bits):
        begin, end = block * BLOCK_SIZE, min((block + 1) * BLOCK_SIZE, size)
        if begin >= size:
            break
        if spans and spans[-1][1] == begin:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((begin, end))
    return spans
