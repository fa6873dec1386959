from __future__ import annotations

import pytest
from evtorrent.protocols.tracker.i2p_urls import has_i2p_tracker, is_i2p_url


@pytest.mark.parametrize(
    "url",
    [
        "http://tracker2.postman.i2p/announce.php",
        "HTTP://Tracker.I2P:80/a",
        "https://tracker.i2p/announce",
        "udp://tracker.i2p:6969",
        "http://" + "a" * 52 + ".b32.i2p/a",
    ],
)
def test_on_i2p(url: str) -> None:
    assert is_i2p_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://tracker.example.org/announce",
        "http://tracker.i2p.example.org/announce",
        "http://example.org/announce?x=.i2p",
        "http://user@example.org/.i2p",
        "tracker.i2p",
        "ftp://tracker.i2p/",
        "http://[.i2p/announce",
    ],
)
def test_elsewhere(url: str) -> None:
    assert not is_i2p_url(url)


def test_one_is_enough() -> None:
    assert has_i2p_tracker(["http://example.org/announce", "http://x.i2p/announce"])
    assert not has_i2p_tracker(["http://example.org/announce"])
    assert not has_i2p_tracker([])
