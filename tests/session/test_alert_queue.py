from __future__ import annotations

import logging
import threading

import pytest
from evtorrent.session.alert_queue import AlertQueue
from evtorrent.session.alerts import (
    AlertsDroppedAlert,
    LogAlert,
    PieceFinishedAlert,
    SaveResumeDataFailedAlert,
    TorrentDeleteFailedAlert,
    TorrentFinishedAlert,
)
from evtorrent.session.errors import NO_ERROR
from evtorrent.session.flags import AlertCategory


class Clock:
    now = 5.0

    def __call__(self) -> float:
        return self.now


def make_queue(**options):
    return AlertQueue(Clock(), **{"mask": -1, **options})


def test_alerts_come_out_in_order_and_once():
    queue = make_queue()
    assert queue.pop_all() == []
    for piece in range(3):
        assert queue.emplace(PieceFinishedAlert, None, piece, torrent_name="x")
    assert len(queue) == 3
    popped = queue.pop_all()
    assert [alert.piece_index for alert in popped] == [0, 1, 2]
    assert [alert.timestamp for alert in popped] == [5.0] * 3
    assert queue.pop_all() == []


def test_the_mask_is_asked_before_an_alert_is_built():
    queue = make_queue(mask=int(AlertCategory.error))
    assert not queue.should_post(PieceFinishedAlert)
    # Wrong fields: would raise if it were built.
    assert not queue.emplace(PieceFinishedAlert, "nonsense", "nonsense", "nonsense", "nonsense")
    queue.set_mask(AlertCategory.piece_progress)
    assert queue.should_post(PieceFinishedAlert)
    assert queue.emplace(PieceFinishedAlert, None, 1)
    queue.set_mask(-1)
    assert queue.mask == 0xFFFFFFFF


def test_mandatory_alerts_pass_every_mask():
    queue = make_queue(mask=0)
    assert queue.should_post(SaveResumeDataFailedAlert)
    assert queue.emplace(SaveResumeDataFailedAlert, None, NO_ERROR)
    assert not queue.should_post(TorrentFinishedAlert)


def test_a_full_queue_keeps_the_important_ones():
    queue = make_queue(size_limit=2)
    normal = [queue.emplace(LogAlert, str(i)) for i in range(3)]
    high = [queue.emplace(TorrentFinishedAlert, None, torrent_name="x") for _ in range(3)]
    critical = [queue.emplace(TorrentDeleteFailedAlert, None, NO_ERROR, None) for _ in range(3)]
    assert normal == [True, True, False]
    assert high == [True, True, False]
    assert critical == [True, True, False]
    *kept, report = queue.pop_all()
    assert len(kept) == 6
    assert isinstance(report, AlertsDroppedAlert)
    assert report.counts == {"log_alert": 1, "torrent_finished_alert": 1, "torrent_delete_failed_alert": 1}
    assert report.types == {79, 26, 36}
    assert report.timestamp == 5.0
    assert queue.pop_all() == []


def test_a_queue_without_room_reports_all_the_same():
    queue = make_queue(size_limit=0)
    assert not queue.emplace(LogAlert, "x")
    assert not queue.emplace(LogAlert, "y")
    (report,) = queue.pop_all()
    assert report.counts == {"log_alert": 2}


def test_the_limit_can_be_moved():
    queue = make_queue(size_limit=1)
    assert queue.emplace(LogAlert, "a")
    assert queue.set_size_limit(2) == 1
    assert queue.emplace(LogAlert, "b")
    assert not queue.emplace(LogAlert, "c")


def test_notify_is_edge_triggered():
    queue = make_queue()
    calls = []
    queue.set_notify(lambda: calls.append(len(queue)))
    assert calls == []
    queue.emplace(LogAlert, "a")
    queue.emplace(LogAlert, "b")
    assert calls == [1]
    queue.pop_all()
    queue.emplace(LogAlert, "c")
    assert calls == [1, 1]
    queue.set_notify(None)
    queue.pop_all()
    queue.emplace(LogAlert, "d")
    assert calls == [1, 1]


