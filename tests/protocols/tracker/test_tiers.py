"""Who is asked, when, and with which event."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.tracker.announce import AnnounceEvent, AnnounceResponse, ScrapeEntry
from evtorrent.protocols.tracker.errors import (
    RETRY_NEVER,
    TrackerError,
    TrackerFailure,
    TrackerHttpStatus,
    TrackerTimeout,
)
from evtorrent.protocols.tracker.tiers import (
    MAX_FAILS,
    MAX_TRACKERS,
    RETRY_DELAY_MAX,
    TrackerList,
    TrackerListSettings,
    TrackerSource,
    tiers_of,
)
from hypothesis import given
from hypothesis import strategies as st

NONE, COMPLETED, STARTED, STOPPED, PAUSED = (
    AnnounceEvent.NONE,
    AnnounceEvent.COMPLETED,
    AnnounceEvent.STARTED,
    AnnounceEvent.STOPPED,
    AnnounceEvent.PAUSED,
)
LATE = TrackerTimeout("late")


class Script:
    """A list of trackers named by letters; "ab c" is two tiers.  Time moves by hand."""

    def __init__(self, tiers: str, *, is_seed: bool = False, **settings: object) -> None:
        self.now = 100.0
        self.trackers = TrackerList(
            [list(tier) for tier in tiers.split()],
            rng=Random(0),
            settings=TrackerListSettings(**settings),  # type: ignore[arg-type]
            shuffle=False,
        )
        self.trackers.start(self.now, is_seed=is_seed)

    def due(self) -> str:
        """Letters of the trackers asked, each followed by its event's initial where there is one."""
        self.trackers.check_invariant()
        self.asked = self.trackers.due(self.now)
        letter = {NONE: "", COMPLETED: "!", STARTED: "+", STOPPED: "-", PAUSED: "="}
        return "".join(action.url + letter[action.event] for action in self.asked)

    def answer(self, url: str, interval: int = 1800, **fields: object) -> None:
        event = next(a.event for a in self.asked if a.url == url)
        self.trackers.on_response(url, event, AnnounceResponse(interval, **fields), self.now)  # type: ignore[arg-type]

    def fail(self, urls: str, error: TrackerError = LATE) -> None:
        for url in urls:
            self.trackers.on_error(url, error, self.now)

    def wait(self) -> float:
        deadline = self.trackers.next_timeout()
        assert deadline is not None
        waited, self.now = deadline - self.now, max(self.now, deadline)
        return waited

    @property
    def order(self) -> str:
        return " ".join("".join(tier) for tier in tiers_of(self.trackers.entries))


class TestWhoIsAsked:
    def test_the_first_that_works(self) -> None:
        script = Script("abc d")
        assert script.due() == "a+"
        assert script.due() == ""
        script.fail("a")
        assert script.due() == "b+"
        script.fail("b")
        assert script.due() == "c+"
        script.fail("c")
        assert script.due() == "d+"
        script.answer("d")
        assert script.order == "abc d"
        assert script.due() == ""

    def test_bep_12_order_after_success(self) -> None:
        script = Script("abc")
        script.due()
        script.fail("a")
        script.due()
        script.answer("b")
        assert script.order == "bac"
        script.now += 1800
        assert script.due() == "b"
        script.fail("b")
        assert script.due() == "a+c+"
        script.fail("a")
        script.answer("c")
        assert script.order == "cba"

    def test_promotion_stays_in_the_tier(self) -> None:
        script = Script("a bc")
        for urls in "ab":
            script.due()
            script.fail(urls)
        script.due()
        script.answer("c")
        assert script.order == "a cb"

    def test_all_trackers_of_the_first_working_tier(self) -> None:
        script = Script("ab cd e", announce_to_all_trackers=True)
        assert script.due() == "a+b+"
        script.fail("a")
        assert script.due() == ""
        script.fail("b")
        assert script.due() == "c+d+"
        script.answer("d")
        assert script.order == "ab cd e"

    def test_one_tracker_of_all_tiers(self) -> None:
        script = Script("ab cd e", announce_to_all_tiers=True)
        assert script.due() == "a+c+e+"
        script.fail("ac")
        assert script.due() == "b+d+"

    def test_everybody(self) -> None:
        script = Script("ab cd e", announce_to_all_tiers=True, announce_to_all_trackers=True)
        assert script.due() == "a+b+c+d+e+"

    def test_nobody(self) -> None:
        script = Script("")
        assert script.due() == ""
        assert script.trackers.next_timeout() is None

    def test_nobody_before_start(self) -> None:
        trackers = TrackerList([["a"]], rng=Random(0))
        assert trackers.due(0.0) == []
        assert trackers.next_timeout() is None
        assert not trackers.is_announcing
        assert trackers.stop(0.0) == []


