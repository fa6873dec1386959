"""Worker threads whose results come back to a loop.

Jobs that finish close together reach their loop through one cross-thread wake-up: a worker appends its result to the
loop's mailbox and posts only when nobody has posted before.  Threads are started when there is work for them, never
more than `workers`.  They are not daemons: work begun is finished, so a file is never left half written by the end of
the process; the interpreter's exit ends idle workers by itself.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple

from .errors import ReactorBusy, ReactorClosed, ReactorUsageError
from .fork import register_forkable
from .ports import Poster

__all__ = ["MAX_QUEUED_JOBS", "OnDone", "ThreadPool"]

MAX_QUEUED_JOBS = 65_536
"""Jobs waiting for a worker beyond which `submit` refuses; the queue costs about 200 bytes each."""

OnDone = Callable[[Any, BaseException | None], object]
"""Gets (result, None) or (None, error), on the loop the job was submitted for."""


class ThreadPool:
    """At most `workers` threads named `<name>-<n>`, shared by any number of loops."""

    def __init__(
        self,
        workers: int = 2,
        *,
        name: str = "evtorrent-worker",
        max_queued: int = MAX_QUEUED_JOBS,
        daemon: bool = False,
    ) -> None:
        """`daemon` is for work that may be abandoned at exit and cannot be interrupted, such as name lookups."""
        if workers < 1:
            raise ReactorUsageError(f"a pool needs at least one worker, not {workers}")
        self.workers = workers
        self.name = name
        self._max_queued = max_queued
        self._daemon = daemon
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._unfinished = 0
        self._started = 0
        self._live = 0  # threads not told to end
        self._threads: set[threading.Thread] = set()
        self._mailboxes: dict[int, _Mailbox] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        register_forkable(self)
        if not daemon:
            _open_pools.add(self)

    def submit(self, base: Poster, function: Callable[..., Any], *args: Any, on_done: OnDone) -> None:
        """Run `function(*args)` on a worker, then `on_done(result, error)` on `base`, never inside this call.

        Call it on the thread of `base`.  ReactorClosed after `close`, ReactorBusy when too many jobs wait.
        """
        with self._lock:
            if self._is_closed:
                raise ReactorClosed("the thread pool is closed")
            if self._jobs.qsize() >= self._max_queued:
                raise ReactorBusy(f"{self._max_queued} jobs are waiting for a worker")
            mailbox = self._mailboxes.get(id(base))
            if mailbox is None:
                mailbox = self._mailboxes[id(base)] = _Mailbox(base, self)
            mailbox.outstanding += 1
            self._unfinished += 1
            self._jobs.put(_Job(mailbox, function, args, on_done))
            if self._unfinished > self._live < self.workers:
                self._start_worker()

    def resize(self, workers: int) -> None:
        """Change the limit.  Threads above it end after the jobs queued before this call."""
        if workers < 1:
            raise ReactorUsageError(f"a pool needs at least one worker, not {workers}")
        with self._lock:
            self._dismiss(self._live - workers)
            self.workers = workers

    def close(self, timeout: float | None = None) -> bool:
        """Refuse new jobs, finish queued ones, join the threads.  False when some still run after `timeout` seconds.

        Results of the last jobs are still posted; whether they are delivered depends on their loop.  Repeatable.
        """
        with self._lock:
            self._is_closed = True
            threads = list(self._threads)
            self._dismiss(self._live)
        _open_pools.discard(self)
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def on_forked(self) -> None:
        """In a forked child: threads, and the jobs they had or waited for, are the parent's.  New jobs get new threads."""
        self._lock = threading.Lock()
        self._jobs = SimpleQueue()
        self._unfinished = self._live = 0
        self._threads = set()
        self._mailboxes = {}

    @property
    def num_threads(self) -> int:
        """Threads that take jobs."""
        return self._live

    @property
    def num_queued(self) -> int:
        """Jobs no worker has taken yet."""
        return self._jobs.qsize()

    def _start_worker(self) -> None:
        self._started += 1
        thread = threading.Thread(target=self._work, name=f"{self.name}-{self._started}", daemon=self._daemon)
        self._threads.add(thread)
        self._live += 1
        thread.start()

    def _dismiss(self, count: int) -> None:
        for _ in range(count):
            self._jobs.put(None)
            self._live -= 1

    def _work(self) -> None:
        jobs, lock = self._jobs, self._lock
        while (job := jobs.get()) is not None:
            job.run()
            job = None  # the next wait must not keep a job's buffers alive
            with lock:
                self._unfinished -= 1
        with lock:
            self._threads.discard(threading.current_thread())

    def _forget(self, mailbox: _Mailbox) -> None:
        with self._lock:
            if mailbox.outstanding == 0:
                self._mailboxes.pop(id(mailbox.base), None)


class _Job(NamedTuple):
    mailbox: _Mailbox
    function: Callable[..., Any]
    args: tuple[Any, ...]
    on_done: OnDone

    def run(self) -> None:
        try:
            result, error = self.function(*self.args), None
        except BaseException as exc:  # the border: whatever a job raises belongs to its submitter
            result, error = None, exc
        self.mailbox.put((self.on_done, result, error))


class _Mailbox:
    """Finished jobs of one loop.  Holding the loop keeps its id from being reused."""

    __slots__ = ("_done", "_is_posted", "_pool", "base", "outstanding")

    def __init__(self, base: Poster, pool: ThreadPool) -> None:
        self.base = base
        self.outstanding = 0
        self._pool = pool
        self._done: deque[tuple[OnDone, Any, BaseException | None]] = deque()
        self._is_posted = False

    def put(self, done: tuple[OnDone, Any, BaseException | None]) -> None:
        """Worker thread: leave a result and wake the loop if nobody has."""
        self._done.append(done)
        if not self._is_posted:
            self._is_posted = True
            try:
                self.base.call_soon_threadsafe(self._drain)
            except Exception:  # the loop is closed: nobody is left to be told
                self._done.clear()

    def _drain(self) -> None:
        # Cleared before taking: a result appended after the last look is followed by a new post.
        self._is_posted = False
        done = self._done
        try:
            while done:
                on_done, result, error = done.popleft()
                self.outstanding -= 1
                on_done(result, error)
        finally:
            if done:  # on_done raised: its error goes to the loop, the others are not lost
                self.base.call_soon(self._drain)
            elif not self.outstanding:
                self._pool._forget(self)


_open_pools: weakref.WeakSet[ThreadPool] = weakref.WeakSet()


def _close_open_pools() -> None:
    for pool in list(_open_pools):
        pool.close()


# Threads that are no daemons are joined before `atexit` runs, so idle workers would hold the process for ever.
# concurrent.futures registers at the same place.
_register_atexit = getattr(threading, "_register_atexit", None)
if _register_atexit is not None:
    _register_atexit(_close_open_pools)
