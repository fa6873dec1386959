from __future__ import annotations

import random
import re

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.lsd import (
    FIRST_DELAY,
    MAX_ANNOUNCED,
    MAX_BURST,
    MAX_HEARD_PER_SECOND,
    MAX_RECEIVED_HASHES,
    MAX_RECEIVED_SIZE,
    MAX_SENT_SIZE,
    MIN_GAP,
    REFILL_INTERVAL,
    LocalDiscovery,
    LsdAnnounce,
    pack_announce,
    parse_announce,
)
from evtorrent.protocols.types import Sha1Hash
from hypothesis import given
from hypothesis import strategies as st

A, B = Sha1Hash(bytes(range(20))), Sha1Hash(bytes(range(20, 40)))
HOST = "239.192.152.143:6771"

LIBTORRENT = (
    b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n"
    b"Infohash: 000102030405060708090a0b0c0d0e0f10111213\r\ncookie: 1a2b3c\r\n\r\n\r\n"
)
"""As libtorrent 2 sends it."""
ARIA2 = (
    b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6902\r\n"
    b"Infohash: 000102030405060708090a0b0c0d0e0f10111213\r\n\r\n\r\n"
)
"""As aria2 1.36 sends it."""
TRANSMISSION = (
    b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 51413\r\n"
    b"Infohash: 000102030405060708090A0B0C0D0E0F10111213\r\n"
    b"Infohash: 1415161718191A1B1C1D1E1F2021222324252627\r\ncookie: fish\r\n\r\n\r\n"
)
"""As Transmission 4 sends it."""


def names(count: int) -> list[Sha1Hash]:
    return [Sha1Hash(bytes(18) + (n + 1).to_bytes(2, "big")) for n in range(count)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LIBTORRENT, LsdAnnounce(6881, (A,), b"1a2b3c")),
        (ARIA2, LsdAnnounce(6902, (A,))),
        (TRANSMISSION, LsdAnnounce(51413, (A, B), b"fish")),
    ],
)
def test_what_others_send(data: bytes, expected: LsdAnnounce) -> None:
    assert parse_announce(data) == expected
    assert parse_announce(memoryview(data)) == expected
    for length in range(len(data) - 2):
        with pytest.raises(RemoteProtocolError):
            parse_announce(data[:length])


