from __future__ import annotations

import re

import pytest
from evtorrent.session.alerts import SessionStatsAlert, SessionStatsHeaderAlert, TorrentCheckedAlert
from evtorrent.session.stats import (
    Counters,
    MetricType,
    find_metric_idx,
    prometheus_text,
    session_stats_metrics,
)
from support.sessions import Content, Member
from support.waiting import wait_for


def test_metrics_are_numbered_in_order():
    metrics = session_stats_metrics()
    assert [metric.value_index for metric in metrics] == list(range(len(metrics)))
    assert len({metric.name for metric in metrics}) == len(metrics)
    assert find_metric_idx(metrics[3].name) == 3
    assert find_metric_idx("net.nonsense") == -1


def test_counting():
    counters = Counters()
    counters.add("net.recv_bytes", 10)
    counters.add("net.recv_bytes")
    counters.values["net.sent_bytes"] += 7
    counters.set_value("peer.num_peers_connected", 3)
    assert counters["net.recv_bytes"] == 11
    snapshot = counters.snapshot()
    counters.add("net.recv_bytes")
    assert snapshot["net.recv_bytes"] == 11
    assert snapshot["net.sent_bytes"] == 7
    assert snapshot["peer.num_peers_connected"] == 3
    assert list(snapshot) == [metric.name for metric in session_stats_metrics()]


def test_no_name_can_be_made_up():
    with pytest.raises(KeyError):
        Counters().add("net.nonsense")
    with pytest.raises(KeyError):
        Counters().set_value("net.nonsense", 1)


@pytest.mark.interop
def test_names_and_types_are_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    theirs = {metric.name: int(metric.type) for metric in lt.session_stats_metrics()}
    for metric in session_stats_metrics():
        assert theirs[metric.name] == metric.type, metric.name
        assert isinstance(metric.type, MetricType)


def test_prometheus_text(tmp_path):
    """Every metric once, counters as totals, in the grammar of the format."""
    with Member() as member:
        member.seed(Content(50_000), tmp_path)
        text = prometheus_text(member.session)
        labelled = prometheus_text(member.session, {"host": 'a "b"\\\n'})
        with pytest.raises(ValueError, match="label"):
            prometheus_text(member.session, {"a-b": "x"})
    assert "# TYPE evtorrent_ses_num_seeding_torrents gauge\nevtorrent_ses_num_seeding_torrents 1\n" in text
    assert "# TYPE evtorrent_net_recv_bytes_total counter\nevtorrent_net_recv_bytes_total 0\n" in text
    lines = text.splitlines()
    assert len(lines) == 2 * len(session_stats_metrics())
    assert text.endswith("\n")
    assert all(re.fullmatch(r"# TYPE \w+ (counter|gauge)|\w+ \d+", line) for line in lines)
    assert 'evtorrent_net_recv_bytes_total{host="a \\"b\\"\\\\\\n"} ' in labelled


def test_queued_torrents_are_counted(tmp_path):
    with Member({"active_downloads": 0, "active_seeds": 0}) as member:
        done, missing = Content(50_000, name="done"), Content(50_000, name="missing", seed=2)
        member.add(done, done.write(tmp_path / "done"))
        member.add(missing, tmp_path / "missing")
        wait_for(lambda: len(member.all(TorrentCheckedAlert)) == 2)
        stats = member.session.session_stats()
        assert stats["ses.num_queued_download_torrents"] == stats["ses.num_queued_seeding_torrents"] == 1
        assert stats["ses.num_stopped_torrents"] == 0


def test_the_header_comes_once_and_first():
    with Member() as member:
        for _ in range(2):
            member.session.post_session_stats()
        wait_for(lambda: len(member.all(SessionStatsAlert)) == 2)
        kinds = [
            alert for alert in member.alerts if isinstance(alert, SessionStatsAlert | SessionStatsHeaderAlert)
        ]
        assert [type(alert) for alert in kinds] == [
            SessionStatsHeaderAlert,
            SessionStatsAlert,
            SessionStatsAlert,
        ]
        assert kinds[0].names == tuple(kinds[1].values)
