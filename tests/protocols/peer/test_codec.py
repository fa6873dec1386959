"""Bytes of every message."""

from __future__ import annotations

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.peer import codec
from evtorrent.protocols.peer.messages import MessageId, Request
from evtorrent.protocols.types import BLOCK_SIZE, PieceIndex

BLOCK = Request(PieceIndex(1), 0x4000, 0x3000)


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        pytest.param(codec.KEEP_ALIVE, "00000000", id="keep-alive"),
        pytest.param(codec.pack_simple(MessageId.CHOKE), "00000001 00", id="choke"),
        pytest.param(codec.pack_simple(MessageId.UNCHOKE), "00000001 01", id="unchoke"),
        pytest.param(codec.pack_simple(MessageId.INTERESTED), "00000001 02", id="interested"),
        pytest.param(codec.pack_simple(MessageId.NOT_INTERESTED), "00000001 03", id="not interested"),
        pytest.param(codec.pack_have(0x01020304), "00000005 04 01020304", id="have"),
        pytest.param(
            codec.pack_bitfield(Bitfield.from_indices(10, [0, 9]).to_wire()),
            "00000003 05 8040",
            id="bitfield",
        ),
        pytest.param(
            codec.pack_request(MessageId.REQUEST, BLOCK),
            "0000000d 06 00000001 00004000 00003000",
            id="request",
        ),
        pytest.param(
            codec.pack_requests([BLOCK, (2, 0, 1)]),
            "0000000d 06 00000001 00004000 00003000 0000000d 06 00000002 00000000 00000001",
            id="requests",
        ),
        pytest.param(codec.pack_requests([]), "", id="no requests"),
        pytest.param(codec.pack_block_header(1, 0x4000), "00004009 07 00000001 00004000", id="block"),
        pytest.param(
            codec.pack_block_header(1, 0x4000, 3), "0000000c 07 00000001 00004000", id="short block"
        ),
        pytest.param(
            codec.pack_request(MessageId.CANCEL, BLOCK), "0000000d 08 00000001 00004000 00003000", id="cancel"
        ),
        pytest.param(codec.pack_port(6881), "00000003 09 1ae1", id="port"),
        pytest.param(codec.pack_message(200, b"hi"), "00000003 c8 6869", id="any"),
        pytest.param(codec.pack_index(MessageId.SUGGEST, 5), "00000005 0d 00000005", id="suggest"),
        pytest.param(codec.pack_simple(MessageId.HAVE_ALL), "00000001 0e", id="have all"),
        pytest.param(codec.pack_simple(MessageId.HAVE_NONE), "00000001 0f", id="have none"),
        pytest.param(
            codec.pack_request(MessageId.REJECT, BLOCK), "0000000d 10 00000001 00004000 00003000", id="reject"
        ),
        pytest.param(codec.pack_index(MessageId.ALLOWED_FAST, 5), "00000005 11 00000005", id="allowed fast"),
        pytest.param(codec.pack_extended(3, b"de"), "00000004 14 03 6465", id="extended"),
        pytest.param(codec.pack_extended(0, memoryview(b"de")), "00000004 14 00 6465", id="extended, view"),
    ],
)
def test_bytes_of_a_message(packed: bytes, expected: str) -> None:
    assert packed == bytes.fromhex(expected)


def test_a_block_header_has_thirteen_bytes() -> None:
    assert len(codec.pack_block_header(0, 0, BLOCK_SIZE)) == codec.BLOCK_HEADER_SIZE == 13
