"""Timers armed and fired, and armed and cancelled, a second: the case `timers`.

Cancelling is what most timers come to: they guard something that happens in time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from .children import Children
from .figures import Figures
from .options import Options
from .roles import Order, Parent, Role

NUM_TIMERS: Final = 10_000
REPEATS: Final = 8
"""Of which the least disturbed counts."""
LATER: Final = 60.0


class Timer(Protocol):
    """One armed call."""

    def cancel(self) -> object: ...


Arm = Callable[[float, Callable[[], object]], Any]
"""Any: a Timer, or gevent's own."""


def prepare_timers(options: Options) -> Callable[[str], Figures]:
    """The result measures one round of a contender."""

    def measure(contender: str) -> Figures:
        with Children(options.timeout) as children:
            table = children.start("timers", kind=contender).read()
        return {
            "fired/s": NUM_TIMERS / table["fired"],
            "cancelled/s": NUM_TIMERS / table["cancelled"],
        }

    return measure


def timers(order: Order, parent: Parent) -> None:
    """Role `timers`: say the seconds of the quickest of several times."""
    contender = CONTENDERS[order["kind"]]()
    fired = min(_fire_all(contender) for _ in range(REPEATS))
    cancelled = min(_cancel_all(contender) for _ in range(REPEATS))
    parent.say(fired=fired, cancelled=cancelled)


def _fire_all(contender: Contender) -> float:
    """Timers of as many moments as there are timers, all of them past by the time the last one is armed."""
    left = NUM_TIMERS

    def fire() -> None:
        nonlocal left
        left -= 1
        if not left:
            contender.stop()

    arm = contender.arm
    start = time.perf_counter()
    kept = [arm(1e-4 + number * 1e-7, fire) for number in range(NUM_TIMERS)]
    contender.run()
    seconds = time.perf_counter() - start
    assert not left
    del kept
    return seconds


def _cancel_all(contender: Contender) -> float:
    arm, cancel = contender.arm, contender.cancel
    start = time.perf_counter()
    armed = [arm(LATER, _never) for _ in range(NUM_TIMERS)]
    for timer in armed:
        cancel(timer)
    return time.perf_counter() - start


def _never() -> None:
    raise AssertionError("a cancelled timer fired")


class Contender(Protocol):
    """A loop's timers (Any: its own kind of timer)."""

    @property
    def arm(self) -> Arm: ...
    @property
    def run(self) -> Callable[[], object]: ...

    @property
    def stop(self) -> Callable[[], object]: ...

    def cancel(self, timer: Any) -> None: ...


class OnReactor:
    """`Reactor.call_later`."""

    def __init__(self) -> None:
        from evtorrent.reactor import Reactor

        reactor = Reactor()
        self.arm = reactor.call_later
        self.run = reactor.run
        self.stop = reactor.stop

    def cancel(self, timer: Timer) -> None:
        timer.cancel()


class OnMulti:
    """`Multi.call_later`, driven by TIMEOUT actions."""

    def __init__(self) -> None:
        from evtorrent.protocols.engine import Multi

        self._multi = Multi()
        self.arm = self._multi.call_later
        self._is_stopped = False

    def cancel(self, timer: Timer) -> None:
        timer.cancel()

    def run(self) -> None:
        self._is_stopped = False
        while not self._is_stopped:
            self._multi.socket_action(self._multi.SOCKET_TIMEOUT, 0)

    def stop(self) -> None:
        self._is_stopped = True


class OnAsyncio:
    """`call_later` of a loop of asyncio's kind."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        loop = loop or asyncio.SelectorEventLoop()
        self.arm = loop.call_later
        self.run = loop.run_forever
        self.stop = loop.stop

    def cancel(self, timer: Timer) -> None:
        timer.cancel()


class OnUvloop(OnAsyncio):
    """uvloop's."""

    def __init__(self) -> None:
        import uvloop

        super().__init__(uvloop.new_event_loop())


class OnGevent:
    """Timers of the hub's loop, and the hub waited for."""

    def __init__(self) -> None:
        import gevent
        from gevent.event import Event

        self._make = gevent.get_hub().loop.timer
        self._event = Event()

    def arm(self, delay: float, callback: Callable[[], object]) -> Any:
        timer = self._make(delay)
        timer.start(callback)
        return timer

    def cancel(self, timer: Any) -> None:
        timer.stop()
        timer.close()

    def run(self) -> None:
        self._event.wait()
        self._event.clear()

    def stop(self) -> None:
        self._event.set()


CONTENDERS: Final[dict[str, Callable[[], Contender]]] = {
    "ours": OnReactor,
    "ours, Multi": OnMulti,
    "asyncio": OnAsyncio,
    "gevent": OnGevent,
    "uvloop": OnUvloop,
}
"""Contender → its loop."""

ROLES: Final[dict[str, Role]] = {"timers": timers}
