"""TLS: verification, handshakes that fail, ends, and held-back bytes."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
from evtorrent.protocols.engine import Handle
from evtorrent.protocols.errors import LocalProtocolError, TransportBroken, TransportClosed, TransportError
from evtorrent.protocols.transport import ChainContext, build_chain, memory_pair
from evtorrent.protocols.transport.tls import (
    HANDSHAKE_TIMEOUT,
    LINGER_TIMEOUT,
    MAX_DISCARDED_READS,
    MAX_PENDING,
    MAX_UNREAD,
    READ_SIZE,
    TlsFilter,
)
from support.certificates import HOSTNAME, client_context, server_context
from support.engine_kit import Host, make_engine
from support.stream_kit import Listening


class Wire:
    """A memory pair with TLS on one or both sides, in a fake world."""

    def __init__(self, *, limit: int = 1 << 16) -> None:
        self.multi, self.platform = make_engine()
        self.host = Host(self.multi)
        self.below = memory_pair(self.multi, limit)

    def client(
        self, hostname: str = HOSTNAME, *, context: ssl.SSLContext | None = None, base: Handle | None = None
    ) -> Listening:
        options = {"tls_context": context or client_context()}
        where = ChainContext(base or self.multi, hostname, 443, False, options)
        return Listening(build_chain(self.below[0], ["tls"], where))

    def server(self) -> Listening:
        where = ChainContext(self.multi, "", 0, True, {"tls_context": server_context()})
        return Listening(build_chain(self.below[1], ["tls"], where))

    def run(self, until: Callable[[], object] = lambda: False, actions: int = 300) -> None:
        for _ in range(actions):
            if until() or self.multi.timeout() != 0:
                break
            self.host.timeout()

    def connect(self) -> tuple[Listening, Listening]:
        client, server = self.client(), self.server()
        self.run(lambda: client.heard and server.heard)
        self.run()
        return client, server


@pytest.fixture
def wire() -> Wire:
    return Wire()


def tls(user: Listening) -> TlsFilter:
    assert isinstance(user.transport, TlsFilter)
    return user.transport


def test_connected_means_verified(wire: Wire) -> None:
    client, server = wire.client(), wire.server()
    assert not client.transport.is_verified
    assert client.transport.query("tls_certificate") is None
    wire.run()
    assert client.heard[0] == server.heard[0] == "connected"
    assert client.transport.is_verified
    assert client.transport.is_encrypted
    assert not server.transport.is_verified  # nobody asked the client who it is
    assert client.transport.query("tls_version") == "TLSv1.3"
    assert client.transport.query("tls_cipher")[2] >= 128
    names = client.transport.query("tls_certificate")["subjectAltName"]
    assert ("DNS", HOSTNAME) in names
    assert client.transport.query("chain") == "memory+tls"
    assert client.transport.query("tls_truncated") is False


@pytest.mark.parametrize("hostname", ["other.test", "10.0.0.1"])
def test_the_wrong_name_is_refused(wire: Wire, hostname: str) -> None:
    client, server = wire.client(hostname), wire.server()
    wire.run()
    assert client.heard == ["closed"]
    assert isinstance(client.error, TransportBroken)
    assert client.error.operation == "handshake"
    assert "CERTIFICATE_VERIFY_FAILED" in str(client.error)
    assert "connected" not in client.heard
    assert server.error is not None
    assert wire.below[0].is_closed


def test_an_unknown_authority_is_refused_by_default(wire: Wire) -> None:
    where = ChainContext(wire.multi, HOSTNAME, 443)
    client = Listening(build_chain(wire.below[0], ["tls"], where))
    wire.server()
    wire.run()
    assert client.heard == ["closed"]
    assert "CERTIFICATE_VERIFY_FAILED" in str(client.error)


def test_a_name_of_its_own_can_be_given(wire: Wire) -> None:
    options = {"tls_context": client_context(), "tls_server_hostname": HOSTNAME}
    client = Listening(
        build_chain(wire.below[0], ["tls"], ChainContext(wire.multi, "10.0.0.1", 443, False, options))
    )
    wire.server()
    wire.run()
    assert client.heard[0] == "connected"


def test_a_look_of_its_own_at_the_certificate(wire: Wire) -> None:
    seen: list[ssl.SSLObject] = []
    options = {"tls_context": client_context(), "tls_verify": seen.append}
    client = Listening(
        build_chain(wire.below[0], ["tls"], ChainContext(wire.multi, HOSTNAME, 1, False, options))
    )
    wire.server()
    wire.run()
    assert client.heard[0] == "connected"
    (handshake,) = seen
    assert handshake.getpeercert()
    assert client.transport.query("tls_context") is handshake.context is client_context()


def test_a_look_that_does_not_like_it(wire: Wire) -> None:
    def dislike(_: ssl.SSLObject) -> None:
        raise ssl.SSLCertVerificationError("not that one")

    options = {"tls_context": client_context(), "tls_verify": dislike}
    client = Listening(
        build_chain(wire.below[0], ["tls"], ChainContext(wire.multi, HOSTNAME, 1, False, options))
    )
    server = wire.server()
    wire.run()
    assert client.heard == ["closed"]
    assert client.error is not None and client.error.operation == "handshake"
    assert "not that one" in str(client.error)
    assert server.transport.is_closed


@pytest.mark.parametrize("hostname", ["", ".bad", "x" * 300])
def test_names_that_cannot_be_verified_are_refused_at_once(wire: Wire, hostname: str) -> None:
    with pytest.raises(LocalProtocolError, match="TLS with"):
        wire.client(hostname)


def test_accepting_takes_a_certificate(wire: Wire) -> None:
    with pytest.raises(LocalProtocolError, match="certificate"):
        build_chain(wire.below[1], ["tls"], ChainContext(wire.multi, is_inbound=True))


def test_no_tls_at_the_other_end(wire: Wire) -> None:
    client, plain = wire.client(), Listening(wire.below[1])
    wire.run()
    plain.send_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    wire.run()
    assert client.heard == ["closed"]
    assert client.error is not None
    assert client.error.operation == "handshake"


@pytest.mark.parametrize("how", ["close", "abort"])
def test_the_other_end_leaves_during_the_handshake(wire: Wire, how: str) -> None:
    client, plain = wire.client(), Listening(wire.below[1])
    wire.run()
    getattr(plain.transport, how)()
    wire.run()
    assert client.heard == ["closed"]
    assert isinstance(client.error, TransportBroken)
    with pytest.raises(TransportBroken):
        client.transport.send(b"x")


def test_a_handshake_has_a_deadline(wire: Wire) -> None:
    client = wire.client()
    Listening(wire.below[1])
    wire.run()
    wire.platform.now += HANDSHAKE_TIMEOUT
    wire.host.timeout()
    assert client.heard == ["closed"]
    assert str(client.error) == "handshake: timed out"
    assert wire.multi.timeout() in (0, -1)


def test_the_transport_below_fails(wire: Wire) -> None:
    client = wire.client()
    error = TransportBroken("connect", "refused")
    tls(client).on_closed(error, 0.0)
    tls(client).on_closed(error, 0.0)
    assert client.heard == ["closed"]
    assert client.error is error


def test_a_reset_behind_the_users_back_is_told(wire: Wire) -> None:
    client, _ = wire.connect()
    client.heard.clear()
    wire.below[1].abort()
    wire.run()
    assert client.heard == ["closed"]
    assert client.transport.is_closed


def test_sending_into_a_reset(wire: Wire) -> None:
    client, _ = wire.connect()
    wire.below[1].abort()
    with pytest.raises(TransportBroken):
        client.transport.send(b"x")
    assert client.transport.is_closed
    wire.run()
    assert "closed" not in client.heard


def test_garbage_after_the_handshake(wire: Wire) -> None:
    client, _ = wire.connect()
    client.is_reading = False
    client.heard.clear()
    wire.below[1].send(b"\x17\x03\x03\x00\x20" + bytes(32))
    wire.run(lambda: client.count("readable"))
    with pytest.raises(TransportBroken, match="recv"):
        client.transport.recv_into(bytearray(10))
    assert client.transport.is_closed
    assert wire.below[0].is_closed


def test_an_end_without_goodbye_is_an_end_and_can_be_told_apart(wire: Wire) -> None:
    client, server = wire.connect()
    server.transport.send(b"last words")
    wire.run()
    wire.below[1].close()
    wire.run()
    assert client.received == b"last words"
    assert client.is_ended
    assert client.transport.query("tls_truncated") is True


def test_an_end_with_goodbye(wire: Wire) -> None:
    client, server = wire.connect()
    server.transport.shutdown_write()
    wire.run()
    assert client.is_ended
    assert client.transport.query("tls_truncated") is False
    assert client.transport.send(b"and yet") == 7
    wire.run()
    assert server.received == b"and yet"


def test_held_back_plaintext_is_announced_again(wire: Wire) -> None:
    client, server = wire.connect()
    client.chunk = 1
    server.transport.send(b"abcdef")
    wire.run(lambda: client.received)
    assert b"a" <= client.received < b"abcdef"
    assert client.transport.has_pending_input
    wire.run()
    assert client.received == b"abcdef"
    assert not client.transport.has_pending_input


def test_what_is_taken_is_bounded(wire: Wire) -> None:
    client, server = wire.connect()
    server.transport.suspend_reading(1)
    taken = 0
    while count := client.transport.send(bytes(1 << 16)):
        taken += count
    assert taken < (1 << 16) + 3 * MAX_PENDING
    client.transport.want_write(True)
    wire.run()
    assert not client.count("writable")
    server.transport.resume_reading(1)
    client.also["writable"] = lambda: client.transport.want_write(False)
    wire.run()
    assert client.count("writable") == 1
    assert len(server.received) == taken


def test_one_read_takes_all_records_there_are(wire: Wire) -> None:
    client, server = wire.connect()
    for part in (b"one ", b"two ", b"three"):
        server.transport.send(part)
    wire.run(lambda: client.received)
    assert client.received == b"one two three"


def test_what_a_slow_user_leaves_is_bounded() -> None:
    """It takes a byte each time, while the other side sends all it can."""
    wire = Wire(limit=4 * MAX_UNREAD)
    client, server = wire.connect()
    client.chunk = 1
    server.transport.want_write(True)
    server.also["writable"] = lambda: server.transport.send(bytes(MAX_PENDING))
    most = 0

    def look() -> bool:
        nonlocal most
        most = max(most, tls(client)._incoming.pending)
        return False

    server.transport.send(bytes(MAX_PENDING))
    wire.run(look, actions=1000)
    assert MAX_UNREAD <= most < MAX_UNREAD + READ_SIZE


@pytest.mark.parametrize("tampered", [False, True])
def test_what_comes_behind_the_last_bytes_is_told_next(wire: Wire, tampered: bool) -> None:
    client, server = wire.connect()
    client.is_reading = False
    server.transport.send(b"last words")
    if tampered:
        wire.below[1].send(b"\x17\x03\x03\x00\x20" + bytes(32))
    else:
        server.transport.shutdown_write()
    wire.run()
    assert client.read() == len(b"last words")
    assert client.transport.has_pending_input
    assert client.read() == (-2 if tampered else 0)
    assert client.transport.is_closed is tampered


def test_a_client_that_was_told_nothing_waits_for_the_end(wire: Wire) -> None:
    """The server's session tickets may be on their way; closing over them would break what was sent."""
    client, server = wire.connect()
    tls(client)._has_heard_nothing = True
    client.transport.send(b"last words")
    client.transport.close()
    wire.run()
    assert not wire.below[0].is_closed
    assert server.received == b"last words"
    assert server.is_ended
    server.transport.close()
    wire.run()
    assert wire.below[0].is_closed


