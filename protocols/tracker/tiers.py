"""The trackers of one torrent: order of asking, back-off, what to say when (BEP 12, 21; timing as libtorrent's).

Pure: `due(now)` returns announces to make, the owner makes them and reports each one's end with `on_response` or
`on_error`.  Law of an entry: between `due` naming it and its end it is `updating` and is not named again.

Who is asked, by the two settings (a tracker *works* while its last announce did not fail, also before its first one):

=====================  ==============  =====================================================
announce_to_all_tiers  …all_trackers   asked
=====================  ==============  =====================================================
no                     no              trackers in order up to the first working one
no                     yes             whole tiers up to the first with a working one
yes                    no              in each tier, trackers up to the first working one
yes                    yes             everybody
=====================  ==============  =====================================================

A tracker that answers moves to the front of its tier (BEP 12).  Departure from libtorrent, which moves a failing one to
its tier's end: BEP 12's order survives the failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from random import Random
from urllib.parse import urlsplit

from .announce import UNKNOWN, AnnounceEvent, AnnounceResponse, ScrapeEntry
from .errors import RETRY_NEVER, TrackerError, TrackerFailure

__all__ = [
    "MAX_TRACKERS",
    "AnnounceAction",
    "TrackerEntry",
    "TrackerList",
    "TrackerListSettings",
    "TrackerSource",
    "tiers_of",
]

MAX_TRACKERS = 1000
"""Trackers kept for one torrent; more in a .torrent or magnet link are dropped."""

MAX_FAILS = 127
"""Failures in a row that are counted (libtorrent's seven bits)."""

RETRY_DELAY_MIN = 5.0
"""Seconds the back-off grows from (libtorrent's `tracker_retry_delay_min`)."""

RETRY_DELAY_MAX = 3600.0
"""Seconds the back-off grows to (libtorrent's `tracker_retry_delay_max`)."""


class TrackerSource(IntFlag):
    """Who told us of a tracker (libtorrent's `tracker_source`)."""

    TORRENT = 1
    CLIENT = 2
    MAGNET_LINK = 4
    TEX = 8


@dataclass(frozen=True, slots=True)
class TrackerListSettings:
    """What the user may choose; names and defaults as libtorrent's."""

    announce_to_all_trackers: bool = False
    """Ask every tracker of a tier, not just the first that works."""
    announce_to_all_tiers: bool = False
    """Ask one tracker of every tier, not just of the first that works."""
    prefer_udp_trackers: bool = True
    """Where a host has an HTTP and a UDP tracker, ask the UDP one first."""
    tracker_backoff: int = 250
    """Per cent: how steeply the wait grows with failures in a row."""
    min_announce_interval: int = 300
    """Seconds; a shorter interval from a tracker is lengthened to this."""

    def __post_init__(self) -> None:
        if self.tracker_backoff < 0 or self.min_announce_interval < 0:
            raise ValueError("tracker_backoff and min_announce_interval cannot be negative")


@dataclass(slots=True, eq=False)
class TrackerEntry:
    """One tracker as this torrent sees it (libtorrent's `announce_entry`)."""

    url: str
    tier: int = 0
    source: TrackerSource = TrackerSource.CLIENT
    fail_limit: int = 0
    """Failures after which it is not asked any more; 0 is no limit."""
    trackerid: str = ""
    """To be sent with each announce, as the tracker told us."""
    verified: bool = False
    """It has answered at least once."""
    fails: int = 0
    """Failures in a row."""
    updating: bool = False
    """An announce is under way."""
    start_sent: bool = False
    """It knows of us."""
    complete_sent: bool = False
    """It knows that we completed, or needs not know."""
    triggered_manually: bool = False
    """The next announce was asked for by the user, who then waits for news of it."""
    is_forced: bool = False
    """The user named this tracker: ask it whatever the others do."""
    next_announce: float = 0.0
    """When to announce next, on the owner's clock."""
    min_announce: float = 0.0
    """Not before this."""
    message: str = ""
    """The tracker's last words: warning or failure reason."""
    last_error: TrackerError | None = None
    """How the last announce failed; None when it did not."""
    scrape_complete: int = UNKNOWN
    """Seeds, by announce or scrape."""
    scrape_incomplete: int = UNKNOWN
    """Leechers, by announce or scrape."""
    scrape_downloaded: int = UNKNOWN
    """Completed downloads, by announce or scrape."""

    @property
    def is_working(self) -> bool:
        """Its last announce, if any, did not fail."""
        return self.fails == 0

    @property
    def is_exhausted(self) -> bool:
        """It has failed as often as it may."""
        return self.fail_limit != 0 and self.fails >= self.fail_limit

    @property
    def due_at(self) -> float:
        """The earliest next announce."""
        return max(self.next_announce, self.min_announce)

    def can_announce(self, now: float) -> bool:
        """It may be asked at `now`."""
        return now >= self.due_at and not self.updating and not self.is_exhausted


@dataclass(frozen=True, slots=True)
class AnnounceAction:
    """Announce `event` to `url`, then report the end of it."""

    url: str
    event: AnnounceEvent
    trackerid: str = ""
    triggered_manually: bool = False
    key: TrackerEntry | None = field(default=None, repr=False, compare=False)
    """The entry, for the owner's own bookkeeping."""


class TrackerList:
    """All trackers of a torrent."""

    def __init__(
        self,
        tiers: Iterable[Iterable[str]] = (),
        *,
        rng: Random,
        settings: TrackerListSettings | None = None,
        source: TrackerSource = TrackerSource.TORRENT,
        shuffle: bool = True,
    ) -> None:
        """`shuffle` orders each tier by chance (BEP 12), except where an order was restored from resume data."""
        self.settings = settings or TrackerListSettings()
        """May be replaced at any time; holds from the next decision on."""
        self.is_partial_seed = False
        """Nothing more is wanted although pieces are missing: say "paused" in every announce (BEP 21)."""
        self.may_ask: Callable[[str], bool] = lambda url: True
        """Whether the tracker of this URL is asked at all; one that is not counts for nothing."""
        self._rng = rng
        self._entries: list[TrackerEntry] = []
        self._by_url: dict[str, TrackerEntry] = {}
        self._is_announcing = False
        self._is_seed = False
        self._complete_sent = False
        self._last_working: TrackerEntry | None = None
        for number, urls in enumerate(tiers):
            shuffled = list(urls)
            if shuffle:
                rng.shuffle(shuffled)
            for url in shuffled:
                self._append(TrackerEntry(url.strip(), number, source))
        self._prefer_udp()

    def add(
        self, url: str, tier: int = 0, source: TrackerSource = TrackerSource.CLIENT, *, now: float = 0.0
    ) -> bool:
        """Add a tracker at the end of its tier.  False when it is known, empty or one too many."""
        entry = TrackerEntry(url.strip(), tier, source, next_announce=now, min_announce=now)
        entry.complete_sent = self._complete_sent
        return self._append(entry)

    def replace(self, trackers: Iterable[tuple[str, int]], *, now: float = 0.0) -> list[str]:
        """Other trackers, as (url, tier); those known before keep their state.  Returns the URLs that went."""
        old = dict(self._by_url)
        self._entries.clear()
        self._by_url.clear()
        for url, tier in trackers:
            kept = old.get(url.strip())
            if kept is None:
                self.add(url, tier, now=now)
            else:
                kept.tier = tier
                self._append(kept)
        if self._last_working is not None and self._last_working.url not in self._by_url:
            self._last_working = None
        return [url for url in old if url not in self._by_url]

    def copy(self, entries: Iterable[TrackerEntry]) -> None:
        """Add the same trackers in the same order, to be asked afresh."""
        for entry in entries:
            self._append(TrackerEntry(entry.url, entry.tier, entry.source, trackerid=entry.trackerid))

    def start(self, now: float, *, is_seed: bool = False) -> None:
        """Begin announcing: to every tracker we are new.  A torrent that starts complete never says "completed"."""
        self._is_announcing = True
        self._is_seed = is_seed
        self._complete_sent = is_seed
        for entry in self._entries:
            entry.start_sent = False
            entry.updating = False
            entry.complete_sent = is_seed
            entry.next_announce = entry.min_announce = now

    def stop(self, now: float) -> list[AnnounceAction]:
        """End announcing: the announces that take leave, of every working tracker that knows us."""
        leave = [e for e in self._entries if e.start_sent and e.is_working and self._is_announcing]
        leave = [e for e in leave if self.may_ask(e.url)]
        self._is_announcing = False
        for entry in self._entries:
            entry.start_sent = False
            entry.updating = False
        return [AnnounceAction(e.url, AnnounceEvent.STOPPED, e.trackerid, key=e) for e in leave]

    def completed(self, now: float) -> None:
        """The last piece arrived: say so at once."""
        self._is_seed = True
        for entry in self._entries:
            if not entry.complete_sent:
                entry.next_announce = entry.min_announce = now

    def reannounce(
        self, now: float, *, url: str | None = None, delay: float = 0.0, ignore_min_interval: bool = False
    ) -> bool:
        """Announce ahead of time, to one tracker or to those whose turn it is.  False when `url` is unknown."""
        entries = self._entries if url is None else [e for e in (self._by_url.get(url),) if e is not None]
        for entry in entries:
            when = now + delay
            if not ignore_min_interval:
                when = max(when, entry.min_announce)
            entry.next_announce = entry.min_announce = when
            entry.triggered_manually = True
            entry.is_forced = url is not None
        return bool(entries)

    def due(self, now: float) -> list[AnnounceAction]:
        """The announces to make now.  Each is under way from here on."""
        if not self._is_announcing:
            return []
        return [self._begin(entry, now) for entry in list(self._considered()) if entry.can_announce(now)]

    def next_timeout(self) -> float | None:
        """When `due` will have something, unless an answer changes that."""
        if not self._is_announcing:
            return None
        waiting = (e for e in self._considered() if not e.updating and not e.is_exhausted)
        return min((e.due_at for e in waiting), default=None)

    def on_response(self, url: str, event: AnnounceEvent, response: AnnounceResponse, now: float) -> None:
        """An announce was answered.  Harmless for a tracker removed meanwhile."""
        entry = self._by_url.get(url)
        if entry is None:
            return
        entry.updating = False
        entry.verified = True
        entry.fails = 0
        entry.last_error = None
        entry.message = response.warning
        entry.trackerid = response.tracker_id or entry.trackerid
        self._note_counts(entry, response.complete, response.incomplete, response.downloaded)
        if event is AnnounceEvent.STOPPED:
            return
        entry.start_sent = True
        if event is AnnounceEvent.COMPLETED:
            entry.complete_sent = self._complete_sent = True
        entry.next_announce = now + max(response.interval, self.settings.min_announce_interval)
        entry.min_announce = now + response.min_interval
        if self._must_say_completed(entry):
            entry.next_announce = entry.min_announce = now
        self._last_working = entry
        self._promote(entry)

    def on_error(self, url: str, error: TrackerError, now: float) -> None:
        """An announce failed.  Harmless for a tracker removed meanwhile."""
        entry = self._by_url.get(url)
        if entry is None:
            return
        entry.updating = False
        entry.fails = min(entry.fails + 1, MAX_FAILS)
        entry.last_error = error
        entry.message = error.reason if isinstance(error, TrackerFailure) else ""
        if error.is_final:
            entry.fail_limit = 1
        entry.next_announce = now + self._retry_delay(entry, error)

    def on_scrape(self, url: str, scraped: ScrapeEntry) -> None:
        """A scrape was answered."""
        if (entry := self._by_url.get(url)) is not None:
            self._note_counts(entry, scraped.complete, scraped.incomplete, scraped.downloaded)

    @property
    def entries(self) -> tuple[TrackerEntry, ...]:
        """In the order of asking."""
        return tuple(self._entries)

    def find(self, url: str) -> TrackerEntry | None:
        """The entry of a URL."""
        return self._by_url.get(url)

    @property
    def last_working(self) -> TrackerEntry | None:
        """Who answered last."""
        return self._last_working

    @property
    def is_announcing(self) -> bool:
        """Between `start` and `stop`."""
        return self._is_announcing

    def check_invariant(self) -> None:
        """The laws of this class, for tests."""
        assert [e.tier for e in self._entries] == sorted(e.tier for e in self._entries)
        assert {e.url: e for e in self._entries} == self._by_url
        assert len(self._entries) == len(self._by_url) <= MAX_TRACKERS

    def _append(self, entry: TrackerEntry) -> bool:
        known = self._by_url.get(entry.url)
        if known is not None:
            known.source |= entry.source
            return False
        if not entry.url or len(self._entries) >= MAX_TRACKERS:
            return False
        position = len(self._entries)
        while position and self._entries[position - 1].tier > entry.tier:
            position -= 1
        self._entries.insert(position, entry)
        self._by_url[entry.url] = entry
        return True

    def _considered(self) -> Iterator[TrackerEntry]:
        """The entries whose turn it may be, by the table above; and those the user named."""
        all_trackers = self.settings.announce_to_all_trackers
        all_tiers = self.settings.announce_to_all_tiers
        satisfied: int | None = None  # the tier in which a working tracker was met
        for entry in filter(lambda entry: self.may_ask(entry.url), self._entries):
            is_past = satisfied is not None and (
                not (all_tiers or entry.tier == satisfied) or not (all_trackers or entry.tier != satisfied)
            )
            if not is_past or entry.is_forced:
                yield entry
            if not is_past and entry.is_working:
                satisfied = entry.tier

    def _begin(self, entry: TrackerEntry, now: float) -> AnnounceAction:
        action = AnnounceAction(
            entry.url, self._event_for(entry), entry.trackerid, entry.triggered_manually, entry
        )
        entry.updating = True
        entry.triggered_manually = entry.is_forced = False
        entry.next_announce = entry.min_announce = now
        return action

    def _event_for(self, entry: TrackerEntry) -> AnnounceEvent:
        if self.is_partial_seed:
            # The first one as well: a tracker that has just taken over from another knows at once.
            return AnnounceEvent.PAUSED
        if not entry.start_sent:
            return AnnounceEvent.STARTED
        return AnnounceEvent.COMPLETED if self._must_say_completed(entry) else AnnounceEvent.NONE

    def _must_say_completed(self, entry: TrackerEntry) -> bool:
        # Once one tracker has counted the completion the others need not (libtorrent).
        return self._is_seed and not self._complete_sent and not entry.complete_sent

    def _retry_delay(self, entry: TrackerEntry, error: TrackerError) -> float:
        growth = entry.fails**2 * RETRY_DELAY_MIN * self.settings.tracker_backoff / 100
        delay = min(RETRY_DELAY_MIN + growth, RETRY_DELAY_MAX)
        if not isinstance(error, TrackerFailure) or error.retry_in == RETRY_NEVER:
            return delay
        # A tracker that is up and refuses is not pestered; how long, it may say itself (BEP 31).
        asked = self.settings.min_announce_interval if error.retry_in is None else error.retry_in
        return max(delay, asked)

    def _note_counts(self, entry: TrackerEntry, complete: int, incomplete: int, downloaded: int) -> None:
        if complete != UNKNOWN:
            entry.scrape_complete = complete
        if incomplete != UNKNOWN:
            entry.scrape_incomplete = incomplete
        if downloaded != UNKNOWN:
            entry.scrape_downloaded = downloaded

    def _promote(self, entry: TrackerEntry) -> None:
        """BEP 12: "if a connection with a tracker is successful, it will be moved to the front of the tier"."""
        if self.settings.announce_to_all_trackers:
            return  # all are asked anyway; the order shall not flutter
        self._entries.remove(entry)
        position = next((i for i, e in enumerate(self._entries) if e.tier >= entry.tier), len(self._entries))
        self._entries.insert(position, entry)

    def _prefer_udp(self) -> None:
        """Exchange an HTTP tracker with a later UDP tracker of the same host."""
        if not self.settings.prefer_udp_trackers:
            return
        http_places: dict[str, list[int]] = {}
        for position, entry in enumerate(self._entries):
            host = _host(entry.url)
            if not entry.url.lower().startswith("udp:"):
                http_places.setdefault(host, []).append(position)
            elif places := http_places.get(host):
                self._exchange(places.pop(0), position)
                places.append(position)

    def _exchange(self, first: int, second: int) -> None:
        entries = self._entries
        entries[first], entries[second] = entries[second], entries[first]
        entries[first].tier, entries[second].tier = entries[second].tier, entries[first].tier


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or url).lower()
    except ValueError:
        return url


def tiers_of(entries: Sequence[TrackerEntry]) -> list[list[str]]:
    """URLs by tier, as a .torrent's announce-list has them."""
    tiers: dict[int, list[str]] = {}
    for entry in entries:
        tiers.setdefault(entry.tier, []).append(entry.url)
    return [tiers[number] for number in sorted(tiers)]
