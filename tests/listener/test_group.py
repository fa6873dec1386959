"""All endpoints of a `listen_interfaces` text; on every loop."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.listener import (
    Gate,
    GroupSettings,
    Interface,
    ListenerGroup,
    ListenFailure,
    ListenSuccess,
    Verdict,
)

OWN = f"127.77.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF}"
"""A loopback address nobody else listens on, so that its ports are free but for what a test takes."""

MACHINE = [Interface("lo", "127.0.0.1", 8), Interface("lo", "::1", 128), Interface("far", "10.0.0.1", 24)]


class Owner:
    """What a session does with a group."""

    def __init__(self, base: Any, **settings: Any) -> None:
        self.accepted: list[tuple[Any, socket.socket, Any]] = []
        self.refused: list[tuple[Any, Any, Any]] = []
        self.errors: list[tuple[Any, OSError]] = []
        self.closing: list[tuple[Any, int]] = []
        """(endpoint, its UDP socket's descriptor at that time)"""
        self.gate: Gate | None = settings.pop("gate", None)
        self.group = ListenerGroup(
            base,
            lambda *args: self.accepted.append(args),
            settings=GroupSettings(**settings),
            gate=self.gate,
            on_refused=lambda *args: self.refused.append(args),
            on_closing=lambda opened: self.closing.append(
                (opened, opened.datagrams.fileno() if opened.datagrams is not None else -1)
            ),
            on_error=lambda *args: self.errors.append(args),
            interfaces=lambda: MACHINE,
        )

    def close(self) -> None:
        self.group.close()
        for _, sock, _ in self.accepted:
            sock.close()


@pytest.fixture
def owner(host: Any) -> Iterator[Owner]:
    owner = Owner(host.base)
    yield owner
    owner.close()


@pytest.fixture
def busy(no_fd_survives: None) -> Iterator[int]:
    """A port in use at OWN, with others above it."""
    with socket.create_server((OWN, 0)) as sock:
        yield sock.getsockname()[1]


def successes(outcomes: list[Any]) -> list[ListenSuccess]:
    assert all(isinstance(each, ListenSuccess) for each in outcomes), outcomes
    return outcomes


def test_opens_every_endpoint_and_accepts(host: Any, owner: Owner, clients: Any) -> None:
    outcomes = successes(owner.group.apply("127.0.0.1:0,[::1]:0s"))
    assert [each.kind for each in outcomes] == ["tcp", "ssl"]
    assert [each.address for each in outcomes] == [(each.host, each.port) for each in owner.group.endpoints]
    for opened in owner.group.endpoints:
        clients.connect((opened.host, opened.port))
    host.run_until(lambda: len(owner.accepted) == 2)
    assert {opened.endpoint.is_ssl for opened, _, _ in owner.accepted} == {False, True}
    assert owner.group.is_listening


def test_an_empty_text_listens_nowhere(host: Any, owner: Owner) -> None:
    assert owner.group.apply("") == []
    assert not owner.group.is_listening
    assert owner.group.port == 0


def test_a_bad_element_is_told_and_the_rest_counts(host: Any, owner: Owner) -> None:
    bad, nowhere, good = owner.group.apply("127.0.0.1,eth9:6881s,127.0.0.1:0")
    assert isinstance(bad, ListenFailure)
    assert (bad.operation, bad.interface, bad.error.errno) == ("parse_address", "127.0.0.1", errno.EINVAL)
    assert isinstance(nowhere, ListenFailure)
    assert (nowhere.operation, nowhere.interface, nowhere.kind) == ("enum_if", "eth9:6881s", "ssl")
    assert nowhere.error.errno == errno.ENODEV
    assert isinstance(good, ListenSuccess)


def test_port_in_use_moves_to_the_next(host: Any, owner: Owner, busy: int) -> None:
    told, outcome = owner.group.apply(f"{OWN}:{busy}")
    assert isinstance(told, ListenFailure)
    assert (told.operation, told.address, told.error.errno) == ("sock_bind", (OWN, busy), errno.EADDRINUSE)
    assert isinstance(outcome, ListenSuccess)
    assert outcome.address == (OWN, busy + 1)


def test_port_in_use_without_retries_falls_back_to_the_system(host: Any, busy: int) -> None:
    owner = Owner(host.base, max_retry_port_bind=0)
    told, outcome = owner.group.apply(f"{OWN}:{busy}")
    assert isinstance(told, ListenFailure)
    assert isinstance(outcome, ListenSuccess)
    assert outcome.address[1] != busy
    owner.close()


def test_port_in_use_with_neither_is_a_failure(host: Any, busy: int) -> None:
    owner = Owner(host.base, max_retry_port_bind=0, listen_system_port_fallback=False)
    (outcome,) = owner.group.apply(f"{OWN}:{busy}")
    assert isinstance(outcome, ListenFailure)
    assert (outcome.operation, outcome.kind, outcome.address) == ("sock_bind", "tcp", (OWN, busy))
    assert outcome.error.errno == errno.EADDRINUSE
    assert not owner.group.is_listening
    owner.close()


def test_retries_end_at_the_last_port(host: Any) -> None:
    owner = Owner(host.base, listen_system_port_fallback=False)
    assert list(owner.group._ports_to_try(65530)) == [65530, 65531, 65532, 65533, 65534, 65535]
    owner.close()


def test_other_errors_are_not_retried(host: Any, owner: Owner) -> None:
    (outcome,) = owner.group.apply("203.0.113.7:6881")  # not an address of this machine
    assert isinstance(outcome, ListenFailure)
    assert outcome.error.errno == errno.EADDRNOTAVAIL
    assert outcome.address == ("203.0.113.7", 6881)


def test_no_descriptor_left_is_a_failure_of_opening(host: Any, owner: Owner) -> None:
    probe = os.dup(0)
    os.close(probe)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fill = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe + 1, hard))
    try:
        while True:
            try:
                fill.append(os.dup(0))
            except OSError:
                break
        (outcome,) = owner.group.apply("127.0.0.1:0")
    finally:
        for fd in fill:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(outcome, ListenFailure)
    assert (outcome.operation, outcome.error.errno) == ("sock_open", errno.EMFILE)