def test_what_came_before_a_reset_is_read(wire: Wire) -> None:
    client, server = wire.connect()
    server.transport.send(b"last words")
    error = TransportBroken("recv", ConnectionResetError())
    take = wire.below[0].recv_into

    def break_after(buffer: memoryview) -> int:
        count = take(buffer)
        if count > 0:
            tls(client)._incoming.write(buffer[:count])
        raise error

    wire.below[0].recv_into = break_after  # type: ignore[method-assign,assignment]
    wire.run()
    assert client.received == b"last words"
    assert client.error is error


def test_sending_nothing(wire: Wire) -> None:
    client, _ = wire.connect()
    assert client.transport.send(b"") == 0
    assert client.transport.sendv([b"", b"ab", b"c"]) == 3


def test_reading_suspended_during_the_handshake(wire: Wire) -> None:
    client, server = wire.client(), wire.server()
    client.transport.suspend_reading(1)
    wire.run(lambda: client.heard)
    assert client.heard == ["connected"]
    server.transport.send(b"x")
    wire.run()
    assert client.heard == ["connected"]
    client.transport.resume_reading(1)
    wire.run()
    assert client.received == b"x"


def backed_up(*, base: Handle | None = None) -> tuple[Wire, Listening, Listening]:
    """A connection with ciphertext that does not fit into the pipe, on a handle if one is given."""
    wire = Wire(limit=1000)
    if base is not None:
        wire.multi.add_handle(base)
    client, server = wire.client(base=base), wire.server()
    wire.run(lambda: client.heard and server.heard)
    wire.run()
    server.transport.suspend_reading(1)
    assert client.transport.send(bytes(5000)) == 5000
    return wire, client, server


