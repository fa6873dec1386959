"""Dialling: names, races between addresses, deadlines, giving up."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from evtorrent.protocols.engine import Handle, Multi
from evtorrent.protocols.engine import constants as c
from evtorrent.protocols.errors import LocalProtocolError, TransportBroken
from evtorrent.protocols.transport import (
    ChainContext,
    Filter,
    Transport,
    dial,
    memory_pair,
    register_base,
    register_filter,
)
from evtorrent.protocols.transport.dial import ATTEMPT_DELAY, CONNECT_TIMEOUT, MAX_ADDRESSES
from support.engine_kit import FakePlatform, Host, make_engine
from support.stream_kit import Listening, ScriptedSocket, accept, accepting, pump

FOUR, SIX = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def engine() -> tuple[Multi, FakePlatform]:
    return make_engine()


@pytest.fixture
def multi(engine: tuple[Multi, FakePlatform]) -> Multi:
    return engine[0]


@pytest.fixture
def platform(engine: tuple[Multi, FakePlatform]) -> FakePlatform:
    return engine[1]


@pytest.fixture
def host(multi: Multi) -> Host:
    host = Host(multi)
    host.timeout()
    host.take()
    return host


def addresses(count: int) -> list[tuple[int, Any]]:
    return [(FOUR, (f"10.0.0.{number}", 80)) for number in range(1, count + 1)]


class Race:
    """A dialled name whose addresses and sockets are given."""

    def __init__(self, multi: Multi, platform: FakePlatform, host: Host, count: int) -> None:
        self.multi, self.platform, self.host = multi, platform, host
        self.sockets = [ScriptedSocket(10 + number) for number in range(count)]
        platform.sockets = list(self.sockets)
        self.user = Listening(dial(multi, "many.test", 80))
        host.timeout()
        platform.lookups[0][2](addresses(count))
        host.timeout()
        host.take()

    def tried(self) -> int:
        return sum(sock.connected_to is not None for sock in self.sockets)

    def wait(self, seconds: float) -> None:
        self.platform.now += seconds
        self.host.timeout()

    def connect(self, number: int) -> None:
        self.sockets[number].is_established = True
        self.multi.socket_action(10 + number, c.CSELECT_OUT)
        self.host.timeout()

    def refuse(self, number: int) -> None:
        self.sockets[number].connect_error = ConnectionRefusedError(errno.ECONNREFUSED, f"refused {number}")
        self.multi.socket_action(10 + number, c.CSELECT_ERR)
        self.host.timeout()


@pytest.mark.parametrize(
    ("address", "family"), [("10.0.0.9", FOUR), ("::1", SIX), ("2001:db8::7", SIX), ("127.0.0.1", FOUR)]
)
def test_numbers_need_no_lookup(
    multi: Multi, platform: FakePlatform, host: Host, address: str, family: int
) -> None:
    sock = ScriptedSocket(7)
    platform.sockets = [sock]
    user = Listening(dial(multi, address, 6881, source=("10.9.9.9", 0)))
    assert user.transport.peer_address == (address, 6881)
    assert sock.connected_to is None, "nothing happens inside the call"
    host.timeout()
    assert platform.opened == [(family, ("10.9.9.9", 0))]
    assert sock.connected_to == (address, 6881)
    sock.is_established = True
    multi.socket_action(7, c.CSELECT_OUT)
    assert user.heard == ["connected"]
    assert host.take_sockets() == [("OUT", 7, None), ("IN", 7, None)]
    assert platform.lookups == []
    assert multi.timeout() == -1, "no timer is left"


def test_a_name_is_looked_up(multi: Multi, platform: FakePlatform, host: Host) -> None:
    for name in ("tracker.test", "fe80::1%eth0", "1.2.3", "localhost"):
        dial(multi, (name, 1234))
    assert [(name, port) for name, port, _ in platform.lookups] == [
        ("tracker.test", 1234),
        ("fe80::1%eth0", 1234),
        ("1.2.3", 1234),
        ("localhost", 1234),
    ]


def test_a_name_that_does_not_exist(multi: Multi, platform: FakePlatform, host: Host) -> None:
    user = Listening(dial(multi, "nowhere.test", 80))
    platform.lookups[0][2](OSError(-2, "Name or service not known"))
    assert user.heard == ["closed"]
    assert str(user.error) == "resolve: Name or service not known"
    assert isinstance(user.error, TransportBroken)
    assert user.transport.is_closed
    assert multi.timeout() == -1


@pytest.mark.parametrize("error", [UnicodeError("label too long"), OSError("no threads")])
def test_a_name_that_cannot_be_asked_for(
    multi: Multi, platform: FakePlatform, host: Host, error: Exception
) -> None:
    def resolve(*args: Any, **options: Any) -> Any:
        raise error

    platform.resolve = resolve  # type: ignore[method-assign]
    user = Listening(dial(multi, "x" * 300, 80))
    assert user.heard == []
    host.timeout()
    assert str(user.error) == f"resolve: {error}"


def test_a_name_without_addresses(multi: Multi, platform: FakePlatform, host: Host) -> None:
    user = Listening(dial(multi, "empty.test", 80))
    platform.lookups[0][2]([])
    assert str(user.error) == "connect: the name has no address"


def test_a_refused_connection_is_told_once_and_later(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    platform.sockets = [ScriptedSocket(7, connect=errno.ECONNREFUSED)]
    user = Listening(dial(multi, "10.0.0.1", 80))
    assert user.heard == []
    host.timeout()
    assert user.heard == ["closed"]
    assert str(user.error) == "connect: ECONNREFUSED"
    host.timeout()
    assert user.heard == ["closed"]


def test_no_descriptor_left(multi: Multi, platform: FakePlatform, host: Host) -> None:
    platform.sockets = [OSError(errno.EMFILE, "Too many open files")]
    user = Listening(dial(multi, "10.0.0.1", 80))
    host.timeout()
    assert str(user.error) == "connect: Too many open files"


@pytest.mark.parametrize("at", ["resolving", "connecting"])
def test_the_deadline_covers_all(multi: Multi, platform: FakePlatform, host: Host, at: str) -> None:
    platform.sockets = [ScriptedSocket(7)]
    user = Listening(dial(multi, "10.0.0.1" if at == "connecting" else "slow.test", 80))
    host.timeout()
    platform.now += CONNECT_TIMEOUT - 0.01
    host.timeout()
    assert user.heard == []
    platform.now += 0.01
    host.timeout()
    assert user.heard == ["closed"]
    assert str(user.error) == ("connect: timed out" if at == "connecting" else "resolve: timed out")
    assert user.error is not None
    assert isinstance(user.error.cause, TimeoutError)
    assert multi.fdset()[1] == []


def test_without_a_deadline(multi: Multi, platform: FakePlatform, host: Host) -> None:
    platform.sockets = [ScriptedSocket(7)]
    dial(multi, "10.0.0.1", 80, timeout=None)
    host.timeout()
    assert multi.timeout() == -1


def test_giving_up_ends_everything(multi: Multi, platform: FakePlatform, host: Host) -> None:
    race = Race(multi, platform, host, 3)
    race.wait(ATTEMPT_DELAY)
    assert race.tried() == 2
    race.user.transport.close()
    assert [sock.is_closed for sock in race.sockets] == [True, True, False]
    assert multi.timeout() == -1
    host.timeout()
    assert race.user.heard == []
    while_resolving = Listening(dial(multi, "slow.test", 80))
    while_resolving.transport.abort()
    assert platform.pending[-1].is_cancelled
    assert multi.timeout() == -1


def test_the_next_address_starts_after_a_delay(multi: Multi, platform: FakePlatform, host: Host) -> None:
    race = Race(multi, platform, host, 3)
    assert race.tried() == 1
    race.wait(ATTEMPT_DELAY - 0.01)
    assert race.tried() == 1
    race.wait(0.01)
    assert race.tried() == 2
    race.wait(ATTEMPT_DELAY)
    assert race.tried() == 3


def test_the_next_address_starts_at_once_when_one_fails(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    race = Race(multi, platform, host, 3)
    race.refuse(0)
    assert race.tried() == 2
    race.refuse(1)
    assert race.tried() == 3
    race.connect(2)
    assert race.user.heard == ["connected"]
    assert race.user.transport.peer_address == ("10.0.0.3", 80)


@pytest.mark.parametrize("winner", [0, 1, 2])
def test_the_first_to_connect_wins_and_the_others_are_closed(
    multi: Multi, platform: FakePlatform, host: Host, winner: int
) -> None:
    race = Race(multi, platform, host, 3)
    race.wait(ATTEMPT_DELAY)
    race.wait(ATTEMPT_DELAY)
    race.connect(winner)
    assert race.user.heard == ["connected"]
    assert [sock.is_closed for sock in race.sockets] == [number != winner for number in range(3)]
    race.sockets[winner].incoming = [b"hello"]
    multi.socket_action(10 + winner, c.CSELECT_IN)
    assert race.user.received == b"hello"
    assert multi.fdset()[0] == [FakePlatform.WAKEUP_FD, 10 + winner]
    assert multi.timeout() == -1


def test_all_fail_and_the_last_error_is_told(multi: Multi, platform: FakePlatform, host: Host) -> None:
    race = Race(multi, platform, host, 3)
    race.wait(ATTEMPT_DELAY)
    race.refuse(1)
    assert race.tried() == 3
    race.refuse(0)
    assert race.user.heard == []
    race.refuse(2)
    assert race.user.heard == ["closed"]
    assert str(race.user.error) == "connect: refused 2"


def test_a_rival_that_cannot_even_start(multi: Multi, platform: FakePlatform, host: Host) -> None:
    race = Race(multi, platform, host, 3)
    race.sockets[1].connect_code = errno.ENETUNREACH
    race.wait(ATTEMPT_DELAY)
    assert race.tried() == 3
    assert race.sockets[1].is_closed
    race.connect(2)
    assert race.user.heard == ["connected"]


def test_addresses_are_limited(multi: Multi, platform: FakePlatform, host: Host) -> None:
    race = Race(multi, platform, host, MAX_ADDRESSES + 5)
    for number in range(MAX_ADDRESSES):
        race.refuse(number)
    assert race.tried() == MAX_ADDRESSES
    assert race.user.heard == ["closed"]


def test_families_alternate(multi: Multi, platform: FakePlatform, host: Host) -> None:
    platform.sockets = [ScriptedSocket(10 + number, connect=errno.ENETUNREACH) for number in range(5)]
    dial(multi, "both.test", 80)
    six = [(SIX, (f"2001:db8::{number}", 80, 0, 0)) for number in range(3)]
    platform.lookups[0][2](six + addresses(2))
    assert [family for family, _ in platform.opened] == [SIX, FOUR, SIX, FOUR, SIX]


@pytest.mark.parametrize("port", [-1, 65536, 1 << 40])
def test_impossible_ports(multi: Multi, port: int) -> None:
    with pytest.raises(LocalProtocolError, match="not a port"):
        dial(multi, "10.0.0.1", port)


def test_impossible_chains(multi: Multi) -> None:
    with pytest.raises(LocalProtocolError, match="not registered"):
        dial(multi, "10.0.0.1", 80, chain="tcp+magic")
    register_base("carrier")
    with pytest.raises(LocalProtocolError, match="not dialled over TCP"):
        dial(multi, "10.0.0.1", 80, chain="carrier")
    assert multi.timeout() == -1


class Carrier:
    """A base of somebody else's, which says what it is asked."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, int]] = []

    def dial(self, context: ChainContext) -> Transport:
        self.asked.append((context.host, context.port))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome  # type: ignore[return-value]

    def listen(self, context: ChainContext, on_accept: object) -> object:
        raise NotImplementedError


