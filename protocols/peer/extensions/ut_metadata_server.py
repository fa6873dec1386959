"""Giving one peer the info dictionary, piece by piece (BEP 9), sans-I/O.

One `MetadataServer` belongs to one connection.  Requests queue as numbers, and an answer is made when its owner has room to
send it, so that a peer that asks and does not read costs a few bytes a request.  BEP 9 allows to reject requests of a peer
that floods: here a peer may have the whole a few times in a while, and one that goes on after many rejects is ended.
"""

from __future__ import annotations

from collections import deque

from ...errors import RemoteProtocolError
from .ut_metadata_codec import MetadataKind, MetadataMessage, num_metadata_pieces, pack_data, pack_reject

__all__ = ["ALLOWANCE_PERIOD", "MAX_COPIES", "MAX_QUEUED_REQUESTS", "MAX_REJECTS", "MetadataServer"]

MAX_QUEUED_REQUESTS = 1024
"""Requests waiting to be answered; more are rejected (as libtorrent)."""
MAX_COPIES = 3
"""How often a peer may have all the metadata in one period."""
ALLOWANCE_PERIOD = 600.0
"""Seconds after which a peer may have it again, and its rejects are forgotten."""
MAX_REJECTS = 200
"""Rejects in one period after which one more request ends the peer."""

_SPARE_PIECES = 16


class MetadataServer:
    """Answers the requests of one peer."""

    __slots__ = ("_num_rejects", "_num_taken", "_period_end", "_queue", "info_section")

    def __init__(self, info_section: bytes = b"") -> None:
        self.info_section = info_section
        """The raw info dictionary; empty while there is none to give.  May be set later."""
        self._queue: deque[int] = deque()
        self._period_end = float("-inf")
        self._num_taken = 0
        self._num_rejects = 0

    def receive_message(self, message: MetadataMessage, now: float) -> list[bytes]:
        """A request came; gives what to say at once.  Data and rejects are none of its business, and ignored.

        RemoteProtocolError when there is no such piece, or the peer floods.
        """
        if message.kind is not MetadataKind.REQUEST:
            return []
        num_pieces = num_metadata_pieces(len(self.info_section))
        if now >= self._period_end:
            self._period_end = now + ALLOWANCE_PERIOD
            self._num_taken = self._num_rejects = 0
        allowance = MAX_COPIES * num_pieces + _SPARE_PIECES
        if not num_pieces or self._num_taken >= allowance or len(self._queue) >= MAX_QUEUED_REQUESTS:
            return [self._reject(message.piece)]
        if message.piece >= num_pieces:
            raise RemoteProtocolError(f"metadata piece {message.piece} of {num_pieces} asked for")
        self._num_taken += 1
        self._queue.append(message.piece)
        return []

    def next_answer(self) -> bytes | None:
        """The answer to the oldest request, to be asked for when it can be sent; None when there is none."""
        return pack_data(self._queue.popleft(), self.info_section) if self._queue else None

    @property
    def has_answers(self) -> bool:
        """`next_answer` would give something."""
        return bool(self._queue)

    def _reject(self, piece: int) -> bytes:
        if self._num_rejects >= MAX_REJECTS:
            raise RemoteProtocolError(f"metadata asked for after {MAX_REJECTS} rejects")
        self._num_rejects += 1
        return pack_reject(piece)
