"""The trackers of one torrent at work: `TrackerList` decides, `TrackerClient` asks, the torrent hears of it.

Between `start` and `stop` one timer stands for the next announce.  What happens is told through `on_event` in small
records; peers go to `on_peers`, those given by name (the long form of BEP 3) once they are looked up.

Taking leave has a deadline: `stop` ends when every tracker that knew us answered, or after `stop_timeout` seconds.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Protocol, TypeAlias

from ...protocols.engine.ports import Timer
from ...protocols.sam import is_i2p_host
from ...protocols.tracker.announce import (
    AnnounceEvent,
    AnnounceRequest,
    AnnounceResponse,
    ScrapeEntry,
    ScrapeResponse,
    TrackerPeer,
)
from ...protocols.tracker.client import TrackerCall, TrackerEngine
from ...protocols.tracker.errors import InvalidTrackerResponse, TrackerError
from ...protocols.tracker.tiers import (
    AnnounceAction,
    TrackerEntry,
    TrackerList,
    TrackerListSettings,
    TrackerSource,
)

__all__ = [
    "ScrapeFailed",
    "ScrapeReplied",
    "TorrentTrackers",
    "TrackerAnnounced",
    "TrackerAsker",
    "TrackerFailed",
    "TrackerIdReceived",
    "TrackerNews",
    "TrackerReplied",
    "TrackerWarned",
]

MAX_PEER_NAMES = 50
"""Host names looked up of one answer; the rest of them is dropped."""


@dataclass(frozen=True, slots=True)
class TrackerAnnounced:
    """An announce leaves."""

    url: str
    event: AnnounceEvent


@dataclass(frozen=True, slots=True)
class TrackerReplied:
    """An announce was answered."""

    url: str
    event: AnnounceEvent
    response: AnnounceResponse


@dataclass(frozen=True, slots=True)
class TrackerWarned:
    """The tracker has words for the user, although the announce worked."""

    url: str
    message: str


@dataclass(frozen=True, slots=True)
class TrackerIdReceived:
    """The tracker gave us another id."""

    url: str
    trackerid: str


@dataclass(frozen=True, slots=True)
class TrackerFailed:
    """An announce failed."""

    url: str
    event: AnnounceEvent
    error: TrackerError
    times_in_row: int
    """Failures since the last success, this one included; 0 when the tracker is no longer in the list."""
    triggered_manually: bool
    """The user asked for it."""


@dataclass(frozen=True, slots=True)
class ScrapeReplied:
    """A scrape was answered."""

    url: str
    entry: ScrapeEntry


@dataclass(frozen=True, slots=True)
class ScrapeFailed:
    """A scrape failed."""

    url: str
    error: TrackerError


TrackerNews: TypeAlias = (
    TrackerAnnounced
    | TrackerReplied
    | TrackerWarned
    | TrackerIdReceived
    | TrackerFailed
    | ScrapeReplied
    | ScrapeFailed
)


class TrackerAsker(Protocol):
    """What is needed of a `TrackerClient`."""

    @property
    def engine(self) -> TrackerEngine: ...

    def announce(
        self,
        url: str,
        request: AnnounceRequest,
        on_done: Callable[[AnnounceResponse | None, TrackerError | None], object],
        *,
        timeout: float | None = None,
    ) -> TrackerCall: ...

    def scrape(
        self,
        url: str,
        info_hashes: Sequence[bytes],
        on_done: Callable[[ScrapeResponse | None, TrackerError | None], object],
        *,
        timeout: float | None = None,
    ) -> TrackerCall: ...


class TorrentTrackers:
    """Owned by a torrent; everything runs on the loop thread."""

    def __init__(
        self,
        client: TrackerAsker,
        tiers: Iterable[Iterable[str]],
        make_request: Callable[[AnnounceEvent], AnnounceRequest],
        on_peers: Callable[[list[TrackerPeer]], object],
        on_event: Callable[[TrackerNews], object],
        *,
        settings: TrackerListSettings | None = None,
        is_partial_seed: Callable[[], bool] = lambda: False,
        stop_timeout: float = 5.0,
        source: TrackerSource = TrackerSource.TORRENT,
        shuffle: bool = True,
        rng: Random | None = None,
    ) -> None:
        """`make_request(event)` gives the counters of the moment; the tracker's id is put in here.

        `on_peers` gets numeric addresses and names on I2P only.  `is_partial_seed` is asked before each announce (BEP 21).  With
        `stop_timeout` 0 nobody is told of a stop.
        """
        self.list = TrackerList(tiers, rng=rng or Random(), settings=settings, source=source, shuffle=shuffle)
        """Order and state of the trackers."""
        self.stop_timeout = stop_timeout
        """Seconds that taking leave may last (`stop_tracker_timeout`)."""
        self._client = client
        self._base = client.engine
        self._make_request = make_request
        self._on_peers = on_peers
        self._on_event = on_event
        self._is_partial_seed = is_partial_seed
        self._timer: Timer | None = None
        self._calls: dict[str, TrackerCall] = {}
        self._scrapes: dict[TrackerCall, None] = {}
        self._lookups: dict[Timer, None] = {}
        self._leaves: dict[str, TrackerCall] = {}
        self._leave_timer: Timer | None = None
        self._on_told: Callable[[], object] | None = None

    def start(self, *, is_seed: bool = False) -> None:
        """Begin announcing.  `is_seed`: complete from the start, so that nobody counts a download."""
        if self.list.is_announcing:
            return
        self._end_leaving()
        self.list.start(self._base.time(), is_seed=is_seed)
        self._run()

    def stop(self, on_told: Callable[[], object] | None = None) -> None:
        """End announcing and take leave; `on_told` is called once when that is over, never inside this."""
        self._end_leaving()
        for call in (*self._calls.values(), *self._scrapes):
            call.cancel()
        self._calls.clear()
        self._scrapes.clear()
        self._cancel_lookups()
        leave = self.list.stop(self._base.time())
        self._arm()
        self._on_told = on_told
        if self.stop_timeout > 0:
            for action in leave:
                self._leave(action)
        if self._leaves:
            self._leave_timer = self._base.call_later(self.stop_timeout, self._end_leaving)
        else:
            self._leave_timer = self._base.call_soon(self._end_leaving)

    def abort(self) -> None:
        """End everything at once and silently: no leave is taken, `on_told` is not called."""
        self._on_told = None
        self.list.stop(self._base.time())
        for call in (*self._calls.values(), *self._scrapes):
            call.cancel()
        self._calls.clear()
        self._scrapes.clear()
        self._cancel_lookups()
        self._end_leaving()
        self._arm()

    def completed(self) -> None:
        """The last piece arrived."""
        self.list.completed(self._base.time())
        self._run()

    def set_settings(self, settings: TrackerListSettings) -> None:
        """Other choices hold from now on."""
        self.list.settings = settings
        self._run()

    def force_reannounce(
        self, seconds: float = 0.0, url: str | None = None, *, ignore_min_interval: bool = False
    ) -> bool:
        """Announce in `seconds`, to one tracker or to those whose turn it is.  False when `url` is unknown."""
        found = self.list.reannounce(
            self._base.time(), url=url, delay=seconds, ignore_min_interval=ignore_min_interval
        )
        self._run()
        return found

    def scrape(self, url: str | None = None) -> bool:
        """Ask a tracker for its counts: the one named, or the one that answered last, or the first.

        False when there is none.
        """
        entry = self.list.find(url) if url is not None else self._preferred()
        if entry is None:
            return False
        target, info_hash = entry.url, bytes(self._make_request(AnnounceEvent.NONE).info_hash)

        def on_scraped(response: ScrapeResponse | None, error: TrackerError | None) -> None:
            self._scrapes.pop(call, None)
            found = None if response is None else response.get(info_hash)
            if found is not None:
                self.list.on_scrape(target, found)
                self._on_event(ScrapeReplied(target, found))
            else:
                missing = InvalidTrackerResponse("the tracker does not know this torrent")
                self._on_event(ScrapeFailed(target, error or missing))

        call = self._client.scrape(target, [info_hash], on_scraped)
        self._scrapes[call] = None
        return True

    def add(self, url: str, tier: int = 0, source: TrackerSource = TrackerSource.CLIENT) -> bool:
        """Add a tracker; False when it is known, empty or one too many."""
        was_added = self.list.add(url, tier, source, now=self._base.time())
        self._run()
        return was_added

    def replace(self, trackers: Iterable[tuple[str, int]]) -> None:
        """Other trackers, as (url, tier); those known before keep their state."""
        for url in self.list.replace(trackers, now=self._base.time()):
            call = self._calls.pop(url, None)
            if call is not None:
                call.cancel()
        self._run()

    def entries(self) -> tuple[TrackerEntry, ...]:
        """The trackers in the order of asking."""
        return self.list.entries

    @property
    def is_updating(self) -> bool:
        """An announce is under way."""
        return bool(self._calls)

    @property
    def current_tracker(self) -> str:
        """URL of the one that answered last; empty when none did."""
        working = self.list.last_working
        return "" if working is None else working.url

    def next_announce_in(self) -> float | None:
        """Seconds to the next announce; None when none is planned."""
        deadline = self.list.next_timeout()
        return None if deadline is None else max(deadline - self._base.time(), 0.0)

    def _run(self) -> None:
        """Make the announces that are due, and see to it that we come back for the next."""
        self.list.is_partial_seed = self._is_partial_seed()
        for action in self.list.due(self._base.time()):
            self._announce(action)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.list.next_timeout()
        if deadline is not None:
            self._timer = self._base.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._run()

    def _announce(self, action: AnnounceAction) -> None:
        def on_done(response: AnnounceResponse | None, error: TrackerError | None) -> None:
            self._calls.pop(action.url, None)
            if response is not None:
                self._take_response(action, response)
            else:
                assert error is not None
                self._take_error(action, error)
            self._run()

        request = self._request_for(action)
        self._calls[action.url] = self._client.announce(action.url, request, on_done)
        self._on_event(TrackerAnnounced(action.url, action.event))

    def _request_for(self, action: AnnounceAction) -> AnnounceRequest:
        return replace(self._make_request(action.event), event=action.event, trackerid=action.trackerid)

    def _take_response(self, action: AnnounceAction, response: AnnounceResponse) -> None:
        url = action.url
        self.list.on_response(url, action.event, response, self._base.time())
        if response.warning:
            self._on_event(TrackerWarned(url, response.warning))
        if response.tracker_id and response.tracker_id != action.trackerid:
            self._on_event(TrackerIdReceived(url, response.tracker_id))
        self._on_event(TrackerReplied(url, action.event, response))
        numeric = [peer for peer in response.peers if not needs_lookup(peer.host)]
        if numeric:
            self._on_peers(numeric)
        if len(numeric) < len(response.peers):
            named = [peer for peer in response.peers if needs_lookup(peer.host)]
            for peer in named[:MAX_PEER_NAMES]:
                self._look_up(peer)

    def _take_error(self, action: AnnounceAction, error: TrackerError) -> None:
        self.list.on_error(action.url, error, self._base.time())
        entry = self.list.find(action.url)
        times = 0 if entry is None else entry.fails
        self._on_event(TrackerFailed(action.url, action.event, error, times, action.triggered_manually))

    def _look_up(self, peer: TrackerPeer) -> None:
        def on_resolved(answer: list[tuple[int, Any]] | OSError) -> None:
            self._lookups.pop(lookup, None)
            if not isinstance(answer, OSError) and answer:
                found = dict.fromkeys((str(address[0]), int(address[1])) for _, address in answer)
                self._on_peers([TrackerPeer(host, port, peer.peer_id) for host, port in found])

        lookup = self._base.platform.resolve(self._base, peer.host, peer.port, on_resolved)
        self._lookups[lookup] = None

    def _cancel_lookups(self) -> None:
        for lookup in self._lookups:
            lookup.cancel()
        self._lookups.clear()

    def _leave(self, action: AnnounceAction) -> None:
        def on_done(response: AnnounceResponse | None, error: TrackerError | None) -> None:
            self._leaves.pop(action.url, None)
            if response is not None:
                self._on_event(TrackerReplied(action.url, action.event, response))
            else:
                assert error is not None
                self._on_event(TrackerFailed(action.url, action.event, error, 0, False))
            if not self._leaves:
                self._end_leaving()

        request = replace(self._request_for(action), num_want=0)
        self._leaves[action.url] = self._client.announce(
            action.url, request, on_done, timeout=self.stop_timeout
        )
        self._on_event(TrackerAnnounced(action.url, action.event))

    def _end_leaving(self) -> None:
        """All were told, or had their time, or it does not matter any more."""
        if self._leave_timer is not None:
            self._leave_timer.cancel()
            self._leave_timer = None
        for call in self._leaves.values():
            call.cancel()
        self._leaves.clear()
        on_told, self._on_told = self._on_told, None
        if on_told is not None:
            on_told()

    def _preferred(self) -> TrackerEntry | None:
        return self.list.last_working or next(iter(self.list.entries), None)


def needs_lookup(host: str) -> bool:
    """`host` is neither an address nor on I2P, whose names are nobody else's business."""
    if is_i2p_host(host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False
