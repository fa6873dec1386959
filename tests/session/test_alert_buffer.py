from __future__ import annotations

from evtorrent.session.alert_buffer import AlertBuffer
from evtorrent.session.alerts import (
    AlertsDroppedAlert,
    LogAlert,
    TorrentDeleteFailedAlert,
    TorrentFinishedAlert,
)
from evtorrent.session.alerts.base import Alert
from evtorrent.session.errors import NO_ERROR


def log(text: str, timestamp: float = 1.0) -> LogAlert:
    alert = LogAlert(text)
    alert.timestamp = timestamp
    return alert


def texts(alerts: list[Alert]) -> list[str]:
    return [alert.text if isinstance(alert, LogAlert) else alert.what() for alert in alerts]


def test_in_order() -> None:
    buffer = AlertBuffer(10)
    assert buffer.pop() is None
    assert buffer.first() is None
    for text in "abc":
        assert buffer.push(log(text))
    assert len(buffer) == 3
    first = buffer.first()
    assert first is buffer.pop()
    assert texts(buffer.pop_all()) == ["b", "c"]
    assert buffer.pop_all() == []


def test_important_alerts_have_two_and_three_times_the_room() -> None:
    buffer = AlertBuffer(1)
    assert [buffer.push(log("a")), buffer.push(log("b"))] == [True, False]
    finished = [TorrentFinishedAlert(None, torrent_name="t") for _ in range(2)]  # type: ignore[arg-type]
    assert [buffer.push(alert) for alert in finished] == [True, False]
    failed = [TorrentDeleteFailedAlert(None, NO_ERROR, None) for _ in range(2)]  # type: ignore[arg-type]
    assert [buffer.push(alert) for alert in failed] == [True, False]
    *kept, report = buffer.pop_all()
    assert len(kept) == 3
    assert isinstance(report, AlertsDroppedAlert)
    assert report.counts == {"log_alert": 1, "torrent_finished_alert": 1, "torrent_delete_failed_alert": 1}


def test_the_gap_is_told_where_it_is() -> None:
    buffer = AlertBuffer(3)
    for text in "abcde":
        buffer.push(log(text, timestamp=7.0))
    assert texts([buffer.pop(), buffer.pop()]) == ["a", "b"]  # type: ignore[list-item]
    assert buffer.push(log("f"))
    c, report, f = buffer.pop_all()
    assert texts([c, f]) == ["c", "f"]
    assert isinstance(report, AlertsDroppedAlert)
    assert report.counts == {"log_alert": 2}
    assert report.timestamp == 7.0


def test_a_gap_at_the_end_is_told_once() -> None:
    buffer = AlertBuffer(1)
    for text in "abc":
        buffer.push(log(text))
    assert texts([buffer.pop(), buffer.pop()]) == ["a", "alerts_dropped_alert"]  # type: ignore[list-item]
    assert buffer.pop() is None


def test_no_room_at_all() -> None:
    buffer = AlertBuffer(0)
    assert not buffer.push(log("a"))
    assert texts(buffer.pop_all()) == ["alerts_dropped_alert"]
