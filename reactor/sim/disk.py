"""The worker pool of a simulated host: jobs run in the one thread, after a virtual time, as a slow disk would do them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .arguments import check_count, check_number

if TYPE_CHECKING:
    from ..ports import Poster
    from .host import SimHost

__all__ = ["Disk", "DiskPool"]

OnDone = Callable[[Any, BaseException | None], object]


@dataclass(frozen=True, slots=True)
class Disk:
    """How long jobs take and how many run at a time.  ReactorUsageError names what cannot be, and the rule."""

    latency: float | Callable[[Callable[..., Any], tuple[Any, ...]], float] = 0.002
    """Seconds a job takes, or a function of (function, arguments) that says so."""
    jitter: float = 0.0
    """Up to so many seconds more, drawn for each job."""
    workers: int = 2
    """Jobs in work at a time; the others wait in order."""

    def __post_init__(self) -> None:
        if not callable(self.latency):
            check_number("latency", self.latency)
        check_number("jitter", self.jitter)
        check_count("workers", self.workers, low=1)

    def seconds(self, function: Callable[..., Any], args: tuple[Any, ...]) -> float:
        """What a job takes, without jitter."""
        if not callable(self.latency):
            return self.latency
        seconds = self.latency(function, args)
        check_number("latency", seconds)
        return seconds


class DiskPool:
    """The jobs of one host.  A job's function runs at the end of its time; its result is posted to the base then."""

    __slots__ = ("_host", "_num_running", "_waiting", "disk")

    def __init__(self, host: SimHost, disk: Disk) -> None:
        self.disk = disk
        """May be replaced; counts for the jobs that begin afterwards."""
        self._host = host
        self._num_running = 0
        self._waiting: deque[tuple[Poster, Callable[..., Any], tuple[Any, ...], OnDone]] = deque()

    def submit(self, base: Poster, function: Callable[..., Any], *args: Any, on_done: OnDone) -> None:
        """As `Platform.submit`."""
        self._waiting.append((base, function, args, on_done))
        self._start()

    @property
    def num_jobs(self) -> int:
        """Jobs waiting or in work."""
        return self._num_running + len(self._waiting)

    def _start(self) -> None:
        clock = self._host.clock
        while self._waiting and self._num_running < self.disk.workers:
            job = self._waiting.popleft()
            seconds = self.disk.seconds(job[1], job[2])
            if self.disk.jitter:
                seconds += self._host.rng.random() * self.disk.jitter
            self._num_running += 1
            clock.post(clock.now + seconds, self._finish, job)

    def _finish(self, job: tuple[Poster, Callable[..., Any], tuple[Any, ...], OnDone]) -> None:
        self._num_running -= 1
        if self._host.is_dead:
            return
        base, function, args, on_done = job
        result, failure = None, None
        try:
            result = function(*args)
        except Exception as error:
            failure = error
        base.call_soon_threadsafe(on_done, result, failure)
        self._start()
