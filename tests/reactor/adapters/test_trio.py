"""What `drive_trio` does beyond the kit that runs over every driver (tests/conformance/test_drivers.py)."""

from __future__ import annotations

import selectors
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.reactor import READ, ReactorUsageError, drive_trio
from evtorrent.reactor.adapters import selectors as selectors_driver
from support.driver_hosts import ScriptedMulti

trio: Any = pytest.importorskip("trio")

pytestmark = pytest.mark.usefixtures("no_fd_survives")


def test_task_of_a_nursery_ends_with_close() -> None:
    multi = Multi()

    async def main() -> str:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                driver = drive_trio(multi, nursery)
                done = trio.Event()
                multi.call_later(0.001, done.set)
                await done.wait()
                driver.close()
        return "the nursery ended"

    assert trio.run(main) == "the nursery ended"
    multi.close()


def test_cancelled_task_loses_nothing(pair: Any) -> None:
    left, right = pair
    multi = Multi()
    seen: list[bytes] = []
    watch = multi.watch(left.fileno(), READ, lambda ready: seen.append(left.recv(10)))
    driver = drive_trio(multi)

    async def cancelled() -> None:
        with trio.move_on_after(0.002):
            await driver.serve()

    async def served() -> None:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(driver.serve)
                while not seen:
                    await trio.sleep(0.001)
                nursery.cancel_scope.cancel()

    trio.run(cancelled)
    right.send(b"meanwhile")
    trio.run(served)
    assert seen == [b"meanwhile"]
    watch.close()
    driver.close()
    multi.close()


def test_failing_action_ends_the_nursery_with_its_exception() -> None:
    multi = ScriptedMulti()

    def fail(fd: int, events: int) -> None:
        raise LookupError("the engine broke")

    multi.on_action = fail
    drivers: list[Any] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            drivers.append(drive_trio(multi, nursery))

    with pytest.raises(ExceptionGroup) as caught:
        trio.run(main)
    assert [type(error) for error in caught.value.exceptions] == [LookupError]
    drivers[0].close()


def test_engine_called_by_another_task_wakes_the_waiting_one() -> None:
    """The deadline moves forward while the task waits for one far away."""
    multi = Multi()
    fired: list[str] = []

    async def main() -> None:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                driver = drive_trio(multi, nursery)
                far = multi.call_later(3600, fired.append, "far")
                await trio.sleep(0.002)
                multi.call_later(0.001, fired.append, "near")
                while not fired:
                    await trio.sleep(0.001)
                far.cancel()
                driver.close()

    trio.run(main)
    assert fired == ["near"]
    multi.close()


def test_selector_without_a_descriptor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    multi = ScriptedMulti()
    monkeypatch.setattr(selectors_driver.selectors, "DefaultSelector", selectors.SelectSelector)
    with pytest.raises(ReactorUsageError, match="no descriptor"):
        drive_trio(multi)
    assert set(multi.options.values()) == {None}