def test_what_we_send_is_what_libtorrent_sends() -> None:
    assert pack_announce(LsdAnnounce(6881, (A,), b"1a2b3c"), host=HOST) == LIBTORRENT
    assert pack_announce(LsdAnnounce(6902, (A,)), host=HOST) == ARIA2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"bt-search * http/1.0\r\nPORT:1\r\n\r\n", LsdAnnounce(1, ()), id="spelling"),
        pytest.param(
            b"BT-SEARCH * HTTP/1.1\r\nport: 65535\r\nX: y\r\nno colon\r\n\r\nrest", LsdAnnounce(65535, ()), id="more"
        ),
        pytest.param(
            b"BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: " + b"0" * 40 + b"\r\nInfohash: " + b"g" * 40
            + b"\r\nInfohash: " + b"1" * 39 + b"\r\nInfohash: " + b"1" * 64 + b"\r\n\r\n",
            LsdAnnounce(1, ()),
            id="no hashes",
        ),
        pytest.param(
            b"BT-SEARCH * HTTP/1.1\r\nPort: 1\r\ncookie: " + b"c" * 99 + b"\r\n\r\n",
            LsdAnnounce(1, (), b"c" * 64),
            id="long cookie",
        ),
        pytest.param(
            b"BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: " + A.hex().encode() + b"\r\nInfohash: "
            + A.hex().encode() + b"\r\n\r\n",
            LsdAnnounce(1, (A,)),
            id="twice",
        ),
    ],
)  # fmt: skip
def test_what_is_taken(data: bytes, expected: LsdAnnounce) -> None:
    assert parse_announce(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"M-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n",
        b"BT-SEARCH * HTTP/2.0\r\nPort: 1\r\n\r\n",
        b"BT-SEARCH * HTTP/1.1\r\n\r\n",
        b"BT-SEARCH * HTTP/1.1\r\nPort: 0\r\n\r\n",
        b"BT-SEARCH * HTTP/1.1\r\nPort: 65536\r\n\r\n",
        b"BT-SEARCH * HTTP/1.1\r\nPort: -1\r\n\r\n",
        b"BT-SEARCH * HTTP/1.1\r\nPort: 100000000000000000000000\r\n\r\n",
        b"BT-SEARCH * HTTP/1.1\r\nPort: \xc2\xb2\r\n\r\n",
    ],
)
def test_what_is_no_announce(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_announce(data)


def test_limits_of_a_datagram() -> None:
    start = b"BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nX: "
    full = start + b"x" * (MAX_RECEIVED_SIZE - len(start) - 4) + b"\r\n\r\n"
    assert parse_announce(full) == LsdAnnounce(1, ())
    with pytest.raises(RemoteProtocolError, match="2049 bytes"):
        parse_announce(full + b"x")
    crowd = b"BT-SEARCH * HTTP/1.1\r\nPort:1\r\n" + b"".join(
        b"Infohash:%s\r\n" % name.hex().encode() for name in names(MAX_RECEIVED_HASHES - 3)
    )
    assert len(crowd) < MAX_RECEIVED_SIZE
    assert len(parse_announce(crowd + b"\r\n").info_hashes) == MAX_RECEIVED_HASHES - 3


def test_only_so_many_torrents_of_a_datagram_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evtorrent.protocols.lsd.MAX_RECEIVED_HASHES", 2)
    data = pack_announce(LsdAnnounce(1, tuple(names(3))), host=HOST)
    assert parse_announce(data).info_hashes == tuple(names(2))


@given(
    st.binary(max_size=300) | st.builds(lambda head, tail: head + tail, st.just(LIBTORRENT[:70]), st.binary())
)
def test_garbage(data: bytes) -> None:
    try:
        announce = parse_announce(data)
    except RemoteProtocolError:
        return
    assert 0 < announce.port < 65536


@given(
    st.builds(
        LsdAnnounce,
        st.integers(1, 65535),
        st.lists(st.binary(min_size=20, max_size=20).filter(any).map(Sha1Hash), unique=True, max_size=20).map(
            tuple
        ),
        st.from_regex(re.compile(rb"[0-9a-f]{0,8}"), fullmatch=True),
    )
)
def test_round_trip(announce: LsdAnnounce) -> None:
    data = pack_announce(announce, host=HOST)
    assert len(data) <= MAX_SENT_SIZE
    assert parse_announce(data) == announce


# ----------------------------------------------------------------------------------------------------------- schedule


def discovery(*, is_ipv6: bool = False, cookie: bytes = b"ours", port: int = 6881) -> LocalDiscovery:
    node = LocalDiscovery(is_ipv6=is_ipv6, cookie=cookie, interval=300.0)
    node.port = port
    return node


def test_a_torrent_is_announced_soon_and_then_every_five_minutes() -> None:
    node = discovery()
    assert node.next_timeout() is None and node.datagrams_to_send(0.0) == []
    node.add(A, 100.0)
    assert node.next_timeout() == 100.0 + FIRST_DELAY
    assert node.datagrams_to_send(100.0) == []
    (data,) = node.datagrams_to_send(100.0 + FIRST_DELAY)
    assert parse_announce(data) == LsdAnnounce(6881, (A,), b"ours")
    assert node.next_timeout() == 400.0 + FIRST_DELAY
    node.add(A, 101.0)
    assert node.next_timeout() == 400.0 + FIRST_DELAY
    assert len(node.datagrams_to_send(401.0)) == 1
    node.remove(A)
    node.remove(A)
    assert node.next_timeout() is None and list(node.torrents) == []


def test_a_torrent_may_be_announced_before_its_time() -> None:
    node = discovery()
    node.hurry(A, 0.0)
    assert node.next_timeout() is None
    node.add(A, 0.0)
    node.hurry(A, 0.1)
    assert node.next_timeout() == 0.1
    assert len(node.datagrams_to_send(0.1)) == 1
    node.hurry(A, 0.2)
    assert node.next_timeout() == 0.1 + MIN_GAP
    node.hurry(A, 0.3)
    assert len(node.datagrams_to_send(2.0)) == 1 and node.next_timeout() == 302.0


def test_the_host_header_names_the_group() -> None:
    node = discovery(is_ipv6=True)
    node.add(A, 0.0)
    assert b"Host: [ff15::efc0:988f]:6771\r\n" in node.datagrams_to_send(1.0)[0]


def test_who_does_not_listen_announces_nothing() -> None:
    node = discovery(port=0)
    node.add(A, 0.0)
    assert node.next_timeout() is None and node.datagrams_to_send(9.0) == []
    node.port = 6881
    assert len(node.datagrams_to_send(9.0)) == 1


def test_torrents_share_datagrams() -> None:
    node, many = discovery(), names(MAX_ANNOUNCED + 2)
    for name in many:
        node.add(name, 0.0)
    (first,) = node.datagrams_to_send(1.0)
    assert len(first) <= MAX_SENT_SIZE
    assert node.next_timeout() == 1.0 + MIN_GAP
    (second,) = node.datagrams_to_send(1.0 + MIN_GAP)
    heard = parse_announce(first).info_hashes + parse_announce(second).info_hashes
    assert list(heard) == many and len(parse_announce(first).info_hashes) == MAX_ANNOUNCED


def test_the_average_is_one_a_minute() -> None:
    node, sent, now = discovery(), list[float](), 0.0
    for name in names(30):
        node.add(name, now)
        now += 10.0
        while node.datagrams_to_send(now):
            sent.append(now)
    assert sent[MAX_BURST - 1] <= 60.0
    assert len(sent) <= MAX_BURST + 300 / REFILL_INTERVAL
    due = node.next_timeout()
    assert due is not None and len(node.datagrams_to_send(due)) == 1


def test_our_own_announces_are_known() -> None:
    node, other = discovery(), discovery(cookie=b"theirs")
    node.add(A, 0.0)
    (data,) = node.datagrams_to_send(1.0)
    assert node.receive_datagram(data, ("10.0.0.1", 6771), 1.0) == [] and node.num_own == 1
    assert other.receive_datagram(data, ("10.0.0.1", 6771), 1.0) == [(("10.0.0.1", 6881), A)]


def test_garbage_and_floods_are_counted_and_dropped() -> None:
    node = discovery()
    assert node.receive_datagram(b"garbage", ("10.0.0.1", 1), 5.0) == []
    for _ in range(MAX_HEARD_PER_SECOND - 1):
        assert node.receive_datagram(ARIA2, ("10.0.0.1", 1), 5.5)
    assert node.receive_datagram(ARIA2, ("10.0.0.1", 1), 5.9) == []
    assert node.num_dropped == 2
    assert node.receive_datagram(ARIA2, ("10.0.0.1", 1), 6.0)


@pytest.mark.parametrize("seed", range(5))
def test_any_schedule_keeps_its_laws(seed: int) -> None:
    rng, node, now = random.Random(seed), discovery(), 0.0
    sent: list[float] = []
    latest: dict[Sha1Hash, float] = {}
    for _ in range(400):
        now += rng.random() * 20
        if rng.random() < 0.3:
            node.add(rng.choice(names(60)), now)
        if rng.random() < 0.1:
            gone = rng.choice(names(60))
            node.remove(gone)
            latest.pop(gone, None)
        for data in node.datagrams_to_send(now):
            assert not sent or now - sent[-1] >= MIN_GAP
            sent.append(now)
            for name in parse_announce(data).info_hashes:
                assert now - latest.get(name, -1000.0) >= 300.0
                latest[name] = now
    assert len(sent) <= MAX_BURST + now / REFILL_INTERVAL
