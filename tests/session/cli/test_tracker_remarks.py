from __future__ import annotations

import errno

import pytest
from evtorrent.session import ErrorCode, TorrentErrc, TrackerErrorAlert
from evtorrent.session.cli.tracker_remarks import why_it_failed

NO_WAY = ErrorCode.from_errno(errno.ENETUNREACH)


@pytest.mark.parametrize(
    ("error", "host", "said", "told"),
    [
        (ErrorCode(1, "generic", "no way"), "", "", "no way"),
        (ErrorCode(1, "generic", "no way"), "::1", "go away", "go away"),
        (ErrorCode.of(TorrentErrc.announce_skipped), "::", "", ""),
        (NO_WAY, "::", "", ""),
        (NO_WAY, "0.0.0.0", "", NO_WAY.message),
    ],
)
def test_what_is_told(error, host, said, told):
    alert = TrackerErrorAlert(None, "http://t/", 1, error, said, local_endpoint=(host, 6881))
    assert why_it_failed(alert) == told
