"""Pieces that are believed without a look at their hashes (`disable_hash_checks`): for tests and simulations of swarms."""

from __future__ import annotations

from collections.abc import Sequence

from .backend import Backend
from .errors import StorageError
from .jobs import PieceJob, PieceResult

__all__ = ["store_unseen"]


def store_unseen(backend: Backend, piece_length: int, batch: Sequence[PieceJob]) -> list[PieceResult]:
    """As `store_pieces`, and every piece is good.  On a worker."""
    results = []
    for job in batch:
        error: StorageError | None = None
        try:
            backend.write([job.buffer], job.index * piece_length)
        except StorageError as failure:
            error = failure
        results.append(PieceResult(job.index, error is None, error))
    return results
