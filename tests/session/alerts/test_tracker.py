from __future__ import annotations

import pytest
from evtorrent.session.alerts import tracker as alerts
from evtorrent.session.errors import ErrorCode, TorrentErrc
from evtorrent.session.flags import TrackerEvent

URL = "http://t/announce"
LATE = ErrorCode.of(TorrentErrc.timed_out)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("TrackerAnnounceAlert", [TrackerEvent.started], f"x ({URL})[v1] sending announce (started)"),
        ("TrackerReplyAlert", [7], f"x ({URL})[v1] received peers: 7"),
        ("TrackerErrorAlert", [2, LATE, "go away"], f'x ({URL})[v1] timed out "go away" (2)'),
        ("TrackerWarningAlert", ["soon"], f"x ({URL})[v1] warning: soon"),
        ("ScrapeReplyAlert", [3, 4], f"x ({URL})[v1] scrape reply: 3 4"),
        ("ScrapeFailedAlert", [LATE], f"x ({URL})[v1] scrape failed: timed out"),
        ("ScrapeFailedAlert", [LATE, "no"], f"x ({URL})[v1] scrape failed: no"),
        ("TrackeridAlert", ["abc"], "trackerid received: abc"),
        ("UrlSeedAlert", [LATE], f"x url seed ({URL}) failed: timed out"),
        ("UrlSeedAlert", [LATE, "gone"], f"x url seed ({URL}) failed: gone"),
    ],
)
def test_message(kind, fields, message):
    assert getattr(alerts, kind)(None, URL, *fields, torrent_name="x").message() == message
