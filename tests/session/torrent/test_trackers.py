"""A torrent's trackers at work, against a client that the test answers for."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.tracker.announce import (
    AnnounceEvent,
    AnnounceRequest,
    AnnounceResponse,
    ScrapeEntry,
    TrackerPeer,
)
from evtorrent.protocols.tracker.client import TrackerCall
from evtorrent.protocols.tracker.errors import InvalidTrackerResponse, TrackerTimeout
from evtorrent.protocols.tracker.tiers import TrackerListSettings
from evtorrent.session.torrent.trackers import (
    MAX_PEER_NAMES,
    ScrapeFailed,
    ScrapeReplied,
    TorrentTrackers,
    TrackerAnnounced,
    TrackerFailed,
    TrackerIdReceived,
    TrackerReplied,
    TrackerWarned,
)
from support.http_world import World

HASH = b"h" * 20
LATE = TrackerTimeout("late")
NONE, COMPLETED, STARTED, STOPPED, PAUSED = (
    AnnounceEvent.NONE,
    AnnounceEvent.COMPLETED,
    AnnounceEvent.STARTED,
    AnnounceEvent.STOPPED,
    AnnounceEvent.PAUSED,
)


class Clerk:
    """A tracker client that keeps what it is asked until the test answers."""

    def __init__(self, world: World) -> None:
        self.engine = world.multi
        self.asked: dict[str, tuple[AnnounceRequest, Callable[..., object], float | None]] = {}
        self.scrapes: dict[str, Callable[..., object]] = {}

    def announce(
        self, url: str, request: AnnounceRequest, on_done: Any, *, timeout: float | None = None
    ) -> TrackerCall:
        assert url not in self.asked
        self.asked[url] = (request, on_done, timeout)
        return self._call(lambda: self.asked.pop(url))

    def scrape(
        self, url: str, info_hashes: Any, on_done: Any, *, timeout: float | None = None
    ) -> TrackerCall:
        assert info_hashes == [HASH]
        self.scrapes[url] = on_done
        return self._call(lambda: self.scrapes.pop(url))

    def _call(self, cancel: Callable[[], object]) -> TrackerCall:
        call = TrackerCall(lambda _: None)
        call._proceed(cancel)
        return call


class Torrent:
    """`tiers` as "ab c": letters are trackers, blanks part tiers."""

    def __init__(self, tiers: str = "a", *, stop_timeout: float = 5.0, **settings: Any) -> None:
        self.world = World()
        self.clerk = Clerk(self.world)
        self.peers: list[list[TrackerPeer]] = []
        self.news: list[Any] = []
        self.told = 0
        self.is_partial_seed = False
        self.trackers = TorrentTrackers(
            self.clerk,
            [list(tier) for tier in tiers.split()],
            lambda event: AnnounceRequest(HASH, b"p" * 20, 1, event=event),
            self.peers.append,
            self.news.append,
            settings=TrackerListSettings(**settings),
            is_partial_seed=lambda: self.is_partial_seed,
            stop_timeout=stop_timeout,
            shuffle=False,
            rng=Random(0),
        )

    @property
    def asked(self) -> dict[str, AnnounceEvent]:
        return {url: request.event for url, (request, _, _) in self.clerk.asked.items()}

    def answer(self, url: str, **fields: Any) -> None:
        _, on_done, _ = self.clerk.asked.pop(url)
        on_done(AnnounceResponse(**fields), None)

    def fail(self, url: str) -> None:
        _, on_done, _ = self.clerk.asked.pop(url)
        on_done(None, LATE)

    def take_news(self) -> list[Any]:
        news, self.news[:] = list(self.news), []
        return news

    def stop(self) -> None:
        self.trackers.stop(self._on_told)
        assert self.told == 0

    def _on_told(self) -> None:
        self.told += 1


def test_announces_and_peers() -> None:
    torrent = Torrent()
    torrent.trackers.start()
    torrent.trackers.start()
    assert torrent.asked == {"a": STARTED}
    assert torrent.trackers.is_updating
    assert torrent.trackers.next_announce_in() is None
    peers = [TrackerPeer("1.2.3.4", 5)]
    torrent.answer("a", interval=900, peers=peers)
    assert torrent.peers == [peers]
    assert torrent.take_news() == [
        TrackerAnnounced("a", STARTED),
        TrackerReplied("a", STARTED, AnnounceResponse(900, peers=peers)),
    ]
    assert not torrent.trackers.is_updating
    assert torrent.trackers.current_tracker == "a"
    assert torrent.trackers.next_announce_in() == 900
    torrent.world.advance(899)
    assert torrent.asked == {}
    torrent.world.advance(1)
    assert torrent.asked == {"a": NONE}


def test_next_tracker_after_a_failure() -> None:
    torrent = Torrent("a b")
    torrent.trackers.start()
    torrent.fail("a")
    assert torrent.asked == {"b": STARTED}
    assert torrent.take_news()[1] == TrackerFailed("a", STARTED, LATE, 1, False)
    torrent.answer("b")
    assert torrent.trackers.current_tracker == "b"
    torrent.world.advance(17.5)
    assert torrent.asked == {"a": STARTED}


def test_words_and_ids_of_the_tracker() -> None:
    torrent = Torrent()
    torrent.trackers.start()
    torrent.answer("a", warning="careful", tracker_id="T")
    assert torrent.take_news()[1:3] == [TrackerWarned("a", "careful"), TrackerIdReceived("a", "T")]
    torrent.world.advance(1800)
    assert torrent.clerk.asked["a"][0].trackerid == "T"
    torrent.answer("a", tracker_id="T")
    assert not any(isinstance(news, TrackerIdReceived) for news in torrent.take_news())


def test_completed() -> None:
    torrent = Torrent()
    torrent.trackers.start()
    torrent.answer("a")
    torrent.trackers.completed()
    assert torrent.asked == {"a": COMPLETED}


def test_a_seed_completes_nothing() -> None:
    torrent = Torrent()
    torrent.trackers.start(is_seed=True)
    torrent.answer("a")
    torrent.trackers.completed()
    assert torrent.asked == {}


def test_a_partial_seed_says_so_while_it_is_one() -> None:
    torrent = Torrent()
    torrent.trackers.start()
    torrent.answer("a")
    torrent.is_partial_seed = True
    assert torrent.asked == {}, "nothing is announced ahead of time"
    torrent.world.advance(1800)
    assert torrent.asked == {"a": PAUSED}
    torrent.answer("a")
    torrent.is_partial_seed = False
    torrent.world.advance(1800)
    assert torrent.asked == {"a": NONE}


def test_names_of_peers_are_looked_up() -> None:
    torrent = Torrent()
    torrent.world.names.update(good=["1.1.1.1", "::1", "1.1.1.1"], bad=OSError("unknown"), none=[])
    torrent.trackers.start()
    named = [TrackerPeer(name, 7, b"i" * 20) for name in ("good", "bad", "none")]
    torrent.answer("a", peers=[*named, TrackerPeer("9.9.9.9", 8)])
    torrent.world.run()
    assert torrent.peers == [
        [TrackerPeer("9.9.9.9", 8)],
        [TrackerPeer("1.1.1.1", 7, b"i" * 20), TrackerPeer("::1", 7, b"i" * 20)],
    ]


def test_number_of_looked_up_names_at_the_limit() -> None:
    torrent = Torrent()
    torrent.world.names.update({f"n{i}": ["1.1.1.1"] for i in range(MAX_PEER_NAMES + 1)})
    torrent.trackers.start()
    torrent.answer("a", peers=[TrackerPeer(f"n{i}", 7) for i in range(MAX_PEER_NAMES + 1)])
    torrent.world.run()
    assert len(torrent.peers) == MAX_PEER_NAMES


class TestStop:
    def test_leave_is_taken(self) -> None:
        torrent = Torrent("ab", announce_to_all_trackers=True)
        torrent.trackers.start()
        torrent.answer("a", tracker_id="T")
        torrent.stop()  # "b" has not answered yet: its announce is given up
        assert torrent.asked == {"a": STOPPED}
        request, _, timeout = torrent.clerk.asked["a"]
        assert (request.num_want, request.trackerid, timeout) == (0, "T", 5.0)
        torrent.take_news()
        torrent.answer("a")
        assert torrent.told == 1
        assert torrent.take_news() == [TrackerReplied("a", STOPPED, AnnounceResponse())]
        torrent.world.advance(10_000)
        assert torrent.told == 1
        assert torrent.asked == {}

    def test_a_tracker_that_fails_does_not_hold_it_up(self) -> None:
        torrent = Torrent("ab", announce_to_all_trackers=True)
        torrent.trackers.start()
        torrent.answer("a")
        torrent.answer("b")
        torrent.stop()
        torrent.fail("a")
        assert torrent.told == 0
        torrent.answer("b")
        assert torrent.told == 1
        assert TrackerFailed("a", STOPPED, LATE, 0, False) in torrent.take_news()

    def test_deadline(self) -> None:
        torrent = Torrent()
        torrent.trackers.start()
        torrent.answer("a")
        torrent.stop()
        torrent.world.advance(4)
        assert torrent.told == 0
        torrent.world.advance(1)
        assert torrent.told == 1
        assert torrent.asked == {}

    @pytest.mark.parametrize("stop_timeout", [0.0, 5.0])
    def test_nobody_to_tell(self, stop_timeout: float) -> None:
        torrent = Torrent(stop_timeout=stop_timeout)
        torrent.trackers.start()
        if not stop_timeout:
            torrent.answer("a")
        torrent.stop()
        assert torrent.asked == {}
        torrent.world.run()
        assert torrent.told == 1

    def test_without_anyone_waiting(self) -> None:
        torrent = Torrent()
        torrent.trackers.start()
        torrent.answer("a")
        torrent.trackers.stop()
        torrent.answer("a")
        torrent.world.run()
        assert torrent.told == 0

    def test_lookups_and_scrapes_end_with_it(self) -> None:
        torrent = Torrent()
        torrent.world.names["slow"] = None
        torrent.trackers.start()
        torrent.answer("a", peers=[TrackerPeer("slow", 1)])
        torrent.trackers.scrape()
        torrent.trackers.abort()
        assert torrent.clerk.scrapes == {}
        assert torrent.world.multi.timeout() == -1

    def test_abort_is_silent(self) -> None:
        torrent = Torrent()
        torrent.trackers.start()
        torrent.answer("a")
        torrent.stop()
        torrent.trackers.abort()
        torrent.world.run()
        assert torrent.told == 0
        assert torrent.asked == {}
        assert torrent.world.multi.timeout() == -1

    def test_abort_while_announcing(self) -> None:
        torrent = Torrent()
        torrent.trackers.start()
        torrent.trackers.abort()
        assert torrent.asked == {}
        assert torrent.world.multi.timeout() == -1

    def test_started_again_while_taking_leave(self) -> None:
        torrent = Torrent()
        torrent.trackers.start()
        torrent.answer("a")
        torrent.stop()
        torrent.trackers.start()
        assert torrent.told == 1
        assert torrent.asked == {"a": STARTED}

    def test_stopped_twice(self) -> None:
        torrent = Torrent()
        torrent.trackers.start()
        torrent.answer("a")
        torrent.stop()
        torrent.trackers.stop()
        assert torrent.told == 1
        torrent.world.run()
        assert torrent.asked == {}


class TestCommands:
    def test_reannounce(self) -> None:
        torrent = Torrent("ab")
        torrent.trackers.start()
        torrent.answer("a", min_interval=60)
        assert torrent.trackers.force_reannounce()
        assert torrent.asked == {}
        torrent.world.advance(60)
        assert torrent.asked == {"a": NONE}
        torrent.take_news()
        torrent.fail("a")
        assert TrackerFailed("a", NONE, LATE, 1, True) in torrent.take_news()

    def test_reannounce_to_one(self) -> None:
        torrent = Torrent("ab")
        torrent.trackers.start()
        torrent.answer("a")
        assert torrent.trackers.force_reannounce(3, "b", ignore_min_interval=True)
        assert not torrent.trackers.force_reannounce(url="unknown")
        torrent.world.advance(3)
        assert torrent.asked == {"b": STARTED}

    def test_scrape(self) -> None:
        torrent = Torrent("ab")
        assert torrent.trackers.scrape()
        entry = ScrapeEntry(1, 2, 3)
        torrent.clerk.scrapes.pop("a")({HASH: entry}, None)
        assert torrent.trackers.scrape("b")
        torrent.clerk.scrapes.pop("b")(None, LATE)
        assert torrent.take_news() == [ScrapeReplied("a", entry), ScrapeFailed("b", LATE)]
        assert torrent.trackers.entries()[0].scrape_downloaded == 3

    def test_scrape_prefers_who_answered_last(self) -> None:
        torrent = Torrent("a b")
        torrent.trackers.start()
        torrent.fail("a")
        torrent.answer("b")
        torrent.trackers.scrape()
        assert list(torrent.clerk.scrapes) == ["b"]
        torrent.clerk.scrapes.pop("b")({}, None)
        news = torrent.take_news()[-1]
        assert isinstance(news, ScrapeFailed)
        assert isinstance(news.error, InvalidTrackerResponse)

    def test_scrape_of_nobody(self) -> None:
        assert not Torrent("").trackers.scrape()
        assert not Torrent("a").trackers.scrape("x")

    def test_add_and_replace(self) -> None:
        torrent = Torrent("")
        torrent.trackers.start()
        assert torrent.trackers.add("a")
        assert not torrent.trackers.add("a")
        assert torrent.asked == {"a": STARTED}
        torrent.trackers.add("idle")
        torrent.trackers.replace([("b", 0)])
        assert torrent.asked == {"b": STARTED}
        torrent.answer("b")
        torrent.trackers.replace([("c", 0), ("b", 1)])
        assert torrent.asked == {"c": STARTED}
        assert [entry.url for entry in torrent.trackers.entries()] == ["c", "b"]
        assert torrent.trackers.current_tracker == "b"

    def test_an_answer_of_a_tracker_that_went_meanwhile(self) -> None:
        torrent = Torrent("ab", announce_to_all_trackers=True)
        torrent.trackers.start()
        _, on_done, _ = torrent.clerk.asked["b"]
        torrent.trackers.list.replace([("a", 0)])
        torrent.take_news()
        on_done(None, LATE)
        assert torrent.take_news() == [TrackerFailed("b", STARTED, LATE, 0, False)]

    def test_settings(self) -> None:
        torrent = Torrent("ab")
        torrent.trackers.start()
        torrent.trackers.set_settings(TrackerListSettings(announce_to_all_trackers=True))
        assert torrent.asked == {"a": STARTED, "b": STARTED}

    def test_before_anything_answered(self) -> None:
        assert Torrent().trackers.current_tracker == ""
