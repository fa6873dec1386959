"""One peer's download pipeline: which blocks are on order, how many should be, and when it is late.

The number on order grows by one for every block that arrives (doubling each round trip) until the rate no longer grows,
then follows `request_queue_time` seconds of the measured rate, as libtorrent's `desired_queue_size`.  Requests for all
blocks that one wake-up freed leave together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from ...protocols.peer.messages import Request
from ...protocols.types import BLOCK_SIZE, PieceIndex
from .suggested import pick_suggested

if TYPE_CHECKING:
    from .download import Download
    from .peer_link import PeerLink

__all__ = ["PipelineLimits", "Requester"]

_FIRST_REQUESTS = 8
_MIN_REQUESTS = 2
_MAX_WITHDRAWN = 1024
"""Blocks taken off the order of one peer that are remembered, to say what they are when they come."""
_ASSUMED_REMOTE_QUEUE = 250
"""Requests a peer that does not say "reqq" is taken to hold; clients of old drop beyond this."""


class PipelineLimits(Protocol):
    """The settings that bound a pipeline."""

    @property
    def max_out_request_queue(self) -> int: ...
    @property
    def request_queue_time(self) -> float: ...
    @property
    def request_timeout(self) -> float: ...
    @property
    def piece_timeout(self) -> float: ...


class Requester:
    """What is on order from one peer.  Owned by its link; blocks go to the torrent's `Download`."""

    __slots__ = (
        "_batches",
        "_download",
        "_held",
        "_last_rate",
        "_limits",
        "_link",
        "_remote_limit",
        "_slow_start",
        "_target",
        "_withdrawn",
        "allowed_fast",
        "last_block_at",
        "on_order",
        "snubbed",
        "suggested",
    )

    def __init__(self, link: PeerLink, download: Download, limits: PipelineLimits) -> None:
        self._link = link
        self._download = download
        self._limits = limits
        self._target = _FIRST_REQUESTS
        self._slow_start = True
        self._last_rate = 0.0
        self._remote_limit = _ASSUMED_REMOTE_QUEUE
        self._batches: deque[tuple[float, int, int]] = deque()
        self._held = 0.0
        """Seconds in which we did not read; batches are dated by a clock that stood still in them."""
        self._withdrawn: dict[int, str] = {}
        self.on_order: set[int] = set()
        """Blocks requested and not yet here, numbered piece × blocks per piece + block."""
        self.allowed_fast: set[int] = set()
        """Pieces it sends even while choking (BEP 6)."""
        self.suggested: dict[int, None] = {}
        """Pieces it would rather send (BEP 6), the latest last."""
        self.last_block_at = 0.0
        """When the last block came, or the pipeline was empty before."""
        self.snubbed = False
        """It sent nothing for `piece_timeout` seconds; it gets one request at a time."""

    @property
    def target(self) -> int:
        """Requests that should be on order now."""
        if self.snubbed or self._download.on_room is not None:
            return 1
        return min(self._target, self._limits.max_out_request_queue, self._remote_limit)

    @property
    def urgent_room(self) -> int:
        """Blocks that may still be asked for although the pipeline is as full as it should be."""
        limits = self._limits
        return min(2 * self._target, limits.max_out_request_queue, self._remote_limit) - len(self.on_order)

    def queue_time(self, rate: float, *, more: int) -> float:
        """Seconds the peer needs for what is on order and `more` blocks, at `rate` bytes per second."""
        return (len(self.on_order) + more) * BLOCK_SIZE / rate

    def is_needless(self, piece: int) -> bool:
        """We have the piece."""
        return self._download.picker.have[piece]

    def set_remote_limit(self, count: int) -> None:
        """The peer said how many requests it holds ("reqq", BEP 10)."""
        self._remote_limit = max(1, count)

    def fill(self, now: float, cause: str = "picker.interesting_piece_picks") -> None:
        """Order as many blocks as are missing from the target; `cause` is the counter of what led to it."""
        link = self._link
        connection = link.connection
        # Telling of a block may have ended the link, and who is gone sends nothing.
        if link.closed or not connection.am_interested:
            return
        if self._download.on_room is not None:
            self._download.on_room(link, now)
        bits = link.pieces
        if connection.peer_choking:
            bits = self._allowed_bits(bits)
            if not bits:
                return
        target = self.target
        room = target - len(self.on_order)
        # Topping a long queue up by a few blocks at a time would cost a pick for each; a quarter is early enough.
        if room <= 0 or (self.on_order and room < target >> 3):
            return
        self._download.counts[cause] += 1
        runs: list[tuple[int, int, int]] = []
        if self.suggested:
            runs = pick_suggested(self.suggested, bits, room, self._download, link)
            room -= sum(count for _, _, count in runs)
        if room > 0:
            runs += self._download.pick(bits, room, link)
        if runs:
            self.order(runs, now)

    def order(self, runs: Iterable[tuple[int, int, int]], now: float) -> None:
        """Ask the peer for blocks the picker gave it."""
        if not self.on_order:
            self.last_block_at = now
        self._link.connection.send_requests(self._order(runs, now))

    def _allowed_bits(self, bits: int) -> int:
        allowed = 0
        for piece in self.allowed_fast:
            allowed |= 1 << piece
        return bits & allowed

    def _order(self, runs: Iterable[tuple[int, int, int]], now: float) -> list[tuple[int, int, int]]:
        download, on_order = self._download, self.on_order
        per_piece, last_piece = download.blocks_per_piece, download.num_pieces - 1
        requests: list[tuple[int, int, int]] = []
        ordered_at = now - self._held
        for piece, first, count in runs:
            key = piece * per_piece + first
            on_order.update(range(key, key + count))
            self._batches.append((ordered_at, key, key + count))
            begin = first * BLOCK_SIZE
            if piece == last_piece or download.has_odd_blocks:
                size = download.piece_size(piece)
                requests += [
                    (piece, at, min(BLOCK_SIZE, size - at))
                    for at in range(begin, begin + count * BLOCK_SIZE, BLOCK_SIZE)
                ]
            else:
                requests += [
                    (piece, at, BLOCK_SIZE) for at in range(begin, begin + count * BLOCK_SIZE, BLOCK_SIZE)
                ]
        return requests

    def on_blocks(self, blocks: Sequence[tuple[int, int, memoryview]], now: float) -> int:
        """Blocks arrived; gives their bytes.  RemoteProtocolError for one that cannot be; what we did not order is waste."""
        self.last_block_at = now
        if self.snubbed:
            self.snubbed = False
            self._link.owner.on_unsnubbed(self._link)
        before = len(self.on_order)
        try:
            received = self._download.receive_blocks(blocks, self.on_order, self._link)
        finally:
            # Also when a block broke a rule: pieces that the ones before it completed are good.
            self._download.submit_complete()
        if self._slow_start:
            self._target += before - len(self.on_order)
        return received

    def on_rejected(self, request: Request) -> None:
        """The peer will not send a block."""
        self.let_go(request)
        self.allowed_fast.discard(request.piece)

    def let_go(self, request: Request) -> None:
        """A block will not come this way; others may be asked for it."""
        piece, begin, _ = request
        key = piece * self._download.blocks_per_piece + (begin >> 14)
        self._withdrawn.pop(key, None)
        if key in self.on_order:
            self.on_order.discard(key)
            self._download.give_up(piece, begin >> 14, self._link)

    def on_choked(self, *, keeps_requests: bool) -> None:
        """The peer chokes.  With BEP 6 each request is rejected or served by name; without, all are lost."""
        if not keeps_requests:
            self.drop_all()

    def drop_all(self) -> None:
        """Nothing on order will come: the peer is gone or choked us."""
        per_piece = self._download.blocks_per_piece
        for key in self.on_order:
            self._download.give_up(key // per_piece, key % per_piece, self._link)
        self.on_order.clear()
        self._batches.clear()

    def cancel(self, key: int, why: str = "ses.waste_piece_end_game") -> None:
        """A block came from somebody else; take it off the order, and tell the peer.

        `why` is the counter of what the block is if it comes nevertheless.
        """
        if key not in self.on_order:
            return
        self.on_order.discard(key)
        if len(self._withdrawn) >= _MAX_WITHDRAWN:
            self._withdrawn.clear()
        self._withdrawn[key] = why
        piece, block = divmod(key, self._download.blocks_per_piece)
        begin = block * BLOCK_SIZE
        length = min(BLOCK_SIZE, self._download.piece_size(piece) - begin)
        self._link.connection.send_cancel(Request(PieceIndex(piece), begin, length))

    def tick(self, now: float, rate: float) -> None:
        """Once a second: `rate` is the payload rate of the peer, bytes per second."""
        if self._slow_start and rate < self._last_rate * 1.05 + 5_000 and self._last_rate:
            self._slow_start = False
        self._last_rate = rate
        if not self._slow_start:
            self._target = max(_MIN_REQUESTS, int(rate * self._limits.request_queue_time / BLOCK_SIZE))
        if self.on_order and not self.snubbed and now - self.last_block_at > self._limits.piece_timeout:
            self._snub()
        self._drop_late(now - self._held - self._limits.request_timeout)

    def excuse(self, now: float, seconds: float) -> None:
        """We did not read for `seconds`: that no block came is not the peer's fault."""
        self._held += seconds
        self.last_block_at = min(now, self.last_block_at + seconds)

    def _drop_late(self, deadline: float) -> None:
        """Blocks ordered before `deadline` that are not here may be had from others."""
        batches, on_order = self._batches, self.on_order
        while batches:
            ordered_at, first, last = batches[0]
            late = {key for key in range(first, last) if key in on_order}
            if late and ordered_at > deadline:
                return
            batches.popleft()
            if late:
                # A block may have been rejected, or its piece spoiled, and ordered again: the latest order counts.
                for _, start, end in batches:
                    if start < last and end > first:
                        late.difference_update(range(start, end))
                self._withdraw(late)

    def why_unordered(self, key: int) -> str:
        """The counter of what a block is that came without being on order."""
        return self._withdrawn.pop(key, "ses.waste_piece_unknown")

    def _withdraw(self, keys: Iterable[int], why: str = "ses.waste_piece_timed_out") -> None:
        """Have blocks from others, and spare the peer sending them."""
        per_piece = self._download.blocks_per_piece
        for key in sorted(keys):
            self.cancel(key, why)
            self._download.give_up(key // per_piece, key % per_piece, self._link)

    def withdraw_others(self, pieces: set[int]) -> None:
        """Take back what is on order of other pieces than these."""
        per_piece = self._download.blocks_per_piece
        self._withdraw(
            [key for key in self.on_order if key // per_piece not in pieces], "ses.waste_piece_cancelled"
        )

    def _snub(self) -> None:
        self.snubbed = True
        self._slow_start = False
        self._target = _MIN_REQUESTS
        self._batches.clear()
        self._withdraw(self.on_order)
        self._link.owner.on_snubbed(self._link)