class TestWhen:
    def test_interval(self) -> None:
        script = Script("a")
        assert script.wait() == 0
        script.due()
        assert script.trackers.next_timeout() is None
        script.answer("a", 900)
        assert script.wait() == 900
        assert script.due() == "a"

    def test_interval_has_a_floor(self) -> None:
        script = Script("a")
        script.due()
        script.answer("a", 0)
        assert script.wait() == 300
        script.due()
        script.answer("a", 0, min_interval=1000)
        assert script.wait() == 1000

    def test_back_off(self) -> None:
        script = Script("a")
        waits = []
        for _ in range(6):
            script.due()
            script.fail("a")
            waits.append(script.wait())
        assert waits == [17.5, 55, 117.5, 205, 317.5, 455]  # 5 + n² · 5 · 250 %
        for _ in range(MAX_FAILS):
            script.due()
            script.fail("a")
        assert script.wait() == RETRY_DELAY_MAX
        assert script.trackers.entries[0].fails == MAX_FAILS

    def test_success_ends_the_back_off(self) -> None:
        script = Script("a")
        script.due()
        script.fail("a")
        script.wait()
        script.due()
        script.answer("a")
        entry = script.trackers.entries[0]
        assert (entry.fails, entry.last_error, entry.verified) == (0, None, True)
        assert script.trackers.last_working is entry

    def test_a_failed_tracker_is_retried_while_the_next_one_works(self) -> None:
        script = Script("a b")
        script.due()
        script.fail("a")
        script.due()
        script.answer("b")
        assert script.wait() == 17.5
        assert script.due() == "a+"

    @pytest.mark.parametrize(("retry_in", "wait"), [(None, 300.0), (60.0, 60.0), (7200.0, 7200.0)])
    def test_refusals_wait_as_the_tracker_says(self, retry_in: float | None, wait: float) -> None:
        script = Script("a")
        script.due()
        script.fail("a", TrackerFailure("no", retry_in))
        assert script.wait() == wait
        assert script.trackers.entries[0].message == "no"

    @pytest.mark.parametrize("error", [TrackerFailure("no", RETRY_NEVER), TrackerHttpStatus(410)])
    def test_never_again(self, error: TrackerError) -> None:
        script = Script("a b")
        script.due()
        script.fail("a", error)
        assert script.due() == "b+"
        script.answer("b")
        assert script.wait() == 1800
        assert script.due() == "b"

    def test_fail_limit(self) -> None:
        script = Script("a")
        script.trackers.entries[0].fail_limit = 2
        for _ in range(2):
            script.wait()
            assert script.due() == "a+"
            script.fail("a")
        assert script.trackers.next_timeout() is None
        script.now += 1e6
        assert script.due() == ""


class TestEvents:
    def test_started_until_it_is_known(self) -> None:
        script = Script("a")
        script.due()
        script.fail("a")
        script.wait()
        assert script.due() == "a+"
        script.answer("a")
        script.wait()
        assert script.due() == "a"

    def test_completed_at_once_and_once(self) -> None:
        script = Script("a")
        script.due()
        script.answer("a", min_interval=600)
        script.now += 10
        script.trackers.completed(script.now)
        assert script.wait() == 0
        assert script.due() == "a!"
        script.fail("a")
        script.wait()
        assert script.due() == "a!"
        script.answer("a")
        script.wait()
        assert script.due() == "a"

    def test_completed_while_an_announce_is_under_way(self) -> None:
        script = Script("a")
        script.due()
        script.trackers.completed(script.now)
        script.answer("a", min_interval=600)
        assert script.wait() == 0
        assert script.due() == "a!"

    def test_completion_is_counted_by_one_tracker(self) -> None:
        script = Script("a b", announce_to_all_tiers=True)
        script.due()
        script.answer("a")
        script.answer("b")
        script.trackers.completed(script.now)
        assert script.due() == "a!b!"
        script.fail("b")
        script.answer("a")
        script.wait()
        assert script.due() == "b"

    def test_a_copy_is_asked_afresh(self) -> None:
        script = Script("ab c")
        script.due()
        script.fail("a")
        other = Script("")
        other.trackers.copy(script.trackers.entries)
        other.trackers.start(other.now)
        assert other.order == script.order
        assert other.due() == "a+"
        assert [entry.source for entry in other.trackers.entries] == [TrackerSource.TORRENT] * 3

    def test_a_seed_never_completes(self) -> None:
        script = Script("a", is_seed=True)
        assert script.due() == "a+"
        script.answer("a")
        script.trackers.completed(script.now)
        assert script.due() == ""

    def test_partial_seed(self) -> None:
        script = Script("a")
        script.trackers.is_partial_seed = True
        assert script.due() == "a="
        script.answer("a")
        script.wait()
        assert script.due() == "a="
        script.answer("a")
        script.trackers.is_partial_seed = False
        script.wait()
        assert script.due() == "a"
        script.answer("a")
        assert [action.url for action in script.trackers.stop(script.now)] == ["a"], "it knows of us"

    def test_leave_is_taken_of_those_who_know_us_and_answer(self) -> None:
        script = Script("abc", announce_to_all_trackers=True)
        script.due()
        script.answer("a", tracker_id="T")
        script.answer("b")
        script.wait()
        script.due()
        script.fail("b")
        leave = script.trackers.stop(script.now)
        assert [(a.url, a.event, a.trackerid) for a in leave] == [("a", STOPPED, "T")]
        assert script.trackers.stop(script.now) == []
        assert script.due() == ""
        script.trackers.on_response("a", STOPPED, AnnounceResponse(), script.now)
        assert not script.trackers.entries[0].start_sent
        script.trackers.start(script.now)
        assert script.due() == "a+b+c+"

    def test_tracker_id_is_kept_and_sent_back(self) -> None:
        script = Script("a")
        script.due()
        script.answer("a", tracker_id="first")
        script.wait()
        script.due()
        assert script.asked[0].trackerid == "first"
        script.answer("a")
        assert script.trackers.entries[0].trackerid == "first"


