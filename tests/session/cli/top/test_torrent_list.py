from __future__ import annotations

import pytest
from evtorrent.session.cli.top.frame import width_of
from evtorrent.session.cli.top.records import SessionRow, Snapshot, TorrentRow
from evtorrent.session.cli.top.torrent_list import TORRENTS, Order, ordered, title_line

ROWS = (
    TorrentRow("1", "beta", "seeding", 1.0, up_rate=9, queue=-1),
    TorrentRow("2", "Alpha", "downloading", 0.5, down_rate=5, queue=1),
    TorrentRow("3", "gamma", "queued", 0.2, queue=0),
)


def text(line) -> str:
    return "".join(span.text for span in line)


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        (Order.QUEUE, "321"),
        (Order.NAME, "213"),
        (Order.PROGRESS, "321"),
        (Order.DOWN, "213"),
        (Order.UP, "123"),
        (Order.STATE, "231"),
    ],
)
def test_orders(order, keys):
    assert "".join(row.key for row in ordered(ROWS, order)) == keys


def test_the_title():
    snapshot = Snapshot(ROWS, session=SessionRow(6881, up_limit=2048))
    assert text(title_line(snapshot, Order.NAME, 100)).split() == (
        "evtorrent 3 torrents, 2 active, by name ↓ 5 B/s ↑ 9 B/s (≤ 2.00 KiB/s) port 6881".split()
    )
    assert "1 torrent," in text(title_line(Snapshot(ROWS[:1]), Order.NAME, 100))
    assert "not listening" in text(title_line(Snapshot(), Order.NAME, 80))
    assert {width_of(text(title_line(snapshot, Order.NAME, width))) for width in range(20, 120)} == set(
        range(20, 120)
    )


def test_a_row():
    row = TorrentRow(
        "k", "name", "downloading", 0.256, wanted=1 << 20, down_rate=2048, up_rate=1, eta=61.0, num_peers=3, num_seeds=1,
        queue=0, uploaded=1 << 19,
    )  # fmt: skip
    assert text(TORRENTS.row(row, 120)).split() == (
        "1 name 1.00 MiB 25.6% 2.00 KiB/s 1 B/s 1:01 3 (1) 0.50 downloading".split()
    )
    # On 80 columns everything that matters while it downloads is still there.
    assert text(TORRENTS.row(row, 80)).split() == "name 25.6% 2.00 KiB/s 1 B/s 1:01 3 (1) downloading".split()
