"""What `drive_asyncio` does beyond the kit that runs over every driver (tests/conformance/test_drivers.py)."""

from __future__ import annotations

import asyncio

import pytest
from evtorrent.reactor import ReactorUsageError, drive_asyncio
from support.driver_hosts import ScriptedMulti


def test_running_loop_is_the_default() -> None:
    multi = ScriptedMulti()

    async def main() -> None:
        driver = drive_asyncio(multi)
        await asyncio.sleep(0.001)
        driver.close()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())
    assert multi.actions == [(multi.SOCKET_TIMEOUT, 0)]


def test_without_a_loop_there_is_nothing_to_drive_on() -> None:
    multi = ScriptedMulti()
    with pytest.raises(RuntimeError):
        drive_asyncio(multi)
    assert multi.options == {}


def test_proactor_loop_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Proactor(asyncio.SelectorEventLoop):
        pass

    monkeypatch.setattr(asyncio, "ProactorEventLoop", Proactor, raising=False)
    loop = Proactor()
    with pytest.raises(ReactorUsageError, match="selector"):
        drive_asyncio(ScriptedMulti(), loop)
    loop.close()
