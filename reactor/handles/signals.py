"""Signals for any number of reactors.

The handler is Python's, installed from the main thread with the first reactor that asks for a signal and taken away with
the last, when the handler that was there before returns exactly as it was.  Every reactor that watches a signal gets it,
whatever thread it runs on.

Only the main thread may set handlers.  When the last listener goes on another thread, the handler stays until the main
thread is next here: a listener comes or goes, or the signal itself does, which is then passed on to the one from before.
"""

from __future__ import annotations

import signal
import threading
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
    _restore_unused()
    slot = _slots.get(signum)
    if slot is None:
        slot = _Slot()
        slot.previous = _install(signum, _on_signal)
        _slots[signum] = slot
    slot.listeners.append(listener)


def unlisten_signal(signum: int, listener: Listener) -> None:
    """Remove a listener; the last one restores the handler from before, at once on the main thread."""
    _slots[signum].listeners.remove(listener)
    _restore_unused()


def _restore_unused() -> None:
    if threading.current_thread() is threading.main_thread():
        for signum in [signum for signum, slot in _slots.items() if not slot.listeners]:
            # None: it was set by other means than Python, and cannot be put back.
            previous = _slots[signum].previous
            _install(signum, signal.SIG_DFL if previous is None else previous)
            del _slots[signum]


def _install(signum: int, handler: Any) -> Any:
    try:
        return signal.signal(signum, handler)
    except (ValueError, OverflowError, OSError) as exc:
        raise ReactorUsageError(f"signal {signum}: {exc}") from exc


def _on_signal(signum: int, frame: FrameType | None) -> None:
    slot = _slots.get(signum)
    if slot is None:
        return
    if slot.listeners:
        for listener in tuple(slot.listeners):
            listener(signum)
    else:
        _restore_unused()
        signal.raise_signal(signum)
