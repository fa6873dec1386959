"""The download half of a torrent: picker, pieces being assembled, verification on the disk pool, blame for bad ones.

A piece is reported only after its hash matched and its bytes were written; until then the picker counts it as neither had
nor missing.  Nothing here knows sockets or peers' messages: links come in as opaque owners of requests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ...protocols.errors import RemoteProtocolError
from ...protocols.metainfo.info import TorrentInfo
from ...protocols.metainfo.piece_hashes import PieceHashes, Sha1Hashes
from ...protocols.types import BLOCK_SIZE
from ..disk.errors import StorageError
from ..disk.jobs import PieceJob, PieceResult
from .assembly import Assembly, BufferSource
from .picker_modes import PickMode
from .piece_picker import BlockOutcome, BlockRun, PiecePicker
from .smart_ban import SmartBan

if TYPE_CHECKING:
    from .peer_link import PeerLink

_DUPLICATE, _UNREQUESTED, _PIECE_COMPLETE = (
    BlockOutcome.DUPLICATE,
    BlockOutcome.UNREQUESTED,
    BlockOutcome.PIECE_COMPLETE,
)

__all__ = ["Download", "DownloadOwner", "PieceSink"]


class PieceSink(Protocol):
    """Verifies and writes pieces: the disk, bound to one torrent's storage."""

    def submit_pieces(self, batch: list[PieceJob], on_done: Callable[[list[PieceResult]], object]) -> bool:
        """True when so much is queued now that no more should be read from peers."""
        ...

    def submit_read(
        self, buffers: list[memoryview], offset: int, on_done: Callable[[Exception | None], object]
    ) -> None: ...


class DownloadOwner(Protocol):
    """Who is told: the torrent."""

    def on_piece_passed(self, piece: int, contributors: Sequence[Hashable | None]) -> None: ...
    def on_piece_failed(self, piece: int, contributors: Sequence[Hashable | None]) -> None: ...
    def on_culprit(self, address: Hashable) -> None: ...
    def on_disk_error(self, error: StorageError) -> None: ...
    def on_redundant(self, link: Any, key: int) -> None: ...
    def on_congested(self) -> None: ...
    @property
    def wants_block_news(self) -> bool:
        """Somebody wants to hear of single blocks."""
        ...

    def on_blocks_finished(self, blocks: Sequence[tuple[int, int, memoryview]], link: PeerLink) -> None: ...


