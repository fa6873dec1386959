"""What is particular to uTP as a transport; the rest is in the conformance tests."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.errors import TransportBroken, TransportClosed
from evtorrent.protocols.transport import WOULD_BLOCK
from evtorrent.protocols.utp import State, UtpSettings
from support.utp_ports import Ports

DATA = Random(4).randbytes(300_000)


@pytest.fixture
def ports() -> Ports:
    return Ports()


def test_nobody_answers(ports: Ports) -> None:
    ports.network.lets_pass = lambda data, address: False
    user = ports.dial()
    ports.run(lambda: user.error is not None)
    assert user.heard == ["closed"]
    assert isinstance(user.error, TransportBroken)
    assert str(user.error) == "connect: timed out"
    assert user.transport.is_closed


def test_facts(ports: Ports) -> None:
    one, two = ports.meet()
    assert one.transport.query("chain") == "utp"
    assert one.transport.query("utp_connection").state is State.CONNECTED
    assert one.transport.query("something else") is None
    assert one.transport.local_address == two.transport.peer_address == ports.near.address
    assert one.transport.family == 2
    assert repr(one.transport) == "UtpTransport(utp 10.0.0.1:1001 connected)"


def test_an_end_of_the_connection_is_raised_in_the_call_after_it(ports: Ports) -> None:
    one, two = ports.meet()
    two.transport.suspend_reading(1)
    one.transport.abort()
    ports.run(lambda: two.error is not None)
    assert two.heard[-1] == "closed"
    for call in (lambda: two.transport.recv_into(bytearray(1)), lambda: two.transport.send(b"x")):
        with pytest.raises(TransportBroken, match="recv: reset by peer"):
            call()


def test_an_error_after_the_end_by_the_user_stays_silent(ports: Ports) -> None:
    """Closing lingers to deliver; that nobody is there any more is nobody's news."""
    one, _ = ports.meet()
    ports.network.lets_pass = lambda data, address: False
    one.transport.send(b"x")
    one.transport.close()
    ports.run(lambda: not ports.near.num_connections)
    assert one.heard == ["connected"]
    with pytest.raises(TransportClosed):
        one.transport.send(b"x")


def test_the_window_reopens_when_the_user_reads(ports: Ports) -> None:
    """The sender heard that there is no room, and hears in time that there is again: no probe has to find out."""
    ports = Ports(settings=UtpSettings(receive_window=50_000))
    one, two = ports.meet()
    two.transport.suspend_reading(1)
    one.send_all(DATA)
    ports.run_for(4.0)
    assert not two.received
    before = ports.platform.now
    two.transport.resume_reading(1)
    ports.run(lambda: len(two.received) == len(DATA))
    assert ports.platform.now - before < 3.0
    assert two.received == DATA


def test_writable_comes_when_half_of_the_buffer_left(ports: Ports) -> None:
    """Many small refills would make many small packets."""
    ports = Ports(settings=UtpSettings(send_buffer=100_000))
    one, _two = ports.meet()
    connection = one.transport.query("utp_connection")
    assert one.transport.send(DATA) == 100_000
    seen: list[int] = []
    one.also["writable"] = lambda: (
        seen.append(connection.outgoing.num_unsent),
        one.transport.want_write(False),
    )
    one.transport.want_write(True)
    ports.run(lambda: seen)
    assert 0 <= seen[0] <= 50_000


def test_the_end_is_read_once_and_sending_goes_on(ports: Ports) -> None:
    one, two = ports.meet()
    one.transport.shutdown_write()
    ports.run(lambda: two.is_ended)
    heard = two.count("readable")
    two.send_all(DATA)
    ports.run(lambda: len(one.received) == len(DATA))
    assert two.count("readable") == heard
    assert two.transport.recv_into(bytearray(1)) == 0


def test_nothing_to_read(ports: Ports) -> None:
    one, _ = ports.meet()
    assert one.transport.recv_into(bytearray(1)) == WOULD_BLOCK
    with pytest.raises(ValueError, match="buffer with room"):
        one.transport.recv_into(bytearray())
    assert not one.transport.has_pending_input


def test_input_that_waits_is_told_to_the_next_user(ports: Ports) -> None:
    one, two = ports.meet()
    two.is_reading = False
    one.send_all(b"x")
    ports.run(lambda: two.count("readable") >= 2)
    assert two.transport.has_pending_input
    two.is_reading = True
    ports.run(lambda: two.received == b"x")


def test_a_user_that_raises_when_it_had_closed_is_reported_and_no_more(ports: Ports) -> None:
    one, two = ports.meet()
    bug = KeyError("bug")

    def fail() -> None:
        two.transport.close()
        raise bug

    two.is_reading = False
    two.also["readable"] = fail
    one.send_all(b"x")
    ports.run(lambda: ports.errors)
    assert ports.errors == [bug]
    assert two.count("closed") == 0
    ports.run(lambda: one.is_ended)


def test_an_event_for_a_user_that_closed_in_the_one_before(ports: Ports) -> None:
    """Connected and reset in one wake-up: who closed on the first does not hear of the second."""
    one = ports.dial()
    one.also["connected"] = one.transport.close
    connection = one.transport.query("utp_connection")
    ports.run(lambda: one.heard)
    assert one.heard == ["connected"]
    assert connection.state is not State.CONNECTING
    ports.run_for(20.0)
    assert one.heard == ["connected"]
