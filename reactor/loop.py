"""The reactor: one libuv loop with libevent's interface.

uvloop carries the libuv; without it (or on a loop handed in) the stock asyncio loop serves, with the same behaviour and a
little slower.  Everything belongs to the thread that runs the reactor, except the calls that say "any thread".
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import Any, Self, cast

from .core import Call, LoopCore
from .errors import ReactorClosed, ReactorUsageError
from .event import Event, EventCallback
from .flags import EventFlags, RunMode
from .handles.descriptor import Watch
from .threadpool import OnDone, ThreadPool

__all__ = ["MAX_PRIORITIES", "Reactor"]

MAX_PRIORITIES = 255
"""As libevent's EVENT_MAX_PRIORITIES, less one."""

_log = logging.getLogger(__name__)


class Reactor:
    """Waits for descriptors, deadlines, signals and jobs, and calls back.

    `run` drives it.  Code that awaits may run `asyncio_loop` itself instead; watches, events and timers work all the same.
    """

    def __init__(
        self,
        *,
        priorities: int = 1,
        pool_workers: int = 2,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """`loop` is taken over and closed with the reactor; by default a new uvloop."""
        if not 1 <= priorities <= MAX_PRIORITIES:
            raise ReactorUsageError(f"priorities go from 1 to {MAX_PRIORITIES}, not {priorities}")
        self.on_error: Callable[[str, BaseException], object] = _log_error
        """Gets (what was being done, the error) when a callback raises; the loop goes on.  Logs by default."""
        self._priorities = priorities
        self._loop = new_loop() if loop is None else loop
        self._loop.set_exception_handler(self._on_loop_error)
        self._core = LoopCore(self._loop, priorities, self._report)
        self._pool_workers = pool_workers
        self._pool: ThreadPool | None = None
        self._is_closed = False

    # -- running

    def run(self, mode: int = RunMode.DEFAULT) -> bool:
        """Run as far as `mode` says.  True: it ended because nothing was pending or active; False: for another reason.

        That is libevent's 1 and 0.  Its -1 is an exception: ReactorBusy from inside a callback, ReactorClosed.
        """
        return self._core.run(mode)

    def stop(self) -> None:
        """End the run under way as soon as the callback under way returns; the rest stays due for the next run.

        Any thread.  Without effect when nothing runs (libevent `event_base_loopbreak`).
        """
        self._core.end()

    def exit_later(self, delay: float = 0.0) -> None:
        """End the run, or the next one, `delay` seconds from now, after what is due by then (`event_base_loopexit`).

        Any thread.  Several may be armed; each ends the run it falls into.
        """
        call = Call(self._core, self._core.exit, ())
        if self._core.is_foreign_thread():
            self._core.post(Call(self._core, self._arm, (call, time.monotonic() + delay)))
        elif delay <= 0:
            call.expire()
        else:
            self._arm(call, time.monotonic() + delay)

    def close(self, timeout: float | None = 10.0) -> None:
        """Withdraw everything, give workers `timeout` seconds for jobs begun, close the loop.  Repeatable.

        ReactorBusy while running.  Callbacks still due are not called; descriptors of others stay open.
        """
        if self._is_closed:
            return
        self._core.check_idle()
        self._is_closed = True
        if self._pool is not None and not self._pool.close(timeout):
            _log.warning("jobs are still running %s s after close", timeout)
        _cancel_tasks(self._loop)
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what it waits for

    def event(self, fd: int, flags: int, callback: EventCallback, *, priority: int | None = None) -> Event:
        """A new event, idle until `add`.  `fd` is a signal's number with SIGNAL, -1 for a deadline only.

        `priority` defaults to the middle.  Descriptors are made non-blocking when they are polled.
        """
        self._check_open()
        if priority is None:
            priority = self._core.default_priority
        if not 0 <= priority < self._priorities:
            raise ReactorUsageError(f"priority {priority} of {self._priorities}")
        return Event(self._core, int(fd), flags, callback, priority=priority)

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> Watch:
        """Call `callback(READ)` or `callback(WRITE)` while the descriptor is ready for what `mask` asks.

        Several may watch one number.  Errors and hang-ups count as ready: fetch them from the descriptor.  OSError when
        it cannot be polled (a regular file), ReactorBusy when an asyncio transport owns it.
        """
        return self._core.watch(int(fd), mask, callback)

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Call:
        """Call in the next pass, after what is due already."""
        self._check_open()
        call = Call(self._core, callback, args)
        call.expire()
        return call

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Call:
        """Call `delay` seconds from now, never earlier."""
        if delay <= 0:
            return self.call_soon(callback, *args)
        return self.call_at(time.monotonic() + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Call:
        """Call when `time()` has reached `when`; equal moments keep the order of these calls."""
        self._check_open()
        call = Call(self._core, callback, args)
        self._arm(call, when)
        return call

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        """Call soon on the loop's thread.  Any thread; ReactorClosed after `close`."""
        self._core.post(Call(self._core, callback, args))

    def signal(self, signum: int, callback: Callable[..., object]) -> Event:
        """Call `callback(signum, EventFlags.SIGNAL)` each time the signal comes.  From the main thread; `close` the result."""
        event = self.event(signum, EventFlags.SIGNAL | EventFlags.PERSIST, callback)
        event.add()
        return event

    def submit(self, function: Callable[..., Any], *args: Any, on_done: OnDone | None = None) -> None:
        """Run `function(*args)` on a worker thread, then `on_done(result, error)` here.

        Without `on_done` an error goes to `on_error`.
        """
        self._check_open()
        if self._pool is None:
            self._pool = ThreadPool(self._pool_workers)
        self._pool.submit(self, function, *args, on_done=partial(self._finish_job, on_done))
        self._core.num_jobs += 1

    # -- questions

    def time(self) -> float:
        """A monotonic clock, seconds; the same as `time.monotonic`."""
        return time.monotonic()

    @property
    def asyncio_loop(self) -> asyncio.AbstractEventLoop:
        """The loop underneath, for code that awaits."""
        return self._loop

    @property
    def got_exit(self) -> bool:
        """`exit_later` ended the run under way or the last one."""
        return self._core.has_exited

    @property
    def got_stop(self) -> bool:
        """`stop` ended the run under way or the last one."""
        return self._core.has_stopped

    # -- private

    def _check_open(self) -> None:
        if self._is_closed:
            raise ReactorClosed("the reactor is closed")

    def _arm(self, call: Call, when: float) -> None:
        self._core.timers.arm(call, when)

    def _finish_job(self, on_done: OnDone | None, result: Any, error: BaseException | None) -> None:
        self._core.num_jobs -= 1
        if on_done is not None:
            on_done(result, error)
        elif error is not None:
            self._report("exception in a job", error)

    def _report(self, context: str, error: BaseException) -> None:
        try:
            self.on_error(context, error)
        except Exception:  # the hook itself failed; the loop still goes on
            _log.exception("on_error raised while reporting: %s", context, exc_info=error)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message = str(context.get("message") or "exception in the loop")
        self._report(message, context.get("exception") or RuntimeError(message))


def new_loop() -> asyncio.AbstractEventLoop:
    """A new loop on libuv, or the stock one where neither uvloop nor winloop is installed."""
    try:
        module = import_module("winloop" if sys.platform == "win32" else "uvloop")
    except ImportError:
        return asyncio.SelectorEventLoop()
    return cast("asyncio.AbstractEventLoop", module.new_event_loop())


def _log_error(context: str, error: BaseException) -> None:
    _log.error("%s", context, exc_info=error)


def _cancel_tasks(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
