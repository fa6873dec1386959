"""A `Multi` in a Qt event loop: PySide6, PyQt6, or anything of their shape.

A QSocketNotifier a direction, and one QTimer.  Qt counts milliseconds in 31 bits; a longer wait is cut, which the engine
answers by asking for the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from .. import numbers as curl
from ..errors import ReactorUsageError

__all__ = ["QtDriver", "drive_qt"]


class QtDriver:
    """Turns what the engine asks for into notifiers and one timer of the thread it is made in."""

    def __init__(self, multi: Any, core: Any) -> None:
        self.multi = multi  # Any: the engine fits by shape, and so does QtCore
        self.on_messages: Callable[[], object] | None = None
        """Called after every action, when `info_read` may have something."""
        self._core = core
        self._notifiers: dict[tuple[int, int], Any] = {}  # by descriptor and CSELECT_IN or CSELECT_OUT
        self._timer = core.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setTimerType(core.Qt.TimerType.PreciseTimer)  # the default may come 5 % early
        self._timer.timeout.connect(lambda: self._act(curl.SOCKET_TIMEOUT, 0))
        multi.setopt(curl.M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(curl.M_TIMERFUNCTION, self._on_timer)
        self._on_timer(0)  # the first action announces what the engine already has

    def close(self) -> None:
        """Let go of engine and loop; both live on.  Before the engine is closed; repeatable."""
        if (multi := self.multi) is None:
            return
        self.multi = None
        multi.setopt(curl.M_SOCKETFUNCTION, None)
        multi.setopt(curl.M_TIMERFUNCTION, None)
        self._timer.stop()
        self._timer.deleteLater()
        for fd, bit in list(self._notifiers):
            self._drop(fd, bit)

    def _on_socket(self, what: int, fd: int, multi: Any, data: object) -> None:
        for bit in (curl.CSELECT_IN, curl.CSELECT_OUT):  # POLL_IN 1, POLL_OUT 2
            if what == curl.POLL_REMOVE or not what & bit:
                self._drop(fd, bit)
            elif (fd, bit) not in self._notifiers:
                kind = self._core.QSocketNotifier.Type
                notifier = self._core.QSocketNotifier(fd, kind.Read if bit == curl.CSELECT_IN else kind.Write)
                notifier.activated.connect(lambda *_, fd=fd, bit=bit: self._act(fd, bit))
                self._notifiers[fd, bit] = notifier

    def _drop(self, fd: int, bit: int) -> None:
        if (notifier := self._notifiers.pop((fd, bit), None)) is not None:
            notifier.setEnabled(False)  # at once, before the descriptor is closed
            notifier.deleteLater()  # it may be the one that is calling now

    def _on_timer(self, timeout_ms: int) -> None:
        self._timer.stop()
        if timeout_ms >= 0:  # never from inside this call, not even 0
            self._timer.start(min(timeout_ms, curl.MAX_TIMER_MS))

    def _act(self, fd: int, events: int) -> None:
        try:
            if self.multi is not None:
                self.multi.socket_action(fd, events)
                if self.on_messages is not None:
                    self.on_messages()
        except Exception:  # PyQt would end the program if it saw this
            sys.excepthook(*sys.exc_info())


def drive_qt(multi: Any, core: Any = None) -> QtDriver:
    """Run `multi` in this thread's Qt loop.  `core` is the QtCore module: by default the one imported, or PySide6's.

    A failing action goes to `sys.excepthook`, as exceptions of slots do.
    """
    if core is None:
        core = sys.modules.get("PyQt6.QtCore") or import_module("PySide6.QtCore")
    if core.QAbstractEventDispatcher.instance() is None:
        raise ReactorUsageError("this thread has no Qt loop: make a QCoreApplication or run in a QThread")
    return QtDriver(multi, core)
