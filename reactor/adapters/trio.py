"""A `Multi` in trio: one task that waits on the driver's own selector, whatever the number of descriptors.

Interest goes to that selector at once, also while the task waits, so no task exists for a descriptor and nothing is left
behind when one is closed.  The selector has to be a descriptor itself: epoll or kqueue.
"""

from __future__ import annotations

import math
import time
from importlib import import_module
from typing import Any

from ..errors import ReactorUsageError
from .selectors import SelectorsDriver

__all__ = ["TrioDriver", "drive_trio"]


class TrioDriver(SelectorsDriver):
    """`serve` drives.  It may be cancelled at any moment and run again: nothing is lost in between."""

    def __init__(self, multi: Any) -> None:
        self._trio: Any = import_module("trio")
        self._scope: Any = None
        """What `serve` waits in; None while it does not wait."""
        super().__init__(multi, None)
        if not hasattr(self._selector, "fileno"):
            self.close()
            raise ReactorUsageError("trio cannot wait on this system's selector: it has no descriptor")

    async def serve(self) -> None:
        """Wait and act, until `close`.  A failing action leaves it as it is; it may be called again."""
        while self.multi is not None:
            scope = self._trio.CancelScope()
            scope.deadline = self._due()
            self._scope = scope
            try:
                with scope:
                    await self._trio.lowlevel.wait_readable(self._selector)
            finally:
                self._scope = None
            if self.multi is not None:
                self.run_once(0.0)

    def close(self) -> None:
        """Let go of engine and trio; `serve` returns.  Before the engine is closed; repeatable."""
        if self._scope is not None:
            self._scope.cancel()  # trio forgets the selector here, before it is closed
        super().close()

    def _on_timer(self, timeout_ms: int) -> None:
        super()._on_timer(timeout_ms)
        if self._scope is not None:
            self._scope.deadline = self._due()

    def _due(self) -> float:
        if self._deadline is None:
            return math.inf
        now: float = self._trio.current_time()
        return now + self._deadline - time.monotonic()


def drive_trio(multi: Any, nursery: Any = None) -> TrioDriver:
    """Run `multi` as a task of `nursery`; without one, `await` the driver's `serve` in a task of your own.

    A failing action ends the task with its exception, and so the nursery: trio's way.
    """
    driver = TrioDriver(multi)
    if nursery is not None:
        nursery.start_soon(driver.serve)
    return driver
