"""The filter that says something first: what is held back, failing in every phase, leaving politely."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from evtorrent.protocols.dialogue import Dialogue, Script
from evtorrent.protocols.engine import Handle
from evtorrent.protocols.errors import RemoteProtocolError, TransportBroken, TransportClosed
from evtorrent.protocols.transport import memory_pair
from evtorrent.protocols.transport.handshaking import LINGER_TIMEOUT, READ_SIZE, HandshakeFilter
from support.engine_kit import Host, make_engine
from support.stream_kit import Listening

MINE = 1


class Password(Dialogue):
    """Says a long hello, wants "ok" and thanks for it."""

    def _talk(self) -> Script:
        self._output += b"hello!"
        if (yield from self._take(2)) != b"ok":
            raise RemoteProtocolError("that is not the password")
        self._output += b"thanks"


class Wire:
    """A filter over one end of a memory pair; the other end is raw."""

    def __init__(self, *, limit: int = 1 << 16, base: Handle | None = None) -> None:
        self.multi, self.platform = make_engine()
        self.host = Host(self.multi)
        below, other = memory_pair(self.multi, limit)
        self.filter = HandshakeFilter(below, base or self.multi, Password(), timeout=10.0)
        self.user = Listening(self.filter)
        self.raw = Listening(other)

    def run(self, until: Callable[[], object] = lambda: False, actions: int = 300) -> Wire:
        for _ in range(actions):
            if until() or self.multi.timeout() != 0:
                break
            self.host.timeout()
        return self

    def after(self, seconds: float) -> Wire:
        self.platform.now += seconds
        self.host.timeout()
        return self.run()


@pytest.fixture
def wire() -> Wire:
    return Wire()


def opened(wire: Wire, more: bytes = b"") -> Wire:
    wire.run()
    wire.raw.send_all(b"ok" + more)
    return wire.run()


def test_the_user_is_told_when_the_exchange_is_done(wire: Wire) -> None:
    wire.run()
    assert wire.raw.received == b"hello!"
    assert wire.user.heard == []
    opened(wire)
    assert wire.user.heard == ["connected"]
    assert wire.raw.received == b"hello!thanks"
    wire.user.send_all(b"and on")
    wire.run()
    assert wire.raw.received.endswith(b"and on")


def test_what_came_behind_it_is_delivered_first(wire: Wire) -> None:
    wire.user.chunk = 2
    wire.user.also["connected"] = lambda: wire.raw.send_all(b"56")
    opened(wire, b"1234")
    assert wire.user.received == b"123456"
    assert not wire.filter.has_pending_input


def test_held_back_input_waits_while_reading_is_suspended(wire: Wire) -> None:
    wire.filter.suspend_reading(MINE)
    wire.user.chunk = 1
    opened(wire, b"12")
    assert wire.user.heard == ["connected"]
    assert wire.filter.has_pending_input
    with pytest.raises(ValueError, match="buffer"):
        wire.filter.recv_into(bytearray())
    wire.filter.resume_reading(MINE)
    wire.filter.suspend_reading(MINE)
    wire.run()
    assert not wire.user.received
    wire.filter.resume_reading(MINE)
    wire.user.also["readable"] = lambda: wire.filter.suspend_reading(MINE)
    wire.run()
    assert wire.user.received == b"1"


def test_a_delivery_that_has_become_needless(wire: Wire) -> None:
    wire.user.also["connected"] = wire.user.read
    opened(wire, b"12")
    assert wire.user.received == b"12"
    wire.filter.suspend_reading(MINE)
    assert wire.user.count("readable") <= 1


def test_a_user_that_fails_on_what_was_held_back(wire: Wire) -> None:
    reported: list[BaseException] = []
    wire.multi.on_error = lambda context, error: reported.append(error)
    bug = KeyError("bug")

    def fail() -> None:
        raise bug

    wire.user.also["readable"] = fail
    opened(wire, b"12")
    assert reported == [bug]
    assert wire.user.error is not None and wire.user.error.operation == "callback"
    assert wire.raw.error is not None


def test_a_wrong_answer(wire: Wire) -> None:
    wire.run()
    wire.raw.send_all(b"no")
    wire.run()
    assert wire.user.heard == ["closed"]
    assert str(wire.user.error) == "handshake: that is not the password"
    assert wire.raw.error is not None
    with pytest.raises(TransportBroken, match="password"):
        wire.filter.send(b"x")


def test_an_end_within_the_exchange(wire: Wire) -> None:
    wire.run()
    wire.raw.transport.shutdown_write()
    wire.run()
    assert str(wire.user.error) == "handshake: the other side ended the connection"


def test_a_reset_within_the_exchange(wire: Wire) -> None:
    wire.run()
    wire.raw.transport.abort()
    wire.run()
    assert wire.user.heard == ["closed"]


def test_silence(wire: Wire) -> None:
    wire.run().after(9.9)
    assert wire.user.heard == []
    wire.after(0.2)
    assert str(wire.user.error) == "handshake: timed out"
    assert isinstance(wire.user.error and wire.user.error.cause, TimeoutError)


def test_slow_pipes_carry_the_exchange() -> None:
    wire = Wire(limit=1)
    opened(wire)
    assert wire.user.heard == ["connected"]
    assert wire.raw.received == b"hello!thanks"


def test_what_is_unsent_goes_before_the_user() -> None:
    wire = Wire(limit=6)
    wire.run()
    wire.raw.transport.suspend_reading(MINE)
    wire.raw.send_all(b"ok")
    wire.run()
    assert wire.user.heard == ["connected"]
    assert wire.filter.send(b"first") == 0
    wire.raw.transport.resume_reading(MINE)
    wire.user.send_all(b"first")
    wire.run()
    assert wire.raw.received.startswith(b"hello!thanks")
    assert wire.raw.received.endswith(b"first")


def test_what_comes_for_nothing_or_too_late(wire: Wire) -> None:
    wire.run()
    wire.filter.on_readable(0.0)
    assert wire.user.heard == []
    opened(wire)
    wire.filter.suspend_reading(MINE)
    wire.filter.on_readable(0.0)
    assert wire.user.heard == ["connected"]
    wire.filter.close()
    wire.filter.on_closed(TransportBroken("recv", "too late"), 0.0)
    assert wire.user.heard == ["connected"]


def stuck(limit: int = 3) -> Wire:
    """Connected, with a part of its thanks unsent."""
    wire = Wire(limit=limit)
    wire.run()
    wire.raw.transport.suspend_reading(MINE)
    wire.raw.send_all(b"ok")
    wire.run()
    assert wire.user.heard == ["connected"]
    return wire


def test_closing_delivers_what_is_unsent() -> None:
    wire = stuck()
    wire.filter.close()
    wire.filter.close()
    wire.run()
    wire.raw.transport.resume_reading(MINE)
    wire.run()
    assert wire.raw.received == b"hello!thanks"
    assert wire.raw.is_ended
    assert wire.user.heard == ["connected"]


def test_it_does_not_linger_for_ever() -> None:
    wire = stuck()
    wire.filter.close()
    wire.run().after(LINGER_TIMEOUT + 0.1)
    wire.raw.transport.resume_reading(MINE)
    wire.run()
    assert wire.raw.error is not None


def test_abort_ends_a_departure() -> None:
    wire = stuck()
    wire.filter.close()
    wire.filter.abort()
    wire.raw.transport.resume_reading(MINE)
    wire.run()
    assert wire.raw.error is not None


@pytest.mark.parametrize("how", ["abort", "close"])
def test_the_other_side_goes_during_a_departure(how: str) -> None:
    wire = stuck()
    wire.filter.close()
    getattr(wire.raw.transport, how)()
    wire.run()
    assert wire.filter.is_closed
    assert wire.user.heard == ["connected"]


def test_a_departure_is_told_of_the_end() -> None:
    wire = stuck()
    wire.filter.close()
    wire.filter.below.user.on_closed(TransportBroken("recv", "gone"), 0.0)
    wire.after(LINGER_TIMEOUT + 1)
    assert not wire.filter.below.is_closed
    wire.filter.below.abort()


def test_input_during_a_departure_is_left_alone() -> None:
    wire = stuck()
    wire.filter.close()
    wire.raw.send_all(b"xyz")
    wire.run()
    wire.raw.transport.resume_reading(MINE)
    wire.run()
    assert wire.user.heard == ["connected"]
    assert wire.raw.received.startswith(b"hello!thanks"[:6])


def test_a_departure_on_a_base_that_has_ended() -> None:
    class Service(Handle):
        def start(self, engine: object) -> None:
            pass

    wire = stuck()
    handle = Service()
    wire.multi.add_handle(handle)
    wire.filter._base = handle
    wire.multi.remove_handle(handle)
    wire.filter.close()
    wire.raw.transport.resume_reading(MINE)
    wire.run()
    assert wire.raw.error is not None


def test_the_sending_side_is_shut_down_behind_what_is_unsent() -> None:
    wire = stuck()
    wire.filter.shutdown_write()
    wire.filter.shutdown_write()
    wire.run()
    assert not wire.raw.is_ended
    wire.raw.transport.resume_reading(MINE)
    wire.run()
    assert wire.raw.received == b"hello!thanks"
    assert wire.raw.is_ended
    with pytest.raises(TransportBroken, match="shut down"):
        wire.filter.send(b"more")
    assert wire.filter.is_closed


def test_the_world_ends_it_inside_calls(wire: Wire) -> None:
    for call in (
        lambda each: each.filter.recv_into(bytearray(1)),
        lambda each: each.filter.send(b"x"),
    ):
        wire = opened(Wire())
        wire.raw.transport.abort()
        with pytest.raises(TransportBroken, match="reset"):
            call(wire)
        assert wire.filter.is_closed
        wire.run()
        assert "closed" not in wire.user.heard


def test_the_world_ends_it_while_something_is_unsent() -> None:
    wire = stuck()
    wire.raw.transport.abort()
    with pytest.raises(TransportBroken, match="reset"):
        wire.filter.send(b"x")
    wire = stuck()
    wire.filter.suspend_reading(MINE)
    wire.raw.transport.abort()
    wire.run()
    assert wire.user.error is not None


def test_the_world_ends_it_in_shutdown(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(wire)

    def fail() -> None:
        raise TransportBroken("shutdown", ConnectionResetError("gone"))

    monkeypatch.setattr(wire.filter.below, "shutdown_write", fail)
    with pytest.raises(TransportBroken, match="gone"):
        wire.filter.shutdown_write()
    assert wire.filter.is_closed


def test_sending_the_exchange_fails(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: object) -> int:
        raise TransportBroken("send", ConnectionResetError("gone"))

    monkeypatch.setattr(wire.filter.below, "send", fail)
    wire.run()
    assert wire.user.heard == ["closed"]
    assert str(wire.user.error) == "send: gone"


def test_closing_within_the_exchange_is_silent(wire: Wire) -> None:
    wire.run()
    wire.filter.close()
    with pytest.raises(TransportClosed):
        wire.filter.recv_into(bytearray(1))
    wire.run().after(20)
    assert wire.user.heard == []


def test_no_more_is_read_than_a_chunk_at_a_time(wire: Wire) -> None:
    wire.run()
    wire.filter.suspend_reading(MINE)
    wire.raw.send_all(b"ok" + bytes(3 * READ_SIZE))
    wire.run()
    assert len(wire.filter._held) == READ_SIZE - 2
