"""Announce requests and the compact forms of peers."""

from __future__ import annotations

import socket

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.tracker.announce import (
    MAX_INTERVAL,
    MAX_PEERS,
    AnnounceRequest,
    TrackerPeer,
    bounded_interval,
    compact_peers,
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"info_hash": b"short"},
        {"peer_id": bytes(21)},
        {"port": -1},
        {"port": 65536},
        {"key": -1},
        {"key": 1 << 32},
        {"uploaded": -1},
        {"downloaded": -1},
        {"left": -1},
        {"corrupt": -1},
    ],
)
def test_a_request_that_cannot_be_sent(wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"info_hash": bytes(20), "peer_id": bytes(20), "port": 1}
    AnnounceRequest(**fields)  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError):
        AnnounceRequest(**{**fields, **wrong})  # type: ignore[arg-type]


def test_compact_ipv4() -> None:
    data = bytes((1, 2, 3, 4, 0x1A, 0xE1, 255, 0, 0, 1, 0, 0, 5, 6, 7, 8, 0, 1))
    assert compact_peers(data, 4) == [TrackerPeer("1.2.3.4", 6881), TrackerPeer("5.6.7.8", 1)]


def test_compact_ipv6() -> None:
    data = socket.inet_pton(socket.AF_INET6, "2001:db8::5") + b"\x1a\xe1"
    assert compact_peers(memoryview(data), 16) == [TrackerPeer("2001:db8::5", 6881)]


@pytest.mark.parametrize("address_size", [4, 16])
def test_compact_of_broken_length(address_size: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        compact_peers(bytes(address_size + 3), address_size)


def test_peers_at_the_limit() -> None:
    assert len(compact_peers(b"\1\1\1\1\1\1" * MAX_PEERS, 4)) == MAX_PEERS
    assert len(compact_peers(b"\1\1\1\1\1\1" * (MAX_PEERS + 1), 4)) == MAX_PEERS


def test_intervals_are_bounded() -> None:
    assert [bounded_interval(n) for n in (-5, 0, 7, MAX_INTERVAL, MAX_INTERVAL + 1)] == [
        0,
        0,
        7,
        MAX_INTERVAL,
        MAX_INTERVAL,
    ]
