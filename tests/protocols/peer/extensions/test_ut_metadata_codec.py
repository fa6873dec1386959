"""Messages of metadata exchange (BEP 9)."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.extensions.ut_metadata_codec import (
    MAX_MESSAGE_SIZE,
    METADATA_PIECE_SIZE,
    MetadataKind,
    MetadataMessage,
    num_metadata_pieces,
    pack_data,
    pack_reject,
    pack_request,
    parse_message,
)
from hypothesis import given
from hypothesis import strategies as st

INFO = bytes(range(256)) * 150


def test_bytes_of_the_standard() -> None:
    assert pack_request(0) == b"d8:msg_typei0e5:piecei0ee"
    assert pack_reject(0) == b"d8:msg_typei2e5:piecei0ee"
    head = b"d8:msg_typei1e5:piecei0e10:total_sizei34256ee"
    assert pack_data(0, bytes(34256)) == head + bytes(METADATA_PIECE_SIZE)


@pytest.mark.parametrize("piece", [0, 1, 2])
def test_data_round_trip(piece: int) -> None:
    start = piece * METADATA_PIECE_SIZE
    assert parse_message(pack_data(piece, INFO)) == MetadataMessage(
        MetadataKind.DATA, piece, len(INFO), INFO[start : start + METADATA_PIECE_SIZE]
    )


@given(st.integers(0, 2**40))
def test_round_trip(piece: int) -> None:
    assert parse_message(pack_request(piece)) == MetadataMessage(MetadataKind.REQUEST, piece)
    assert parse_message(memoryview(pack_reject(piece))) == MetadataMessage(MetadataKind.REJECT, piece)


def test_keys_nobody_knows_and_bytes_behind_a_request_are_ignored() -> None:
    assert parse_message(b"d5:piecei3e8:msg_typei0e1:xdee" + b"tail") == MetadataMessage(
        MetadataKind.REQUEST, 3
    )


@pytest.mark.parametrize("kind", [-1, 3, 255])
def test_kinds_nobody_knows_are_ignored(kind: int) -> None:
    assert parse_message(b"d8:msg_typei%dee" % kind) is None


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(b"", "ends in the middle", id="nothing"),
        pytest.param(b"le", "no dictionary", id="list"),
        pytest.param(b"de", "without a type", id="no type"),
        pytest.param(b"d8:msg_type1:0e", "without a type", id="type of a wrong type"),
        pytest.param(b"d8:msg_typei0ee", "for piece None", id="no piece"),
        pytest.param(b"d8:msg_typei0e5:piecei-1ee", "for piece -1", id="negative piece"),
        pytest.param(b"l" * 11 + b"e" * 11, "nested deeper", id="deep"),
        pytest.param(b"l" + b"i0e" * 101 + b"e", "more items", id="many items"),
        pytest.param(pack_request(0)[:-1], "ends in the middle", id="cut"),
    ],
)
def test_what_is_no_message_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        parse_message(payload)


def test_limit_of_a_message() -> None:
    message = pack_request(0)
    longest = message + bytes(MAX_MESSAGE_SIZE - len(message))
    assert parse_message(longest) == MetadataMessage(MetadataKind.REQUEST, 0)
    with pytest.raises(RemoteProtocolError, match=f"metadata message of {MAX_MESSAGE_SIZE + 1} bytes"):
        parse_message(longest + b"x")


@given(st.binary(max_size=100) | st.binary(max_size=50).map(lambda tail: pack_request(1)[:-1] + tail))
def test_garbage_is_an_error_or_a_message(payload: bytes) -> None:
    try:
        parse_message(payload)
    except RemoteProtocolError:
        return


@pytest.mark.parametrize(("size", "pieces"), [(0, 0), (1, 1), (16384, 1), (16385, 2), (32768, 2)])
def test_number_of_pieces(size: int, pieces: int) -> None:
    assert num_metadata_pieces(size) == pieces
