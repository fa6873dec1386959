from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.sam import b32_hash
from evtorrent.protocols.tracker.announce import MAX_PEERS, TrackerPeer
from evtorrent.protocols.tracker.errors import InvalidTrackerResponse, TrackerError
from evtorrent.protocols.tracker.http import parse_announce
from evtorrent.protocols.tracker.i2p_peers import HASH_SIZE, i2p_peers
from support.mutation import mutate
from support.sam_kit import destination

ONE, TWO = destination(1), destination(2)


def test_hashes() -> None:
    assert i2p_peers({b"peers": ONE.hash + TWO.hash}) == [TrackerPeer(ONE.name, 0), TrackerPeer(TWO.name, 0)]
    assert i2p_peers({b"peers": b""}) == []
    assert i2p_peers({}) == []
    assert i2p_peers({b"peers": 5}) == []


@pytest.mark.parametrize("size", [1, HASH_SIZE - 1, HASH_SIZE + 1])
def test_a_broken_list(size: int) -> None:
    with pytest.raises(InvalidTrackerResponse, match="no multiple of 32"):
        i2p_peers({b"peers": bytes(size)})


def test_whole_destinations() -> None:
    entries = [
        {b"ip": str(ONE).encode(), b"port": 6881, b"peer id": b"x" * 20},
        {b"ip": f"{TWO}.i2p".encode()},
        {b"ip": ONE.name.encode(), b"peer id": b"short"},
        {b"ip": b"somebody.i2p"},
        {b"ip": b"10.0.0.1", b"port": 1},
        {b"ip": 5},
        b"no dictionary",
    ]
    assert i2p_peers({b"peers": entries}) == [
        TrackerPeer(ONE.name, 0, b"x" * 20, ONE),
        TrackerPeer(TWO.name, 0, None, TWO),
        TrackerPeer(ONE.name, 0),
    ]


def test_not_one_is_usable() -> None:
    with pytest.raises(InvalidTrackerResponse, match="not one usable entry"):
        i2p_peers({b"peers": [{b"ip": b"10.0.0.1"}]})
    assert i2p_peers({b"peers": []}) == []


def test_there_is_a_limit() -> None:
    assert len(i2p_peers({b"peers": bytes(HASH_SIZE * (MAX_PEERS + 1))})) == MAX_PEERS
    assert len(i2p_peers({b"peers": [{b"ip": ONE.name.encode()}] * (MAX_PEERS + 1)})) == MAX_PEERS


def test_an_answer() -> None:
    body = encode({"interval": 900, "peers": ONE.hash, "peers6": bytes(18), "external ip": bytes(4)})
    answer = parse_announce(body, is_i2p=True)
    assert answer.peers == [TrackerPeer(ONE.name, 0)]
    assert answer.external_ip is None


SAMPLES = [
    encode({"interval": 900, "peers": ONE.hash + TWO.hash}),
    encode({"interval": 900, "peers": [{"ip": str(ONE).encode(), "port": 6881}]}),
    encode({"interval": 900, "peers": [{"ip": ONE.name.encode(), "port": 6881}]}),
]


def storm(count: int, seed: int) -> None:
    rng = Random(seed)
    for _ in range(count):
        try:
            answer = parse_announce(mutate(rng, SAMPLES, [b"l", b"d", b"e", b"i0e", b"2:ip"]), is_i2p=True)
        except TrackerError:
            continue
        assert all(b32_hash(peer.host) is not None and peer.port == 0 for peer in answer.peers)


def test_ten_thousand_answers() -> None:
    storm(10_000, 1)


@pytest.mark.soak
def test_a_million_answers() -> None:
    storm(1_000_000, 2)
