"""The 68 bytes."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.handshake import (
    HANDSHAKE_LENGTH,
    PROTOCOL,
    Capability,
    Handshake,
    check_prefix,
)
from evtorrent.protocols.types import PeerId, Sha1Hash
from hypothesis import given
from hypothesis import strategies as st

INFO_HASH = Sha1Hash(b"\x01" * 20)
PEER_ID = PeerId(b"-EV0100-123456789012")


def test_bytes() -> None:
    shake = Handshake.with_capabilities(INFO_HASH, PEER_ID, Capability.FAST | Capability.EXTENSION)
    packed = shake.pack()
    assert len(packed) == HANDSHAKE_LENGTH
    assert packed == b"\x13BitTorrent protocol" + bytes.fromhex("0000000000100004") + INFO_HASH + PEER_ID


@pytest.mark.parametrize(
    ("capability", "byte", "bit"),
    [
        pytest.param(Capability.DHT, 7, 0x01, id="BEP 5"),
        pytest.param(Capability.FAST, 7, 0x04, id="BEP 6"),
        pytest.param(Capability.EXTENSION, 5, 0x10, id="BEP 10"),
        pytest.param(Capability.V2, 7, 0x10, id="BEP 52"),
    ],
)
def test_reserved_bit(capability: Capability, byte: int, bit: int) -> None:
    reserved = Handshake.with_capabilities(INFO_HASH, PEER_ID, capability).reserved
    assert reserved == bytes(bit if index == byte else 0 for index in range(8))
    assert Handshake(INFO_HASH, PEER_ID, reserved).capabilities == capability


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=20, max_size=20))
def test_round_trip(reserved: bytes, peer_id: bytes) -> None:
    shake = Handshake(INFO_HASH, PeerId(peer_id), reserved)
    assert Handshake.parse(shake.pack()) == shake
    assert Handshake.parse(memoryview(bytearray(shake.pack()))) == shake
    assert int(shake.capabilities) == int.from_bytes(reserved, "big")


@pytest.mark.parametrize("size", [0, 20, 67, 69])
def test_another_length_is_refused(size: int) -> None:
    data = (Handshake(INFO_HASH, PEER_ID).pack() + b"x")[:size]
    with pytest.raises(RemoteProtocolError, match=f"handshake of {size} bytes"):
        Handshake.parse(data)


@given(st.binary(max_size=100))
def test_whatever_comes_is_a_handshake_or_an_error(data: bytes) -> None:
    try:
        shake = Handshake.parse(data)
    except RemoteProtocolError:
        return
    assert shake.pack() == data


@pytest.mark.parametrize("size", range(len(PROTOCOL) + 1))
def test_the_beginning_is_judged_byte_by_byte(size: int) -> None:
    check_prefix(PROTOCOL[:size])
    if size:
        with pytest.raises(RemoteProtocolError, match="not a BitTorrent handshake"):
            check_prefix(PROTOCOL[: size - 1] + b"\0")
