from __future__ import annotations

import pytest
from evtorrent.protocols.http.errors import HttpError, HttpRefused
from evtorrent.protocols.http.fetch import MAX_REDIRECTS
from evtorrent.session.torrent.web_seed import WebSeed
from support.disk import make_torrent

INFO, _ = make_torrent([("a", 100), ("b", 100)], 32, name="t")


def seed(url: str = "https://h/x/") -> WebSeed:
    return WebSeed(url, INFO)


def test_where_files_are() -> None:
    one = seed()
    assert str(one.place_of(0).url) == "https://h/x/t/a"
    assert one.place_of(0).came_from is None
    one.redirected(0, "/y", "192.0.2.1")
    one.redirected(0, "https://other/z", "192.0.2.2")
    assert str(one.place_of(0).url) == "https://other/z"
    assert one.place_of(0).came_from == "192.0.2.2"
    assert str(one.place_of(1).url) == "https://h/x/t/b"


def test_redirects_that_are_not_followed() -> None:
    one = seed()
    with pytest.raises(HttpRefused):
        one.redirected(0, "http://h/plain", "192.0.2.1")
    with pytest.raises(HttpError):
        one.redirected(0, "ftp://h/file", "192.0.2.1")
    for number in range(MAX_REDIRECTS):
        one.redirected(0, f"/{number}", "192.0.2.1")
    with pytest.raises(HttpRefused):
        one.redirected(0, "/more", "192.0.2.1")


def test_files_it_has_not() -> None:
    one = seed()
    assert one.bits == 0b1111111
    assert one.lost_file(0)
    assert one.bits == 0b1110000
    assert not one.lost_file(1)
    assert one.bits == 0


def test_it_waits_longer_each_time_and_forgets_what_it_heard() -> None:
    one = seed()
    one.redirected(0, "/y", "192.0.2.1")
    one.lost_file(1)
    waits = []
    for _ in range(10):
        one.failed(1000.0, 30.0)
        waits.append(one.retry_at - 1000.0)
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert str(one.place_of(0).url) == "https://h/x/t/a"
    assert not one.lost
    one.succeeded()
    one.failed(0.0, 7200.0)
    assert one.retry_at == 7200.0
