from __future__ import annotations

from evtorrent.session.cli.top.records import FileRow, TorrentRow


def test_ratio():
    assert TorrentRow("k", "n", "seeding").ratio is None
    assert TorrentRow("k", "n", "seeding", wanted=200, uploaded=300).ratio == 1.5


def test_priority_0_is_not_wanted():
    assert [FileRow(0, "p", 1, 0, priority).is_wanted for priority in (0, 1, 7)] == [False, True, True]
