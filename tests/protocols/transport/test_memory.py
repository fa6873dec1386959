"""What is particular to the in-memory pair; the rest is in the conformance tests."""

from __future__ import annotations

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import TransportBroken
from evtorrent.protocols.transport import MemoryTransport, memory_pair
from evtorrent.protocols.transport.memory import MEMORY_LIMIT
from support.engine_kit import Host, make_engine
from support.stream_kit import Listening


@pytest.fixture
def multi() -> Multi:
    return make_engine()[0]


@pytest.fixture
def host(multi: Multi) -> Host:
    return Host(multi)


def connected(multi: Multi, host: Host, limit: int = MEMORY_LIMIT) -> tuple[Listening, Listening]:
    one, two = (Listening(side) for side in memory_pair(multi, limit))
    host.timeout()
    return one, two


@pytest.mark.parametrize("limit", [0, -1])
def test_a_pipe_has_room_for_something(multi: Multi, limit: int) -> None:
    with pytest.raises(ValueError, match="carries nothing"):
        memory_pair(multi, limit)


def test_the_limit_is_exact(multi: Multi, host: Host) -> None:
    one, two = connected(multi, host, 10)
    two.transport.suspend_reading(1)
    assert one.transport.send(b"x" * 11) == 10
    assert one.transport.send(b"x") == 0
    two.chunk = 4
    two.read()
    assert one.transport.send(b"yyyyyy") == 4


def test_everything_happens_in_the_next_action(multi: Multi, host: Host) -> None:
    one, two = connected(multi, host)
    one.transport.send(b"x")
    assert two.heard == ["connected"]
    host.timeout()
    assert two.received == b"x"


def test_nothing_wakes_anybody_without_a_reason(multi: Multi, host: Host) -> None:
    one, two = connected(multi, host)
    two.transport.suspend_reading(1)
    one.transport.send(b"x")
    host.timeout()
    assert multi.timeout() == -1


def test_input_thrown_away_is_a_reset_for_the_other_side(multi: Multi, host: Host) -> None:
    """As with TCP: closing over unread input does not look like an end."""
    one, two = connected(multi, host)
    two.transport.suspend_reading(1)
    one.transport.send(b"unread")
    two.transport.close()
    host.timeout()
    assert isinstance(one.error, TransportBroken)
    assert str(one.error) == "recv: connection reset by peer"


def test_sending_to_one_that_is_gone(multi: Multi, host: Host) -> None:
    one, two = connected(multi, host)
    two.transport.close()
    with pytest.raises(TransportBroken, match="send"):
        one.transport.send(b"x")


def test_sending_after_the_own_end(multi: Multi, host: Host) -> None:
    one, _ = connected(multi, host)
    one.transport.shutdown_write()
    with pytest.raises(TransportBroken):
        one.transport.send(b"x")


def test_a_reset_reaches_a_sender_that_does_not_read(multi: Multi, host: Host) -> None:
    one, two = connected(multi, host, 4)
    one.transport.suspend_reading(1)
    one.transport.send(b"full")
    one.transport.want_write(True)
    two.transport.abort()
    host.timeout()
    assert one.count("writable")
    with pytest.raises(TransportBroken):
        one.transport.send(b"x")


def test_one_side_alone_is_harmless(multi: Multi, host: Host) -> None:
    one, _ = memory_pair(multi)
    one.peer = None
    Listening(one)
    host.timeout()
    assert one.send(b"x") == 1
    one.close()
    assert isinstance(one, MemoryTransport)
