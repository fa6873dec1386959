"""Small jobs that travel together: thousands of torrents that start or stop at once cost a pool job for each few dozen of them.

A pool job wakes a worker and, when it is done, the loop; a look at a file's size costs less than either.  The first few go at
once; when many come, they gather for some milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...protocols.engine.ports import Base

__all__ = ["MOST_TOGETHER", "JobBatch"]

MOST_TOGETHER = 32
"""Jobs of one pool job."""
GATHERING = 0.005
"""Seconds between two pool jobs when many come, unless one is full."""
MOST_AT_ONCE = 16
"""Pool jobs that may go without that; so many are to be had again after as many times `GATHERING`."""

Done = Callable[[Any, "BaseException | None"], object]
_Outcome = tuple[Any, "BaseException | None"]


class JobBatch:
    """Small jobs on their way to the pool.  Loop thread only."""

    __slots__ = ("_base", "_credit", "_is_due", "_jobs", "_seen_at", "_submit")

    def __init__(self, base: Base, submit: Callable[..., None]) -> None:
        """`submit` is the platform's."""
        self._base = base
        self._submit = submit
        self._jobs: list[tuple[Callable[[], Any], Done]] = []
        self._is_due = False
        self._credit = float(MOST_AT_ONCE)
        self._seen_at = base.time()

    def add(self, function: Callable[[], Any], on_done: Done) -> None:
        """Run on the pool, soon; `on_done(result, error)` is called later, on the loop, exactly once."""
        self._jobs.append((function, on_done))
        if len(self._jobs) >= MOST_TOGETHER:
            self._send()
        elif not self._is_due:
            self._is_due = True
            now = self._base.time()
            self._credit = min(float(MOST_AT_ONCE), self._credit + (now - self._seen_at) / GATHERING)
            self._seen_at = now
            if self._credit >= 1:
                self._base.call_soon(self._send)
            else:
                self._base.call_later(GATHERING, self._send)

    def _send(self) -> None:
        jobs, self._jobs, self._is_due = self._jobs, [], False
        if jobs:
            self._credit = max(0.0, self._credit - 1)
            self._send_some(jobs)

    def _send_some(self, jobs: list[tuple[Callable[[], Any], Done]]) -> None:
        def finished(outcomes: list[_Outcome] | None, error: BaseException | None) -> None:
            self._tell([done for _, done in jobs], outcomes or [(None, error)] * len(jobs))

        try:
            self._submit(self._base, _run, [function for function, _ in jobs], on_done=finished)
        except Exception as error:  # The pool is closed: the callbacks still have to come, and later.
            self._base.call_soon(finished, None, error)

    def _tell(self, callbacks: list[Done], outcomes: list[_Outcome]) -> None:
        for position, (on_done, outcome) in enumerate(zip(callbacks, outcomes, strict=True), 1):
            try:
                on_done(*outcome)
            except BaseException:
                if position < len(callbacks):  # One that raises is no reason for the others not to hear.
                    self._base.call_soon(self._tell, callbacks[position:], outcomes[position:])
                raise


def _run(functions: Sequence[Callable[[], Any]]) -> list[_Outcome]:
    outcomes: list[_Outcome] = []
    for function in functions:
        try:
            outcomes.append((function(), None))
        except BaseException as error:  # Crosses to the loop, which reports it.
            outcomes.append((None, error))
    return outcomes
