"""`Multi` and pycurl's `CurlMulti` under one host loop: each test body runs on both, so that "as curl" is measured.

Names of the form c13 are rows of docs/behaviours.md.  Where ours decided otherwise, test_multi.py has the row.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import select
import time
import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from support.curl_sides import SIDES, HostLoop, LoopbackServer

IN, OUT, REMOVE = 1, 2, 4
"""POLL_*"""


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    server = LoopbackServer()
    yield server
    server.close()


@pytest.fixture(params=SIDES)
def bare(request: pytest.FixtureRequest, server: LoopbackServer) -> Iterator[HostLoop]:
    """A host that installed nothing yet."""
    host = HostLoop(request.param, server)
    yield host
    host.on_socket = host.on_timer = lambda *args: None
    host.multi.close()


@pytest.fixture
def host(bare: HostLoop) -> HostLoop:
    """A host that drives by socket_action."""
    bare.install()
    bare.timeout()
    bare.take()
    return bare


def refusal(host: HostLoop, call: Callable[[], object]) -> tuple[Any, ...]:
    """The arguments of the error of this engine that `call` raises."""
    with pytest.raises(host.side.error) as caught:
        call()
    return caught.value.args


# Driving


def test_c1_c2_adding_says_zero_and_starts_nothing(host: HostLoop) -> None:
    assert host.multi.timeout() == -1
    transfers = [host.add(), host.add()]
    assert host.take() == [("timer", 0), ("timer", 0)]
    assert host.multi.timeout() == 0
    assert host.server.requests == []
    assert all(transfer in host.multi for transfer in transfers)


def test_c3_the_timer_function_comes_last(host: HostLoop) -> None:
    host.add()
    host.take()
    host.timeout()
    told = host.told
    assert told[-1][0] == "timer"
    assert [word for word, *_ in told].count("timer") == 1


def test_c4_c5_stray_and_wrong_events_are_harmless(host: HostLoop) -> None:
    host.run_to_held()
    (fd,) = host.tcp_fds()
    for stray in (fd + 100, fd + 200):
        assert host.multi.socket_action(stray, IN) == (0, 1)
    for bits in (0, 1, 2, 3, 4, 7, 64):
        assert host.multi.socket_action(fd, bits) == (0, 1)
    assert host.take() == []
    host.server.is_holding = False
    host.run_until(lambda: host.succeeded)


def test_c7_a_timeout_action_too_early_repeats_the_rest(host: HostLoop) -> None:
    host.run_to_held()
    host.timeout()
    ((word, rest),) = host.take()
    assert word == "timer"
    assert 1 < rest <= 30_000


def test_c8_the_running_count_is_down_when_the_message_is_there(host: HostLoop) -> None:
    transfer = host.run_to_held()
    host.server.is_holding = False
    host.server.serve()
    (fd,) = host.tcp_fds()
    running = 1
    while running:
        _, running = host.multi.socket_action(fd, IN)
        host.server.serve()
    assert host.multi.info_read() == (0, [transfer], [])
    assert host.multi.info_read() == (0, [], [])


def test_c10_functions_installed_late_hear_what_is_wanted(bare: HostLoop) -> None:
    bare.add()
    bare.install()
    assert bare.take() == []
    bare.timeout()
    bare.settle()
    assert {"OUT", "timer"} <= {word for word, *_ in bare.take()}
    bare.run_until(lambda: bare.succeeded)


def test_c11_functions_taken_away_are_not_called(host: HostLoop) -> None:
    transfer = host.run_to_held()
    host.multi.setopt(host.multi.M_SOCKETFUNCTION, None)
    host.multi.setopt(host.multi.M_TIMERFUNCTION, None)
    host.server.is_holding = False
    running = 1
    while running:
        host.server.serve()
        _, running = host.multi.perform()
    assert host.take() == []
    assert host.multi.info_read() == (0, [transfer], [])


def test_c12_socket_all_runs_everything_and_is_deprecated(host: HostLoop) -> None:
    transfer = host.run_to_held()
    host.server.is_holding = False
    running = 1
    while running:
        host.server.serve()
        with pytest.warns(DeprecationWarning, match="socket_all"):
            code, running = host.multi.socket_all()
        assert code == 0
    assert host.multi.info_read() == (0, [transfer], [])


def test_perform_with_fdset_or_select(bare: HostLoop) -> None:
    transfer = bare.add()
    running = 1
    while running:
        bare.server.serve()
        readers, writers, errors = bare.multi.fdset()
        select.select(readers, writers, errors, 0.001)
        assert bare.multi.select(0.001) >= 0
        code, running = bare.multi.perform()
        assert code == 0
    assert bare.multi.info_read() == (0, [transfer], [])


# The socket function


def test_c13_c14_only_differences_and_no_removal_between(host: HostLoop) -> None:
    host.add()
    host.run_until(lambda: host.succeeded)
    told = [word for word, *_ in host.take_sockets()]
    assert told[:2] == ["OUT", "IN"]
    assert all(one != other for one, other in pairwise(told))


def test_c17_a_descriptor_is_open_when_it_is_removed(host: HostLoop) -> None:
    open_when_removed: list[bool] = []

    def look(what: int, fd: int, data: Any) -> None:
        if what == REMOVE and host.is_tcp[fd]:
            os.fstat(fd)
            open_when_removed.append(True)

    host.on_socket = look
    transfer = host.run_to_held()
    host.multi.remove_handle(transfer)
    assert open_when_removed == [True]


def test_c19_removal_in_midflight_withdraws_before_it_returns(host: HostLoop) -> None:
    transfer = host.run_to_held()
    (fd,) = host.tcp_fds()
    host.multi.remove_handle(transfer)
    assert host.take() == [("REMOVE", fd, None), ("timer", -1)]
    assert transfer not in host.multi


def test_c21_inner_descriptors_are_announced_too(host: HostLoop) -> None:
    host.run_to_held()
    inner = [fd for fd in host.wanted if not host.is_tcp[fd]]
    assert inner
    assert [host.wanted[fd] for fd in inner] == [IN] * len(inner)
    host.multi.close()
    assert host.wanted == {}


def test_c22_close_calls_the_host(host: HostLoop) -> None:
    host.run_to_held()
    (fd,) = host.tcp_fds()
    host.multi.close()
    assert ("REMOVE", fd, None) in host.take()


def test_c24_none_is_never_said(host: HostLoop) -> None:
    said: list[int] = []
    host.on_socket = lambda what, fd, data: said.append(what)
    host.add()
    host.run_until(lambda: host.succeeded)
    assert said
    assert 0 not in said


# The assigned object


def test_c26_c27_an_object_assigned_at_first_comes_with_every_later_call(host: HostLoop) -> None:
    def keep(what: int, fd: int, data: Any) -> None:
        if data is None and what != REMOVE:
            host.multi.assign(fd, f"state of {fd}")

    host.on_socket = keep
    host.add()
    host.run_until(lambda: host.succeeded)
    host.multi.close()
    told = host.take_sockets()
    assert told[0][2] is None
    assert {data for _, fd, data in told[1:]} == {f"state of {told[0][1]}"}
    assert told[-1][0] == "REMOVE"


def test_c29_c30_p6_p7_assign_and_unassign(host: HostLoop) -> None:
    for call in (lambda: host.multi.assign(12_345, "x"), lambda: host.multi.unassign(12_345)):
        assert refusal(host, call)[0] == 5
    transfer = host.run_to_held()
    (fd,) = host.tcp_fds()
    host.multi.assign(fd, "one")
    host.multi.assign(fd, "two")
    host.multi.unassign(fd)
    host.multi.assign(fd, None)
    host.multi.assign(fd, "three")
    host.multi.remove_handle(transfer)
    assert host.take_sockets() == [("REMOVE", fd, "three")]


def test_p6_a_refused_assign_keeps_nothing(host: HostLoop) -> None:
    class Thing:
        pass

    things = [Thing()]
    reference = weakref.ref(things[0])
    refusal(host, lambda: host.multi.assign(12_345, things[0]))
    things.clear()
    gc.collect()
    assert reference() is None


def test_p5_the_assigned_object_is_kept_alive_until_cleared(host: HostLoop) -> None:
    class Thing:
        pass

    host.run_to_held()
    (fd,) = host.tcp_fds()
    thing = Thing()
    reference = weakref.ref(thing)
    host.multi.assign(fd, thing)
    del thing
    gc.collect()
    assert reference() is not None
    host.multi.unassign(fd)
    gc.collect()
    assert reference() is None


def test_p8_close_drops_assigned_objects_and_may_be_repeated(host: HostLoop) -> None:
    class Thing:
        pass

    host.run_to_held()
    (fd,) = host.tcp_fds()
    thing = Thing()
    reference = weakref.ref(thing)
    host.multi.assign(fd, thing)
    del thing
    host.multi.close()
    host.multi.close()
    host.told.clear()
    gc.collect()
    assert reference() is None
    assert host.multi.closed


# The timer function


def test_c32_a_timer_value_replaces_and_is_one_shot(host: HostLoop) -> None:
    """A host with one timer, which each value replaces and which fires once, gets everything done."""
    transfers = [host.add() for _ in range(3)]
    assert host.take() == [("timer", 0)] * 3
    host.run_until(lambda: len(host.succeeded) == 3)
    assert set(host.succeeded) == set(transfers)
    timers = [ms for word, ms, *_ in host.take() if word == "timer"]
    assert timers[-1] == -1


def test_c33_c36_minus_one_once_and_in_the_action_that_ends_the_last(host: HostLoop) -> None:
    host.run_to_held()
    host.server.is_holding = False
    host.server.serve()
    (fd,) = host.tcp_fds()
    running = 1
    while running:
        _, running = host.multi.socket_action(fd, IN)
    timers = [ms for word, ms, *_ in host.take() if word == "timer"]
    assert timers[-1] == -1
    host.timeout()
    host.timeout()
    assert [item for item in host.take() if item[0] == "timer"] == []


def test_c34_the_same_deadline_is_said_once(host: HostLoop) -> None:
    host.run_to_held()
    (fd,) = host.tcp_fds()
    before = time.monotonic()
    while time.monotonic() < before + 0.003:  # the milliseconds that remain change meanwhile
        host.multi.socket_action(fd, IN)
    assert host.take() == []


# Recursion and error codes


def calls_into(host: HostLoop) -> dict[str, Callable[[], object]]:
    multi = host.multi
    return {
        "socket_action": lambda: multi.socket_action(-1, 0),
        "perform": multi.perform,
        "add_handle": lambda: multi.add_handle(host.transfer()),
        "remove_handle": lambda: multi.remove_handle(host.transfer()),
        "setopt": lambda: multi.setopt(multi.M_TIMERFUNCTION, None),
        "timeout": multi.timeout,
        "fdset": multi.fdset,
        "select": lambda: multi.select(0),
        "close": multi.close,
    }


NAMES = (
    "socket_action",
    "perform",
    "add_handle",
    "remove_handle",
    "setopt",
    "timeout",
    "fdset",
    "select",
    "close",
)


@pytest.mark.parametrize("name", NAMES)
def test_c38_p4_calls_back_in_are_refused_and_change_nothing(host: HostLoop, name: str) -> None:
    refused: list[Any] = []

    def probe(*args: Any) -> None:
        refused.append(refusal(host, calls_into(host)[name]))

    host.on_socket = host.on_timer = probe
    transfer = host.add()
    host.timeout()
    assert len(refused) >= 2
    host.on_socket = host.on_timer = lambda *args: None
    host.run_until(lambda: host.succeeded)
    assert host.succeeded == [transfer]


def test_c31_p4_what_is_allowed_inside_a_host_function(host: HostLoop) -> None:
    read: list[Any] = []

    def allowed(what: int, fd: int, data: Any) -> None:
        host.multi.assign(fd, "x")
        host.multi.unassign(fd)
        read.append(host.multi.info_read())

    host.on_socket = allowed
    host.add("/held")
    host.settle()
    assert read
    assert set(map(str, read)) == {"(0, [], [])"}


def test_c39_a_closed_engine_refuses(host: HostLoop) -> None:
    assert not host.multi.closed
    host.multi.close()
    calls = calls_into(host)
    del calls["close"], calls["setopt"]
    for call in calls.values():
        refusal(host, call)
    for call in (
        host.multi.info_read,
        lambda: host.multi.assign(5, "x"),
        lambda: host.multi.notify_enable(0),
    ):
        refusal(host, call)
    refusal(host, lambda: host.multi.setopt(host.multi.M_TIMERFUNCTION, print))
    assert host.transfer() not in host.multi


def test_c40_c41_what_cannot_be_added(host: HostLoop) -> None:
    other = host.side.make()
    transfer = host.add()
    refusal(host, lambda: host.multi.add_handle(transfer))
    refusal(host, lambda: other.add_handle(transfer))
    refusal(host, lambda: other.remove_handle(transfer))
    for call in (host.multi.add_handle, host.multi.remove_handle, host.multi.__contains__):
        with pytest.raises(TypeError):
            call("not a transfer")
    host.multi.remove_handle(transfer)
    other.add_handle(transfer)
    assert transfer in other
    other.close()


def test_a_closed_transfer_is_not_taken(host: HostLoop) -> None:
    transfer = host.transfer()
    transfer.close()
    refusal(host, lambda: host.multi.add_handle(transfer))
    host.multi.remove_handle(transfer)


def test_c43_unknown_options(host: HostLoop) -> None:
    for option, value in ((31_337, print), (31_337, None), (host.multi.M_TIMERFUNCTION, 5), ("x", print)):
        with pytest.raises(TypeError):
            host.multi.setopt(option, value)


@pytest.mark.parametrize(
    ("sockfd", "bits"),
    [("x", 0), (None, 0), ([], 0), (1.5, 0), (12_345, "x"), (-1, "x"), (-1, None), (12_345, 1.0)],
)
def test_numbers_of_the_wrong_type_are_refused(host: HostLoop, sockfd: Any, bits: Any) -> None:
    host.run_to_held()
    with pytest.raises(TypeError):
        host.multi.socket_action(sockfd, bits)
    with pytest.raises(TypeError):
        host.multi.socket_action(host.tcp_fds()[0], "bits")
    assert host.multi.socket_action(-1, 0) == (0, 1)


def test_how_many_messages_must_be_a_positive_number(host: HostLoop) -> None:
    for wrong in (0, -1):
        refusal(host, lambda wrong=wrong: host.multi.info_read(wrong))  # type: ignore[misc]
    with pytest.raises(TypeError):
        host.multi.info_read("x")


# A host function fails


def overflow(*args: Any) -> int:
    return 2**32


def fail(*args: Any) -> None:
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    "answer", [lambda *args: -1, lambda *args: "text", lambda *args: 1.5, overflow, fail]
)
def test_c45_c48_c49_p2_a_failing_socket_function_kills_the_engine(
    host: HostLoop, answer: Callable[..., object], capfd: pytest.CaptureFixture[str]
) -> None:
    transfer = host.add()
    host.on_socket = answer
    assert refusal(host, host.settle)[0] == 11
    host.take()
    host.on_socket = lambda *args: None
    assert host.multi.timeout() == 0
    other = host.transfer()
    assert refusal(host, lambda: host.multi.add_handle(other))[0] == 11
    assert host.multi.socket_action(-1, 0)[0] == 0
    # C50: what was never announced is never removed.
    assert [word for word, *_ in host.take()] == []
    host.multi.remove_handle(transfer)
    host.multi.add_handle(other)
    host.run_until(lambda: other in host.succeeded)


@pytest.mark.parametrize("answer", [lambda *args: -1, overflow, fail])
def test_c51_a_failing_timer_function_makes_add_fail(
    host: HostLoop, answer: Callable[..., object], capfd: pytest.CaptureFixture[str]
) -> None:
    transfer = host.transfer()
    host.on_timer = answer
    assert refusal(host, lambda: host.multi.add_handle(transfer))[0] == 11
    assert transfer not in host.multi
    host.on_timer = lambda *args: None
    host.multi.add_handle(transfer)
    host.run_until(lambda: host.succeeded)


@pytest.mark.parametrize("answer", [42, 0, None, True, -2, 2**31 - 1])
def test_c46_other_answers_are_success(host: HostLoop, answer: object) -> None:
    host.on_socket = host.on_timer = lambda *args: answer
    host.add()
    host.run_until(lambda: host.succeeded)


def test_c47_transfers_of_a_dead_engine_end_as_aborted(host: HostLoop) -> None:
    transfer = host.run_to_held()
    host.on_socket = lambda *args: -1
    (fd,) = host.tcp_fds()
    other = host.add("/held2")
    refusal(host, lambda: [host.step() for _ in range(1000)])
    assert host.multi.socket_action(fd, IN)[0] == 0
    host.multi.socket_action(-1, 0)
    _, good, bad = host.multi.info_read()
    assert good == []
    assert {code for _, code, _ in bad} == {42}
    assert {failed for failed, *_ in bad} <= {transfer, other}
    assert transfer in [failed for failed, *_ in bad]


# Messages and notifications


def test_c53_each_end_has_one_message(host: HostLoop) -> None:
    transfers = [host.add() for _ in range(3)]
    ended: list[Any] = []
    host.drain = lambda: None  # type: ignore[method-assign]
    while len(ended) < 3:
        host.step()
        queued, good, bad = host.multi.info_read(1)
        assert len(good) <= 1
        assert bad == []
        assert queued <= 2
        ended += good
    assert sorted(map(id, ended)) == sorted(map(id, transfers))
    assert host.multi.info_read() == (0, [], [])


def test_c55_a_removed_transfer_takes_its_message_along(host: HostLoop) -> None:
    host.drain = lambda: None  # type: ignore[method-assign]
    transfer = host.add()
    host.run_until(lambda: host.server.requests and not host.running)
    host.multi.remove_handle(transfer)
    assert host.multi.info_read() == (0, [], [])


def test_failures_carry_curls_number_and_words(host: HostLoop) -> None:
    url = host.server.url()
    host.server.close()
    transfer = host.side.transfer(url)
    host.server.serve = lambda: None  # type: ignore[method-assign]
    host.server.descriptors = list  # type: ignore[method-assign]
    host.multi.add_handle(transfer)
    host.run_until(lambda: host.failed)
    ((failed, code, words),) = host.failed
    assert failed is transfer
    assert code == 7
    assert words


def noted(host: HostLoop, *kinds: int) -> list[tuple[int, Any]]:
    notes: list[tuple[int, Any]] = []
    host.multi.setopt(host.multi.M_NOTIFYFUNCTION, lambda kind, transfer: notes.append((kind, transfer)))
    if kinds:
        host.multi.notify_enable(*kinds)
    return notes


def test_c62_nothing_enabled_nothing_told(host: HostLoop) -> None:
    notes = noted(host)
    host.add()
    host.run_until(lambda: host.succeeded)
    assert notes == []


def test_c63_c64_what_is_told_of_ends(host: HostLoop) -> None:
    kinds = (host.multi.M_NOTIFY_INFO_READ, host.multi.M_NOTIFY_EASY_DONE)
    notes = noted(host, *kinds)
    host.drain = lambda: None  # type: ignore[method-assign]
    transfers = [host.add(), host.add()]
    host.run_until(lambda: len(host.server.requests) == 2 and not host.running)
    assert [kind for kind, _ in notes].count(kinds[0]) == 1  # only on empty → non-empty
    assert {transfer for kind, transfer in notes if kind == kinds[1]} == set(transfers)
    host.multi.info_read()
    host.add()
    host.run_until(lambda: len(host.server.requests) == 3 and not host.running)
    assert [kind for kind, _ in notes].count(kinds[0]) == 2


def test_c65_inside_a_notification(host: HostLoop) -> None:
    allowed: list[Any] = []
    refused: list[Any] = []

    def on_note(kind: int, transfer: Any) -> None:
        allowed.append(host.multi.info_read())
        calls = calls_into(host)
        for name in ("socket_action", "perform", "close"):
            refused.append(refusal(host, calls[name]))

    host.multi.setopt(host.multi.M_NOTIFYFUNCTION, on_note)
    host.multi.notify_enable(host.multi.M_NOTIFY_INFO_READ)
    transfer = host.add()
    host.run_until(lambda: allowed)
    assert allowed == [(0, [transfer], [])]
    assert len(refused) == 3


def test_c66_switched_off_and_unknown(host: HostLoop) -> None:
    notes = noted(host, host.multi.M_NOTIFY_INFO_READ)
    host.multi.notify_disable(host.multi.M_NOTIFY_INFO_READ)
    host.add()
    host.run_until(lambda: host.succeeded)
    assert notes == []
    for call in (host.multi.notify_enable, host.multi.notify_disable):
        assert refusal(host, lambda call=call: call(77))[0] == 6  # type: ignore[misc]
        for wrong in ((), ("x",)):
            with pytest.raises(TypeError):
                call(*wrong)


def test_p3_an_exception_in_the_notify_function_changes_nothing(
    host: HostLoop, capfd: pytest.CaptureFixture[str]
) -> None:
    host.multi.setopt(host.multi.M_NOTIFYFUNCTION, fail)
    host.multi.notify_enable(host.multi.M_NOTIFY_INFO_READ)
    transfer = host.add()
    host.run_until(lambda: host.succeeded)
    assert host.succeeded == [transfer]


def test_p3_keyboard_interrupt_passes_through_the_action(host: HostLoop) -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    host.multi.setopt(host.multi.M_NOTIFYFUNCTION, interrupt)
    host.multi.notify_enable(host.multi.M_NOTIFY_INFO_READ)
    host.add()
    with pytest.raises(KeyboardInterrupt):
        host.run_until(lambda: host.succeeded)
    host.multi.setopt(host.multi.M_NOTIFYFUNCTION, None)
    host.drain()
    assert len(host.succeeded) == 1


# The object itself


def test_p1_signatures(host: HostLoop) -> None:
    seen: list[tuple[Any, ...]] = []
    host.multi.setopt(host.multi.M_SOCKETFUNCTION, lambda *args: seen.append(("socket", *args)))
    host.multi.setopt(host.multi.M_TIMERFUNCTION, lambda *args: seen.append(("timer", *args)))
    host.add()
    assert seen == [("timer", 0)]
    for _ in range(2):
        assert host.multi.socket_action(-1, 0) == (0, 1)
    _, what, fd, multi, data = next(call for call in seen if call[0] == "socket")
    assert what in (IN, OUT)
    assert isinstance(fd, int)
    assert multi is host.multi
    assert data is None
    assert all(len(call) == 2 and isinstance(call[1], int) for call in seen if call[0] == "timer")
    assert isinstance(host.multi.timeout(), int)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("is_closing", [False, True])
def test_p8_close_handles(side: Any, is_closing: bool, server: LoopbackServer) -> None:
    host = HostLoop(side, server, close_handles=is_closing)
    host.install()
    transfer = host.run_to_held()
    with host.multi as entered:
        assert entered is host.multi
    assert host.multi.closed
    other = side.make()
    if is_closing:
        refusal(host, lambda: other.add_handle(transfer))
    else:
        other.add_handle(transfer)
        assert transfer in other
    other.close()


def test_p10_a_transfer_closed_while_attached_leaves(host: HostLoop) -> None:
    transfer = host.run_to_held()
    (fd,) = host.tcp_fds()
    transfer.close()
    assert ("REMOVE", fd, None) in host.take()
    assert transfer not in host.multi
    assert host.multi.socket_action(-1, 0) == (0, 0)


def test_it_can_be_neither_copied_nor_pickled(host: HostLoop) -> None:
    for call in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            call(host.multi)


# Hosts of others


@pytest.mark.parametrize("side", SIDES)
def test_p11_pycurls_own_asyncio_host_drives_both(
    side: Any, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async_multi = pytest.importorskip("pycurl.async_multi")
    monkeypatch.setattr(async_multi, "CurlMulti", side.make)

    async def serve() -> None:
        while True:
            server.serve()
            await asyncio.sleep(0)

    async def run() -> None:
        serving = asyncio.create_task(serve())
        async with async_multi.AsyncCurlMulti() as multi:
            transfers = [side.transfer(server.url()) for _ in range(3)]
            futures = [multi.add_handle(transfer) for transfer in transfers]
            assert await asyncio.gather(*futures) == transfers
            cancelled = multi.add_handle(side.transfer(server.url("/held")))
            while len(server.requests) < 4:  # noqa: ASYNC110 - the server has no event to wait for
                await asyncio.sleep(0)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            with pytest.raises(ValueError, match="owns"):
                multi.setopt(20_001, print)
            assert await multi.perform(transfers[0]) is transfers[0]
        assert multi.closed
        serving.cancel()

    asyncio.run(run())


def test_p12_a_host_in_the_manner_of_tornado(host: HostLoop) -> None:
    """Loops on CALL_MULTI_PERFORM, registers anew at each change, kicks after each fetch, drains after each action."""
    handlers: dict[int, int] = {}
    ended: list[Any] = []

    def handle_socket(event: int, fd: int, multi: Any, data: Any) -> None:
        handlers.pop(fd, None)
        if event != REMOVE:
            handlers[fd] = event

    def act(fd: int, bits: int) -> None:
        while True:
            try:
                code, _ = host.multi.socket_action(fd, bits)
            except host.side.error as exc:
                code = exc.args[0]
            if code != host.multi.E_CALL_MULTI_PERFORM:
                break
        while True:
            queued, good, bad = host.multi.info_read()
            ended.extend([*good, *(transfer for transfer, *_ in bad)])
            if queued == 0:
                return

    host.multi.setopt(host.multi.M_SOCKETFUNCTION, handle_socket)
    host.multi.setopt(host.multi.M_TIMERFUNCTION, lambda ms: None)
    transfers = [host.add(), host.add()]
    act(-1, 0)
    deadline = time.monotonic() + 10
    while len(ended) < 2 and time.monotonic() < deadline:
        host.server.serve()
        for fd, event in list(handlers.items()):
            act(fd, event & (IN | OUT))
        if host.multi.timeout() == 0:
            act(-1, 0)
    assert set(ended) == set(transfers)
