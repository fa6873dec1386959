"""Responses in order on one connection, cut anywhere."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError, RemoteProtocolError
from evtorrent.protocols.http.errors import HttpProtocolError, HttpTooLarge
from evtorrent.protocols.http.exchange import (
    MAX_HEAD_SIZE,
    MAX_INFORMATIONAL,
    ResponseEnded,
    ResponseStarted,
)
from evtorrent.protocols.http.pipeline import BodyPart, HttpPipeline
from evtorrent.protocols.http.url import parse_url
from hypothesis import given
from hypothesis import strategies as st
from support.feeding import feed_all_ways

URL = parse_url("http://mirror.example:8080/a%20file")


def make(num_requests: int = 1) -> HttpPipeline:
    pipeline = HttpPipeline(user_agent="evtorrent/0")
    for _ in range(num_requests):
        pipeline.send_get(URL)
    pipeline.data_to_send()
    return pipeline


def test_who_asks_is_said_or_not() -> None:
    pipeline = HttpPipeline(user_agent="evtorrent/0")
    assert pipeline.is_fresh
    pipeline.send_get(URL, says_who=False)
    assert not pipeline.is_fresh
    assert b"User-Agent" not in pipeline.data_to_send()
    pipeline.send_get(URL)
    assert b"User-Agent: evtorrent/0\r\n" in pipeline.data_to_send()


def events_of(pipeline: HttpPipeline) -> list[object]:
    """Everything since the last call; bodies as single bytes, so that cuts do not show."""
    events: list[object] = []
    while (event := pipeline.next_event()) is not None:
        if isinstance(event, BodyPart):
            events += list(event.data)
        elif isinstance(event, ResponseStarted):
            events.append(event.status)
        else:
            events.append(event)
    return events


def feeder(num_requests: int = 1) -> object:
    pipeline = make(num_requests)

    def feed(chunk: bytes) -> list[object]:
        pipeline.receive_data(chunk)
        return events_of(pipeline)

    return feed


def partial(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 206 Partial Content", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


END = ResponseEnded()


def test_requests() -> None:
    pipeline = HttpPipeline(user_agent="evtorrent/0")
    pipeline.send_get(URL, [("Range", "bytes=0-9")])
    pipeline.send_get(URL, authorization="Basic eDp5")
    assert pipeline.num_outstanding == 2
    first = b"GET /a%20file HTTP/1.1\r\nHost: mirror.example:8080\r\nUser-Agent: evtorrent/0\r\nAccept-Encoding: identity\r\n"
    assert pipeline.data_to_send() == (
        first + b"Range: bytes=0-9\r\n\r\n" + first + b"Authorization: Basic eDp5\r\n\r\n"
    )
    assert pipeline.data_to_send() == b""
    plain = HttpPipeline()
    plain.send_get(URL)
    assert b"User-Agent" not in plain.data_to_send()


@pytest.mark.parametrize("value", ["a\r\nX: y", "ä"])
def test_headers_cannot_be_smuggled_in(value: str) -> None:
    pipeline = HttpPipeline()
    with pytest.raises(LocalProtocolError):
        pipeline.send_get(URL, [("Range", value)])
    assert pipeline.num_outstanding == 0


def test_responses_follow_each_other() -> None:
    data = partial(b"abc") + partial(b"") + partial(b"defg")
    expected = [206, *b"abc", END, 206, END, 206, *b"defg", END]
    feed_all_ways(lambda: feeder(3), data, expected)  # type: ignore[arg-type, return-value]


def test_chunked_and_known_lengths_mix() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    data = chunked + partial(b"de") + chunked
    expected = [200, *b"abc", END, 206, *b"de", END, 200, *b"abc", END]
    feed_all_ways(lambda: feeder(3), data, expected)  # type: ignore[arg-type, return-value]


def test_a_known_length_is_not_copied() -> None:
    pipeline = make()
    pipeline.receive_data(partial(bytes(100))[:-100])
    assert events_of(pipeline) == [206]
    body = bytearray(b"x" * 100)
    pipeline.receive_data(memoryview(body))
    part = pipeline.next_event()
    assert isinstance(part, BodyPart)
    body[0] = 7
    assert part.data[0] == 7


def test_a_body_that_ends_with_the_connection() -> None:
    pipeline = make()
    pipeline.receive_data(b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert events_of(pipeline) == [200, *b"abc"]
    pipeline.receive_eof()
    assert events_of(pipeline) == [END]
    assert not pipeline.is_persistent


def test_the_end_between_responses_is_no_error() -> None:
    pipeline = make(2)
    pipeline.receive_data(partial(b"abc"))
    assert pipeline.is_persistent
    pipeline.receive_eof()
    assert not pipeline.is_persistent
    assert pipeline.num_outstanding == 1


@pytest.mark.parametrize("length", range(1, len(partial(b"abc"))))
def test_the_end_within_a_response_is_one(length: int) -> None:
    pipeline = make()
    pipeline.receive_data(partial(b"abc")[:length])
    with pytest.raises(HttpProtocolError):
        pipeline.receive_eof()


@pytest.mark.parametrize(
    ("head", "stays"),
    [
        ("HTTP/1.1 200 OK\r\n", True),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        ("HTTP/1.0 200 OK\r\n", False),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", True),
    ],
)
def test_whether_the_connection_stays(head: str, stays: bool) -> None:
    pipeline = make()
    pipeline.receive_data(f"{head}Content-Length: 0\r\n\r\n".encode())
    assert events_of(pipeline) == [200, END]
    assert pipeline.is_persistent == stays


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(status: int) -> None:
    pipeline = make(2)
    pipeline.receive_data(f"HTTP/1.1 {status} X\r\nETag: x\r\n\r\n".encode() + partial(b"a"))
    assert events_of(pipeline) == [status, END, 206, *b"a", END]


def test_informational_responses_are_skipped_up_to_a_limit() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    pipeline = make(2)
    pipeline.receive_data(hint * MAX_INFORMATIONAL + partial(b"a"))
    assert events_of(pipeline) == [206, *b"a", END]
    pipeline.receive_data(hint * MAX_INFORMATIONAL)
    with pytest.raises(HttpProtocolError):
        pipeline.receive_data(hint)


def test_the_head_is_limited() -> None:
    pipeline = make()
    pipeline.receive_data(b"HTTP/1.1 200 OK\r\nX: " + b"a" * (MAX_HEAD_SIZE - 100))
    with pytest.raises(HttpTooLarge):
        pipeline.receive_data(b"a" * 200)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        partial(b"abc", "Content-Encoding: gzip"),
        partial(b"abc") + b"HTTP/1.1 200 OK\r\n",
    ],
    ids=["no HTTP", "no number", "two lengths", "encoded", "one too many"],
)
def test_what_servers_must_not_send(data: bytes) -> None:
    with pytest.raises(HttpProtocolError):
        make().receive_data(data)


@given(data=st.binary(max_size=300))
def test_garbage_gives_an_error_or_a_value(data: bytes) -> None:
    pipeline = make(2)
    try:
        pipeline.receive_data(b"HTTP/1.1 200 OK\r\n" + data)
        pipeline.receive_eof()
    except RemoteProtocolError:
        pass