def test_a_loop_that_refuses_leaves_nothing_open(fake: Any) -> None:
    watch, num_asked = fake.base.watch, []

    def refuse_the_second(*args: Any) -> Any:
        num_asked.append(1)
        if len(num_asked) == 2:
            raise LookupError("full")
        return watch(*args)

    fake.base.watch = refuse_the_second
    owner = Owner(fake.base, with_datagrams=True)
    with pytest.raises(LookupError, match="full"):
        owner.group.apply("127.0.0.1:0")
    assert fake.base.num_watches == 0
    fake.base.watch = watch
    owner.close()


def test_tcp_and_udp_share_the_port(host: Any) -> None:
    owner = Owner(host.base, with_datagrams=True)
    outcomes = successes(owner.group.apply("127.0.0.1:0"))
    assert [each.kind for each in outcomes] == ["tcp", "udp"]
    assert outcomes[0].address == outcomes[1].address
    owner.close()


def test_udp_port_in_use_moves_both(host: Any) -> None:
    owner = Owner(host.base, with_datagrams=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((OWN, 0))
        port = taken.getsockname()[1]
        told, *outcomes = owner.group.apply(f"{OWN}:{port}")
        assert isinstance(told, ListenFailure)
        assert told.kind == "udp"
        assert outcomes[0].address == outcomes[1].address
        assert outcomes[0].address[1] != port
        # Without another port to try, the failure names the UDP socket.
        strict = Owner(
            host.base, with_datagrams=True, max_retry_port_bind=0, listen_system_port_fallback=False
        )
        (failure,) = strict.group.apply(f"{OWN}:{port}")
        assert isinstance(failure, ListenFailure)
        assert (failure.kind, failure.operation) == ("udp", "sock_bind")
        strict.close()
    owner.close()


def test_applying_again_keeps_what_stays(host: Any, owner: Owner) -> None:
    owner.group.apply("127.0.0.1:0,[::1]:0")
    kept, dropped = owner.group.endpoints
    (opened,) = successes(owner.group.apply("127.0.0.1:0,127.0.0.1:0s"))
    assert owner.group.endpoints == [kept, opened.opened]
    assert dropped.listener.fileno() == -1
    assert kept.listener.fileno() >= 0


def test_who_runs_on_a_socket_hears_before_it_is_closed(host: Any) -> None:
    owner = Owner(host.base, with_datagrams=True)
    owner.group.apply("127.0.0.1:0,[::1]:0")
    gone, stays = owner.group.endpoints
    owner.group.apply("[::1]:0")
    ((closing, fd),) = owner.closing
    assert closing is gone
    assert fd >= 0
    assert gone.datagrams is not None
    assert gone.datagrams.fileno() == -1
    owner.close()
    assert [opened for opened, _ in owner.closing] == [gone, stays]
    owner.close()
    assert len(owner.closing) == 2


def test_devices_expand_and_elements_do_not_repeat(host: Any, owner: Owner) -> None:
    successes(owner.group.apply("lo:0,lo:0"))
    assert [each.host for each in owner.group.endpoints] == ["127.0.0.1", "::1"]


def test_port_to_announce(host: Any, owner: Owner) -> None:
    owner.group.apply("127.0.0.1:0s,127.0.0.1:0l,[::1]:0")
    assert owner.group.port == owner.group.endpoints[2].port
    owner.group.apply("127.0.0.1:0s,127.0.0.1:0l")
    assert owner.group.port == owner.group.endpoints[1].port  # not the one for TLS


def test_gate_refuses_and_counts(host: Any, clients: Any) -> None:
    owner = Owner(host.base, gate=Gate(connections_limit=1))
    owner.group.apply("127.0.0.1:0")
    first, second = clients.connect(("127.0.0.1", owner.group.port), 2)
    host.run_until(lambda: bool(owner.refused))
    assert owner.gate is not None
    assert owner.gate.num_open == 1
    assert [(address, verdict) for _, address, verdict in owner.refused] == [
        (second.getsockname(), Verdict.FULL)
    ]
    assert second.recv(1) == b""
    assert owner.accepted[0][2] == first.getsockname()
    owner.close()


def test_local_endpoint_refuses_the_rest_of_the_world(host: Any, clients: Any) -> None:
    # The network of "far" is not loopback's, so a client from 127.0.0.1 is from elsewhere.
    refused: list[Any] = []
    group = ListenerGroup(
        host.base,
        lambda *args: pytest.fail("admitted"),
        on_refused=lambda *args: refused.append(args[2]),
        interfaces=lambda: [MACHINE[2]],
    )
    group.apply("127.0.0.1:0l")
    (client,) = clients.connect(("127.0.0.1", group.port))
    host.run_until(lambda: bool(refused))
    assert refused == [None]
    assert client.recv(1) == b""
    group.close()


def test_refusing_without_listener_for_it(host: Any, clients: Any) -> None:
    group = ListenerGroup(host.base, lambda *args: pytest.fail("admitted"), gate=Gate(connections_limit=0))
    group.apply("127.0.0.1:0")
    (client,) = clients.connect(("127.0.0.1", group.port))
    host.turn()
    assert client.recv(1) == b""
    group.close()


@pytest.mark.parametrize("is_told", [True, False])
def test_errors_of_accepting_name_the_endpoint(host: Any, is_told: bool) -> None:
    owner = Owner(host.base)
    if not is_told:
        owner.group._on_error = None
    owner.group.apply("127.0.0.1:0")
    (opened,) = owner.group.endpoints
    with socket.socket(fileno=os.dup(opened.listener.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
    host.run_until(lambda: opened.listener.is_pausing)
    assert [(each, error.errno) for each, error in owner.errors] == [
        (opened.endpoint, errno.EINVAL)
    ] * is_told
    owner.close()


def test_disable_and_enable(host: Any, owner: Owner, clients: Any) -> None:
    owner.group.apply("127.0.0.1:0")
    owner.group.disable()
    clients.connect(("127.0.0.1", owner.group.port))
    host.turn()
    assert not owner.accepted
    owner.group.enable()
    host.turn()
    assert len(owner.accepted) == 1


@pytest.mark.parametrize("wrong", [{"max_retry_port_bind": -1}, {"listen_queue_size": 0}])
def test_settings_that_cannot_work(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        GroupSettings(**wrong)  # type: ignore[arg-type]
