"""What a test may not leave behind: threads, descriptors, child processes, and whatever a reactor still waits for.

A `Ledger` is opened before a test's own fixtures and closed after them.  Fixtures of a wider scope exist before it, so
what they hold is in the opening balance; what they add while a test runs must be gone when it ends.
"""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from dataclasses import asdict
from pathlib import Path

from evtorrent.reactor import Reactor, open_reactors

__all__ = ["Ledger"]

END_TIMEOUT = 2.0
"""Seconds that what a test has told to end may still take."""
LOOK_UP = 0.005
"""Seconds between looks while other threads are closing things."""

_DESCRIPTORS = Path("/proc/self/fd")
_TASKS = Path("/proc/self/task")


class Ledger:
    """What the process had when this was made."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._descriptors = _descriptors()
        self._children = _children()
        self._reactors: weakref.WeakKeyDictionary[Reactor, dict[str, int]] = weakref.WeakKeyDictionary(
            (reactor, _waiting_for(reactor)) for reactor in open_reactors()
        )

    def differences(self) -> list[str]:
        """What is there now and was not then, in words.

        Threads that are ending are waited for, and so is what other threads, a wider fixture's, have yet to close.
        """
        threads = self._new_threads()
        found = self._new_things()
        if found:
            # A caught error holds, by its traceback, the frames it passed and what they had open, in a cycle with the
            # test's own frame.  What was forgotten rather than closed warns when it is collected, an error here.
            gc.collect()
            found = self._new_things()
        deadline = time.monotonic() + END_TIMEOUT
        while found and _num_threads() > 1 and time.monotonic() < deadline:
            time.sleep(LOOK_UP)
            found = self._new_things()
        return threads + found

    def _new_things(self) -> list[str]:
        found: list[str] = []
        found += [
            f"child process {child} is neither ended nor waited for" for child in _children() - self._children
        ]
        for reactor in open_reactors():
            found += self._new_in(reactor)
        found += [
            f"descriptor {fd} is open: {_target_of(fd)}" for fd in sorted(_descriptors() - self._descriptors)
        ]
        return found

    def _new_threads(self) -> list[str]:
        left = []
        for thread in threading.enumerate():
            # A _DummyThread stands for a thread Python did not start (a C library's): nobody can join it.
            if thread in self._threads or isinstance(thread, threading._DummyThread):
                continue
            thread.join(END_TIMEOUT)
            if thread.is_alive():
                left.append(f"thread {thread.name} is running")
        return left

    def _new_in(self, reactor: Reactor) -> list[str]:
        before = self._reactors.get(reactor)
        if before is None:
            return [f"{reactor!r} is not closed"]
        now = _waiting_for(reactor)
        return [
            f"{reactor!r} has {now[name] - before[name]} {name.removeprefix('num_')} more, {now[name]} in all"
            for name in now
            if now[name] > before[name]
        ]


def _num_threads() -> int:
    """Those of C libraries included, where the system tells."""
    return len(os.listdir(_TASKS)) if _TASKS.is_dir() else threading.active_count()


def _waiting_for(reactor: Reactor) -> dict[str, int]:
    """What was registered.  While a wider fixture's thread runs it, deadlines and callbacks come and go by themselves."""
    counts = {name: value for name, value in asdict(reactor.statistics()).items() if name.startswith("num_")}
    if reactor.asyncio_loop.is_running():
        counts["num_timers"] = counts["num_active"] = 0
    return counts


def _descriptors() -> set[int]:
    """The numbers open now; empty where the system does not list them."""
    if not _DESCRIPTORS.is_dir():
        return set()
    return {fd for fd in map(int, os.listdir(_DESCRIPTORS)) if _is_open(fd)}


def _is_open(fd: int) -> bool:
    """False for the descriptor of the listing itself: left in, it would hide whatever gets its number next."""
    try:
        os.get_inheritable(fd)
    except OSError:
        return False
    return True


def _target_of(fd: int) -> str:
    try:
        return os.readlink(_DESCRIPTORS / str(fd))
    except OSError:
        return "closed meanwhile"


def _children() -> frozenset[int]:
    """Child processes, ended ones nobody waited for included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return frozenset()  # the common case, at the price of one system call
    found: set[int] = set()
    for task in _TASKS.glob("*/children"):
        try:
            found.update(map(int, task.read_text().split()))
        except OSError:
            continue  # the thread ended meanwhile
    return frozenset(found)
