from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from evtorrent.session.alert_queue import AlertQueue
from evtorrent.session.alerts import (
    Alert,
    AlertsDroppedAlert,
    LogAlert,
    SessionStatsAlert,
    TorrentCheckedAlert,
    TorrentRemovedAlert,
    UdpErrorAlert,
)
from evtorrent.session.errors import NO_ERROR, InvalidSessionHandle, Operation
from evtorrent.session.flags import AlertCategory
from evtorrent.session.subscription import Subscription
from support.sessions import Content, Member
from support.waiting import wait_for

CONTENT = Content(50_000)


class Desk:
    """A queue, a loop that turns by hand, and what was heard."""

    def __init__(self, mask: int = 0) -> None:
        self.soon: list[Callable[[], object]] = []
        self.queue = AlertQueue(lambda: 3.0, mask=mask)
        self.heard: list[Alert] = []

    def subscribe(self, categories: AlertCategory | int = -1, *, limit: int = 100) -> Subscription:
        def soon(function: Callable[[], object]) -> None:
            self.soon.append(function)

        return Subscription(self.queue, categories, self.heard.append, call_soon=soon, limit=limit)

    def turn(self) -> None:
        due, self.soon = self.soon, []
        for function in due:
            function()

    def texts(self) -> list[str]:
        return [alert.text for alert in self.heard if isinstance(alert, LogAlert)]


def test_heard_at_the_next_turn_in_one_call() -> None:
    desk = Desk()
    desk.subscribe()
    for text in "abc":
        desk.queue.emplace(LogAlert, text)
    assert desk.heard == []
    assert len(desk.soon) == 1
    desk.turn()
    assert desk.texts() == ["a", "b", "c"]
    assert desk.heard[0].timestamp == 3.0
    desk.queue.emplace(LogAlert, "d")
    desk.turn()
    assert desk.texts() == ["a", "b", "c", "d"]


def test_only_what_is_wanted_is_built_and_only_the_masks_share_is_queued() -> None:
    desk = Desk(mask=int(AlertCategory.error))
    assert not desk.queue.should_post(LogAlert)
    subscription = desk.subscribe(AlertCategory.session_log)
    assert desk.queue.should_post(LogAlert)
    desk.queue.emplace(LogAlert, "a")
    desk.queue.emplace(UdpErrorAlert, ("127.0.0.1", 1), Operation.sock_read, NO_ERROR)
    desk.turn()
    assert desk.texts() == ["a"]
    assert len(desk.heard) == 1
    assert [alert.what() for alert in desk.queue.pop_all()] == ["udp_error_alert"]
    subscription.close()
    assert not desk.queue.should_post(LogAlert)
    assert desk.queue.mask == int(AlertCategory.error)


def test_the_mask_may_change_meanwhile() -> None:
    desk = Desk(mask=0)
    desk.subscribe(AlertCategory.session_log)
    desk.queue.set_mask(AlertCategory.session_log | AlertCategory.error)
    desk.queue.emplace(LogAlert, "a")
    assert len(desk.queue.pop_all()) == 1
    desk.queue.set_mask(0)
    desk.queue.emplace(LogAlert, "b")
    assert desk.queue.pop_all() == []
    desk.turn()
    assert desk.texts() == ["a", "b"]


def test_answers_without_a_category_reach_everybody() -> None:
    desk = Desk()
    desk.subscribe(AlertCategory.session_log)
    desk.queue.emplace(SessionStatsAlert, {})
    desk.turn()
    assert [type(alert) for alert in desk.heard] == [SessionStatsAlert]


def test_losses_are_reported() -> None:
    desk = Desk()
    desk.subscribe(limit=2)
    for text in "abcd":
        desk.queue.emplace(LogAlert, text)
    desk.turn()
    assert desk.texts() == ["a", "b"]
    report = desk.heard[-1]
    assert isinstance(report, AlertsDroppedAlert)
    assert report.counts == {"log_alert": 2}


def test_closed_before_its_turn() -> None:
    desk = Desk()
    with desk.subscribe() as subscription:
        desk.queue.emplace(LogAlert, "a")
    assert subscription.is_closed
    desk.turn()
    subscription.close()
    assert desk.heard == []


def test_closed_by_its_own_callback() -> None:
    desk = Desk()
    heard = []

    def hear(alert: Alert) -> None:
        heard.append(alert)
        subscription.close()

    subscription = Subscription(desk.queue, -1, hear, call_soon=desk.soon.append, limit=10)
    desk.queue.emplace(LogAlert, "a")
    desk.queue.emplace(LogAlert, "b")
    desk.turn()
    assert len(heard) == 1


def test_a_failing_callback_hears_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()

    def fail(alert: Alert) -> None:
        desk.heard.append(alert)
        raise RuntimeError("boom")

    Subscription(desk.queue, -1, fail, call_soon=desk.soon.append, limit=10)
    desk.queue.emplace(LogAlert, "a")
    desk.queue.emplace(LogAlert, "b")
    with caplog.at_level(logging.ERROR):
        desk.turn()
    assert desk.texts() == ["a", "b"]
    assert caplog.text.count("boom") >= 2


def test_of_a_session_on_its_own_thread(tmp_path: Path) -> None:
    with Member({"alert_mask": 0}) as member:
        heard: list[Alert] = []
        threads: set[threading.Thread] = set()

        def hear(alert: Alert) -> None:
            heard.append(alert)
            threads.add(threading.current_thread())
            if isinstance(alert, TorrentCheckedAlert):
                member.session.remove_torrent(
                    alert.handle
                )  # What acts on the session may be called from here.

        subscription = member.session.subscribe(AlertCategory.status, hear)
        member.add(CONTENT, CONTENT.write(tmp_path))
        wait_for(lambda: any(isinstance(alert, TorrentRemovedAlert) for alert in heard), heard)
        assert threading.current_thread() not in threads
        assert len(threads) == 1
        assert not member.all(TorrentCheckedAlert), "alert_mask is 0"
        subscription.close()
        before = len(heard)
        member.session.post_session_stats()
        assert member.wait(SessionStatsAlert)
        assert len(heard) == before
    with pytest.raises(InvalidSessionHandle):
        member.session.subscribe(AlertCategory.status, hear)
