"""One call to come, by time or as soon as possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .handles.timer import Deadline

if TYPE_CHECKING:
    from .core import LoopCore

__all__ = ["Call"]


class Call(Deadline):
    """What `call_soon` and its kin return.  It belongs to the loop's thread."""

    __slots__ = ("_args", "_callback", "_core")

    def __init__(self, core: LoopCore, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        super().__init__()
        self._core = core
        self._callback: Callable[..., object] | None = callback
        self._args = args

    def cancel(self) -> None:
        """The call will not happen.  Repeatable, and harmless after it happened."""
        self._callback = None
        self._args = ()
        if self._ticket:
            self._core.timers.disarm(self)
            self._core.on_withdrawn()

    def expire(self) -> None:
        """For the timer queue: the moment has come."""
        self._core.activate(self, self._core.default_priority)

    def fire(self) -> None:
        """For the active queue: make the call."""
        callback, args = self._callback, self._args
        if callback is not None:
            self._callback, self._args = None, ()
            callback(*args)

    def drop(self) -> None:
        """For the active queue: the reactor closes, the call is never made."""
        self.cancel()

    def __repr__(self) -> str:
        state = "armed" if self.is_armed else "done" if self._callback is None else "due"
        return f"<Call {state}>"
