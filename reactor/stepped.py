"""A loop that never waits, so that another loop can do the waiting (libuv's backend descriptor and timeout).

An asyncio loop over a selector that looks without sleeping.  `step` does what is ready and due, and stops where the loop
would go to sleep; then `wants` tells for how long, and `fileno` what would wake it.  Only asyncio's public interface is used.

libuv's own way (`uv_backend_fd`, `uv_backend_timeout`, one NOWAIT turn) cannot be taken under uvloop: with every run in the
main thread it opens and closes a handle for signals, and the handle that is closing makes the timeout 0, always.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVarTuple

from .errors import ReactorUsageError

__all__ = ["MAX_TURNS", "SteppedLoop"]

_Args = TypeVarTuple("_Args")

MAX_TURNS = 16
"""Turns a step may take when there is always something left to do; then the outer loop has its turn."""


class SteppedLoop(asyncio.SelectorEventLoop):
    """For `Reactor(loop=SteppedLoop())`.  `run_forever` returns where other loops would wait."""

    def __init__(self) -> None:
        self._glance = _Glance()
        self.on_asked: Callable[[], object] | None = None
        """Called when something is asked of the loop while it does not run: it wants a step soon."""
        super().__init__(self._glance)
        if not hasattr(self._glance, "fileno"):
            self.close()
            raise ReactorUsageError("this system's selector has no descriptor for another loop to wait on")
        self._glance.on_sleep = self.stop

    def fileno(self) -> int:
        """Readable when the loop has something to do."""
        return self._glance.fileno()

    @property
    def wants(self) -> float | None:
        """Seconds the loop would have slept, at the end of its last step; None for ever, 0 for not at all."""
        return self._glance.asked

    def run_forever(self) -> None:
        """Do what is ready and due, at most `MAX_TURNS` times, and return instead of waiting."""
        self._glance.turns = 0
        super().run_forever()

    def run_until_complete(self, future: Any) -> Any:
        """As every loop's: this one does wait."""
        self._glance.may_sleep = True
        try:
            return super().run_until_complete(future)
        finally:
            self._glance.may_sleep = False

    def call_soon(
        self,
        callback: Callable[[*_Args], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """As every loop's."""
        handle = super().call_soon(callback, *args, context=context)
        self._note()
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Args], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As every loop's; `call_later` comes here too."""
        handle = super().call_at(when, callback, *args, context=context)
        self._note()
        return handle

    def _note(self) -> None:
        # Descriptors need no note: the kernel hears of them at once.
        if self.on_asked is not None and not self.is_running():
            self.on_asked()


class _Glance(selectors.DefaultSelector):
    """Looks, and says that it would have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.on_sleep: Callable[[], object] = lambda: None
        self.asked: float | None = 0.0
        self.turns = 0
        self.may_sleep = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.may_sleep:
            return super().select(timeout)
        ready = super().select(0)
        self.turns += 1
        self.asked = 0.0 if ready else timeout
        if self.asked != 0 or self.turns >= MAX_TURNS:
            self.on_sleep()
        return ready
