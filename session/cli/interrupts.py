"""Ctrl-C and kill, taken note of instead of obeyed at once: there are things to save first.

The first signal is only remembered, for a loop that looks.  The second raises KeyboardInterrupt wherever the program is, so
that a goodbye that takes too long can be cut short.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

__all__ = ["Interrupts"]

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupts:
    """Within the `with` block signals are counted.  Off the main thread, where Python has no signals, it sees none."""

    def __init__(self) -> None:
        self.received: int | None = None
        """The first signal that came."""
        # Any: what signal.signal() gave, to be given back.
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
