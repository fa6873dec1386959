from __future__ import annotations

import pytest
from evtorrent.session.cli.top.frame import Style, width_of
from evtorrent.session.cli.top.panes import FILES, PEERS, TRACKERS, overview, tab_line
from evtorrent.session.cli.top.records import Details, FileRow, Pane, PeerRow, TorrentRow, TrackerRow


def text(line) -> str:
    return "".join(span.text for span in line)


def facts(row: TorrentRow, width: int = 100) -> dict[str, str]:
    lines = [text(line) for line in overview(row, Details("k", info_hashes=("aa", "bb")), width)]
    assert {width_of(line) for line in lines} == {width}
    return {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1].rstrip() for line in lines}


def test_everything_that_is_known():
    row = TorrentRow(
        "k", "na\x1bme", "downloading", 0.5, done=512, wanted=1024, size=4096, down_rate=100, eta=60.0, num_peers=3,
        num_seeds=1, known_peers=9, queue=2, is_sequential=True, downloaded=512, uploaded=2048, down_limit=1024,
        num_pieces=1, total_pieces=2, piece_length=512, copies=1.509, save_path="/dl", tracker="http://t/",
        next_announce=90.0, active_time=61, note="tracker http://t/: no",
    )  # fmt: skip
    assert facts(row) == {
        "Name": "na\\x1bme",
        "Folder": "/dl",
        "State": "downloading, 50.00%, 1:00 to go, place 3 in the queue, pieces in order",
        "Trouble": "tracker http://t/: no",
        "Size": "512 B of 1.00 KiB wanted, 4.00 KiB in all",
        "Pieces": "1 of 2, 512 B each, 1.50 copies around",
        "Rates": "↓ 100 B/s (limit 1.00 KiB/s)  ↑ 0 B/s",
        "Given": "2.00 KiB uploaded, 512 B downloaded, ratio 2.00, active for 1:01",
        "Peers": "3 connected, 1 of them seeds; 9 known",
        "Tracker": "http://t/, next announce in 1:30",
        "Info-hash": "bb",
    }


def test_a_magnet_link_says_less():
    said = facts(TorrentRow("k", "name", "metadata", next_announce=5.0))
    assert "Size" not in said and "Pieces" not in said
    assert said["Tracker"] == "none has answered, next announce in 0:05"


@pytest.mark.parametrize(("has_keys", "style"), [(True, Style.SELECTED), (False, Style.MARKED)])
def test_the_open_pane_is_marked(has_keys, style):
    line = tab_line(Pane.FILES, 80, has_keys=has_keys)
    assert [span.text for span in line if span.style is style] == [" 3 Files "]
    assert text(line).split() == "1 Overview 2 Peers 3 Files 4 Trackers 5 Pieces".split()


def test_peers():
    peer = PeerRow("[::1]:6881", "evil\x1b[31m", "DE", "uTP", 0.5, 2048, 0, 1 << 20, 0, 7)
    assert (
        text(PEERS.row(peer, 140)).split()
        == "[::1]:6881 evil\\x1b[31m DE uTP 50.0% 2.00 KiB/s 1.00 MiB 7".split()
    )
    header = text(PEERS.header(80)).split()
    assert header == ["Address", "Client", "Flags", "Has", "Down", "Up"]


def test_files():
    rows = [FileRow(0, "a/b.txt", 100, 100, 4), FileRow(1, "c", 0, 0, 7), FileRow(2, "d", 10, 5, 0)]
    assert [text(FILES.row(row, 80)).split() for row in rows] == [
        "0 a/b.txt 100 B 100.0% yes".split(),
        "1 c 0 B 100.0% yes, 7".split(),
        "2 d 10 B 50.0% no".split(),
    ]
    assert [FILES.row(row, 80)[2].style for row in rows] == [Style.GOOD, Style.GOOD, Style.DIM]
    assert FILES.row(FileRow(0, "x", 10, 1, 4), 80)[2].style is Style.PLAIN


def test_trackers():
    row = TrackerRow("http://tracker/announce", 1, "working", "hello", 5, 7, 90.0)
    assert text(TRACKERS.row(row, 140)).split() == "1 http://tracker/announce working 5 7 1:30 hello".split()
    unknown = TrackerRow("udp://t:1", 0, "failed", "timed out")
    assert text(TRACKERS.row(unknown, 80)).split() == "udp://t:1 failed timed out".split()