class TestReannounce:
    def test_waits_for_the_minimum(self) -> None:
        script = Script("a")
        script.due()
        script.answer("a", min_interval=60)
        assert script.trackers.reannounce(script.now)
        assert script.wait() == 60
        assert script.due() == "a"
        assert script.asked[0].triggered_manually
        assert not script.trackers.entries[0].triggered_manually

    def test_unless_told_otherwise(self) -> None:
        script = Script("a")
        script.due()
        script.answer("a", min_interval=60)
        script.trackers.reannounce(script.now, ignore_min_interval=True, delay=5)
        assert script.wait() == 5
        assert script.due() == "a"

    def test_a_named_tracker_is_asked_whatever_the_others_do(self) -> None:
        script = Script("ab")
        script.due()
        script.answer("a")
        assert script.trackers.reannounce(script.now, url="b")
        assert script.wait() == 0
        assert script.due() == "b+"
        script.fail("b")
        script.now += 60
        assert script.due() == ""

    def test_unknown_tracker(self) -> None:
        assert not Script("a").trackers.reannounce(0.0, url="x")


class TestTheList:
    def test_shuffled_within_tiers(self) -> None:
        orders = {
            tuple(e.url for e in TrackerList([list("abcd"), ["e"]], rng=Random(seed)).entries)
            for seed in range(20)
        }
        assert len(orders) > 5
        assert all(order[4] == "e" for order in orders)

    def test_add(self) -> None:
        script = Script("a c")
        assert script.trackers.add(" b ", 0)
        assert not script.trackers.add("b", 5, TrackerSource.TEX)
        assert not script.trackers.add("  ")
        assert script.order == "ab c"
        entry = script.trackers.find("b")
        assert entry is not None
        assert entry.source == TrackerSource.CLIENT | TrackerSource.TEX
        assert script.trackers.find("x") is None

    def test_number_at_the_limit(self) -> None:
        trackers = TrackerList([[str(n) for n in range(MAX_TRACKERS + 1)]], rng=Random(0))
        assert len(trackers.entries) == MAX_TRACKERS
        assert not trackers.add("more")
        trackers.check_invariant()

    def test_replace_keeps_state(self) -> None:
        script = Script("ab")
        script.due()
        script.answer("a")
        kept = script.trackers.find("a")
        assert script.trackers.replace([("c", 1), ("a", 2)], now=script.now) == ["b"]
        assert script.order == "c a"
        assert script.trackers.find("a") is kept
        assert script.trackers.last_working is kept
        assert script.due() == "c+"
        script.trackers.replace([("c", 0)])
        assert script.trackers.last_working is None

    def test_answers_for_a_tracker_that_went(self) -> None:
        script = Script("a")
        script.due()
        script.trackers.replace([("b", 0)])
        script.answer("a")
        script.fail("a")
        script.trackers.on_scrape("a", ScrapeEntry(1, 2, 3))
        assert script.due() == "b+"

    def test_counts(self) -> None:
        script = Script("a")
        script.due()
        script.answer("a", complete=1, incomplete=2, downloaded=3)
        entry = script.trackers.entries[0]
        assert (entry.scrape_complete, entry.scrape_incomplete, entry.scrape_downloaded) == (1, 2, 3)
        script.trackers.on_scrape("a", ScrapeEntry(complete=9))
        assert (entry.scrape_complete, entry.scrape_incomplete, entry.scrape_downloaded) == (9, 2, 3)
        script.trackers.on_scrape("a", ScrapeEntry(incomplete=8, downloaded=7))
        assert (entry.scrape_complete, entry.scrape_incomplete, entry.scrape_downloaded) == (9, 8, 7)

    def test_warning_is_the_message(self) -> None:
        script = Script("a")
        script.due()
        script.answer("a", warning="careful")
        assert script.trackers.entries[0].message == "careful"