def test_a_base_of_somebody_else_dials_itself(multi: Multi) -> None:
    carrier = Carrier(memory_pair(multi)[0])
    register_base("carrier3", carrier)  # type: ignore[arg-type]
    register_filter("thin", lambda below, context: Filter(below))
    top = dial(multi, "somewhere", 7, chain="carrier3+thin")
    assert isinstance(top, Filter) and top.below is carrier.outcome
    assert carrier.asked == [("somewhere", 7)]
    top.abort()


@pytest.mark.parametrize(
    ("outcome", "kind", "text"),
    [
        (KeyError("gone"), LocalProtocolError, "'carrier4' failed: KeyError"),
        (TransportBroken("connect", "no"), TransportBroken, "no"),
        (None, LocalProtocolError, "'carrier4' gave None"),
    ],
)
def test_a_base_that_fails_is_named(multi: Multi, outcome: object, kind: type[Exception], text: str) -> None:
    register_base("carrier4", Carrier(outcome))  # type: ignore[arg-type]
    with pytest.raises(kind, match=text):
        dial(multi, "somewhere", 7, chain="carrier4")


def test_a_proxy_leads_to_tcp_only(multi: Multi) -> None:
    register_base("carrier5", Carrier(None))  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match="a proxy is reached over TCP"):
        dial(multi, "somewhere", 7, chain="socks5+carrier5")


