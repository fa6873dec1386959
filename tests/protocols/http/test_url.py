"""URLs: what is accepted, what it becomes on the wire, what is refused."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.http.errors import HttpUrlError
from evtorrent.protocols.http.url import MAX_URL_LENGTH, parse_url, percent_encode, resolve_reference
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "printed", "host_header", "target"),
    [
        (
            "http://tracker.example/announce",
            "http://tracker.example/announce",
            "tracker.example",
            "/announce",
        ),
        ("  HTTP://Tracker.Example  ", "http://tracker.example/", "tracker.example", "/"),
        ("https://a:443/x", "https://a/x", "a", "/x"),
        ("https://a:8443/x?y=1#part", "https://a:8443/x?y=1", "a:8443", "/x?y=1"),
        ("http://a?q", "http://a/?q", "a", "/?q"),
        ("http://a/?", "http://a/?", "a", "/?"),
        ("http://a:/x", "http://a/x", "a", "/x"),
        ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]/", "[2001:db8::1]", "/"),
        ("http://[::1]:81/", "http://[::1]:81/", "[::1]:81", "/"),
        (
            "http://bücher.example/ä b",
            "http://xn--bcher-kva.example/%C3%A4%20b",
            "xn--bcher-kva.example",
            "/%C3%A4%20b",
        ),
        ("http://a/%41%zz", "http://a/%41%zz", "a", "/%41%zz"),
        ("http://a_b.example./", "http://a_b.example./", "a_b.example.", "/"),
        ("http://user:pass@a/", "http://a/", "a", "/"),
    ],
)
def test_accepted(text: str, printed: str, host_header: str, target: str) -> None:
    url = parse_url(text)
    assert (str(url), url.host_header, url.target) == (printed, host_header, target)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "announce",
        "/announce",
        "http:///x",
        "http://:80/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:000080/",
        "http://a:8x/",
        "http://[::1/",
        "http://[not]/",
        "http://[::1%25eth0]x/",
        "http://-a/",
        "http://a..b/",
        "http://a b/",
        "http://" + "a." * 130 + "b/",
        "http://" + "ä" * 70 + ".example/",
        "http://a/\r\nHost: b",
        "http://a/\x00",
        "ftp://a/",
        "http://a/\ud800",
        "http://a/" + "x" * MAX_URL_LENGTH,
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(HttpUrlError):
        parse_url(text)


def test_length_at_the_limit() -> None:
    text = "http://a/".ljust(MAX_URL_LENGTH, "x")
    assert len(str(parse_url(text))) == MAX_URL_LENGTH
    with pytest.raises(HttpUrlError):
        parse_url(text + "x")


def test_schemes_and_their_ports() -> None:
    assert parse_url("udp://a:6969/announce", schemes=("udp",)).port == 6969
    assert parse_url("udp://a", schemes=("udp",)).port is None
    assert str(parse_url("udp://a", schemes=("udp",))) == "udp://a/"
    assert parse_url("https://a").port == 443
    assert parse_url("https://a").is_secure
    assert not parse_url("http://a").is_secure


def test_credentials_are_sent_and_never_printed() -> None:
    url = parse_url("http://us%65r:p%40ss@a/x")
    assert url.credentials == b"user:p@ss"
    assert url.authorization == "Basic dXNlcjpwQHNz"
    assert "p@ss" not in repr(url) + str(url)
    assert parse_url("http://a/").authorization is None


def test_origin_ignores_path_and_credentials() -> None:
    assert parse_url("http://x@a/1").origin == parse_url("HTTP://A:80/2").origin
    assert parse_url("http://a/").origin != parse_url("https://a/").origin


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("/scrape", "http://a:81/scrape"),
        ("other?x", "http://a:81/dir/other?x"),
        ("//b/y", "http://b/y"),
        ("https://b/y", "https://b/y"),
        ("?z", "http://a:81/dir/announce?z"),
        ("../up", "http://a:81/up"),
    ],
)
def test_redirects(reference: str, expected: str) -> None:
    assert str(resolve_reference(parse_url("http://a:81/dir/announce?x=1"), reference)) == expected


@pytest.mark.parametrize(
    "reference", ["ftp://b/", "http://[::1", "/" + "x" * MAX_URL_LENGTH, "http://b/\x7f"]
)
def test_redirects_refused(reference: str) -> None:
    with pytest.raises(HttpUrlError):
        resolve_reference(parse_url("http://a/"), reference)


def test_percent_encode() -> None:
    assert percent_encode(b"\x00a/\xff~") == "%00a%2F%FF~"
    assert percent_encode("ä ") == "%C3%A4%20"


@given(st.text(max_size=60))
def test_garbage_is_a_url_or_an_error_of_ours(text: str) -> None:
    for candidate in (text, "http://" + text):
        try:
            url = parse_url(candidate)
        except RemoteProtocolError:
            continue
        assert url.target.isascii()
        assert url.host.isascii()
        assert not set(url.target + url.host) & set("\r\n \x00")
        assert parse_url(str(url)).origin == url.origin


@pytest.mark.parametrize(
    ("host", "is_idna"),
    [
        ("bücher.example", True),
        ("a.XN--bcher-kva.example", True),
        ("a.example", False),
        ("axn--b.example", False),
    ],
)
def test_internationalized_names(host: str, is_idna: bool) -> None:
    assert parse_url(f"http://{host}/").is_idna == is_idna
