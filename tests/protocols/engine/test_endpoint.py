"""One exchange: its life, its belongings, its failures."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.engine import READ, Handle, Multi
from evtorrent.protocols.engine import constants as c
from evtorrent.protocols.errors import EngineError
from support.engine_kit import FakePlatform, Host, make_engine


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
    return Host(multi)


class Script(Handle):
    """Runs what it is given at its start, and writes its life down."""

    def __init__(self, *steps: Any) -> None:
        self.steps = steps
        self.life: list[str] = []

    def start(self, engine: Multi) -> None:
        assert self.engine is engine
        self.life.append("start")
        for step in self.steps:
            step(self)

    def stop(self) -> None:
        self.life.append("stop")


def test_a_plain_handle_starts_and_waits(multi: Multi, host: Host) -> None:
    handle = Handle()
    assert repr(handle) == "Handle(idle)"
    multi.add_handle(handle)
    assert host.timeout() == (0, 1)
    assert repr(handle) == "Handle(running)"
    handle.finish({"a": 1})
    assert (handle.result, handle.error, handle.is_done) == ({"a": 1}, None, True)
    assert repr(handle) == "Handle(finished)"


def test_the_first_end_counts(multi: Multi, host: Host) -> None:
    handle = Script()
    handle.finish("not attached: ignored")
    assert not handle.is_done
    multi.add_handle(handle)
    host.timeout()
    handle.fail(ValueError("first"))
    handle.finish("second")
    handle.fail(KeyError("third"))
    assert handle.result is None
    assert repr(handle) == "Script(failed: first)"
    assert handle.life == ["start", "stop"]
    assert len(multi.info_read()[2]) == 1


def test_it_may_end_in_its_start(multi: Multi, host: Host) -> None:
    handle = Script(lambda self: self.finish("quick"))
    multi.add_handle(handle)
    assert host.timeout() == (0, 0)
    assert handle.life == ["start", "stop"]
    assert multi.info_read() == (0, [handle], [])


def test_a_start_that_raises_fails_it(multi: Multi, host: Host) -> None:
    handle = Script(lambda self: self.watch(7, READ, print), lambda self: 1 / 0)
    multi.add_handle(handle)
    assert host.timeout() == (0, 0)
    assert isinstance(handle.error, ZeroDivisionError)
    assert handle.life == ["start", "stop"]
    assert host.take_sockets() == []


@pytest.mark.parametrize("how", ["watch", "shared watch", "soon", "later", "at", "posted"])
def test_exceptions_of_its_callbacks_fail_it_and_nobody_else(
    multi: Multi, platform: FakePlatform, host: Host, how: str
) -> None:
    def fail(*args: Any) -> None:
        raise ValueError("mine")

    steps = {
        "watch": lambda self: self.watch(7, READ, fail),
        "shared watch": lambda self: (self.watch(7, READ, fail), multi.watch(7, READ, print)),
        "soon": lambda self: self.call_soon(fail),
        "later": lambda self: self.call_later(1.0, fail),
        "at": lambda self: self.call_at(self.time() + 1.0, fail),
        "posted": lambda self: self.call_soon_threadsafe(fail),
    }
    multi.on_error = lambda context, error: pytest.fail("not nobody's")
    handle, other = Script(steps[how]), Script()
    multi.add_handle(handle)
    multi.add_handle(other)
    host.timeout()
    multi.socket_action(7, c.CSELECT_IN)
    platform.now += 1.0
    assert host.timeout() == (0, 1)
    assert str(handle.error) == "mine"
    assert not other.is_done


def test_everything_it_asked_for_is_withdrawn_when_it_ends(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    calls: list[str] = []
    handle = Script(
        lambda self: self.watch(7, READ, calls.append),
        lambda self: self.call_later(1.0, calls.append, "later"),
        lambda self: self.call_at(self.time() + 2.0, calls.append, "at"),
    )
    multi.add_handle(handle)
    host.timeout()
    handle.call_soon(calls.append, "soon")
    handle.call_soon_threadsafe(calls.append, "posted")
    handle.finish()
    platform.now += 5.0
    host.timeout()
    multi.socket_action(7, c.CSELECT_IN)
    assert calls == []
    assert multi.timeout() == -1
    assert multi.fdset()[0] == [FakePlatform.WAKEUP_FD]


def test_posted_calls_run_while_it_runs(multi: Multi, host: Host) -> None:
    calls: list[str] = []
    handle = Script()
    multi.add_handle(handle)
    host.timeout()
    handle.call_soon_threadsafe(calls.append, "posted")
    host.timeout()
    assert calls == ["posted"]


def test_descriptors_are_withdrawn_before_stop(multi: Multi, host: Host) -> None:
    class Closing(Script):
        def stop(self) -> None:
            host.told.append(("stop", 0, None))

    handle = Closing(lambda self: self.watch(7, READ, print))
    multi.add_handle(handle)
    host.timeout()
    host.take()
    handle.finish()
    assert host.take()[:2] == [("REMOVE", 7, None), ("stop", 0, None)]


def test_a_stop_that_raises_is_reported(multi: Multi, host: Host) -> None:
    reported: list[str] = []
    multi.on_error = lambda context, error: reported.append(context)

    class Bad(Handle):
        def stop(self) -> None:
            raise ValueError("in stop")

    for end in (lambda h: h.finish(), multi.remove_handle, lambda h: multi.close()):
        handle = Bad()
        multi.add_handle(handle)
        host.timeout()
        end(handle)
    assert reported == ["stop of Bad"] * 3


def test_nothing_can_be_asked_for_before_or_after(multi: Multi, host: Host) -> None:
    handle = Script()

    def asks() -> list[Any]:
        return [
            lambda: handle.watch(7, READ, print),
            lambda: handle.call_soon(print),
            lambda: handle.call_later(1.0, print),
            lambda: handle.call_at(1.0, print),
            lambda: handle.call_soon_threadsafe(print),
            handle.time,
            lambda: handle.platform,
        ]

    def check() -> None:
        for ask in asks():
            with pytest.raises(EngineError, match="not running"):
                ask()

    check()
    multi.add_handle(handle)
    host.timeout()
    for ask in asks():
        ask()
    handle.finish()
    check()


def test_removed_before_it_started_it_never_starts(multi: Multi, host: Host) -> None:
    handle = Script()
    multi.add_handle(handle)
    multi.remove_handle(handle)
    assert host.timeout() == (0, 0)
    assert handle.life == []
    multi.add_handle(handle)
    multi.remove_handle(handle)
    multi.add_handle(handle)
    assert host.timeout() == (0, 1)
    assert handle.life == ["start"]


def test_a_long_life_keeps_no_list_of_spent_timers_and_watches(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    handle = Script()
    multi.add_handle(handle)
    host.timeout()
    lasting = handle.call_later(1e6, print)
    open_watch = handle.watch(3, READ, print)
    for _ in range(1000):
        handle.call_soon(lambda: None)
        handle.watch(7, READ, print).close()
        host.timeout()
    assert handle._timers is not None
    assert handle._watches is not None
    assert len(handle._timers) < 50
    assert len(handle._watches) < 50
    assert lasting in handle._timers
    assert open_watch in handle._watches


def test_handles_may_add_and_remove_each_other(multi: Multi, host: Host) -> None:
    second = Script()
    first = Script(lambda self: multi.add_handle(second))
    multi.add_handle(first)
    assert host.timeout() == (0, 2)
    assert second.life == ["start"]
    second.call_soon(multi.remove_handle, first)
    assert host.timeout() == (0, 1)
    assert first.life == ["start", "stop"]
    assert first.engine is None


def test_p10_closing_leaves_the_engine_for_good(multi: Multi, host: Host) -> None:
    handle = Script(lambda self: self.watch(7, READ, print))
    multi.add_handle(handle)
    host.timeout()
    host.take()
    handle.close()
    assert ("REMOVE", 7, None) in host.take()
    assert (handle.engine, handle.is_closed, handle.life) == (None, True, ["start", "stop"])
    handle.close()
    with pytest.raises(EngineError, match="was closed") as caught:
        multi.add_handle(handle)
    assert caught.value.code == c.E_MULTI_BAD_EASY_HANDLE
    assert host.timeout() == (0, 0)


def test_closing_inside_a_host_function_is_refused_and_changes_nothing(multi: Multi, host: Host) -> None:
    handle = Script(lambda self: self.watch(7, READ, print))
    codes: list[int] = []

    def probe(what: int, fd: int, data: Any) -> None:
        with pytest.raises(EngineError) as caught:
            handle.close()
        codes.append(caught.value.code)

    host.on_socket = probe
    multi.add_handle(handle)
    host.timeout()
    host.on_socket = lambda what, fd, data: None
    assert set(codes) == {c.E_MULTI_RECURSIVE_API_CALL}
    assert (handle.engine, handle.is_closed) == (multi, False)
