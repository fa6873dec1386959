"""Bytes nobody should send, for all extensions: whatever comes, a value or a RemoteProtocolError comes out, and what the
machines keep stays within its limits.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha1

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.extensions import ut_holepunch_codec as holepunch
from evtorrent.protocols.peer.extensions.lt_donthave import parse_dont_have
from evtorrent.protocols.peer.extensions.registry import PeerExtensions, parse_handshake
from evtorrent.protocols.peer.extensions.upload_only import parse_upload_only
from evtorrent.protocols.peer.extensions.ut_metadata import MetadataFetcher, SendMessage
from evtorrent.protocols.peer.extensions.ut_metadata_codec import (
    MetadataKind,
    pack_data,
    pack_reject,
    pack_request,
    parse_message,
)
from evtorrent.protocols.peer.extensions.ut_metadata_server import MAX_QUEUED_REQUESTS, MetadataServer
from evtorrent.protocols.peer.extensions.ut_pex import PEX_INTERVAL, PexReceiver
from evtorrent.protocols.peer.extensions.ut_pex_codec import PexFlags, PexPeer, pack_message
from evtorrent.protocols.types import InfoHashes, Sha1Hash
from support.extension_mutation import LONG, QUICK, Feeder, fuzz

INFO = bytes(range(256)) * 150
NAME = Sha1Hash(sha1(INFO).digest())
V4 = [PexPeer((f"1.2.3.{n}", 6881), PexFlags(n & 31)) for n in range(60)]
V6 = [PexPeer((f"2001:db8::{n + 1:x}", 6881), PexFlags.SEED) for n in range(10)]
METADATA = [pack_request(0), pack_request(2), pack_reject(1), *(pack_data(piece, INFO) for piece in range(3))]
PEX = [
    pack_message(V4[:5], []),
    pack_message(V4 + V6, [V4[0].address]),
    pack_message([], [V6[0].address]),
    b"de",
]
HOLEPUNCH = [
    holepunch.pack_message(holepunch.HolepunchMessage(kind, peer.address))
    for kind in holepunch.HolepunchKind
    for peer in (V4[1], V6[1])
]
HANDSHAKES = [
    encode({"m": {"ut_pex": 1, "ut_metadata": 2}, "v": "x 1", "p": 6881, "yourip": b"\1\2\3\4", "reqq": 5}),
    encode({"m": {}, "metadata_size": 31_235, "upload_only": 1}),
]


def feed_metadata(rng: random.Random, inputs: Iterator[bytes]) -> int:
    fetcher = MetadataFetcher(InfoHashes(NAME), max_size=100_000)
    server, num_errors, now = MetadataServer(INFO), 0, 0.0
    for data in inputs:
        now += rng.random()
        peer = rng.randrange(5)
        try:
            message = parse_message(data)
            if peer not in fetcher.peers:
                fetcher.add_peer(peer, rng.choice((len(INFO), len(INFO), 5)), now)
            if message is not None and message.kind is MetadataKind.REQUEST:
                server.receive_message(message, now)
                if rng.random() < 0.5:
                    server.next_answer()
                assert len(server._queue) <= MAX_QUEUED_REQUESTS
            actions = fetcher.receive_message(peer, data, now) + fetcher.handle_timeout(now)
            assert all(not isinstance(each, SendMessage) or each.peer in fetcher.peers for each in actions)
        except RemoteProtocolError:
            num_errors += 1
            fetcher.remove_peer(peer, now)
            server = MetadataServer(INFO)
        if fetcher.is_done:
            fetcher = MetadataFetcher(InfoHashes(NAME), max_size=100_000)
    return num_errors


def feed_pex(rng: random.Random, inputs: Iterator[bytes]) -> int:
    receiver, num_errors, now = PexReceiver(20), 0, 0.0
    for data in inputs:
        now += PEX_INTERVAL * rng.random()
        try:
            found = receiver.receive_message(data, now)
            assert len(found) <= 40 and all(peer.address[1] for peer in found)
            assert all(len(family) <= 20 for family in receiver._known)
        except RemoteProtocolError:
            num_errors += 1
            receiver = PexReceiver(20)
    return num_errors


def feed_holepunch(rng: random.Random, inputs: Iterator[bytes]) -> int:
    num_ignored = 0
    for data in inputs:
        message = holepunch.parse_message(data)
        num_ignored += message is None
        parse_upload_only(data)
        try:
            parse_dont_have(data)
        except RemoteProtocolError:
            continue
    return num_ignored


def feed_handshakes(rng: random.Random, inputs: Iterator[bytes]) -> int:
    extensions, num_errors = PeerExtensions(), 0
    for data in inputs:
        try:
            extensions.update(parse_handshake(data))
        except RemoteProtocolError:
            num_errors += 1
        assert len(extensions.names()) <= 100
    return num_errors


TARGETS: dict[str, tuple[list[bytes], Feeder]] = {
    "ut_metadata": (METADATA, feed_metadata),
    "ut_pex": (PEX, feed_pex),
    "ut_holepunch": (HOLEPUNCH, feed_holepunch),
    "handshake": (HANDSHAKES, feed_handshakes),
}


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_ten_thousand_inputs(target: str) -> None:
    fuzz(*TARGETS[target], QUICK, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("target", TARGETS)
def test_a_million_inputs(target: str) -> None:
    fuzz(*TARGETS[target], LONG)
