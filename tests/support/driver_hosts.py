"""Every loop a `Multi` can be driven on, as hosts of one shape, so that one test body runs on all of them.

`ScriptedMulti` is an engine by shape that records what it is told: the drivers import nothing of protocols, so neither
need their tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import uvloop
from evtorrent.reactor import Reactor, SteppedLoop, drive, drive_asyncio, drive_selectors, embed

from .fake_glib import FakeGlib
from .fake_pyuv import FakePyuv
from .foreign_hosts import GeventHost, GlibHost, PyuvHost, QtHost, TrioHost
from .loop_host import GIVE_UP_AFTER, Host
from .simulated_host import SimulatedHost


class ScriptedMulti:
    """Has an engine's constants and entry points; a test plays the engine."""

    M_SOCKETFUNCTION, M_TIMERFUNCTION = 20001, 20004
    SOCKET_TIMEOUT = -1
    CSELECT_IN, CSELECT_OUT, CSELECT_ERR = 1, 2, 4
    POLL_NONE, POLL_IN, POLL_OUT, POLL_INOUT, POLL_REMOVE = range(5)

    def __init__(self) -> None:
        self.options: dict[int, Any] = {}
        self.actions: list[tuple[int, int]] = []
        self.on_action: Callable[[int, int], object] = lambda fd, events: None
        self.num_running = 0

    def setopt(self, option: int, value: Any) -> None:
        self.options[option] = value

    def socket_action(self, fd: int, events: int) -> tuple[int, int]:
        self.actions.append((fd, events))
        self.on_action(fd, events)
        return 0, self.num_running

    def tell_socket(self, what: int, fd: int) -> None:
        self.options[self.M_SOCKETFUNCTION](what, fd, self, None)

    def tell_timer(self, timeout_ms: int) -> None:
        self.options[self.M_TIMERFUNCTION](timeout_ms)

    def actions_on(self, fd: int) -> list[int]:
        """The event masks this descriptor was acted on with."""
        return [events for acted, events in self.actions if acted == fd]


class ReactorHost(Host):
    """`drive` on a `Reactor`."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__()
        self.reactor = Reactor(loop=loop)
        self.reactor.on_error = lambda context, error: self.errors.append(error)

    def drive(self, multi: Any) -> Any:
        return drive(multi, self.reactor)

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER

        def check() -> None:
            nonlocal tick
            if condition() or time.monotonic() > deadline:
                self.reactor.stop()
            else:
                tick = self.reactor.call_later(0.001, check)

        tick = self.reactor.call_soon(check)
        self.reactor.run()
        tick.cancel()
        assert condition(), "it never came true"

    def close(self) -> None:
        self.reactor.close()


class AsyncioHost(Host):
    """`drive_asyncio` on a loop of asyncio's kind."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = loop
        loop.set_exception_handler(lambda loop, context: self.errors.append(context["exception"]))

    def drive(self, multi: Any) -> Any:
        return drive_asyncio(multi, self.loop)

    def run_until(self, condition: Callable[[], object]) -> None:
        async def wait() -> None:
            deadline = time.monotonic() + GIVE_UP_AFTER
            while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - conditions are of any kind
                await asyncio.sleep(0.001)

        self.loop.run_until_complete(wait())
        assert condition(), "it never came true"

    def close(self) -> None:
        self.loop.close()


class SelectorsHost(Host):
    """`drive_selectors`, whose errors leave the loop; kept as the others keep them."""

    def __init__(self) -> None:
        super().__init__()
        self._driver: Any = None

    def drive(self, multi: Any) -> Any:
        self._driver = drive_selectors(multi)
        return self._driver

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER
        while not condition() and time.monotonic() < deadline:
            try:
                if self._driver.multi is not None:
                    self._driver.run_once(0.001)
            except Exception as exc:
                self.errors.append(exc)
        assert condition(), "it never came true"


class EmbeddedHost(Host):
    """Our reactor inside another loop: `drive` on a `Reactor` that is itself driven by that loop's driver."""

    def __init__(self, outer: Host) -> None:
        super().__init__()
        self.outer = outer
        self.reactor = Reactor(loop=SteppedLoop())
        self.reactor.on_error = lambda context, error: self.errors.append(error)
        self._outer_driver = outer.drive(embed(self.reactor))

    def drive(self, multi: Any) -> Any:
        return drive(multi, self.reactor)

    def run_until(self, condition: Callable[[], object]) -> None:
        self.outer.run_until(condition)

    def close(self) -> None:
        self._outer_driver.close()
        self.reactor.close()
        self.outer.close()
        assert self.outer.errors == []


HOSTS: dict[str, Callable[[], Any]] = {
    "reactor": ReactorHost,
    "reactor-stock": lambda: ReactorHost(asyncio.SelectorEventLoop()),
    "asyncio": lambda: AsyncioHost(asyncio.SelectorEventLoop()),
    "uvloop": lambda: AsyncioHost(uvloop.new_event_loop()),
    "selectors": SelectorsHost,
    "trio": TrioHost,
    "gevent": GeventHost,
    "qt": QtHost,
    "glib": GlibHost,
    "glib-shape": lambda: GlibHost(FakeGlib()),
    "pyuv-shape": lambda: PyuvHost(FakePyuv()),
    "reactor-in-selectors": lambda: EmbeddedHost(SelectorsHost()),
    "reactor-in-asyncio": lambda: EmbeddedHost(AsyncioHost(asyncio.SelectorEventLoop())),
    "reactor-in-uvloop": lambda: EmbeddedHost(AsyncioHost(uvloop.new_event_loop())),
    "reactor-in-trio": lambda: EmbeddedHost(TrioHost()),
}
"""Add a loop here and every test of the kit runs on it.  A host whose library is missing skips its tests visibly."""

KIT: dict[str, Callable[[], Any]] = {**HOSTS, "simulator": SimulatedHost}
"""What the kit runs on: the loops that watch the system's descriptors, and the simulator, which has its own."""
