"""UDP tracker packets, byte by byte as BEP 15 and 41 draw them."""

from __future__ import annotations

import struct

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.tracker.announce import (
    MAX_INTERVAL,
    MAX_SCRAPE_HASHES,
    MAX_TEXT,
    UNKNOWN,
    AnnounceEvent,
    AnnounceRequest,
    ScrapeEntry,
    TrackerPeer,
)
from evtorrent.protocols.tracker.errors import InvalidTrackerResponse
from evtorrent.protocols.tracker.udp_packets import (
    MAX_URL_DATA,
    pack_announce,
    pack_connect,
    pack_scrape,
    unpack_announce,
    unpack_connect,
    unpack_error,
    unpack_header,
    unpack_scrape,
)
from hypothesis import given
from hypothesis import strategies as st

HASH, PEER_ID = b"h" * 20, b"p" * 20
REQUEST = AnnounceRequest(
    HASH, PEER_ID, 6881, 3, 1, 2, AnnounceEvent.STARTED, key=0xFFFFFFFE, num_want=-1, ip="1.2.3.4"
)


def test_connect() -> None:
    assert pack_connect(7) == bytes.fromhex("00000417271019800000000000000007")
    assert unpack_connect(bytes(8) + b"\1\2\3\4\5\6\7\x08 and more") == 0x0102030405060708
    with pytest.raises(InvalidTrackerResponse):
        unpack_connect(bytes(15))


def test_announce() -> None:
    packet = pack_announce(REQUEST, 0xC0FFEE, 9)
    assert len(packet) == 98
    assert packet == (
        struct.pack(">QII", 0xC0FFEE, 1, 9)
        + HASH
        + PEER_ID
        + struct.pack(">QQQ", 1, 2, 3)
        + struct.pack(">I", 2)
        + bytes((1, 2, 3, 4))
        + struct.pack(">IiH", 0xFFFFFFFE, -1, 6881)
    )


@pytest.mark.parametrize(("ip", "is_ipv6"), [("", False), ("::1", False), ("1.2.3.4", True)])
def test_address_field_is_zero_where_unusable(ip: str, is_ipv6: bool) -> None:
    request = AnnounceRequest(HASH, PEER_ID, 1, ip=ip)
    assert pack_announce(request, 0, 0, is_ipv6=is_ipv6)[84:88] == bytes(4)


def test_url_data() -> None:
    # BEP 41's own example, after the 98 bytes.
    assert pack_announce(REQUEST, 0, 0, url_data=b"/dir?a=b&c=d")[98:] == b"\x02\x0c/dir?a=b&c=d"
    long = bytes(range(256)) + b"x"
    assert (
        pack_announce(REQUEST, 0, 0, url_data=long)[98:]
        == b"\x02\xff" + long[:255] + b"\x02\x02" + long[255:]
    )


def test_url_data_at_the_limit() -> None:
    pack_announce(REQUEST, 0, 0, url_data=bytes(MAX_URL_DATA))
    with pytest.raises(LocalProtocolError):
        pack_announce(REQUEST, 0, 0, url_data=bytes(MAX_URL_DATA + 1))


def test_scrape() -> None:
    assert pack_scrape([HASH, PEER_ID], 5, 6) == struct.pack(">QII", 5, 2, 6) + HASH + PEER_ID
    pack_scrape([HASH] * MAX_SCRAPE_HASHES, 5, 6)
    for wrong in ([], [HASH] * (MAX_SCRAPE_HASHES + 1)):
        with pytest.raises(LocalProtocolError):
            pack_scrape(wrong, 5, 6)


def test_header() -> None:
    assert unpack_header(b"\0\0\0\1\0\0\0\2tail") == (1, 2)
    assert unpack_header(bytes(7)) is None


def test_announce_answer() -> None:
    head = struct.pack(">IIIII", 1, 9, 1800, 4, 5)
    parsed = unpack_announce(head + b"\1\2\3\4\0\x50", is_ipv6=False)
    assert (parsed.interval, parsed.min_interval, parsed.complete, parsed.incomplete) == (1800, 60, 5, 4)
    assert parsed.peers == [TrackerPeer("1.2.3.4", 80)]
    assert unpack_announce(head + bytes(15) + b"\1\0\x51", is_ipv6=True).peers == [TrackerPeer("::1", 81)]
    assert unpack_announce(head, is_ipv6=True).peers == []


def test_absurd_numbers() -> None:
    parsed = unpack_announce(struct.pack(">IIIII", 1, 9, 2**32 - 1, 2**31, 2**31 - 1), is_ipv6=False)
    assert (parsed.interval, parsed.incomplete, parsed.complete) == (MAX_INTERVAL, UNKNOWN, 2**31 - 1)


@pytest.mark.parametrize("size", [8, 19, 21, 25])
def test_announce_answer_of_wrong_size(size: int) -> None:
    with pytest.raises(InvalidTrackerResponse):
        unpack_announce(bytes(size), is_ipv6=False)


def test_scrape_answer() -> None:
    data = bytes(8) + struct.pack(">IIIIII", 1, 2, 3, 4, 5, 2**31)
    assert unpack_scrape(data, [HASH, PEER_ID]) == {
        HASH: ScrapeEntry(complete=1, incomplete=3, downloaded=2),
        PEER_ID: ScrapeEntry(complete=4, incomplete=UNKNOWN, downloaded=5),
    }
    with pytest.raises(InvalidTrackerResponse):
        unpack_scrape(data[:-1], [HASH, PEER_ID])


def test_error_text() -> None:
    assert unpack_error(bytes(8) + b"Not today\xff\0") == "Not today\ufffd"
    assert unpack_error(bytes(8)) == ""
    assert unpack_error(bytes(8) + b"x" * (MAX_TEXT + 1)) == "x" * MAX_TEXT


@given(st.binary(max_size=80), st.booleans())
def test_garbage(data: bytes, is_ipv6: bool) -> None:
    for unpack in (
        unpack_connect,
        lambda d: unpack_announce(d, is_ipv6=is_ipv6),
        lambda d: unpack_scrape(d, [HASH]),
    ):
        try:
            unpack(data)
        except InvalidTrackerResponse:
            pass