class TestUdpFirst:
    def make(self, *tiers: list[str], prefer_udp_trackers: bool = True) -> list[list[str]]:
        settings = TrackerListSettings(prefer_udp_trackers=prefer_udp_trackers)
        trackers = TrackerList(tiers, rng=Random(0), settings=settings, shuffle=False)
        trackers.check_invariant()
        return tiers_of(trackers.entries)

    def test_exchanged_with_the_http_tracker_of_the_same_host(self) -> None:
        tiers = [["http://x/announce"], ["http://T/announce", "http://u/announce"], ["udp://t:80/announce"]]
        assert self.make(*tiers) == [
            ["http://x/announce"],
            ["udp://t:80/announce", "http://u/announce"],
            ["http://T/announce"],
        ]
        assert self.make(*tiers, prefer_udp_trackers=False) == tiers

    def test_two_of_each(self) -> None:
        tiers = [["http://t/1", "http://t/2"], ["udp://t:1", "udp://t:2"]]
        assert self.make(*tiers) == [["udp://t:1", "udp://t:2"], ["http://t/1", "http://t/2"]]

    def test_udp_before_http_stays(self) -> None:
        assert self.make(["udp://t:80"], ["http://t"]) == [["udp://t:80"], ["http://t"]]

    def test_malformed_urls_match_nobody(self) -> None:
        assert self.make(["http://[t"], ["udp://[t"]) == [["http://[t"], ["udp://[t"]]


def test_settings_are_checked() -> None:
    for wrong in ({"tracker_backoff": -1}, {"min_announce_interval": -1}):
        with pytest.raises(ValueError):
            TrackerListSettings(**wrong)


@given(
    st.lists(st.text("abcdefgh", max_size=3), max_size=4),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from("dwerscf"), st.integers(0, 7)), max_size=60),
)
def test_any_order_of_calls(
    tiers: list[str], all_trackers: bool, all_tiers: bool, steps: list[tuple[str, int]]
) -> None:
    """A tracker is never asked twice at a time, `next_timeout` never lies, and the list keeps its laws."""
    script = Script(" ".join(tiers), announce_to_all_trackers=all_trackers, announce_to_all_tiers=all_tiers)
    trackers = script.trackers
    under_way: dict[str, AnnounceEvent] = {}
    for step, number in steps:
        url = "abcdefgh"[number]
        if step == "d":
            for action in trackers.due(script.now):
                assert action.url not in under_way
                under_way[action.url] = action.event
            deadline = trackers.next_timeout()
            assert deadline is None or deadline > script.now
        elif step == "w":
            script.now += 10.0**number / 100
        elif step in "er" and url in under_way:
            event = under_way.pop(url)
            if step == "e":
                trackers.on_error(url, [LATE, TrackerFailure("x", 5.0)][number % 2], script.now)
            else:
                trackers.on_response(url, event, AnnounceResponse(number * 100), script.now)
        elif step == "s":
            trackers.stop(script.now)
            under_way.clear()
            trackers.start(script.now)
        elif step == "c":
            trackers.completed(script.now)
        elif step == "f":
            trackers.reannounce(script.now, url=url if number % 2 else None)
        trackers.check_invariant()


class TestWhoMayBeAsked:
    def test_who_may_not_counts_for_nothing(self) -> None:
        script = Script("ab c")
        script.trackers.may_ask = lambda url: url not in "ac"
        assert script.due() == "b+"
        script.fail("b")
        script.wait()
        assert script.due() == "b+"

    def test_nobody(self) -> None:
        script = Script("a")
        script.trackers.may_ask = lambda url: False
        assert script.due() == ""
        assert script.trackers.next_timeout() is None

    def test_nor_is_leave_taken(self) -> None:
        script = Script("a b", announce_to_all_tiers=True)
        assert script.due() == "a+b+"
        script.answer("a")
        script.answer("b")
        script.trackers.may_ask = lambda url: url != "a"
        assert [action.url for action in script.trackers.stop(script.now)] == ["b"]
