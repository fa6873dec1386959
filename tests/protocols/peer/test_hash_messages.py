from __future__ import annotations

import struct

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.metainfo.hash_request import MAX_HASHES, MAX_LAYERS, HashRequest
from evtorrent.protocols.peer.hash_messages import (
    HASH_REQUEST_SIZE,
    MAX_HASHES_SIZE,
    pack_hash_message,
    pack_hashes,
    parse_hash_request,
    parse_hashes,
)
from evtorrent.protocols.peer.messages import (
    Event,
    HashesReceived,
    HashRejectReceived,
    HashRequestReceived,
    MessageId,
)
from evtorrent.protocols.types import Sha256Hash
from hypothesis import given
from hypothesis import strategies as st
from support.connection_pair import ConnectionPair, FlatConnection, opened, take_events
from support.feeding import feed_all_ways

REQUEST = HashRequest(Sha256Hash(b"r" * 32), 1, 6, 2, 3)
HASHES = bytes(range(32)) * (REQUEST.count + REQUEST.num_uncles)

requests = st.builds(
    lambda root, base, height, place, proof: HashRequest(
        Sha256Hash(root), base, place << height, 1 << height, proof
    ),
    st.binary(min_size=32, max_size=32),
    st.integers(0, MAX_LAYERS - 1),
    st.integers(0, 5),
    st.integers(0, 2**20),
    st.integers(0, MAX_LAYERS - 1),
)


def v2_connection() -> FlatConnection:
    connection = opened()
    connection.is_v2 = True
    return FlatConnection(connection)


MESSAGES: list[tuple[bytes, Event]] = [
    (pack_hash_message(MessageId.HASH_REQUEST, REQUEST), HashRequestReceived(REQUEST)),
    (pack_hash_message(MessageId.HASH_REJECT, REQUEST), HashRejectReceived(REQUEST)),
    (pack_hashes(REQUEST, HASHES), HashesReceived(REQUEST, HASHES)),
]


@pytest.mark.parametrize(("data", "event"), MESSAGES, ids=["request", "reject", "hashes"])
def test_a_message_however_it_is_cut(data: bytes, event: Event) -> None:
    feed_all_ways(v2_connection, data, [event], trailing=bytes(4))


@pytest.mark.parametrize(("data", "event"), MESSAGES, ids=["request", "reject", "hashes"])
def test_not_in_a_torrent_that_has_none(data: bytes, event: Event) -> None:
    feed_all_ways(lambda: FlatConnection(opened()), data, RemoteProtocolError)


def test_bytes_on_the_wire() -> None:
    assert pack_hash_message(MessageId.HASH_REQUEST, REQUEST) == (
        b"\0\0\0\x31\x15" + b"r" * 32 + struct.pack(">IIII", 1, 6, 2, 3)
    )


@pytest.mark.parametrize("kind", [MessageId.HASH_REQUEST, MessageId.HASH_REJECT, MessageId.HASHES])
@pytest.mark.parametrize("size", [0, HASH_REQUEST_SIZE - 1, HASH_REQUEST_SIZE + 1, MAX_HASHES_SIZE + 1])
def test_an_impossible_size_is_refused_before_it_is_there(kind: MessageId, size: int) -> None:
    connection = v2_connection()
    head = struct.pack(">IB", 1 + size, kind)
    with pytest.raises(RemoteProtocolError, match="bytes of payload"):
        connection.receive_data(head)


def test_as_many_hashes_as_belong_to_the_request() -> None:
    for wrong in (HASHES[:-1], HASHES[32:], HASHES + bytes(32)):
        feed_all_ways(v2_connection, pack_hashes(REQUEST, wrong), RemoteProtocolError)


def test_the_largest_answer() -> None:
    request = HashRequest(Sha256Hash(), 0, 0, MAX_HASHES, MAX_LAYERS - 1)
    hashes = bytes(32) * (request.count + request.num_uncles)
    connection = v2_connection()
    connection.receive_data(pack_hashes(request, hashes))
    assert connection.next_event() == HashesReceived(request, hashes)


@given(requests)
def test_round_trip(request: HashRequest) -> None:
    packed = pack_hash_message(MessageId.HASH_REQUEST, request)
    assert parse_hash_request(packed[5:]) == request
    hashes = bytes(32) * (request.count + request.num_uncles)
    assert parse_hashes(pack_hashes(request, hashes)[5:]) == (request, hashes)


@given(st.binary(min_size=HASH_REQUEST_SIZE, max_size=HASH_REQUEST_SIZE + 200))
def test_garbage_is_an_error_or_a_value(data: bytes) -> None:
    for parse, part in ((parse_hash_request, data[:HASH_REQUEST_SIZE]), (parse_hashes, data)):
        try:
            parse(part)  # type: ignore[operator]
        except RemoteProtocolError:
            pass


def test_a_conversation() -> None:
    pair = ConnectionPair()
    pair.client.is_v2 = pair.server.is_v2 = True
    pair.client.send_hash_request(REQUEST)
    assert take_events(pair.server) == [] and pair.server_hears() == [HashRequestReceived(REQUEST)]
    pair.server.send_hashes(REQUEST, HASHES)
    pair.server.send_hash_reject(REQUEST)
    assert pair.client_hears() == [HashesReceived(REQUEST, HASHES), HashRejectReceived(REQUEST)]
    assert pair.client.counts.sent[MessageId.HASH_REQUEST] == 1
    assert pair.server.counts.sent[MessageId.HASHES] == pair.server.counts.sent[MessageId.HASH_REJECT] == 1
    assert pair.client.counts.received[MessageId.HASHES] == 1
