"""Where a session runs: its own thread with a reactor, or the caller's loop.  The only file that knows threads.

Calls from outside go through `call` (wait for the result) or `post` (do not wait); on the loop's own thread they run at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, Protocol, TypeVar

from ..protocols.engine.multi import Multi
from ..reactor import Reactor, drive
from ..reactor.adapters import drive_asyncio
from ..reactor.net import SystemPlatform
from .errors import InvalidSessionHandle

__all__ = ["AsyncioEngine", "CallersLoop", "OwnThread", "Runtime", "default_workers"]

_LOOK_UP = 0.5
"""Seconds after which a waiting caller looks whether the session ended."""

P = ParamSpec("P")
T = TypeVar("T")


class Runtime(Protocol):
    """What `Session` needs of the place it runs in."""

    multi: Multi

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...
    def post(self, function: Callable[..., object], *args: Any) -> None: ...
    def finish(self, timeout: float | None) -> bool: ...
    @property
    def is_loop_thread(self) -> bool: ...


class OwnThread:
    """A thread of our own running a `Reactor`, for programs without a loop."""

    def __init__(self, workers: int) -> None:
        self.multi: Multi
        self._ident = 0
        self._closing = threading.Event()
        self._started: Future[None] = Future()
        self._workers = workers
        self._reactor: Reactor
        self._thread = threading.Thread(target=self._run, name="evtorrent", daemon=True)
        self._thread.start()
        self._started.result()

    def _run(self) -> None:
        try:
            self._ident = threading.get_ident()
            platform = SystemPlatform(self._workers)
            self._reactor = Reactor()
            self.multi = Multi(platform)
            driver = drive(self.multi, self._reactor)
        except BaseException as error:
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        try:
            self._reactor.run()
        finally:
            driver.close()
            self.multi.close()
            self._reactor.close()
            platform.close(5.0)
            self._closing.set()

    @property
    def is_loop_thread(self) -> bool:
        """The caller is the loop."""
        return threading.get_ident() == self._ident

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run on the loop and give the result.  InvalidSessionHandle after the end."""
        if self.is_loop_thread:
            return function(*args, **kwargs)
        if self._closing.is_set():
            raise InvalidSessionHandle
        future: Future[T] = Future()
        self.multi.call_soon_threadsafe(_settle, future, function, args, kwargs)
        return _wait_for(future, self._closing.is_set)

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Run on the loop some time soon."""
        if not self._closing.is_set():
            self.multi.call_soon_threadsafe(function, *args)

    def finish(self, timeout: float | None) -> bool:
        """End the loop and wait for the thread; False when it did not end in time."""
        if not self._closing.is_set():
            self.multi.call_soon_threadsafe(self._reactor.stop)
        if self.is_loop_thread:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()


class CallersLoop:
    """The loop the caller drives `multi` with.  The thread that makes the session is taken to be the loop's."""

    def __init__(self, multi: Multi) -> None:
        self.multi = multi
        self._ident = threading.get_ident()
        self._closed = False

    @property
    def is_loop_thread(self) -> bool:
        """The caller is the loop."""
        return threading.get_ident() == self._ident

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run at once, or, from another thread, on the loop, waiting for it."""
        if self.is_loop_thread:
            return function(*args, **kwargs)
        if self._closed:
            raise InvalidSessionHandle
        future: Future[T] = Future()
        self.multi.call_soon_threadsafe(_settle, future, function, args, kwargs)
        return _wait_for(future, lambda: self._closed)

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Run on the loop some time soon."""
        if not self._closed:
            self.multi.call_soon_threadsafe(function, *args)

    def finish(self, timeout: float | None) -> bool:
        """The loop is the caller's and goes on."""
        self._closed = True
        return True


class AsyncioEngine:
    """An engine on the asyncio loop that is running, for sessions to live on; no thread but the pool's."""

    def __init__(self, workers: int) -> None:
        self._platform = SystemPlatform(workers)
        self.multi = Multi(self._platform)
        self._driver = drive_asyncio(self.multi)

    def close(self, timeout: float) -> bool:
        """Let go of the loop.  False when a worker is still busy after `timeout` seconds, which block.  Repeatable."""
        self._driver.close()
        self.multi.close()
        return self._platform.close(timeout)


def _wait_for(future: Future[T], is_over: Callable[[], bool]) -> T:
    """The result of a call that runs on the loop.  InvalidSessionHandle when the session ends and it never ran."""
    while True:
        was_over = is_over()
        try:
            return future.result(_LOOK_UP)
        except TimeoutError:
            if future.done():
                return future.result()  # It came this moment, or is a TimeoutError itself.
            if was_over:
                raise InvalidSessionHandle from None


def _settle(future: Future[Any], function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        # Crosses to the thread that called, which raises it.
        future.set_exception(error)
    else:
        future.set_result(result)


def default_workers(aio_threads: int) -> int:
    """Threads of the pool: what the setting allows, within reason for this machine."""
    return max(2, min(aio_threads, (os.cpu_count() or 2) + 2))
