"""Our `Reactor` inside a foreign loop: it takes the shape of an engine, so every driver can host it.

    reactor = Reactor(loop=SteppedLoop())
    driver = drive_qt(embed(reactor))

An engine of one descriptor and one deadline.  What is asked of the reactor between two actions asks the host for another.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from .. import numbers as curl
from ..errors import ReactorUsageError
from ..loop import Reactor
from ..stepped import SteppedLoop

__all__ = ["EmbeddedReactor", "embed"]


class EmbeddedReactor:
    """What a driver needs of an engine: `setopt` and `socket_action`.  Closing the reactor stays the caller's."""

    def __init__(self, reactor: Reactor, loop: SteppedLoop) -> None:
        self._reactor = reactor
        self._loop = loop
        self._functions: dict[int, Callable[..., object] | None] = {}
        self._is_announced = self._is_kicked = False
        loop.on_asked = self._kick

    def setopt(self, option: int, value: Callable[..., object] | None) -> None:
        """Install or take away a function of the host: M_SOCKETFUNCTION, M_TIMERFUNCTION."""
        if option not in (curl.M_SOCKETFUNCTION, curl.M_TIMERFUNCTION):
            raise ReactorUsageError(f"there is no option {option}")
        self._functions[option] = value
        if option == curl.M_SOCKETFUNCTION:
            self._is_announced = False

    def socket_action(self, sockfd: int, ev_bitmask: int = 0) -> tuple[int, int]:
        """Let the reactor do what is ready and due.  Gives (0, 1 while something is pending or active).

        ReactorBusy from inside one of its callbacks.
        """
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(None)  # loops may be nested here, because the inner one never waits
        try:
            is_empty = self._reactor.run()
            if is_empty:  # code that awaits is nothing the reactor counts
                self._loop.run_forever()
        finally:
            asyncio._set_running_loop(outer)
        self._is_kicked = False
        on_socket = self._functions.get(curl.M_SOCKETFUNCTION)
        if on_socket is not None and not self._is_announced:
            self._is_announced = True
            on_socket(curl.POLL_IN, self._loop.fileno(), self, None)
        self._tell(self.timeout())
        return 0, int(not is_empty)

    def timeout(self) -> int:
        """Milliseconds from the last action until the next; -1 for never."""
        wants = self._loop.wants
        return -1 if wants is None else math.ceil(wants * 1000)

    def _kick(self) -> None:
        if not self._is_kicked:
            self._is_kicked = True
            self._tell(0)

    def _tell(self, timeout_ms: int) -> None:
        if (on_timer := self._functions.get(curl.M_TIMERFUNCTION)) is not None:
            on_timer(timeout_ms)


def embed(reactor: Reactor) -> EmbeddedReactor:
    """Dress `reactor` as an engine for any driver of this folder.  ReactorUsageError unless its loop can be stepped."""
    loop = reactor.asyncio_loop
    if not isinstance(loop, SteppedLoop):
        raise ReactorUsageError(
            "this loop waits by itself; make the reactor with Reactor(loop=SteppedLoop())"
        )
    return EmbeddedReactor(reactor, loop)
