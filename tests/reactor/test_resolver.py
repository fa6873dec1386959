"""Name lookups: what needs no thread, what does, and that neither answers from inside the call."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.reactor import Reactor
from evtorrent.reactor.resolver import MAX_ADDRESSES, MAX_HOST_LENGTH, MAX_QUEUED_LOOKUPS, Resolver

WAIT = 5.0
INET, INET6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    resolver = Resolver(workers=1)
    yield resolver
    assert resolver.close(WAIT)


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Names the fake system resolver knows: a list of addresses or an error."""
    names: dict[str, Any] = {}
    real = socket.getaddrinfo

    def getaddrinfo(
        host: str, port: int, family: int = 0, kind: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        if flags & socket.AI_NUMERICHOST:
            return real(host, port, family, kind, proto, flags)
        answer = names[host]
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = answer()
        return [(found, kind, 6, "", (address, port)) for found, address in answer]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def resolve(resolver: Resolver, host: str, port: int = 80, family: int = 0) -> Any:
    """One lookup on a loop of its own; asserts the callback did not run inside the call."""
    answers: list[Any] = []
    with Reactor() as reactor:

        def on_answer(answer: Any) -> None:
            answers.append(answer)
            reactor.stop()

        resolver.resolve(reactor, host, port, on_answer, family=family)
        assert answers == []
        reactor.exit_later(WAIT)
        reactor.run()
    assert len(answers) == 1
    return answers[0]


@pytest.mark.parametrize(
    ("host", "family", "expected"),
    [
        ("192.0.2.1", 0, [(INET, ("192.0.2.1", 80))]),
        ("192.0.2.1", INET, [(INET, ("192.0.2.1", 80))]),
        ("::1", 0, [(INET6, ("::1", 80, 0, 0))]),
        ("2001:db8::1", INET6, [(INET6, ("2001:db8::1", 80, 0, 0))]),
        ("localhost", 0, [(INET, ("127.0.0.1", 80)), (INET6, ("::1", 80, 0, 0))]),
        ("LOCALHOST.", INET6, [(INET6, ("::1", 80, 0, 0))]),
    ],
)
def test_answers_that_need_no_thread(resolver: Resolver, host: str, family: int, expected: Any) -> None:
    assert resolve(resolver, host, family=family) == expected
    assert resolver._pool.num_threads == 0


def test_scope_of_a_link_local_address_becomes_a_number(resolver: Resolver) -> None:
    name = socket.if_indextoname(1)
    assert resolve(resolver, f"fe80::1%{name}") == [(INET6, ("fe80::1", 80, 0, 1))]
    assert isinstance(resolve(resolver, "fe80::1%nosuchinterface"), OSError)


@pytest.mark.parametrize("host", ["", "a\0b", "x" * (MAX_HOST_LENGTH + 1)])
def test_what_cannot_be_a_name_is_refused(resolver: Resolver, host: str) -> None:
    assert isinstance(resolve(resolver, host), socket.gaierror)
    assert resolver._pool.num_threads == 0


def test_longest_name_is_asked_for(resolver: Resolver, lookups: dict[str, Any]) -> None:
    host = "x" * MAX_HOST_LENGTH
    lookups[host] = [(INET, "192.0.2.7")]
    assert resolve(resolver, host) == [(INET, ("192.0.2.7", 80))]


@pytest.mark.parametrize("port", [-1, 65_536])
def test_port_out_of_range(resolver: Resolver, port: int) -> None:
    assert resolve(resolver, "127.0.0.1", port).errno == errno.EINVAL


@pytest.mark.parametrize(("host", "family"), [("192.0.2.1", INET6), ("::1", INET)])
def test_address_of_the_wrong_family(resolver: Resolver, host: str, family: int) -> None:
    assert isinstance(resolve(resolver, host, family=family), socket.gaierror)


def test_scope_on_an_ipv4_address_is_a_name(resolver: Resolver, lookups: dict[str, Any]) -> None:
    lookups["192.0.2.1%eth0"] = socket.gaierror(socket.EAI_NONAME, "no")
    assert isinstance(resolve(resolver, "192.0.2.1%eth0"), socket.gaierror)


def test_system_is_asked_and_duplicates_go(resolver: Resolver, lookups: dict[str, Any]) -> None:
    lookups["peer.test"] = [(INET6, "2001:db8::5"), (INET, "192.0.2.5"), (INET, "192.0.2.5")]
    assert resolve(resolver, "peer.test") == [(INET6, ("2001:db8::5", 80)), (INET, ("192.0.2.5", 80))]


def test_number_of_addresses_is_bounded(resolver: Resolver, lookups: dict[str, Any]) -> None:
    lookups["many.test"] = [(INET, f"192.0.2.{n}") for n in range(MAX_ADDRESSES + 1)]
    assert len(resolve(resolver, "many.test")) == MAX_ADDRESSES


def test_other_families_are_no_answer(resolver: Resolver, lookups: dict[str, Any]) -> None:
    lookups["odd.test"] = [(socket.AF_UNIX, "/x")]
    assert isinstance(resolve(resolver, "odd.test"), socket.gaierror)


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_AGAIN, "again"), UnicodeError("label too long")]
)
def test_failure_is_an_os_error(resolver: Resolver, lookups: dict[str, Any], error: Exception) -> None:
    lookups["bad.test"] = error
    assert isinstance(resolve(resolver, "bad.test"), OSError)


def test_cancelled_lookup_is_forgotten(resolver: Resolver, lookups: dict[str, Any]) -> None:
    lookups["peer.test"] = [(INET, "192.0.2.5")]
    answers: list[Any] = []
    with Reactor() as reactor:
        for host in ("127.0.0.1", "peer.test"):
            lookup = resolver.resolve(reactor, host, 1, answers.append)
            lookup.cancel()
            lookup.cancel()
        resolver.resolve(reactor, "peer.test", 2, lambda answer: (answers.append("last"), reactor.stop()))
        reactor.exit_later(WAIT)
        reactor.run()
    assert answers == ["last"]


def test_lookups_under_way_are_bounded(resolver: Resolver, lookups: dict[str, Any]) -> None:
    entered, release = threading.Event(), threading.Event()

    def block() -> list[Any]:
        entered.set()
        assert release.wait(WAIT)
        return [(INET, "192.0.2.1")]

    lookups["slow.test"] = block
    answers: list[Any] = []
    with Reactor() as reactor:
        resolver.resolve(reactor, "slow.test", 1, answers.append)
        assert entered.wait(WAIT)
        for _ in range(MAX_QUEUED_LOOKUPS + 1):
            resolver.resolve(reactor, "slow.test", 1, answers.append)
        reactor.run()
        assert [answer.errno for answer in answers] == [errno.EAGAIN]
        release.set()
        while len(answers) < MAX_QUEUED_LOOKUPS + 2:
            reactor.exit_later(WAIT)
            reactor.run(1)
