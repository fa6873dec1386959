from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.utp.packet import (
    FIRST_BYTES,
    HEADER,
    HEADER_SIZE,
    MAX_SACK_BYTES,
    Packet,
    PacketType,
    first_of_run,
    pack_headers,
    pack_packet,
    parse_packet,
    unwrap,
)
from hypothesis import given
from hypothesis import strategies as st

WORD = st.integers(0, 0xFFFF)
LONG = st.integers(0, 0xFFFFFFFF)
PACKETS = st.builds(
    Packet,
    st.sampled_from(list(PacketType)),
    WORD,
    LONG,
    LONG,
    LONG,
    WORD,
    WORD,
    st.binary(max_size=MAX_SACK_BYTES),
    st.binary(max_size=1400),
)


def head(first: int, extension: int) -> bytes:
    return HEADER.pack(first, extension, 1, 2, 3, 4, 5, 6)


@given(PACKETS)
def test_round_trip(packet):
    data = pack_packet(packet)
    assert data[0] in FIRST_BYTES
    assert parse_packet(data) == packet
    assert parse_packet(memoryview(bytearray(data))) == packet


def test_what_it_looks_like():
    packet = Packet(PacketType.SYN, 0x1234, 1, 2, 0x100000, 0xABCD, 7)
    assert pack_packet(packet).hex() == "4100123400000001000000020010" + "0000" + "abcd0007"
    assert len(pack_packet(packet)) == HEADER_SIZE == 20


@given(st.binary(max_size=60))
def test_garbage_is_a_packet_or_an_error(data):
    try:
        packet = parse_packet(data)
    except RemoteProtocolError:
        return
    assert data[0] in FIRST_BYTES
    assert len(packet.payload) <= len(data) - HEADER_SIZE


@given(PACKETS, st.data())
def test_cut_short_it_is_an_error_or_has_a_shorter_payload(packet, data):
    whole = pack_packet(packet)
    size = data.draw(st.integers(0, len(whole)))
    shortest = len(whole) - len(packet.payload)
    if size < shortest:
        with pytest.raises(RemoteProtocolError, match="uTP"):
            parse_packet(whole[:size])
    else:
        assert parse_packet(whole[:size]).payload == packet.payload[: size - shortest]


@pytest.mark.parametrize("first", [0x00, 0x02, 0x51, 0xF1, 0x64])
def test_other_types_and_versions_are_refused(first):
    with pytest.raises(RemoteProtocolError, match="type and version"):
        parse_packet(head(first, 0))


@pytest.mark.parametrize(
    ("tail", "error"),
    [
        (b"", "beyond the end"),
        (b"\x00", "beyond the end"),
        (b"\x00\x04abc", "beyond the end"),
        (b"\x00\x00", "without bits"),
    ],
)
def test_broken_extensions(tail, error):
    with pytest.raises(RemoteProtocolError, match=error):
        parse_packet(head(0x21, 1) + tail)


def test_unknown_extensions_are_skipped():
    packet = parse_packet(head(0x01, 9) + b"\x01\x02zz" + b"\x03\x01\x80" + b"\x00\x00" + b"payload")
    assert packet.selective_ack == b"\x80"
    assert packet.payload == b"payload"


def test_as_libtorrent_sends_it_a_selective_ack_may_have_any_length():
    assert parse_packet(head(0x21, 1) + b"\x00\x06abcdef").selective_ack == b"abcdef"


def test_a_long_selective_ack_is_cut():
    packet = parse_packet(head(0x21, 1) + b"\x00\xff" + bytes(255))
    assert packet.selective_ack == bytes(MAX_SACK_BYTES)
    assert packet.payload == b""


@given(st.integers(0, 1 << 40), st.integers(-0x8000, 0x7FFF))
def test_numbers_are_found_again_near_one_that_is_known(near, distance):
    assert unwrap((near + distance) & 0xFFFF, near) == near + distance


@given(
    st.integers(1, 256),
    st.integers(0, 1 << 20),
    st.sampled_from(list(PacketType)),
    WORD,
    LONG,
    LONG,
    LONG,
    WORD,
)
def test_headers_made_together_are_those_made_one_by_one(
    count: int, first: int, kind: PacketType, number: int, stamp: int, difference: int, window: int, ack: int
) -> None:
    together = pack_headers(
        count,
        first,
        kind=kind,
        connection_id=number,
        timestamp=stamp,
        timestamp_difference=difference,
        window=window,
        ack_nr=ack,
    )
    assert [bytes(header) for header in together] == [
        pack_packet(Packet(kind, number, stamp, difference, window, (first + index) & 0xFFFF, ack))
        for index in range(count)
    ]


def run_of(count: int, first: int, size: int) -> bytearray:
    headers = pack_headers(
        count,
        first,
        kind=PacketType.DATA,
        connection_id=0x1234,
        timestamp=1,
        timestamp_difference=2,
        window=3,
        ack_nr=4,
    )
    return bytearray(b"".join(bytes(header) + bytes(size) for header in headers))


@given(st.integers(2, 256), WORD, st.integers(1, 50))
def test_a_run_is_known_by_its_first_number(count: int, first: int, size: int) -> None:
    assert first_of_run(memoryview(run_of(count, first, size)), HEADER_SIZE + size) == first


@given(st.integers(2, 60), WORD, st.data())
def test_anything_else_is_no_run(count: int, first: int, data: st.DataObject) -> None:
    """One byte of one packet: type, extension, connection id or number."""
    segment = HEADER_SIZE + 7
    train = run_of(count, first, 7)
    index = data.draw(st.integers(1, count - 1))
    place = data.draw(st.sampled_from([0, 1, 2, 3, 16, 17]))
    train[index * segment + place] ^= data.draw(st.integers(1, 255))
    assert first_of_run(memoryview(train), segment) is None


@pytest.mark.parametrize("place", [0, 1])
def test_a_first_packet_that_is_no_plain_data_is_no_run(place: int) -> None:
    train = run_of(3, 0xFFFF, 7)
    train[place] ^= 0x11
    assert first_of_run(memoryview(train), HEADER_SIZE + 7) is None
