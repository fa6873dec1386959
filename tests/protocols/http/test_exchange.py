"""One GET and its response, byte by byte."""

from __future__ import annotations

import gzip

import pytest
from evtorrent.protocols.errors import LocalProtocolError, RemoteProtocolError
from evtorrent.protocols.http.errors import HttpProtocolError, HttpTooLarge
from evtorrent.protocols.http.exchange import (
    MAX_HEAD_SIZE,
    MAX_INFORMATIONAL,
    BodyData,
    HttpExchange,
    ResponseEnded,
    ResponseStarted,
)
from evtorrent.protocols.http.url import parse_url
from hypothesis import given
from hypothesis import strategies as st
from support.feeding import feed_all_ways

URL = parse_url("http://tracker.example:6969/announce?x=1")


def make_exchange(**options: object) -> HttpExchange:
    exchange = HttpExchange(URL, **options)  # type: ignore[arg-type]
    exchange.data_to_send()
    return exchange


def joining_feed(**options: object) -> object:
    """A parser whose body parts arrive as single bytes, so that cuts do not show."""
    exchange = make_exchange(**options)

    def feed(chunk: bytes) -> list[object]:
        exchange.receive_data(chunk)
        events: list[object] = []
        while (event := exchange.next_event()) is not None:
            events += list(event.data) if isinstance(event, BodyData) else [event]
        return events

    return feed


def test_the_request() -> None:
    exchange = HttpExchange(
        URL, user_agent="evtorrent/0", authorization="Basic eDp5", headers=[("Range", "bytes=0-9")]
    )
    assert exchange.data_to_send() == (
        b"GET /announce?x=1 HTTP/1.1\r\nHost: tracker.example:6969\r\nUser-Agent: evtorrent/0\r\n"
        b"Accept-Encoding: gzip, deflate\r\nConnection: close\r\nAuthorization: Basic eDp5\r\nRange: bytes=0-9\r\n\r\n"
    )
    assert exchange.data_to_send() == b""
    assert not exchange.is_done


