from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.proxy import HttpConnect, ProxyError
from evtorrent.protocols.proxy.http_connect import MAX_HEAD
from support.proxy_kit import converse, error_of, storm

GOOD = b"HTTP/1.1 200 Connection established\r\nProxy-Agent: x\r\n\r\n"


def make() -> HttpConnect:
    return HttpConnect(("example.org", 80))


def test_requests() -> None:
    assert make().data_to_send() == b"CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n\r\n"
    assert HttpConnect(("::1", 5)).data_to_send().startswith(b"CONNECT [::1]:5 HTTP/1.1\r\n")
    with_password = HttpConnect(("a", 1), username="Aladdin", password="open sesame").data_to_send()
    assert b"Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" in with_password


@pytest.mark.parametrize("host", ["", "a b", "a\r\nX: y", "ä", "x" * 256])
def test_what_cannot_be_said(host: str) -> None:
    with pytest.raises(LocalProtocolError, match="asked for"):
        HttpConnect((host, 1))


@pytest.mark.parametrize(
    "answer",
    [GOOD, b"HTTP/1.0 200\r\n\r\n", b"HTTP/1.1 204 \r\n\r\n", b"HTTP/1.0 200 OK\r\nA: b\r\nC: d\r\n\r\n"],
)
def test_a_tunnel(answer: bytes) -> None:
    converse(make, answer, b"stream\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 403 Filtered\r\n\r\n", "the proxy refuses: 403 Filtered"),
        (b"HTTP/1.1 500\r\n\r\n", "the proxy refuses: 500"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "the proxy refuses: 301 Moved"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "user name or password (407)"),
        (b"HTTP/1.1 20 short\r\n\r\n", "not an answer of HTTP"),
        (b"HTTP/1.9 200 OK\r\n\r\n", "not an answer of HTTP"),
        (b"\x05\x00", "not an answer of HTTP"),
        (b"HTTX", "not an answer of HTTP"),
    ],
)
def test_refused(answer: bytes, text: str) -> None:
    assert text in error_of(make, answer)


def test_an_answer_has_a_limit() -> None:
    start = b"HTTP/1.1 200 OK\r\nX: "
    at_limit = start + b"x" * (MAX_HEAD - len(start) - 4) + b"\r\n\r\n"
    machine = make()
    machine.receive_data(at_limit)
    assert machine.is_done
    machine = make()
    machine.receive_data(at_limit[:-1])
    with pytest.raises(ProxyError, match="more than"):
        machine.receive_data(b"x")


def test_ten_thousand_answers() -> None:
    storm(make, [GOOD, b"HTTP/1.1 403 Filtered\r\n\r\n"], 10_000, seed=1)


@pytest.mark.soak
def test_a_million_answers() -> None:
    storm(make, [GOOD, b"HTTP/1.1 403 Filtered\r\n\r\n"], 1_000_000, seed=2)
