"""Names looked up are remembered for a while, those that could not be for an eighth of it, as libtorrent does.

A name that is being looked up is not looked up beside that: who asks meanwhile gets the same answer.  Left out: how long the name
server says an answer is good for, which the system's resolver does not tell.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from .ports import Base, DialPlatform, ResolveCallback, Timer

__all__ = ["MAX_NAMES", "NameCache"]

MAX_NAMES: Final = 700
"""Names remembered (libtorrent's number); the oldest is forgotten for another."""

_FAILURES_LAST: Final = 1 / 8

_Name: TypeAlias = tuple[str, int]
"""(host, family)"""
_Answer: TypeAlias = "list[tuple[int, Any]] | OSError"


class NameCache:
    """A resolver before the platform's.

    Stands in for the platform where somebody dials: what else that takes is the platform's own.
    """

    def __init__(self, base: Base, platform: DialPlatform, *, timeout: float = 1200.0) -> None:
        """Callbacks run on `base`, whatever base who asks names."""
        self.timeout = timeout
        """Seconds for which an answer is good; 0 looks up anew each time.  May be changed at any time."""
        self.stream_socket = platform.stream_socket
        self.connect_error = platform.connect_error
        self._base = base
        self._platform = platform
        self._answers: dict[_Name, tuple[float, _Answer]] = {}
        """When each came, the oldest first."""
        self._questions: dict[_Name, _Question] = {}
        """Those under way."""

    def resolve(
        self, base: Base, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Timer:
        """As `Platform.resolve`."""
        name = host.lower(), family
        known = self._answers.get(name)
        if known is not None and self._is_good(*known):
            return self._base.call_soon(callback, _with_port(known[1], port))
        question = self._questions.get(name)
        if question is None:
            lookup = self._platform.resolve(self._base, host, port, partial(self._take, name), family=family)
            question = self._questions[name] = _Question(lookup)
        waiter = _Waiter(port, callback, partial(self._leave, name))
        question.waiting[waiter] = None
        return waiter

    @property
    def num_known(self) -> int:
        """Answers remembered, outdated ones included."""
        return len(self._answers)

    def _is_good(self, came_at: float, answer: _Answer) -> bool:
        share = _FAILURES_LAST if isinstance(answer, OSError) else 1.0
        return self._base.time() - came_at < self.timeout * share

    def _take(self, name: _Name, answer: _Answer) -> None:
        self._answers.pop(name, None)
        is_ours = isinstance(answer, OSError) and answer.errno == errno.EAGAIN  # Nobody was asked.
        if self.timeout > 0 and not is_ours:
            if len(self._answers) >= MAX_NAMES:
                del self._answers[next(iter(self._answers))]
            self._answers[name] = self._base.time(), answer
        for waiter in self._questions.pop(name).waiting:
            self._base.call_soon(
                waiter.finish, answer
            )  # One that raises is no reason for the others not to hear.

    def _leave(self, name: _Name, waiter: _Waiter) -> None:
        question = self._questions.get(name)
        if question is not None and question.waiting.pop(waiter, self) is None and not question.waiting:
            del self._questions[name]
            question.lookup.cancel()


class _Question:
    """A lookup under way, and who waits for it."""

    __slots__ = ("lookup", "waiting")

    def __init__(self, lookup: Timer) -> None:
        self.lookup = lookup
        self.waiting: dict[_Waiter, None] = {}


class _Waiter:
    """One who asked."""

    __slots__ = ("_callback", "_on_left", "_port")

    def __init__(self, port: int, callback: ResolveCallback, on_left: Callable[[_Waiter], object]) -> None:
        self._port = port
        self._callback: ResolveCallback | None = callback
        self._on_left = on_left

    def cancel(self) -> None:
        """Forget it: the callback will not run.  Repeatable, and harmless afterwards."""
        if self._callback is not None:
            self._callback = None
            self._on_left(self)

    def finish(self, answer: _Answer) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(_with_port(answer, self._port))


def _with_port(answer: _Answer, port: int) -> _Answer:
    if isinstance(answer, OSError):
        return answer
    return [(family, (address[0], port, *address[2:])) for family, address in answer]
