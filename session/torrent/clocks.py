"""How long a torrent was active, finished and seeding, and when things last happened (libtorrent `torrent_status`)."""

from __future__ import annotations

from ..params import AddTorrentParams

__all__ = ["ActivityClocks"]


class ActivityClocks:
    """Durations in seconds of run time; moments as POSIX times, 0 for never."""

    __slots__ = (
        "active",
        "added_time",
        "completed_time",
        "finished_duration",
        "last_download",
        "last_seen_complete",
        "last_upload",
        "seeding",
    )

    def __init__(self, params: AddTorrentParams, wall_time: int) -> None:
        self.active = float(params.active_time)
        self.finished_duration = float(params.finished_time)
        self.seeding = float(params.seeding_time)
        self.added_time = params.added_time or wall_time
        self.completed_time = params.completed_time
        self.last_seen_complete = params.last_seen_complete
        self.last_download = params.last_download
        self.last_upload = params.last_upload

    def finished(self, wall_time: int) -> None:
        """The last wanted piece came."""
        if not self.completed_time:
            self.completed_time = wall_time

    def tick(self, elapsed: float, *, is_seed: bool, is_finished: bool) -> None:
        """`elapsed` seconds of run time went by."""
        self.active += elapsed
        if is_finished:
            self.finished_duration += elapsed
        if is_seed:
            self.seeding += elapsed
