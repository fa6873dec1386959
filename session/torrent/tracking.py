"""A torrent's trackers as the session sees them: requests filled in, peers handed on, outcomes posted as alerts.

Schedule and tiers are `TorrentTrackers`'; this is where it meets the torrent.  A hybrid torrent is announced by both of its
names, each with a schedule of its own, as libtorrent does: who knows it by one of them finds us, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...protocols.tracker.announce import AnnounceEvent, AnnounceRequest, TrackerPeer
from ...protocols.tracker.errors import TrackerError, TrackerFailure, TrackerHttpStatus
from ...protocols.tracker.tiers import TrackerEntry
from ..alerts import (
    ScrapeFailedAlert,
    ScrapeReplyAlert,
    TrackerAnnounceAlert,
    TrackerErrorAlert,
    TrackeridAlert,
    TrackerReplyAlert,
    TrackerWarningAlert,
)
from ..core.external_ip import IpSource
from ..errors import NO_ERROR, ErrorCode, Operation
from ..flags import PeerSource, TorrentFlags, TrackerEvent, TrackerSource
from ..params import AddTorrentParams
from ..status import AnnounceEndpoint, AnnounceEntry, AnnounceInfohash, TorrentStatus
from .reported import downloaded_bytes
from .tracker_trust import TrustedTrackers
from .trackers import (
    ScrapeFailed,
    ScrapeReplied,
    TorrentTrackers,
    TrackerAnnounced,
    TrackerFailed,
    TrackerIdReceived,
    TrackerNews,
    TrackerReplied,
    TrackerWarned,
)

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["Tracking"]


class Tracking:
    """The trackers of one torrent."""

    __slots__ = ("_core", "_key", "_torrent", "second", "trackers")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._key = core.rng.getrandbits(32)
        self.trackers = self._make_list(torrent.params.tiers(), self._request)
        self.second: TorrentTrackers | None = None
        """The same by the v2 name of a hybrid torrent, once it is online."""

    def _make_list(
        self, tiers: Sequence[Sequence[str]], make_request: Callable[[AnnounceEvent], AnnounceRequest]
    ) -> TorrentTrackers:
        torrent, core = self._torrent, self._core
        return TorrentTrackers(
            TrustedTrackers(core.tracker_client, torrent),
            tiers,
            make_request,
            self._peers_found,
            self._heard,
            settings=core.tracker_lists,
            # The order of resume data, in which working trackers lead their tiers, is kept.
            shuffle=not torrent.flags & TorrentFlags.override_trackers,
            stop_timeout=float(core.settings.get_int("stop_tracker_timeout")),
            rng=core.rng,
        )

    # ---------------------------------------------------------------------------------------------------- schedule

    def start(self) -> None:
        """The torrent is online."""
        names = self._torrent.info_hashes.wire_names()
        if len(names) > 1 and self.second is None:
            other = next(bytes(name) for name in names if name != self._torrent.wire_name)
            self.second = self._make_list((), lambda event: replace(self._request(event), info_hash=other))
            self.second.replace((entry.url, entry.tier) for entry in self.trackers.entries())
        self.settings_changed()
        for each in self._lists():
            each.start(is_seed=self._torrent.is_seed)

    def stop(self, on_told: Callable[[], object] | None) -> None:
        """The torrent goes offline; `on_told` is called when the trackers know, or had their time."""
        lists = self._lists()
        num_left = len(lists)

        def told() -> None:
            nonlocal num_left
            num_left -= 1
            if not num_left and on_told is not None:
                on_told()

        for each in lists:
            each.stop(told)

    def abort(self) -> None:
        """End everything at once; nobody is told."""
        for each in self._lists():
            each.abort()

    @property
    def is_announcing(self) -> bool:
        """The torrent is online here."""
        return self.trackers.list.is_announcing

    def _lists(self) -> list[TorrentTrackers]:
        return [self.trackers] if self.second is None else [self.trackers, self.second]

    def completed(self) -> None:
        """The last piece came."""
        for each in self._lists():
            each.completed()

    def settings_changed(self) -> None:
        """Take the session's settings over."""
        for each in self._lists():
            each.stop_timeout = float(self._core.settings.get_int("stop_tracker_timeout"))
            each.set_settings(self._core.tracker_lists)

    def reannounce(self, seconds: int, index: int, *, ignore_min_interval: bool) -> None:
        """Announce in so many seconds; to one tracker by its index, or (-1) to those whose turn it is."""
        url = self._url_at(index)
        for each in self._lists():
            each.force_reannounce(seconds, url, ignore_min_interval=ignore_min_interval)

    def scrape(self, index: int) -> None:
        """Ask one tracker for its counts; -1 is the one that answered last."""
        url = self._url_at(index)
        for each in self._lists():
            each.scrape(url)

    def add(self, url: str, tier: int) -> None:
        """One more tracker."""
        for each in self._lists():
            each.add(url, tier)

    def replace(self, wanted: Sequence[tuple[str, int]]) -> None:
        """Other trackers."""
        for each in self._lists():
            each.replace(wanted)

    def _url_at(self, index: int) -> str | None:
        if index < 0:
            return None
        entries = self.trackers.entries()
        if index >= len(entries):
            raise IndexError(f"tracker {index} of {len(entries)}")
        return entries[index].url

    def _request(self, event: AnnounceEvent) -> AnnounceRequest:
        torrent, core = self._torrent, self._core
        download, meters = torrent.download, torrent.meters
        return AnnounceRequest(
            bytes(torrent.wire_name),
            bytes(core.peer_id),
            core.listen_port_of(torrent),
            uploaded=meters.payload_up.total,
            downloaded=downloaded_bytes(torrent, core.settings),
            left=torrent.bytes_left,
            event=event,
            key=self._key,
            num_want=0 if event is AnnounceEvent.STOPPED else core.tuning.num_want,
            corrupt=download.num_failed_bytes if download is not None else 0,
            redundant=download.num_waste_bytes if download is not None else None,
        )

    # -------------------------------------------------------------------------------------------------------- news

    def _peers_found(self, peers: list[TrackerPeer]) -> None:
        self._torrent.peers_found([(peer.host, peer.port) for peer in peers], PeerSource.tracker)

    def _heard(self, news: TrackerNews) -> None:
        _HEARD[type(news)](self, news)

    def _announced(self, news: TrackerAnnounced) -> None:
        self._torrent.post(TrackerAnnounceAlert, news.url, TrackerEvent(int(news.event)))

    def _replied(self, news: TrackerReplied) -> None:
        self._torrent.post(TrackerReplyAlert, news.url, len(news.response.peers))
        if news.response.external_ip:
            self._core.external_address(news.response.external_ip, IpSource.TRACKER, _host_of(news.url))
        self._torrent.touch()

    def _warned(self, news: TrackerWarned) -> None:
        self._torrent.post(TrackerWarningAlert, news.url, news.message)

    def _id_received(self, news: TrackerIdReceived) -> None:
        self._torrent.post(TrackeridAlert, news.url, news.trackerid)

    def _failed(self, news: TrackerFailed) -> None:
        reason = news.error.reason if isinstance(news.error, TrackerFailure) else ""
        self._torrent.post(
            TrackerErrorAlert, news.url, news.times_in_row, _code(news.error), reason, Operation.bittorrent
        )
        self._torrent.touch()

    def _scraped(self, news: ScrapeReplied) -> None:
        self._torrent.post(ScrapeReplyAlert, news.url, news.entry.incomplete, news.entry.complete)

    def _scrape_failed(self, news: ScrapeFailed) -> None:
        self._torrent.post(ScrapeFailedAlert, news.url, _code(news.error), str(news.error))

    # ----------------------------------------------------------------------------------------------------- reports

    def entries(self) -> list[AnnounceEntry]:
        """Every tracker with its state, in the order of asking."""
        return [self._entry(entry) for entry in self.trackers.entries()]

    def _entry(self, entry: TrackerEntry) -> AnnounceEntry:
        states = [each.list.find(entry.url) for each in self._lists()]
        endpoint = AnnounceEndpoint(
            ("", self._core.listen_port_of(self._torrent)),
            [self._state(state) for state in states if state is not None],
        )
        return AnnounceEntry(
            entry.url,
            entry.tier,
            entry.fail_limit,
            TrackerSource(int(entry.source)),
            entry.trackerid,
            entry.verified,
            [endpoint],
        )

    def _state(self, entry: TrackerEntry) -> AnnounceInfohash:
        return AnnounceInfohash(
            message=entry.message,
            last_error=_code(entry.last_error) if entry.last_error is not None else NO_ERROR,
            next_announce=_seconds_until(entry.next_announce, self._torrent.now()),
            min_announce=_seconds_until(entry.min_announce, self._torrent.now()),
            scrape_incomplete=entry.scrape_incomplete,
            scrape_complete=entry.scrape_complete,
            scrape_downloaded=entry.scrape_downloaded,
            fails=entry.fails,
            updating=entry.updating,
            start_sent=entry.start_sent,
            complete_sent=entry.complete_sent,
            triggered_manually=entry.triggered_manually,
        )

    def _all_entries(self) -> list[TrackerEntry]:
        return [entry for each in self._lists() for entry in each.entries()]

    def fill_status(self, status: TorrentStatus) -> None:
        """The trackers' part of a torrent's status."""
        trackers = self.trackers
        status.current_tracker = trackers.current_tracker
        status.next_announce = trackers.next_announce_in() or 0.0
        status.announcing_to_trackers = trackers.list.is_announcing and bool(trackers.entries())
        for entry in self._all_entries():
            status.num_complete = max(status.num_complete, entry.scrape_complete)
            status.num_incomplete = max(status.num_incomplete, entry.scrape_incomplete)

    def swarm_size(self) -> tuple[int, int]:
        """Seeds and downloaders as trackers said; -1 when none did."""
        entries = self._all_entries()
        seeds = max((entry.scrape_complete for entry in entries), default=-1)
        return seeds, max((entry.scrape_incomplete for entry in entries), default=-1)

    def fill_params(self, params: AddTorrentParams) -> None:
        """The trackers as they are now, for resume data."""
        entries = self.trackers.entries()
        params.trackers = [entry.url for entry in entries]
        params.tracker_tiers = [entry.tier for entry in entries]
        for entry in self._all_entries():
            params.num_complete = max(params.num_complete, entry.scrape_complete)
            params.num_incomplete = max(params.num_incomplete, entry.scrape_incomplete)
            params.num_downloaded = max(params.num_downloaded, entry.scrape_downloaded)


def _host_of(url: str) -> str:
    return urlsplit(url).hostname or url


def _seconds_until(when: float, now: float) -> float | None:
    return max(when - now, 0.0) if when else None


def _code(error: TrackerError) -> ErrorCode:
    if isinstance(error, TrackerHttpStatus):
        return ErrorCode.from_http(error.status, "")
    return ErrorCode.from_exception(error)


_HEARD: dict[type[Any], Callable[[Tracking, Any], None]] = {
    ScrapeFailed: Tracking._scrape_failed,
    ScrapeReplied: Tracking._scraped,
    TrackerAnnounced: Tracking._announced,
    TrackerFailed: Tracking._failed,
    TrackerIdReceived: Tracking._id_received,
    TrackerReplied: Tracking._replied,
    TrackerWarned: Tracking._warned,
}
"""News → what is told outside."""