def test_a_loop_without_a_platform_is_given_one(multi: Multi, platform: FakePlatform, host: Host) -> None:
    class Loop:
        """A base that is not an engine."""

        watch = multi.watch
        call_soon = multi.call_soon
        call_later = multi.call_later
        time = multi.time

    platform.sockets = [ScriptedSocket(7)]
    dial(Loop(), "10.0.0.1", 80, platform=platform)  # type: ignore[arg-type]
    host.timeout()
    assert platform.opened == [(FOUR, None)]


def test_a_handle_is_a_base_and_takes_everything_along(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    class Call(Handle):
        transport: Transport

        def start(self, engine: Multi) -> None:
            self.transport = dial(self, "10.0.0.1", 80)
            self.user = Listening(self.transport)

        def stop(self) -> None:
            self.transport.abort()

    first, second = ScriptedSocket(7), ScriptedSocket(8)
    platform.sockets = [first, second]
    failing, ended = Call(), Call()
    multi.add_handle(failing)
    multi.add_handle(ended)
    host.timeout()
    first.is_established = True
    failing.user.also["connected"] = lambda: 1 / 0
    multi.socket_action(7, c.CSELECT_OUT)
    assert isinstance(failing.error, ZeroDivisionError)
    multi.remove_handle(ended)
    assert first.is_closed
    assert second.is_closed
    assert multi.timeout() == -1
    assert multi.fdset()[1] == []


@pytest.mark.usefixtures("no_fd_survives")
def test_the_real_thing_by_name() -> None:
    multi = Multi()
    with accepting() as listener:
        user = Listening(dial(multi, "localhost", listener.getsockname()[1]))
        pump(multi, lambda: user.heard)
        assert user.heard == ["connected"]
        accepted = accept(listener)
    accepted.send(b"hello")
    pump(multi, lambda: user.received == b"hello")
    accepted.close()
    pump(multi, lambda: user.is_ended)
    user.transport.close()
    multi.close()
