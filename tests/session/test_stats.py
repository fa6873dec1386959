from __future__ import annotations

import pytest
from evtorrent.session.stats import Counters, MetricType, find_metric_idx, session_stats_metrics


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