def test_notify_set_late_is_called_at_once():
    queue = make_queue()
    queue.emplace(LogAlert, "a")
    calls = []
    queue.set_notify(lambda: calls.append(1))
    assert calls == [1]


def test_notify_waits_for_the_loop_and_is_edge_triggered_all_the_same():
    soon, calls = [], []
    queue = make_queue(call_soon=soon.append)
    queue.set_notify(lambda: calls.append(len(queue)))
    queue.emplace(LogAlert, "a")
    queue.emplace(LogAlert, "b")
    assert calls == []
    soon.pop()()
    assert calls == [2]
    queue.emplace(LogAlert, "c")
    assert soon == []
    queue.pop_all()
    queue.emplace(LogAlert, "d")
    queue.pop_all()
    queue.emplace(LogAlert, "e")
    soon.pop()()
    assert soon == []
    assert calls == [2, 1]


def test_notify_is_not_called_for_what_was_popped_meanwhile():
    soon, calls = [], []
    queue = make_queue(call_soon=soon.append)
    queue.emplace(LogAlert, "a")
    queue.set_notify(lambda: calls.append(1))
    queue.pop_all()
    soon.pop()()
    assert calls == []
    queue.emplace(LogAlert, "b")
    soon.pop()()
    assert calls == [1]


def test_notify_may_pop():
    queue = make_queue()
    popped = []
    queue.set_notify(lambda: popped.extend(queue.pop_all()))
    queue.emplace(LogAlert, "a")
    queue.emplace(LogAlert, "b")
    assert [alert.text for alert in popped] == ["a", "b"]


def test_observers_see_each_alert_and_may_post():
    queue = make_queue()
    seen = []

    def observe(alert):
        seen.append(alert.text)
        if alert.text == "a":
            queue.emplace(LogAlert, "echo")

    queue.add_observer(observe)
    queue.emplace(LogAlert, "a")
    assert seen == ["a", "echo"]
    assert [alert.text for alert in queue.pop_all()] == ["a", "echo"]


def test_a_failing_callback_does_not_reach_the_session(caplog):
    queue = make_queue()

    def fail(*_args):
        raise RuntimeError("boom")

    queue.set_notify(fail)
    queue.add_observer(fail)
    with caplog.at_level(logging.ERROR):
        assert queue.emplace(LogAlert, "a")
    assert len(caplog.records) == 2
    assert "boom" in caplog.text
    assert len(queue.pop_all()) == 1


def test_wait_peeks():
    queue = make_queue()
    assert queue.wait(0) is None
    queue.emplace(LogAlert, "a")
    queue.emplace(LogAlert, "b")
    assert queue.wait(None).text == "a"
    assert queue.wait(0).text == "a"
    assert len(queue.pop_all()) == 2


def test_wait_wakes_when_an_alert_is_posted_by_another_thread():
    queue = make_queue()
    posting = threading.Thread(target=queue.emplace, args=(LogAlert, "from there"))
    posting.start()
    alert = queue.wait(30)
    posting.join()
    assert alert is not None
    assert alert.text == "from there"


@pytest.mark.parametrize("threads", [3])
def test_nothing_is_lost_between_threads(threads):
    queue = make_queue(size_limit=10_000)
    count = 300
    posters = [
        threading.Thread(target=lambda n=n: [queue.emplace(LogAlert, f"{n}.{i}") for i in range(count)])
        for n in range(threads)
    ]
    for poster in posters:
        poster.start()
    got: list[str] = []
    while len(got) < threads * count:
        assert queue.wait(30) is not None
        got += [alert.text for alert in queue.pop_all()]
    for poster in posters:
        poster.join()
    assert sorted(got) == sorted(f"{n}.{i}" for n in range(threads) for i in range(count))
    for n in range(threads):
        mine = [int(text.partition(".")[2]) for text in got if text.startswith(f"{n}.")]
        assert mine == sorted(mine)
