"""What the disk did, for the session's statistics.  Counted on the loop thread, when jobs are given and when they are done."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DiskCounts"]


@dataclass(slots=True)
class DiskCounts:
    """Plain integers."""

    blocks_written: int = 0
    """Blocks of pieces that were verified and written."""
    blocks_hashed: int = 0
    """Blocks of pieces from peers that were hashed, good or not."""
    blocks_read: int = 0
    """Blocks read on the pool, for peers and for the program; what the page cache gives at once is not among them."""
    read_ops: int = 0
    """Reads on the pool."""
    write_ops: int = 0
    """Jobs that wrote pieces."""
    reads_running: int = 0
    """Reads given and not done."""
    writes_running: int = 0
    """Jobs of pieces given and not done."""
    jobs_started: int = 0
    """Jobs handed to the pool; the others wait for an exclusive one of their storage."""
    jobs_done: int = 0
    """Jobs of any kind whose end was reported."""
