from __future__ import annotations

import pytest
from evtorrent.session.torrent.locality import is_local


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.1.2.3", True),
        ("127.9.9.9", True),
        ("169.254.1.1", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("198.51.100.7", False),
        ("8.8.8.8", False),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("2001:4860::1", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("tracker.example", False),
    ],
)
def test_what_is_local(host: str, expected: bool) -> None:
    assert is_local(host) is expected
