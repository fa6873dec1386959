"""How long a torrent was active, finished and seeding, and when things last happened (libtorrent `torrent_status`)."""

from __future__ import annotations

from ..params import AddTorrentParams

__all__ = ["ActivityClocks"]


class ActivityClocks:
    """Durations in seconds of run time; moments as POSIX times, 0 for never.

    Durations are those of the last `settle`: to be called before one is read and whenever the torrent's state changed, so that
    a torrent where nothing happens costs nothing.
    """

    __slots__ = (
        "_is_finished",
        "_is_seed",
        "_since",
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
        self._since: float | None = None
        self._is_seed = self._is_finished = False

    def finished(self, wall_time: int) -> None:
        """The last wanted piece came."""
        if not self.completed_time:
            self.completed_time = wall_time

    def begin(self, now: float, *, is_seed: bool, is_finished: bool) -> None:
        """The torrent is online from now on.  Repeatable."""
        if self._since is None:
            self._since = now
            self._is_seed, self._is_finished = is_seed, is_finished

    def settle(self, now: float, *, is_seed: bool, is_finished: bool) -> None:
        """Count the time since the last call; from now on the torrent is as said."""
        if self._since is None:
            return
        elapsed, self._since = now - self._since, now
        self.active += elapsed
        if self._is_finished:
            self.finished_duration += elapsed
        if self._is_seed:
            self.seeding += elapsed
        self._is_seed, self._is_finished = is_seed, is_finished

    def end(self, now: float) -> None:
        """The torrent is offline.  Repeatable."""
        self.settle(now, is_seed=False, is_finished=False)
        self._since = None
