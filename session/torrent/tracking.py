"""A torrent's trackers as the session sees them: requests filled in, peers handed on, outcomes posted as alerts.

Schedule and tiers are `TorrentTrackers`'; this is where it meets the torrent.  As with libtorrent it is announced from every socket
that listens, so that a tracker knows each address of ours, and a hybrid one by both of its names, so that who knows one of them
finds us, too.  Each such way has a schedule of its own: what fails over IPv6 does not keep it from being asked over IPv4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...protocols.tracker.announce import AnnounceEvent, AnnounceRequest, TrackerPeer
from ...protocols.tracker.errors import (
    NoI2pRouter,
    TrackerError,
    TrackerFailure,
    TrackerHttpStatus,
    TrackerSkipped,
    TrackerUnreachable,
)
from ...protocols.tracker.i2p_urls import is_i2p_url
from ...protocols.tracker.tiers import TrackerEntry
from ...protocols.types import Address, ProtocolVersion
from ..alerts import (
    ScrapeFailedAlert,
    ScrapeReplyAlert,
    TrackerAlert,
    TrackerAnnounceAlert,
    TrackerErrorAlert,
    TrackeridAlert,
    TrackerReplyAlert,
    TrackerWarningAlert,
)
from ..core.announcing import AnnounceEnd
from ..core.external_ip import IpSource
from ..errors import NO_ERROR, ErrorCode, Operation, TorrentErrc
from ..flags import PeerSource, TorrentFlags, TrackerEvent, TrackerSource
from ..params import AddTorrentParams
from ..status import AnnounceEndpoint, AnnounceEntry, AnnounceInfohash, TorrentStatus
from .i2p_trackers import NetworkedTrackers
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


@dataclass(frozen=True, slots=True)
class _Way:
    """From where, and by which name, a torrent is announced."""

    end: AnnounceEnd
    name: bytes
    version: ProtocolVersion


class Tracking:
    """The trackers of one torrent."""

    __slots__ = ("_core", "_key", "_lists", "_torrent")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._key = core.rng.getrandbits(32)
        self._lists: dict[_Way, TorrentTrackers] = {}
        first = self._ways()[0]
        self._lists[first] = self._make_list(first, torrent.params.tiers())
        """In the order of the sockets, v1 before v2.  One is enough until it is online."""

    def _ways(self) -> list[_Way]:
        torrent = self._torrent
        names = torrent.info_hashes.wire_names()
        return [
            _Way(
                end, bytes(name), ProtocolVersion.V1 if name == torrent.info_hashes.v1 else ProtocolVersion.V2
            )
            for end in self._core.announcing.ends(torrent)
            for name in names
        ]

    def _make_list(self, way: _Way, tiers: Sequence[Sequence[str]] = ()) -> TorrentTrackers:
        torrent, core = self._torrent, self._core
        asker = TrustedTrackers(core.tracker_client, torrent, core.identity, way.end.local)
        trackers = TorrentTrackers(
            NetworkedTrackers(core, torrent, asker),
            tiers,
            partial(self._request, way),
            self._peers_found,
            partial(self._heard, way),
            is_partial_seed=lambda: torrent.is_finished and not torrent.is_seed,
            settings=core.tracker_lists,
            # The order of resume data, in which working trackers lead their tiers, is kept.
            shuffle=not torrent.flags & TorrentFlags.override_trackers,
            stop_timeout=float(core.settings.get_int("stop_tracker_timeout")),
            rng=core.rng,
        )
        trackers.list.may_ask = partial(self._may_ask, way)
        return trackers

    def _may_ask(self, way: _Way, url: str) -> bool:
        if is_i2p_url(url) and way.end != next(iter(self._lists), way).end:
            return False  # Where we listen is all the same to it: once is enough.
        return self._core.mixing.may_ask(self._torrent, url)

    def _make_copy(self, way: _Way, entries: Iterable[TrackerEntry]) -> TorrentTrackers:
        made = self._make_list(way)
        made.list.copy(entries)
        return made

    # ---------------------------------------------------------------------------------------------------- schedule

    def start(self) -> None:
        """The torrent is online."""
        self._find_ways()
        self.settings_changed()
        for each in self._lists.values():
            each.start(is_seed=self._torrent.is_seed)

    def listening_changed(self) -> None:
        """Other sockets listen than before."""
        if self.is_announcing:
            self.start()

    def _find_ways(self) -> None:
        """A list for each way there is now; ways that are no more are left without a word, as there is nobody to be reached."""
        wanted = self._ways()
        if wanted == list(self._lists):
            return
        entries, old = self.trackers.entries(), self._lists
        self._lists = {way: old[way] if way in old else self._make_copy(way, entries) for way in wanted}
        for way in old.keys() - self._lists.keys():
            old[way].stop_timeout = 0.0
            old[way].stop()

    def stop(self, on_told: Callable[[], object] | None) -> None:
        """The torrent goes offline; `on_told` is called when the trackers know, or had their time."""
        lists = list(self._lists.values())
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
        for each in self._lists.values():
            each.abort()

    @property
    def is_announcing(self) -> bool:
        """The torrent is online here."""
        return self.trackers.list.is_announcing

    @property
    def has_working(self) -> bool:
        """Some tracker has answered, and not failed since."""
        return any(entry.verified and entry.is_working for entry in self._all_entries())

    @property
    def trackers(self) -> TorrentTrackers:
        """The first way's, which has the order that is shown."""
        return next(iter(self._lists.values()))

    def completed(self) -> None:
        """The last piece came."""
        for each in self._lists.values():
            each.completed()

    def settings_changed(self) -> None:
        """Take the session's settings over."""
        for each in self._lists.values():
            each.stop_timeout = float(self._core.settings.get_int("stop_tracker_timeout"))
            each.set_settings(self._core.tracker_lists)

    def reannounce(self, seconds: int, index: int, *, ignore_min_interval: bool) -> None:
        """Announce in so many seconds; to one tracker by its index, or (-1) to those whose turn it is."""
        url = self._url_at(index)
        for each in self._lists.values():
            each.force_reannounce(seconds, url, ignore_min_interval=ignore_min_interval)

    def scrape(self, index: int) -> None:
        """Ask one tracker for its counts; -1 is the one that answered last."""
        url = self._url_at(index)
        self._find_ways()
        for each in self._lists.values():
            each.scrape(url)

    def add(self, url: str, tier: int) -> None:
        """One more tracker."""
        for each in self._lists.values():
            each.add(url, tier)

    def replace(self, wanted: Sequence[tuple[str, int]]) -> None:
        """Other trackers."""
        for each in self._lists.values():
            each.replace(wanted)

    def _url_at(self, index: int) -> str | None:
        if index < 0:
            return None
        entries = self.trackers.entries()
        if index >= len(entries):
            raise IndexError(f"tracker {index} of {len(entries)}")
        return entries[index].url

    def _request(self, way: _Way, event: AnnounceEvent) -> AnnounceRequest:
        torrent, core = self._torrent, self._core
        download, meters = torrent.download, torrent.meters
        downloaded = meters.payload_down.total
        if torrent.web is not None and not core.settings.get_bool("report_web_seed_downloads"):
            downloaded = max(0, downloaded - torrent.web.meters.payload_down.total)
        return AnnounceRequest(
            way.name,
            bytes(core.peer_id_of(torrent)),
            core.announcing.port(torrent, way.end),
            uploaded=meters.payload_up.total,
            downloaded=downloaded,
            left=torrent.bytes_left,
            event=event,
            key=self._key,
            num_want=0 if event is AnnounceEvent.STOPPED else core.tuning.num_want,
            corrupt=download.num_failed_bytes if download is not None else 0,
            redundant=download.num_waste_bytes if download is not None else None,
        )

    # -------------------------------------------------------------------------------------------------------- news

    def i2p_opened(self) -> None:
        """Trackers on I2P can be asked now."""
        for each in self._lists.values():
            for entry in each.entries():
                if is_i2p_url(entry.url):
                    each.force_reannounce(0, entry.url, ignore_min_interval=True)

    def _peers_found(self, peers: list[TrackerPeer]) -> None:
        for peer in peers:
            if peer.destination is not None:
                self._core.i2p.remember(peer.destination)
        own = self._core.i2p.destination
        others = [peer for peer in peers if own is None or peer.host != own.name]
        self._torrent.peers_found([(peer.host, peer.port) for peer in others], PeerSource.tracker)

    def _heard(self, way: _Way, news: TrackerNews) -> None:
        _HEARD[type(news)](self, way, news)

    def _post(self, way: _Way, kind: type[TrackerAlert], *args: Any) -> None:
        self._torrent.post(kind, *args, local_endpoint=way.end.address, version=way.version)

    def _announced(self, way: _Way, news: TrackerAnnounced) -> None:
        self._post(way, TrackerAnnounceAlert, news.url, TrackerEvent(int(news.event)))

    def _replied(self, way: _Way, news: TrackerReplied) -> None:
        self._post(way, TrackerReplyAlert, news.url, len(news.response.peers))
        if news.response.external_ip:
            self._core.external_address(news.response.external_ip, IpSource.TRACKER, _host_of(news.url))
        self._torrent.touch()

    def _warned(self, way: _Way, news: TrackerWarned) -> None:
        self._post(way, TrackerWarningAlert, news.url, news.message)

    def _id_received(self, way: _Way, news: TrackerIdReceived) -> None:
        self._post(way, TrackeridAlert, news.url, news.trackerid)

    def _failed(self, way: _Way, news: TrackerFailed) -> None:
        reason = news.error.reason if isinstance(news.error, TrackerFailure) else ""
        code, operation = _code(news.error), Operation.bittorrent
        self._post(way, TrackerErrorAlert, news.url, news.times_in_row, code, reason, operation)
        self._torrent.touch()

    def _scraped(self, way: _Way, news: ScrapeReplied) -> None:
        self._post(way, ScrapeReplyAlert, news.url, news.entry.incomplete, news.entry.complete)

    def _scrape_failed(self, way: _Way, news: ScrapeFailed) -> None:
        self._post(way, ScrapeFailedAlert, news.url, _code(news.error), str(news.error))

    # ----------------------------------------------------------------------------------------------------- reports

    def entries(self) -> list[AnnounceEntry]:
        """Every tracker with its state, in the order of asking."""
        return [self._entry(entry) for entry in self.trackers.entries()]

    def _entry(self, entry: TrackerEntry) -> AnnounceEntry:
        endpoints: dict[AnnounceEnd, AnnounceEndpoint] = {}
        states = []
        for way, each in self._lists.items():
            if (state := each.list.find(entry.url)) is not None:
                states.append(state)
                shown = endpoints.setdefault(way.end, AnnounceEndpoint(self._shown_address(way.end)))
                shown.info_hashes.append(self._state(state))
        return AnnounceEntry(
            entry.url,
            entry.tier,
            max(state.fail_limit for state in states),
            TrackerSource(int(entry.source)),
            next((state.trackerid for state in states if state.trackerid), ""),
            any(state.verified for state in states),
            list(endpoints.values()),
        )

    def _shown_address(self, end: AnnounceEnd) -> Address:
        return end.address if end.address[1] else (end.address[0], self._core.listen_port_of(self._torrent))

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
        return [entry for each in self._lists.values() for entry in each.entries()]

    def fill_status(self, status: TorrentStatus) -> None:
        """The trackers' part of a torrent's status."""
        waits = [each.next_announce_in() for each in self._lists.values()]
        working = (each.current_tracker for each in self._lists.values())
        status.current_tracker = next(filter(None, working), "")
        status.next_announce = min((wait for wait in waits if wait is not None), default=0.0)
        status.announcing_to_trackers = self.is_announcing and bool(self.trackers.entries())
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
    if isinstance(error, TrackerSkipped):
        return ErrorCode.of(TorrentErrc.announce_skipped)
    if isinstance(error, TrackerUnreachable):  # What the system said, by its number.
        return ErrorCode.from_exception(error.__cause__ or error)
    if isinstance(error, TrackerHttpStatus):
        return ErrorCode.from_http(error.status, "")
    if isinstance(error, NoI2pRouter):
        return ErrorCode(TorrentErrc.no_i2p_router, "libtorrent", str(error))
    return ErrorCode.from_exception(error)


_HEARD: dict[type[Any], Callable[[Tracking, _Way, Any], None]] = {
    ScrapeFailed: Tracking._scrape_failed,
    ScrapeReplied: Tracking._scraped,
    TrackerAnnounced: Tracking._announced,
    TrackerFailed: Tracking._failed,
    TrackerIdReceived: Tracking._id_received,
    TrackerReplied: Tracking._replied,
    TrackerWarned: Tracking._warned,
}
"""News → what is told outside."""
