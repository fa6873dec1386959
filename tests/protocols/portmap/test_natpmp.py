"""Messages as RFC 6886 draws them."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.portmap.dialect import AddressAnswer, Grant, MapAnswer, VersionRefused, Wish
from evtorrent.protocols.portmap.mapping import PortmapProtocol
from evtorrent.protocols.portmap.natpmp import pack_address_request, pack_map_request, parse_answer
from hypothesis import given
from hypothesis import strategies as st

TCP, UDP = PortmapProtocol.tcp, PortmapProtocol.udp


def answer(text: str) -> bytes:
    return bytes.fromhex(text)


def test_requests() -> None:
    assert pack_address_request() == answer("0000")
    assert pack_map_request(Wish(TCP, 6881, 6882, 3600, b"")) == answer("0002 0000 1ae1 1ae2 00000e10")
    assert pack_map_request(Wish(UDP, 6881, 0, 0, b"")) == answer("0001 0000 1ae1 0000 00000000")


def test_answers() -> None:
    assert parse_answer(answer("0080 0000 00000007 08080404")) == AddressAnswer(0, 7, "8.8.4.4")
    assert parse_answer(answer("0080 0000 00000007 00000000")) == AddressAnswer(0, 7, "")
    assert parse_answer(answer("0080 0003 00000007")) == AddressAnswer(7, 7, "")
    assert parse_answer(answer("0082 0000 00000007 1ae1 1ae2 00000e10")) == MapAnswer(
        0, 7, TCP, 6881, b"", Grant(3600, 6882, "")
    )
    refused = parse_answer(answer("0081 0004 00000007 1ae1 1ae2 00000000 ff"))
    assert isinstance(refused, MapAnswer)
    assert (refused.result, refused.protocol) == (8, UDP)
    assert parse_answer(answer("0081 0001 00000007")) == VersionRefused()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00820000000000",
        "0282 0000 00000007 1ae1 1ae2 00000e10",
        "0002 0000 00000007 1ae1 1ae2 00000e10",
        "0083 0000 00000007 1ae1 1ae2 00000e10",
        "0082 0000 00000007 1ae1 1ae2 00000e",
        "0080 0000 00000007 080808",
    ],
)
def test_what_is_no_answer(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_answer(answer(text))


@given(st.binary(max_size=32))
def test_garbage(data: bytes) -> None:
    try:
        parse_answer(data)
    except RemoteProtocolError:
        pass
