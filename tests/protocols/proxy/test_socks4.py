from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.proxy import Socks4
from evtorrent.protocols.proxy.socks4 import MAX_NAME
from support.proxy_kit import converse, error_of, storm

GRANTED = bytes((0, 90)) + bytes(6)


def asks(host: str, port: int, username: str = "") -> bytes:
    return Socks4((host, port), username=username).data_to_send()


def test_requests() -> None:
    assert asks("10.1.2.3", 258) == b"\x04\x01\x01\x02\x0a\x01\x02\x03\x00"
    assert asks("10.1.2.3", 258, "me") == b"\x04\x01\x01\x02\x0a\x01\x02\x03me\x00"
    assert asks("example.org", 80) == b"\x04\x01\x00\x50\x00\x00\x00\x01\x00example.org\x00"
    assert asks("::1", 80).endswith(b"\x00::1\x00")


def test_a_zero_byte_cannot_smuggle_another_field() -> None:
    assert asks("10.1.2.3", 258, "m\0e") == asks("10.1.2.3", 258, "me")


@pytest.mark.parametrize(
    ("host", "user"), [("a\0b", ""), ("", ""), ("x" * (MAX_NAME + 1), ""), ("1.2.3.4", "x" * (MAX_NAME + 1))]
)
def test_what_cannot_be_said(host: str, user: str) -> None:
    with pytest.raises(LocalProtocolError, match="SOCKS 4"):
        asks(host, 1, user)


def test_at_the_limit_it_can() -> None:
    assert len(asks("x" * MAX_NAME, 1, "y" * MAX_NAME)) == 8 + 2 * (MAX_NAME + 1)


def make() -> Socks4:
    return Socks4(("example.org", 80))


def test_granted() -> None:
    converse(make, GRANTED, b"stream")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (bytes((0, 91)) + bytes(6), "refuses"),
        (bytes((0, 92)) + bytes(6), "identd"),
        (bytes((0, 93)) + bytes(6), "another user id"),
        (bytes((0, 1)) + bytes(6), "answers 1"),
        (b"HTTP/1.1", "0x48"),
    ],
)
def test_refused(answer: bytes, text: str) -> None:
    assert text in error_of(make, answer)


def test_ten_thousand_answers() -> None:
    storm(make, [GRANTED], 10_000, seed=1)


@pytest.mark.soak
def test_a_million_answers() -> None:
    storm(make, [GRANTED], 1_000_000, seed=2)