def test_closing_waits_for_what_was_sent() -> None:
    wire, client, server = backed_up()
    client.transport.close()
    assert client.transport.is_closed
    assert not wire.below[0].is_closed
    with pytest.raises(TransportClosed):
        client.transport.send(b"x")
    server.transport.resume_reading(1)
    server.send_all(b"unwanted")
    wire.run()
    assert server.received == bytes(5000)
    assert server.is_ended
    assert server.transport.query("tls_truncated") is False
    server.transport.close()
    wire.run()
    assert wire.below[0].is_closed
    assert wire.multi.timeout() == -1
    assert "closed" not in client.heard


def test_closing_does_not_wait_for_ever() -> None:
    wire, client, _ = backed_up()
    client.transport.close()
    wire.platform.now += LINGER_TIMEOUT
    wire.host.timeout()
    assert wire.below[0].is_closed


@pytest.mark.parametrize("how", ["abort", "reset", "reset unread", "below told"])
def test_what_ends_the_waiting(how: str) -> None:
    wire, client, _ = backed_up()
    client.transport.close()
    if how == "abort":
        client.transport.abort()
    elif how == "below told":
        tls(client).on_closed(TransportBroken("recv", "gone"), 0.0)
        wire.below[0].abort()
    elif how == "reset":
        wire.below[1].abort()
    else:
        wire.below[0].suspend_reading(2)
        wire.below[1].abort()
    wire.run()
    assert wire.below[0].is_closed
    assert wire.multi.timeout() == -1
    assert client.heard.count("closed") == 0


