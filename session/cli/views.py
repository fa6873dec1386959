"""What is shown of one transfer: a plain record, made from a status, that every kind of display understands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .. import TorrentState, TorrentStatus

__all__ = ["RateMeter", "TransferView", "view_of"]

_TIME_CONSTANT = 1.5
"""Seconds after which an old rate counts for a third; it predicts the end, so it should not jump."""

_SETTLING = 0.25
"""Seconds of a sample that is kept."""
_SHORTEST = 0.1
"""Seconds that what comes first is taken to have come in at least: it may have come in a burst."""

_STATES = {
    TorrentState.checking_files: "checking",
    TorrentState.checking_resume_data: "checking",
    TorrentState.downloading_metadata: "getting metadata",
    TorrentState.downloading: "downloading",
    TorrentState.finished: "complete",
    TorrentState.seeding: "complete",
}


@dataclass(frozen=True, slots=True)
class TransferView:
    """One torrent at one moment."""

    name: str
    info_hash: str
    state: str
    """"checking", "getting metadata", "downloading", "complete", "seeding", "failed"."""
    progress: float
    """0 to 1, of what the state is about."""
    done: int
    """Wanted bytes that are here."""
    wanted: int
    """Wanted bytes; 0 while nobody knows."""
    down_rate: float
    """Payload bytes a second."""
    up_rate: float
    eta: float | None
    """Seconds to the end; None when nobody knows."""
    num_peers: int
    num_seeds: int
    num_pieces: int
    """Pieces here and verified."""
    total_pieces: int
    """Pieces of the torrent; 0 while nobody knows."""
    downloaded: int
    """Payload bytes of this run."""
    uploaded: int
    note: str = ""
    """What last went wrong, if anything."""
    average: float | None = None
    """Payload bytes a second from beginning to end, once it is complete and something was downloaded."""

    def as_fields(self) -> dict[str, Any]:
        """The same for machines (Any: numbers and strings)."""
        return {
            "name": self.name,
            "info_hash": self.info_hash,
            "state": self.state,
            "progress": round(self.progress, 6),
            "done": self.done,
            "wanted": self.wanted,
            "download_rate": round(self.down_rate),
            "upload_rate": round(self.up_rate),
            "average_rate": None if self.average is None else round(self.average),
            "eta": None if self.eta is None else round(self.eta, 1),
            "peers": self.num_peers,
            "seeds": self.num_seeds,
            "pieces": self.num_pieces,
            "total_pieces": self.total_pieces,
            "downloaded": self.downloaded,
            "uploaded": self.uploaded,
        }


class RateMeter:
    """A rate a person can read: payload counted by the clock, smoothed; there is one as soon as something came."""

    __slots__ = ("_at", "_has_sample", "_total", "rate")

    def __init__(self) -> None:
        self.rate = 0.0
        """Bytes per second."""
        self._at: float | None = None
        self._total = 0
        self._has_sample = False

    def update(self, total: int, now: float) -> float:
        """`total` bytes until `now`; the rate."""
        if self._at is None:
            self._at, self._total = now, total
            return self.rate
        elapsed, came = now - self._at, total - self._total
        if not self._has_sample and not came:
            self._at = now  # Waiting for the first bytes is none of their time.
        elif elapsed >= _SETTLING:
            weight = 1.0 - math.exp(-elapsed / _TIME_CONSTANT) if self._has_sample else 1.0
            self.rate += (came / elapsed - self.rate) * weight
            self._at, self._total, self._has_sample = now, total, True
        elif not self._has_sample:
            self.rate = came / max(elapsed, _SHORTEST)
        return self.rate


def view_of(
    status: TorrentStatus,
    *,
    down_rate: float,
    up_rate: float,
    state: str = "",
    note: str = "",
    average: float | None = None,
) -> TransferView:
    """The view of `status`; `state` when it is another than the status says."""
    left = status.total_wanted - status.total_wanted_done
    eta = left / down_rate if left and down_rate >= 1 and status.state is TorrentState.downloading else None
    info = status.torrent_file
    return TransferView(
        name=status.name,
        info_hash=str(status.info_hashes.v1 or status.info_hashes.v2 or ""),
        state=state or _STATES[status.state],
        progress=status.progress,
        done=status.total_wanted_done,
        wanted=status.total_wanted,
        down_rate=down_rate,
        up_rate=up_rate,
        eta=eta,
        num_peers=status.num_peers,
        num_seeds=status.num_seeds,
        num_pieces=status.num_pieces,
        total_pieces=info.num_pieces if info is not None else 0,
        downloaded=status.total_payload_download,
        uploaded=status.total_payload_upload,
        note=note,
        average=average,
    )
