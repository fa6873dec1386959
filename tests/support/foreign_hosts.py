"""Hosts of the driver kit on loops of other libraries.  Each skips its test, visibly, when the library is missing."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.reactor import drive_gevent, drive_glib, drive_pyuv, drive_qt, drive_trio

from .loop_host import GIVE_UP_AFTER, Host


def library(name: str) -> Any:
    """The module, or a visible skip."""
    return pytest.importorskip(name, exc_type=ImportError)


def _warm_up() -> None:
    """Some libraries keep descriptors for the life of the process: have them before any test counts."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    for name, start in (
        ("PySide6.QtCore", lambda module: _kept.append(module.QCoreApplication([]))),
        ("gevent", lambda module: module.get_hub().loop),
        ("gi.repository.GLib", lambda module: module.MainContext.default().iteration(False)),
    ):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        start(module)


_kept: list[Any] = []
_warm_up()


class TrioHost(Host):
    """`drive_trio`, whose errors end the nursery; kept, and the task begun anew."""

    def __init__(self) -> None:
        super().__init__()
        self._trio = library("trio")
        self._drivers: list[Any] = []

    def drive(self, multi: Any) -> Any:
        driver = drive_trio(multi)
        self._drivers = [each for each in self._drivers if each.multi is not None] + [driver]
        return driver

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER

        async def main() -> None:
            async with self._trio.open_nursery() as nursery:
                for driver in self._drivers:
                    nursery.start_soon(driver.serve)
                while not condition() and time.monotonic() < deadline:
                    await self._trio.sleep(0.001)
                nursery.cancel_scope.cancel()

        while not condition() and time.monotonic() < deadline:
            try:
                self._trio.run(main)
            except BaseExceptionGroup as group:
                self.errors.extend(group.exceptions)
        assert condition(), "it never came true"


class GeventHost(Host):
    """`drive_gevent` on this thread's hub."""

    def __init__(self) -> None:
        super().__init__()
        self._gevent = library("gevent")
        self._hub = self._gevent.get_hub()
        self._hub.handle_error = lambda context, kind, error, trace: self.errors.append(error)

    def drive(self, multi: Any) -> Any:
        return drive_gevent(multi)

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER
        while not condition() and time.monotonic() < deadline:
            self._gevent.sleep(0.001)
        assert condition(), "it never came true"

    def close(self) -> None:
        del self._hub.handle_error


class HookedHost(Host):
    """A loop that gives errors to `sys.excepthook`."""

    def __init__(self) -> None:
        super().__init__()
        self._hook = sys.excepthook
        sys.excepthook = lambda kind, error, trace: self.errors.append(error)

    def close(self) -> None:
        sys.excepthook = self._hook


class QtHost(HookedHost):
    """`drive_qt` under PySide6, without a window system."""

    def __init__(self, name: str = "PySide6.QtCore") -> None:
        self._core = library(name)
        super().__init__()

    def drive(self, multi: Any) -> Any:
        return drive_qt(multi, self._core)

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER
        loop, timer = self._core.QEventLoop(), self._core.QTimer()

        def check() -> None:
            if condition() or time.monotonic() > deadline:
                loop.quit()

        timer.timeout.connect(check)
        timer.start(1)
        loop.exec()
        timer.stop()
        assert condition(), "it never came true"


class GlibHost(HookedHost):
    """`drive_glib` on the default main context, PyGObject's or that of a module of its shape."""

    def __init__(self, glib: Any = None) -> None:
        self._glib = library("gi.repository.GLib") if glib is None else glib
        super().__init__()

    def drive(self, multi: Any) -> Any:
        return drive_glib(multi, self._glib)

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER
        context = self._glib.MainContext.default()
        tick = self._glib.timeout_add(1, lambda: True)
        while not condition() and time.monotonic() < deadline:
            context.iteration(True)
        self._glib.source_remove(tick)
        assert condition(), "it never came true"


class PyuvHost(Host):
    """`drive_pyuv` on a loop of a module of pyuv's shape."""

    def __init__(self, pyuv: Any) -> None:
        super().__init__()
        self._pyuv = pyuv
        self._loop = pyuv.Loop()
        self._loop.excepthook = lambda kind, error, trace: self.errors.append(error)

    def drive(self, multi: Any) -> Any:
        return drive_pyuv(multi, self._loop, self._pyuv)

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER
        tick = self._pyuv.Timer(self._loop)
        tick.start(lambda timer: None, 0.001, 0.001)
        while not condition() and time.monotonic() < deadline:
            self._loop.run(self._pyuv.UV_RUN_ONCE)
        tick.close()
        assert condition(), "it never came true"

    def close(self) -> None:
        self._loop.run(self._pyuv.UV_RUN_NOWAIT)  # handles that are closing get their last turn
        assert self._loop.handles == []
