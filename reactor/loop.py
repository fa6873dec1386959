"""The reactor: one libuv loop with libevent's interface.

uvloop carries the libuv; without it (or on a loop handed in) the stock asyncio loop serves, with the same behaviour and a
little slower.  Everything belongs to the thread that runs the reactor, except events and the calls that say "any thread".
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Callable, Collection
from functools import partial
from types import TracebackType
from typing import Any, Self, SupportsIndex

from .arguments import check_callback, check_mask, is_callable, seconds_of
from .backend import open_loop
from .call import Call
from .core import LoopCore
from .event_base import EventBase, check_priorities
from .handles.descriptor import Watch
from .pending import events_of
from .threadpool import OnDone, ThreadPool

__all__ = ["Reactor", "open_reactors"]

_log = logging.getLogger(__name__)

_open: weakref.WeakSet[Reactor] = weakref.WeakSet()


class Reactor(EventBase):
    """Waits for descriptors, deadlines, signals and jobs, and calls back.

    `run` drives it.  Code that awaits may run `asyncio_loop` itself instead; watches, events and timers work all the same.
    """

    def __init__(
        self,
        *,
        priorities: int = 1,
        pool_workers: int = 2,
        loop: asyncio.AbstractEventLoop | None = None,
        avoid: Collection[str] = (),
        requires: int = 0,
        ignore_environment: bool = False,
    ) -> None:
        """`loop` is taken over and closed with the reactor; by default a new one, chosen as `backend.open_loop` says."""
        check_priorities(priorities)
        if loop is None:
            loop = open_loop(avoid=avoid, requires=requires, ignore_environment=ignore_environment)
        self.on_error: Callable[[str, BaseException], object] = _log_error
        """Gets (what was being done, the error) when a callback raises; the loop goes on.  Logs by default."""
        self._core = LoopCore(loop, priorities, self._report)
        loop.set_exception_handler(self._on_loop_error)
        self._pool_workers = pool_workers
        self._pool: ThreadPool | None = None
        self._is_closed = False
        _open.add(self)

    def close(self, timeout: float | None = 10.0) -> None:
        """Withdraw everything, give workers `timeout` seconds for jobs begun, close the loop.  Repeatable.

        ReactorBusy while running.  Callbacks still due are not called; descriptors of others stay open.
        """
        if self._is_closed:
            return
        self._core.check_idle()
        self._is_closed = True
        _open.discard(self)
        if self._pool is not None and not self._pool.close(timeout):
            _log.warning("jobs are still running %s s after close", timeout)
        for event in events_of(self._core):
            event.close()
        _cancel_tasks(self._core.loop)
        self._core.close()

    def reinit(self) -> None:
        """In a forked child: go on with a loop of its own and everything that was registered (`event_reinit`).

        Anywhere, also in the callback that forked, whose run then continues here.  Nothing happens where no fork did.
        Jobs under way, tasks and transports stay with the parent, which loses nothing; `asyncio_loop` is a new one.
        Until then a child's reactor can be closed but not run.  A descriptor the child has closed is reported.
        """
        core = self._core
        core.check_open()
        if core.is_forked:
            self._pool = None
            loop = type(core.loop)()
            loop.set_exception_handler(self._on_loop_error)
            core.move(loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what it waits for

    def watch(self, fd: SupportsIndex, mask: int, callback: Callable[[int], object]) -> Watch:
        """Call `callback(READ)` or `callback(WRITE)` while the descriptor is ready for what `mask` asks.

        Several may watch one number.  Errors and hang-ups count as ready: fetch them from the descriptor.  OSError when
        it cannot be polled (a regular file), ReactorBusy when an asyncio transport owns it.
        """
        check_mask(mask)
        check_callback(callback)
        return self._core.watch(fd, mask, callback)

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Call:
        """Call in the next pass, after what is due already."""
        self._core.check_thread()
        if not is_callable(callback):
            check_callback(callback)
        call = Call(self._core, callback, args)
        call.expire()
        return call

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Call:
        """Call `delay` seconds from now, never earlier."""
        if type(delay) is not float or delay != delay:
            delay = seconds_of("delay", delay)
        if delay <= 0:
            return self.call_soon(callback, *args)
        return self.call_at(time.monotonic() + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Call:
        """Call when `time()` has reached `when`; equal moments keep the order of these calls."""
        self._core.check_thread()
        if not is_callable(callback):
            check_callback(callback)
        if type(when) is not float or when != when:
            when = seconds_of("when", when)
        call = Call(self._core, callback, args)
        self._core.timers.arm(call, when)
        return call

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        """Call soon on the loop's thread.  Any thread; ReactorClosed after `close`."""
        check_callback(callback)
        self._core.orders.post(Call(self._core, callback, args))

    def submit(self, function: Callable[..., Any], *args: Any, on_done: OnDone | None = None) -> None:
        """Run `function(*args)` on a worker thread, then `on_done(result, error)` here.

        Without `on_done` an error goes to `on_error`.
        """
        self._core.check_thread()
        check_callback(function, "function")
        if on_done is not None:
            check_callback(on_done, "on_done")
        if self._pool is None:
            self._pool = ThreadPool(self._pool_workers)
        self._pool.submit(self, function, *args, on_done=partial(self._finish_job, on_done))
        self._core.jobs.add(1)

    # -- questions

    def time(self) -> float:
        """A monotonic clock, seconds; the same as `time.monotonic`."""
        return time.monotonic()

    @property
    def asyncio_loop(self) -> asyncio.AbstractEventLoop:
        """The loop underneath, for code that awaits."""
        return self._core.loop

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "running" if self._core.is_running() else "idle"
        return f"<Reactor {state} at {id(self):#x}>"

    # -- private

    def _finish_job(self, on_done: OnDone | None, result: Any, error: BaseException | None) -> None:
        self._core.jobs.add(-1)
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


def open_reactors() -> list[Reactor]:
    """Every reactor of the process that has not been closed, for whoever must account for them."""
    return list(_open)


def _log_error(context: str, error: BaseException) -> None:
    _log.error("%s", context, exc_info=error)


def _cancel_tasks(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
