"""Messages as RFC 6887 draws them (7.1, 7.2, 11.1)."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.portmap.dialect import Grant, MapAnswer, VersionRefused, Wish
from evtorrent.protocols.portmap.mapping import PortmapProtocol
from evtorrent.protocols.portmap.pcp import MAX_PACKET, pack_map_request, parse_answer
from hypothesis import given
from hypothesis import strategies as st

TCP, UDP = PortmapProtocol.tcp, PortmapProtocol.udp
NONCE = b"abcdefghijkl"


def mapped(host: str) -> str:
    return "00000000000000000000ffff" + bytes(map(int, host.split("."))).hex()


def test_request_for_ipv4() -> None:
    assert pack_map_request(Wish(TCP, 6881, 6882, 3600, NONCE), "10.0.0.2") == bytes.fromhex(
        f"02010000 00000e10 {mapped('10.0.0.2')} {NONCE.hex()} 06000000 1ae1 1ae2 {mapped('0.0.0.0')}"
    )


def test_request_to_keep_what_was_given() -> None:
    wish = Wish(UDP, 6881, 6882, 0, NONCE, "8.8.4.4")
    assert pack_map_request(wish, "10.0.0.2")[-16:] == bytes.fromhex(mapped("8.8.4.4"))


def test_request_for_a_hole_in_an_ipv6_firewall() -> None:
    packed = pack_map_request(Wish(UDP, 1, 1, 60, NONCE), "2600::2%eth0")
    assert packed == bytes.fromhex(
        f"02010000 0000003c 2600000000000000 0000000000000002 {NONCE.hex()} 11000000 0001 0001" + "00" * 16
    )


def response(
    *,
    version: int = 2,
    opcode: int = 0x81,
    result: int = 0,
    number: int = 6,
    outside: str = mapped("8.8.4.4"),
) -> bytes:
    return bytes.fromhex(
        f"{version:02x}{opcode:02x}00{result:02x} 00000e10 00000007" + "00" * 12 + f"{NONCE.hex()}"
        f"{number:02x}000000 1ae1 1ae2 {outside}"
    )


def test_answers() -> None:
    assert parse_answer(response()) == MapAnswer(0, 7, TCP, 6881, NONCE, Grant(3600, 6882, "8.8.4.4"))
    six = parse_answer(response(number=17, outside="26000000000000000000000000000002"))
    assert isinstance(six, MapAnswer)
    assert (six.protocol, six.grant.external_address) == (UDP, "2600::2")
    nowhere = parse_answer(response(result=11, outside=mapped("0.0.0.0")))
    assert isinstance(nowhere, MapAnswer)
    assert (nowhere.result, nowhere.grant.external_address) == (11, "")
    assert parse_answer(response() + bytes(MAX_PACKET - 60))


@pytest.mark.parametrize("packet", [response(result=1), b"\2\x81\0\1", b"\0\x81\0\1\0\0\0\7", b"\1\x81\0\1"])
def test_the_version_is_refused(packet: bytes) -> None:
    assert parse_answer(packet) == VersionRefused()


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\2\x81\0",
        response(opcode=1),
        response(opcode=0x82),
        response(version=3),
        response(version=0, result=2),
        b"\0\x81\1\1",
        response()[:-1],
        response(number=132),
        response() + bytes(MAX_PACKET - 59),
    ],
)
def test_what_is_no_answer(packet: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_answer(packet)


@given(st.binary(max_size=80), st.integers(0, 60))
def test_garbage(data: bytes, keep: int) -> None:
    for packet in (data, response()[:keep] + data):
        try:
            parse_answer(packet)
        except RemoteProtocolError:
            pass