@pytest.mark.parametrize("body", [b"", b"a=b"])
def test_a_post(body: bytes) -> None:
    exchange = HttpExchange(URL, headers=[("Content-Type", "text/plain")], post=body)
    assert exchange.data_to_send() == (
        b"POST /announce?x=1 HTTP/1.1\r\nHost: tracker.example:6969\r\nAccept-Encoding: gzip, deflate\r\n"
        b"Connection: close\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s" % (len(body), body)
    )
    exchange.receive_data(b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno")
    assert exchange.is_done


@pytest.mark.parametrize("agent", ["a\r\nX: y", "ä"])
def test_headers_cannot_be_smuggled_in(agent: str) -> None:
    with pytest.raises(LocalProtocolError):
        HttpExchange(URL, user_agent=agent)


HEAD = ResponseStarted(200, "OK", {"content-length": "5"})


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_sized_body(version: bytes) -> None:
    data = b"HTTP/" + version + b" 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    feed_all_ways(joining_feed, data, [HEAD, *b"hello", ResponseEnded()], trailing=b"HTTP/1.1 500 no\r\n\r\n")


def test_chunked_gzip_body() -> None:
    packed = gzip.compress(b"hello", mtime=0)
    data = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
        b"7;ext=1\r\n"
        + packed[:7]
        + b"\r\n"
        + b"%x\r\n" % (len(packed) - 7)
        + packed[7:]
        + b"\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    head = ResponseStarted(200, "OK", {"transfer-encoding": "chunked", "content-encoding": "gzip"})
    feed_all_ways(joining_feed, data, [head, *b"hello", ResponseEnded()])


def test_sized_gzip_body() -> None:
    packed = gzip.compress(b"hello", mtime=0)
    data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Encoding: gzip\r\n\r\n" % len(packed) + packed
    head = ResponseStarted(200, "OK", {"content-length": str(len(packed)), "content-encoding": "gzip"})
    feed_all_ways(joining_feed, data, [head, *b"hello", ResponseEnded()], trailing=b"more")
    short = data.replace(b"Length: %d" % len(packed), b"Length: %d" % (len(packed) - 9))
    feed_all_ways(joining_feed, short[:-9], HttpProtocolError)


def test_chunks_go_before_a_length() -> None:
    exchange = make_exchange()
    exchange.receive_data(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    exchange.next_event()
    assert [exchange.next_event(), exchange.next_event()] == [BodyData(b"hello"), ResponseEnded()]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_length_without_a_body(status: bytes) -> None:
    exchange = make_exchange()
    exchange.receive_data(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n")
    exchange.next_event()
    assert exchange.next_event() == ResponseEnded()
    assert exchange.is_done


def test_a_sized_body_that_is_whole_needs_no_end_of_the_connection() -> None:
    exchange = make_exchange()
    exchange.receive_data(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
    assert not exchange.is_done
    exchange.receive_data(b"llo, and what is not ours")
    assert exchange.is_done
    exchange.receive_data(b"more")
    exchange.receive_eof()
    events = [exchange.next_event() for _ in range(5)]
    assert events == [HEAD, BodyData(b"he"), BodyData(b"llo"), ResponseEnded(), None]


def test_body_that_ends_with_the_connection() -> None:
    exchange = make_exchange()
    exchange.receive_data(b"HTTP/1.0 404 Not here\r\nA: 1\r\na: 2\r\n\r\nbo")
    exchange.receive_data(b"dy")
    assert exchange.next_event() == ResponseStarted(404, "Not here", {"a": "1, 2"})
    assert [exchange.next_event(), exchange.next_event()] == [BodyData(b"bo"), BodyData(b"dy")]
    assert exchange.next_event() is None
    assert not exchange.is_done
    exchange.receive_eof()
    assert exchange.next_event() == ResponseEnded()
    assert exchange.is_done
    exchange.receive_eof()
    assert exchange.next_event() is None


def test_no_content() -> None:
    exchange = make_exchange()
    exchange.receive_data(b"HTTP/1.1 204 No Content\r\n\r\n")
    started = exchange.next_event()
    assert isinstance(started, ResponseStarted)
    assert started.content_length is None
    assert exchange.next_event() == ResponseEnded()


def test_informational_responses_up_to_the_limit() -> None:
    continued = b"HTTP/1.1 100 Continue\r\n\r\n"
    feed_all_ways(
        joining_feed,
        continued * MAX_INFORMATIONAL + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        [HEAD, *b"hello", ResponseEnded()],
        max_splits=20,
    )
    feed_all_ways(joining_feed, continued * (MAX_INFORMATIONAL + 1), HttpProtocolError, max_splits=20)


@pytest.mark.parametrize(
    "data",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
)
def test_malformed(data: bytes) -> None:
    feed_all_ways(joining_feed, data, HttpProtocolError)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"])
def test_cut_short(data: bytes) -> None:
    exchange = make_exchange()
    exchange.receive_data(data)
    with pytest.raises(HttpProtocolError):
        exchange.receive_eof()


def test_head_at_the_limit() -> None:
    filler = MAX_HEAD_SIZE - len(b"HTTP/1.1 200 OK\r\nx: \r\n\r\n")
    make_exchange().receive_data(b"HTTP/1.1 200 OK\r\nx: " + b"y" * filler + b"\r\n\r\n")
    with pytest.raises(HttpTooLarge, match="head"):
        make_exchange().receive_data(b"HTTP/1.1 200 OK\r\nx: " + b"y" * (filler + 100))


def test_announced_body_at_the_limit() -> None:
    make_exchange(max_body=5).receive_data(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
    with pytest.raises(HttpTooLarge):
        make_exchange(max_body=5).receive_data(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n")


def test_unannounced_body_at_the_limit() -> None:
    exchange = make_exchange(max_body=5)
    exchange.receive_data(b"HTTP/1.0 200 OK\r\n\r\nhello")
    with pytest.raises(HttpTooLarge):
        exchange.receive_data(b"!")


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_garbage(chunks: list[bytes]) -> None:
    exchange = make_exchange(max_body=100)
    try:
        exchange.receive_data(b"HTTP/1.1 200 OK\r\n")
        for chunk in chunks:
            exchange.receive_data(chunk)
        exchange.receive_eof()
    except RemoteProtocolError:
        pass
