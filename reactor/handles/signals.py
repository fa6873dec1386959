"""Signals for any number of reactors.

The handler is Python's, installed from the main thread with the first reactor that asks for a signal and taken away with
the last, when the handler that was there before returns exactly as it was.  Every reactor that watches a signal gets it,
whatever thread it runs on.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..errors import ReactorUsageError

__all__ = ["listen_signal", "unlisten_signal"]

Listener = Callable[[int], object]
"""Called in the handler, between any two instructions of the main thread: it may only append and post."""


class _Slot:
    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        # Any: what `signal.getsignal` gives back, which is only ever handed to `signal.signal`.
        self.previous: Any = None


_slots: dict[int, _Slot] = {}


def listen_signal(signum: int, listener: Listener) -> None:
    """Add a listener.  ReactorUsageError for a number that cannot be caught, or off the main thread."""
    slot = _slots.get(signum)
    if slot is None:
        slot = _Slot()
        slot.previous = _install(signum, _on_signal)
        _slots[signum] = slot
    slot.listeners.append(listener)


def unlisten_signal(signum: int, listener: Listener) -> None:
    """Remove a listener; the last one restores the handler from before.  ReactorUsageError off the main thread."""
    slot = _slots[signum]
    if len(slot.listeners) == 1:
        # None: it was set by other means than Python, and cannot be put back.
        _install(signum, signal.SIG_DFL if slot.previous is None else slot.previous)
        del _slots[signum]
    slot.listeners.remove(listener)


def _install(signum: int, handler: Any) -> Any:
    try:
        return signal.signal(signum, handler)
    except (ValueError, OSError) as exc:
        raise ReactorUsageError(f"signal {signum}: {exc}") from exc


def _on_signal(signum: int, frame: FrameType | None) -> None:
    slot = _slots.get(signum)
    if slot is not None:
        for listener in tuple(slot.listeners):
            listener(signum)
