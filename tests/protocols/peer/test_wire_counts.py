from __future__ import annotations

import pytest
from evtorrent.protocols.peer.messages import MessageId
from evtorrent.protocols.peer.wire_counts import MOST_SIZE, WireCounts
from evtorrent.protocols.types import PieceIndex
from support.connection_pair import ConnectionPair


@pytest.mark.parametrize(
    ("size", "power"),
    [(1, 0), (2, 1), (3, 1), (4, 2), (16384, 14), ((1 << 20) - 1, 19), (1 << 20, 20), (1 << 25, 20)],
)
def test_sizes_are_counted_by_powers_of_two(size: int, power: int) -> None:
    counts = WireCounts()
    counts.count_read(size)
    counts.count_write(size)
    counts.count_write(size)
    assert counts.reads == [int(each == power) for each in range(MOST_SIZE + 1)]
    assert counts.writes[power] == sum(counts.writes) == 2


def test_connections_of_one_buffer_count_together() -> None:
    """What one says the other hears: all is counted twice, once a side."""
    pair = ConnectionPair(extensions=("ut_x",))
    client, counts = pair.client, pair.client.counts
    assert counts is pair.server.counts
    client.send_choke(False)
    client.send_choke(False)  # says nothing
    client.send_interested(True)
    client.send_have(PieceIndex(1))
    client.send_requests([(0, 0, 16384), (0, 16384, 16384)])
    client.send_allowed_fast(PieceIndex(0))
    client.send_suggest(PieceIndex(0))
    client.send_port(6881)
    client.send_extension_handshake({})
    pair.server.send_extension_handshake({})
    pair.client_hears()
    client.send_extension("ut_x", b"payload")
    pair.server_hears()
    expected = {
        MessageId.UNCHOKE: 1,
        MessageId.INTERESTED: 1,
        MessageId.HAVE: 1,
        MessageId.REQUEST: 2,
        MessageId.ALLOWED_FAST: 1,
        MessageId.SUGGEST: 1,
        MessageId.PORT: 1,
        MessageId.EXTENDED: 3,
    }
    for table in (counts.sent, counts.received):
        assert {MessageId(kind): count for kind, count in enumerate(table) if count} == expected
    assert counts.handshakes_in == counts.handshakes_out == 2


def test_unknown_messages_are_counted_too() -> None:
    pair = ConnectionPair()
    pair.server.receive_data(b"\0\0\0\2\xc8x")
    assert pair.server.counts.received[200] == 1