def test_a_half_end_that_fails_while_waiting() -> None:
    wire, client, server = backed_up()
    client.transport.close()

    def fail() -> None:
        wire.below[0].abort()
        raise TransportBroken("shutdown", "gone")

    wire.below[0].shutdown_write = fail  # type: ignore[method-assign]
    server.transport.resume_reading(1)
    wire.run()
    assert wire.multi.timeout() == -1


def test_closing_on_a_base_that_ended_waits_for_nothing() -> None:
    base = Handle()
    wire, client, _ = backed_up(base=base)
    base.finish()
    client.transport.close()
    assert wire.below[0].is_closed


def test_closing_when_the_other_side_is_gone_is_silent(wire: Wire) -> None:
    client, _ = wire.connect()
    wire.below[1].abort()
    client.transport.close()
    client.transport.close()
    client.transport.abort()
    assert wire.below[0].is_closed


def test_all_is_forgotten_at_the_end(wire: Wire) -> None:
    client, server = wire.connect()
    client.chunk = 1
    server.transport.send(b"abc")
    wire.run(lambda: client.received)
    client.transport.close()
    wire.run()
    server.transport.close()
    wire.run()
    assert wire.multi.timeout() == -1
    assert b"a" <= client.received < b"abc"


def test_an_error_while_answering_a_read(wire: Wire) -> None:
    client, _ = wire.connect()
    client.is_reading = False

    def fail(data: object) -> int:
        raise TransportBroken("send", "gone")

    wire.below[0].send = fail  # type: ignore[method-assign,assignment]
    tls(client)._outgoing.write(b"an answer")
    with pytest.raises(TransportError, match="gone"):
        client.transport.recv_into(bytearray(1))
    assert client.transport.is_closed


def test_sending_after_the_own_end(wire: Wire) -> None:
    client, _ = wire.connect()
    client.transport.shutdown_write()
    with pytest.raises(TransportBroken, match="send"):
        client.transport.send(b"x")
    assert client.transport.is_closed


def test_a_spurious_wake_up_is_harmless(wire: Wire) -> None:
    client, _ = wire.connect()
    heard = list(client.heard)
    tls(client).on_readable(wire.multi.time())
    assert client.heard == heard


def test_suspended_between_the_promise_and_the_delivery(wire: Wire) -> None:
    client, server = wire.connect()
    client.chunk = 1
    client.also["readable"] = lambda: client.transport.suspend_reading(1)
    server.transport.send(b"abc")
    wire.run()
    assert client.received == b"a"
    client.transport.resume_reading(1)
    client.transport.suspend_reading(1)
    wire.run()
    assert client.received == b"a"


def test_what_closing_throws_away_is_bounded(wire: Wire) -> None:
    client, _ = wire.connect()
    reads: list[int] = []

    def endless(buffer: bytearray | memoryview) -> int:
        reads.append(len(buffer))
        return len(buffer)

    wire.below[0].recv_into = endless  # type: ignore[method-assign]
    client.transport.close()
    assert len(reads) == MAX_DISCARDED_READS
    assert wire.below[0].is_closed