class Download:
    """Puts pieces together.  One per torrent that has something to fetch."""

    __slots__ = (
        "_assembly",
        "_complete",
        "_errors_told",
        "_hashes",
        "_info",
        "_owner",
        "_sink",
        "blocks_per_piece",
        "closed",
        "counts",
        "has_odd_blocks",
        "is_draining",
        "is_held",
        "num_failed_bytes",
        "num_pieces",
        "num_waste_bytes",
        "on_room",
        "picker",
        "piece_length",
        "smart_ban",
    )

    def __init__(
        self,
        info: TorrentInfo,
        picker: PiecePicker,
        sink: PieceSink,
        buffers: BufferSource,
        owner: DownloadOwner,
        *,
        hashes: PieceHashes | None = None,
    ) -> None:
        """`hashes` are what pieces must come to; None for the SHA-1 hashes of `info`."""
        self.picker = picker
        self.num_pieces, self.piece_length = info.num_pieces, info.piece_length
        self.blocks_per_piece = (info.piece_length + BLOCK_SIZE - 1) // BLOCK_SIZE
        self.has_odd_blocks = info.piece_length % BLOCK_SIZE != 0 or bool(info.short_pieces)
        """Not only the last piece may end in a block that is not full."""
        self.num_failed_bytes = 0
        """Bytes of pieces whose hash was wrong."""
        self.num_waste_bytes = 0
        """Bytes of blocks we had already or did not order."""
        self.closed = False
        self.is_draining = False
        """Nothing more is to be asked for; what is on order may come."""
        self.is_held = False
        """Nothing is asked for until the disk has done what it was given."""
        self.counts: dict[str, int] = defaultdict(int)
        """The session's counters, when somebody keeps them; else its own."""
        self.on_room: Callable[[PeerLink, float], object] | None = None
        """While pieces are urgent: called when a peer may be asked for more, to ask it for these.  See `Deadlines`."""
        self._info = info
        self._hashes = hashes or Sha1Hashes(info)
        self._sink = sink
        self._owner = owner
        self._assembly = Assembly(buffers)
        self._complete: list[int] = []
        self._errors_told = 0
        self.smart_ban: SmartBan | None = None
        """Who compares bad pieces with good ones; nobody, unless it is given one."""

    def piece_size(self, piece: int) -> int:
        """Bytes of a piece; the last one may be shorter."""
        return self._info.piece_size(piece)

    def pick(self, bits: int, room: int, link: PeerLink) -> list[BlockRun]:
        """Up to `room` blocks for `link`, which has the pieces in `bits`."""
        if self.is_draining or self.is_held:
            return []
        mode = link.pick_mode
        runs = self.picker.pick(bits, room, link, mode=mode)
        if (
            not runs
            and mode & PickMode.ON_PAROLE
            and link.requester is not None
            and not link.requester.on_order
        ):
            # Nothing is left for it alone: sharing a piece with others beats waiting for one who may never send.
            runs = self.picker.pick(bits, room, link, mode=mode & ~PickMode.ON_PAROLE)
        return runs

    def receive_blocks(
        self, blocks: Sequence[tuple[int, int, memoryview]], on_order: set[int], link: PeerLink
    ) -> int:
        """Blocks from `link`, which has `on_order`.  Each is copied here, once.  Gives how many bytes came, needed or not.

        RemoteProtocolError for a block outside the torrent; one that is not on order is counted as waste.
        """
        # The data plane: a few microseconds a block, so the usual case is all in this loop and without calls but two.
        per_piece, find_view = self.blocks_per_piece, self._assembly.views.get
        block_received, odd = self.picker.block_received, self.has_odd_blocks
        last_piece = self.num_pieces - 1
        received = 0
        for piece, begin, data in blocks:
            received += len(data)
            block = begin >> 14
            key = piece * per_piece + block
            if key not in on_order or begin & 0x3FFF or block >= per_piece:
                self._receive_unordered(piece, begin, data, link)
                continue
            on_order.remove(key)
            size = BLOCK_SIZE
            if piece == last_piece or odd:
                size = min(BLOCK_SIZE, self.piece_size(piece) - begin)
            if len(data) != size:
                self._receive_misfit(piece, block, data, link)
                continue
            outcome = block_received(piece, block, link)
            if outcome is _DUPLICATE or outcome is _UNREQUESTED:
                self.num_waste_bytes += size
                self.counts["ses.waste_piece_end_game"] += size
                continue
            view = find_view(piece)
            if view is None:
                view = self._assembly.open(piece, self.piece_size(piece))
            view[begin : begin + size] = data
            if outcome is _PIECE_COMPLETE:
                self._complete.append(piece)
        if self._owner.wants_block_news:
            self._owner.on_blocks_finished(blocks, link)
        return received

    def _receive_unordered(self, piece: int, begin: int, data: memoryview, link: PeerLink) -> None:
        if piece >= self.num_pieces or begin + len(data) > self.piece_size(piece):
            raise RemoteProtocolError(f"block {begin}+{len(data)} of piece {piece} is outside the torrent")
        self.num_waste_bytes += len(data)
        requester = getattr(link, "requester", None)
        if self.picker.is_seed:
            why = "ses.waste_piece_seed"
        elif requester is None:
            why = "ses.waste_piece_unknown"
        else:
            why = requester.why_unordered(piece * self.blocks_per_piece + (begin >> 14))
        self.counts[why] += len(data)

    def _receive_misfit(self, piece: int, block: int, data: memoryview, link: PeerLink) -> None:
        """Not the length that was asked for: useless, to be asked of others, and the end of who sent it."""
        self.give_up(piece, block, link)
        self.num_waste_bytes += len(data)
        self.counts["ses.waste_piece_unknown"] += len(data)
        raise RemoteProtocolError(
            f"block {block} of piece {piece} has {len(data)} bytes, not as many as asked for"
        )

    def submit_complete(self) -> None:
        """After a batch of blocks: cancel what end game asked twice, hand completed pieces to the disk as one job."""
        if self.picker.redundant:
            for link, piece, block in self.picker.take_redundant():
                self._owner.on_redundant(link, piece * self.blocks_per_piece + block)
        if not self._complete:
            return
        complete, self._complete = self._complete, []
        batch = []
        buffers: dict[int, bytearray] = {}
        views: dict[int, memoryview] = {}
        for piece in complete:
            buffers[piece], views[piece] = self._assembly.take(piece)
            batch.append(PieceJob(piece, views[piece], *self._hashes.expected(piece)))
        told = self._errors_told
        if self._sink.submit_pieces(batch, lambda results: self._written(results, buffers, views, told)):
            self._owner.on_congested()

    def _written(
        self,
        results: list[PieceResult],
        buffers: dict[int, bytearray],
        views: dict[int, memoryview],
        told: int,
    ) -> None:
        for result in results:
            if not self.closed:
                self._judge(result, views[result.index], told)
            views.pop(result.index).release()
            self._assembly.give_back(buffers.pop(result.index))

    def _judge(self, result: PieceResult, data: memoryview, told: int) -> None:
        piece = result.index
        if result.error is not None:
            self.picker.piece_failed(piece)
            if told == self._errors_told:
                # Jobs under way when the disk failed fail too: one story, told once, whatever was done about it since.
                self._errors_told += 1
                self._owner.on_disk_error(result.error)
        elif result.ok:
            contributors = self.picker.piece_passed(piece)
            if self.smart_ban is not None:
                for culprit in self.smart_ban.piece_passed(piece, data):
                    self._owner.on_culprit(culprit)
            self._owner.on_piece_passed(piece, contributors)
        else:
            self.num_failed_bytes += len(data)
            contributors = self.picker.piece_failed(piece)
            if self.smart_ban is not None:
                senders = [getattr(link, "address", None) for link in contributors]
                for culprit in self.smart_ban.piece_failed(piece, data, senders):
                    self._owner.on_culprit(culprit)
            self._owner.on_piece_failed(piece, contributors)

    def new_buffer(self, piece: int) -> bytearray:
        """A buffer for blocks of a piece that are read back; for `take_restored` or `put_buffer`."""
        return self._assembly.new_buffer(self.piece_size(piece))

    def put_buffer(self, buffer: bytearray) -> None:
        """It is not needed after all."""
        self._assembly.give_back(buffer)

    def take_restored(self, piece: int, blocks: int, buffer: bytearray) -> bool:
        """Blocks of an earlier run, by bit, are in `buffer`.  False when the piece is begun or had meanwhile."""
        if self.picker.have[piece] or piece in self.picker.begun or piece in self._assembly.views:
            return False
        self._assembly.adopt(piece, buffer, self.piece_size(piece))
        if self.picker.restore_blocks(piece, blocks):
            self._complete.append(piece)
            self.submit_complete()
        return True

    def bytes_of(self, piece: int, begin: int, end: int) -> bytes:
        """A copy of what came of a piece that is being put together."""
        return bytes(self._assembly.views[piece][begin:end])

    def had_elsewhere(self, piece: int) -> None:
        """A verified piece came in another way; what came of it from peers is dropped."""
        self.picker.we_have(piece)
        self._assembly.drop(piece)

    def give_up(self, piece: int, block: int, link: Hashable) -> None:
        """A block on order will not come from `link`."""
        self.picker.cancel(piece, block, link)

    def stop(self) -> None:
        """The torrent is paused: its peers are gone, blocks of unfinished pieces are dropped."""
        for piece in list(self._assembly.views):
            self.picker.piece_failed(piece)
        self._assembly.clear()
        self._complete.clear()

    def close(self) -> None:
        """The torrent stops: what is being assembled is dropped, what is being written is written but not reported."""
        self.closed = True
        self._assembly.clear()
        self._complete.clear()
