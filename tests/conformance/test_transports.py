"""What every transport promises, over every kind there is.  A new transport joins `support.stream_kit.PAIRS`."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import TransportBroken, TransportClosed, TransportError
from evtorrent.protocols.mse import Method
from evtorrent.protocols.transport import WOULD_BLOCK, Transport
from support.stream_kit import PAIRS, Listening, close_ports, pump, settle

MINE = 1
YOURS = 2
SIZES = {
    **{f"{kind} over tiny memory": 2_000 for kind in ("socks4", "socks5", "http_connect")},
    "tiny memory": 2_000,
    "tls over tiny memory": 10_000,
    "rc4 over tiny memory": 2_000,
    "plaintext mse over tiny memory": 2_000,
}
PAYLOAD = random.Random(1).randbytes(300_000)


@pytest.fixture
def multi(no_fd_survives: None) -> Iterator[Multi]:
    multi = Multi()
    yield multi
    multi.close()


@pytest.fixture(params=list(PAIRS))
def kind(request: pytest.FixtureRequest) -> str:
    """Which kind of transport."""
    name: str = request.param
    return name


@pytest.fixture
def raw(kind: str, multi: Multi) -> Iterator[tuple[Transport, Transport]]:
    """Two transports that nobody listens to yet."""
    pair = PAIRS[kind](multi)
    yield pair
    for side in pair:
        side.abort()
    close_ports()


@pytest.fixture
def pair(raw: tuple[Transport, Transport], multi: Multi) -> tuple[Listening, Listening]:
    """Two users whose transports are connected."""
    one, two = Listening(raw[0]), Listening(raw[1])
    pump(multi, lambda: one.transport.is_connected and two.transport.is_connected)
    return one, two


def test_connected_comes_first_once_and_to_both(raw: tuple[Transport, Transport], multi: Multi) -> None:
    one, two = Listening(raw[0]), Listening(raw[1])
    assert one.heard == two.heard == []
    assert not one.transport.is_connected
    pump(multi, lambda: one.heard and two.heard)
    settle(multi)
    for user in (one, two):
        assert user.heard[0] == "connected"
        assert user.count("connected") == 1
        assert set(user.heard) <= {"connected", "readable"}  # which may find nothing, as with TLS
        assert not user.received
        assert not user.is_ended
    assert one.transport.is_connected
    assert not one.transport.is_closed
    assert "connected" in repr(one.transport)


def test_before_it_is_connected_nothing_moves_and_nothing_fails(
    raw: tuple[Transport, Transport], multi: Multi
) -> None:
    for side in raw:
        assert side.recv_into(bytearray(10)) == WOULD_BLOCK
        assert side.send(b"early") == 0
        assert side.sendv([b"early", b"bird"]) == 0
        side.shutdown_write()
    one, two = Listening(raw[0]), Listening(raw[1])
    pump(multi, lambda: one.heard and two.heard)
    one.send_all(b"now")
    pump(multi, lambda: two.received == b"now")


def test_bytes_arrive_whole_and_in_order_both_ways(
    pair: tuple[Listening, Listening], multi: Multi, kind: str
) -> None:
    one, two = pair
    size = SIZES.get(kind, len(PAYLOAD))
    one.send_all(PAYLOAD[:size])
    two.send_all(PAYLOAD[:size][::-1])
    pump(multi, lambda: len(two.received) >= size and len(one.received) >= size)
    assert two.received == PAYLOAD[:size]
    assert one.received == PAYLOAD[:size][::-1]


def test_send_takes_no_more_than_there_is_room_for(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    two.transport.suspend_reading(MINE)
    taken = 0
    for _ in range(10_000):
        count = one.transport.send(PAYLOAD[:65536])
        taken += count
        if not count:
            settle(multi, 3)
            if not one.transport.send(PAYLOAD[:1]):
                break
            taken += 1
    else:
        pytest.fail("it takes everything")
    assert one.count("writable") == 0
    one.transport.want_write(True)
    settle(multi, 5)
    assert one.count("writable") == 0
    one.also["writable"] = lambda: one.transport.want_write(False)
    two.transport.resume_reading(MINE)
    pump(multi, lambda: len(two.received) == taken and one.count("writable"))


def test_sendv_sends_the_concatenation(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    parts = [b"abc", b"", bytearray(b"defg"), memoryview(b"hij")]
    whole = b"".join(parts)
    taken = one.transport.sendv(parts)
    assert 0 < taken <= len(whole)
    pump(multi, lambda: len(two.received) >= taken)
    assert two.received == whole[:taken]
    one.send_all(whole[taken:])
    pump(multi, lambda: two.received == whole)
    assert one.transport.sendv([]) == 0


def test_readable_is_a_level(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    two.is_reading = False
    one.send_all(b"12")
    pump(multi, lambda: two.count("readable") >= 3)
    two.is_reading, two.chunk = True, 1
    pump(multi, lambda: two.received == b"12")
    settle(multi)
    heard = two.count("readable")
    settle(multi)
    assert two.count("readable") == heard


def test_writable_is_a_level_while_wanted(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, _ = pair
    settle(multi)
    assert one.count("writable") == 0
    one.transport.want_write(True)
    one.transport.want_write(True)
    pump(multi, lambda: one.count("writable") >= 3)
    one.transport.want_write(False)
    heard = one.count("writable")
    settle(multi)
    assert one.count("writable") == heard


def test_what_is_wanted_before_the_connection_holds_after_it(
    raw: tuple[Transport, Transport], multi: Multi
) -> None:
    one, two = Listening(raw[0]), Listening(raw[1])
    one.transport.want_write(True)
    two.transport.suspend_reading(MINE)
    one.also["writable"] = lambda: one.transport.want_write(False)
    pump(multi, lambda: one.count("writable"))
    assert one.heard[0] == "connected"
    one.send_all(b"x")
    settle(multi)
    assert two.count("readable") == 0
    two.transport.resume_reading(MINE)
    pump(multi, lambda: two.received == b"x")


def test_reasons_to_suspend_are_independent(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    two.transport.suspend_reading(MINE)
    two.transport.suspend_reading(YOURS)
    one.send_all(b"x")
    settle(multi)
    two.transport.resume_reading(MINE)
    settle(multi)
    two.transport.resume_reading(MINE)
    assert two.count("readable") == 0
    two.transport.resume_reading(YOURS)
    assert two.count("readable") == 0
    pump(multi, lambda: two.received == b"x")


def test_suspended_inside_on_readable(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    two.chunk = 1
    two.also["readable"] = lambda: two.transport.suspend_reading(MINE)
    one.send_all(b"abc")
    pump(multi, lambda: two.received == b"a")
    settle(multi)
    assert two.received == b"a"
    two.transport.resume_reading(MINE)
    pump(multi, lambda: two.received == b"ab")


def test_a_polite_end_delivers_what_was_sent(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    two.transport.suspend_reading(MINE)
    sent = one.transport.send(PAYLOAD[:5000])
    assert sent
    one.transport.close()
    assert one.transport.is_closed
    assert not one.transport.is_connected
    settle(multi)
    two.transport.resume_reading(MINE)
    pump(multi, lambda: two.is_ended)
    assert two.received == PAYLOAD[:sent]
    settle(multi)
    assert two.transport.recv_into(bytearray(10)) == 0
    readable = two.count("readable")
    settle(multi)
    assert two.count("readable") == readable, "the end is announced once"
    assert one.heard == ["connected"]
    assert "closed" not in two.heard


def test_half_an_end(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    one.send_all(b"asked")
    one.transport.shutdown_write()
    pump(multi, lambda: two.is_ended)
    assert two.received == b"asked"
    two.send_all(b"told")
    pump(multi, lambda: one.received == b"told")
    two.transport.close()
    pump(multi, lambda: one.is_ended)


def test_an_abort_is_seen_by_the_other_side(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    one.transport.abort()
    assert one.transport.is_closed
    pump(multi, lambda: two.error is not None)
    assert isinstance(two.error, TransportBroken)
    assert two.transport.is_closed
    assert one.heard == ["connected"]
    assert two.count("closed") <= 1
    settle(multi)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_after_the_end_everything_is_refused_or_harmless(
    pair: tuple[Listening, Listening], multi: Multi, end: str
) -> None:
    one, two = pair
    transport = one.transport
    getattr(transport, end)()
    for call in (
        lambda: transport.recv_into(bytearray(1)),
        lambda: transport.send(b"x"),
        lambda: transport.sendv([b"x"]),
    ):
        with pytest.raises(TransportClosed):
            call()
    transport.want_write(True)
    transport.suspend_reading(MINE)
    transport.resume_reading(MINE)
    transport.shutdown_write()
    transport.close()
    transport.abort()
    two.transport.abort()
    settle(multi)
    assert one.heard == ["connected"]
    assert "closed" in repr(transport)


def test_closing_inside_callbacks_is_final(raw: tuple[Transport, Transport], multi: Multi) -> None:
    one, _ = Listening(raw[0]), Listening(raw[1])
    one.also["connected"] = one.transport.close
    pump(multi, lambda: one.transport.is_closed)
    settle(multi)
    assert one.heard == ["connected"]


def test_closing_inside_on_readable(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    two.is_reading = False
    two.transport.want_write(True)
    two.also["readable"] = two.transport.abort
    one.send_all(b"x")
    pump(multi, lambda: two.transport.is_closed)
    heard = list(two.heard)
    settle(multi)
    assert two.heard == heard
    assert heard[-1] == "readable"


def test_closed_before_it_is_connected_it_stays_silent(
    raw: tuple[Transport, Transport], multi: Multi
) -> None:
    one, _ = Listening(raw[0]), Listening(raw[1])
    one.transport.close()
    settle(multi)
    assert one.heard == []
    with pytest.raises(TransportClosed):
        one.transport.send(b"x")


def test_an_empty_buffer_is_a_mistake(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    two.is_reading = False
    one.send_all(b"x")
    pump(multi, lambda: two.heard[-1] == "readable")
    with pytest.raises(ValueError, match="buffer"):
        two.transport.recv_into(bytearray())
    two.is_reading = True
    pump(multi, lambda: two.received == b"x")


def test_the_user_can_be_replaced(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    later = Listening(two.transport)
    one.send_all(b"for the next")
    pump(multi, lambda: later.received == b"for the next")
    assert two.heard == ["connected"]


def test_nobody_is_called_back_inside_a_call(pair: tuple[Listening, Listening], multi: Multi) -> None:
    one, two = pair
    for user in pair:
        user.calls_depth = 1
    one.transport.send(b"x")
    one.transport.sendv([b"y"])
    one.transport.want_write(True)
    one.transport.suspend_reading(MINE)
    one.transport.resume_reading(MINE)
    two.transport.recv_into(bytearray(5))
    two.transport.shutdown_write()
    one.transport.shutdown_write()
    for user in pair:
        user.transport.set_user(user)
    one.transport.close()
    two.transport.abort()
    for user in pair:
        user.calls_depth = 0


def test_facts(pair: tuple[Listening, Listening]) -> None:
    one, two = pair
    for user in pair:
        transport = user.transport
        assert transport.local_address is not None
        assert transport.peer_address is not None
        assert isinstance(transport.family, int)
        assert transport.query("no such fact") is None
        chain = transport.query("chain").split("+")
        assert transport.name in ("", chain[0], chain[-1])  # proxies stand in front, and scripts have no name
    assert one.transport.local_address == two.transport.peer_address
    if not one.transport.peer_address[0].endswith(("192.0.2.1", ".i2p")):  # those behind a proxy
        assert two.transport.local_address == one.transport.peer_address
    is_hidden = "tls" in one.transport.query("chain") or one.transport.query("mse_method") == Method.RC4
    assert one.transport.is_encrypted == is_hidden


@pytest.mark.parametrize("where", ["connected", "readable", "writable"])
def test_a_user_that_raises_loses_its_transport_and_nobody_else(
    raw: tuple[Transport, Transport], multi: Multi, where: str
) -> None:
    reported: list[BaseException] = []
    multi.on_error = lambda context, error: reported.append(error)
    one, two = Listening(raw[0], is_reading=False), Listening(raw[1])
    bug = KeyError("bug")

    def fail() -> None:
        if where == one.heard[-1]:
            raise bug

    one.also[where] = fail
    if where == "writable":
        one.transport.want_write(True)

    def say() -> None:
        try:
            two.transport.want_write(not two.transport.send(b"x"))
        except TransportError as exc:
            two.error = exc

    two.also["connected"] = two.also["writable"] = say
    pump(multi, lambda: one.count("closed"))
    assert one.error is not None
    assert one.error.operation == "callback"
    assert one.error.cause is bug
    assert one.transport.is_closed
    pump(multi, lambda: two.error is not None or two.is_ended)
    settle(multi)
    assert reported == [bug]
    assert one.count(where) == 1 or where == "writable"
    assert one.count("closed") == 1
