from __future__ import annotations

import pytest
from evtorrent.protocols.metainfo.urls import is_tracker_url, quote_url


@pytest.mark.parametrize(
    "url",
    [
        "http://t.example/announce",
        "HTTPS://t.example:443/announce?key=1",
        "udp://t.example:6969",
        "udp://[2001:db8::1]:6969/announce",
        "http://user:pass@t.example/",
        "http://t.example?x",
        "http://münchen.example/",
    ],
)
def test_tracker_urls(url: str) -> None:
    assert is_tracker_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        "http:///announce",
        "ftp://t.example/",
        "javascript:alert(1)",
        "http://t.example/a b",
        "http://t.example/\r\nX: 1",
        "http://t.example:0/",
        "http://t.example:65536/",
        "http://t.example:abc/",
        "http://[::1/",
        "\x7fhttp://t.example/",
        "udp://:6969/",
    ],
)
def test_no_tracker_urls(url: str) -> None:
    assert not is_tracker_url(url)


def test_quoting_leaves_what_is_quoted() -> None:
    assert quote_url("http://h/a%20b/c?d=e&f#g") == "http://h/a%20b/c?d=e&f#g"
    assert quote_url("http://h/a b/ü\n") == "http://h/a%20b/%C3%BC%0A"
    assert quote_url("http://h/\udcff") == "http://h/%FF"
