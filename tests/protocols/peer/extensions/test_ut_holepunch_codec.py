from __future__ import annotations

import pytest
from evtorrent.protocols.peer.extensions.ut_holepunch_codec import (
    HolepunchError,
    HolepunchKind,
    HolepunchMessage,
    pack_message,
    parse_message,
)
from hypothesis import given
from hypothesis import strategies as st

V4, V6 = ("1.2.3.4", 6881), ("2001:db8::1", 6881)

MESSAGES = [
    (HolepunchMessage(HolepunchKind.RENDEZVOUS, V4), b"\0\0\1\2\3\4\x1a\xe1\0\0\0\0"),
    (HolepunchMessage(HolepunchKind.CONNECT, V4), b"\1\0\1\2\3\4\x1a\xe1\0\0\0\0"),
    (HolepunchMessage(HolepunchKind.ERROR, V4, HolepunchError.NO_SUPPORT), b"\2\0\1\2\3\4\x1a\xe1\0\0\0\3"),
    (
        HolepunchMessage(HolepunchKind.CONNECT, V6),
        b"\1\1\x20\1\x0d\xb8" + bytes(11) + b"\1\x1a\xe1\0\0\0\0",
    ),
]


@pytest.mark.parametrize(("message", "payload"), MESSAGES)
def test_bytes(message: HolepunchMessage, payload: bytes) -> None:
    assert pack_message(message) == payload
    assert parse_message(payload) == message
    assert parse_message(memoryview(payload + bytes(99))) == message


def test_the_error_code_may_be_missing_where_there_is_none() -> None:
    assert parse_message(b"\1\0\1\2\3\4\x1a\xe1") == HolepunchMessage(HolepunchKind.CONNECT, V4)
    assert parse_message(b"\1\0\1\2\3\4\x1a\xe1\0\0\7") == HolepunchMessage(HolepunchKind.CONNECT, V4)
    assert parse_message(b"\2\0\1\2\3\4\x1a\xe1\0\0\0") is None


def test_an_error_nobody_has_defined_is_a_number() -> None:
    message = parse_message(b"\2\0\1\2\3\4\x1a\xe1\xff\xff\xff\xff")
    assert message == HolepunchMessage(HolepunchKind.ERROR, V4, 2**32 - 1)


@pytest.mark.parametrize(("message", "payload"), MESSAGES)
def test_what_is_cut_short_is_ignored(message: HolepunchMessage, payload: bytes) -> None:
    end = len(payload) - (0 if message.kind is HolepunchKind.ERROR else 4)
    for length in range(end):
        assert parse_message(payload[:length]) is None


@pytest.mark.parametrize("payload", [b"\3\0\1\2\3\4\x1a\xe1\0\0\0\0", b"\0\2" + bytes(40)])
def test_unknown_kinds_and_families_are_ignored(payload: bytes) -> None:
    assert parse_message(payload) is None


@given(st.binary(max_size=60))
def test_garbage(data: bytes) -> None:
    message = parse_message(data)
    assert message is None or parse_message(pack_message(message)) == message
