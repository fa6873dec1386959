"""Giving metadata (BEP 9)."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.extensions.ut_metadata_codec import (
    MetadataKind,
    MetadataMessage,
    pack_data,
    pack_reject,
)
from evtorrent.protocols.peer.extensions.ut_metadata_server import (
    ALLOWANCE_PERIOD,
    MAX_COPIES,
    MAX_QUEUED_REQUESTS,
    MAX_REJECTS,
    MetadataServer,
)

INFO = bytes(range(256)) * 150
NUM_PIECES = 3
ALLOWANCE = MAX_COPIES * NUM_PIECES + 16


def request(piece: int) -> MetadataMessage:
    return MetadataMessage(MetadataKind.REQUEST, piece)


def answers(server: MetadataServer) -> list[bytes]:
    return list(iter(server.next_answer, None))


def test_requests_are_answered_in_order() -> None:
    server = MetadataServer(INFO)
    for piece in (2, 0, 1):
        assert server.receive_message(request(piece), 0.0) == []
    assert server.has_answers
    assert answers(server) == [pack_data(piece, INFO) for piece in (2, 0, 1)]
    assert not server.has_answers


def test_without_metadata_everything_is_rejected() -> None:
    server = MetadataServer()
    assert server.receive_message(request(5), 0.0) == [pack_reject(5)]
    assert not server.has_answers
    server.info_section = INFO
    assert server.receive_message(request(2), 0.0) == []
    assert answers(server) == [pack_data(2, INFO)]


def test_answers_of_others_are_ignored() -> None:
    server = MetadataServer(INFO)
    for kind in (MetadataKind.DATA, MetadataKind.REJECT):
        assert server.receive_message(MetadataMessage(kind, 0), 0.0) == []
    assert not server.has_answers


def test_a_piece_out_of_range_ends_the_peer() -> None:
    server = MetadataServer(INFO)
    with pytest.raises(RemoteProtocolError, match="metadata piece 3 of 3 asked for"):
        server.receive_message(request(NUM_PIECES), 0.0)


def test_limit_of_what_a_peer_may_have_in_a_period() -> None:
    server = MetadataServer(INFO)
    for _ in range(ALLOWANCE):
        assert server.receive_message(request(0), 1.0) == []
    assert server.receive_message(request(0), ALLOWANCE_PERIOD) == [pack_reject(0)]
    assert len(answers(server)) == ALLOWANCE
    assert server.receive_message(request(0), 1.0 + ALLOWANCE_PERIOD) == []


def test_the_allowance_is_that_of_the_metadata_there_is_now() -> None:
    server = MetadataServer()
    server.receive_message(request(0), 0.0)
    server.info_section = INFO
    for _ in range(ALLOWANCE):
        assert server.receive_message(request(0), 1.0) == []


def test_limit_of_requests_waiting() -> None:
    server = MetadataServer(bytes(MAX_QUEUED_REQUESTS * 16384))
    for piece in range(MAX_QUEUED_REQUESTS):
        assert server.receive_message(request(piece), 0.0) == []
    assert server.receive_message(request(0), 0.0) == [pack_reject(0)]
    assert server.next_answer() is not None
    assert server.receive_message(request(0), 0.0) == []


def test_limit_of_rejects() -> None:
    server = MetadataServer()
    for _ in range(MAX_REJECTS):
        assert server.receive_message(request(0), 0.0) == [pack_reject(0)]
    with pytest.raises(RemoteProtocolError, match="metadata asked for after 200 rejects"):
        server.receive_message(request(0), 0.0)
    assert server.receive_message(request(0), ALLOWANCE_PERIOD) == [pack_reject(0)]
