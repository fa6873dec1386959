"""The defaults: a filter that overrides nothing, and a transport that has only the necessary."""

from __future__ import annotations

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import TransportBroken, TransportClosed
from evtorrent.protocols.transport import Filter, memory_pair
from evtorrent.protocols.transport.base import NO_USER, Transport
from support.engine_kit import Host, make_engine
from support.stream_kit import Listening


class Nothing(Filter):
    """Passes everything through."""


class Named(Filter):
    name = "named"


@pytest.fixture
def multi() -> Multi:
    return make_engine()[0]


@pytest.fixture
def host(multi: Multi) -> Host:
    return Host(multi)


def test_a_filter_passes_everything_through(multi: Multi, host: Host) -> None:
    below, other = memory_pair(multi)
    one, two = Listening(Nothing(below)), Listening(other)
    transport = one.transport
    assert repr(transport) == "Nothing(memory memory:2 connecting)"
    host.timeout()
    assert one.heard == ["connected"]
    assert transport.is_connected and not transport.is_closed and not transport.has_pending_input
    assert (transport.local_address, transport.peer_address, transport.family) == (
        ("memory", 1),
        ("memory", 2),
        0,
    )
    assert transport.query("chain") == "memory"
    assert Named(below).query("chain") == "memory+named"
    below.set_user(transport)  # type: ignore[arg-type]
    assert transport.send(b"ab") + transport.sendv([b"c", b"d"]) == 4
    transport.want_write(True)
    transport.suspend_reading(1)
    two.send_all(b"back")
    host.timeout()
    assert (two.received, one.received) == (b"abcd", b"")
    assert one.count("writable")
    transport.want_write(False)
    transport.resume_reading(1)
    host.timeout()
    assert one.received == b"back"
    transport.shutdown_write()
    host.timeout()
    assert two.is_ended
    transport.close()
    assert transport.is_closed
    with pytest.raises(TransportClosed):
        transport.recv_into(bytearray(1))
    Nothing(other).abort()
    assert other.is_closed


def test_the_end_by_the_world_passes_up(multi: Multi) -> None:
    below, _ = memory_pair(multi)
    transport = Nothing(below)
    user = Listening(transport)
    error = TransportBroken("recv", "gone")
    transport.on_closed(error, 0.0)
    assert user.error is error


def test_sendv_without_an_own_one_sends_piece_by_piece() -> None:
    class Narrow(Nothing):
        sendv = Transport.sendv

    multi = make_engine()[0]
    host = Host(multi)
    below, other = memory_pair(multi, limit=5)
    one, _ = Listening(Narrow(below)), Listening(other)
    host.timeout()
    assert one.transport.sendv([b"abc", b"", b"def", b"ghi"]) == 5
    assert one.transport.sendv([]) == 0


def test_nobody_hears_without_harm() -> None:
    NO_USER.on_connected(0.0)
    NO_USER.on_readable(0.0)
    NO_USER.on_writable(0.0)
    NO_USER.on_closed(TransportBroken("recv", "gone"), 0.0)
