"""`Handle`: one running exchange on a `Multi`, as an easy handle is one transfer.

A plug-in subclasses it.  A handle has the shape of a `Base`, so whatever takes a loop (a transport, a listener, a tracker
client) can be given the handle instead: it then belongs to it.  Exceptions of its callbacks fail the handle and nobody
else, and everything it asked for is withdrawn when it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from .constants import E_MULTI_BAD_EASY_HANDLE
from .ports import Timer, Watch

if TYPE_CHECKING:
    from ..timers import ArmedCall
    from .multi import Multi
    from .ports import Platform
    from .sockets import EngineWatch

__all__ = ["Handle"]

_PRUNE_ABOVE = 16


class Handle:
    """Subclass it, override `start` and perhaps `stop`, call `finish` or `fail` once.

    Life: `multi.add_handle(h)` → `start(engine)` in the next action → … → `finish` / `fail`, or removal, or the engine's
    end → watches and timers withdrawn → `stop()` if it had started.  After `multi.remove_handle(h)` it may be added again.
    """

    reports = True
    """False: an inner handle, with no message, not in the running count, and removed by itself when it ends."""

    # Class-level defaults: a subclass need not call `super().__init__()`.
    _engine: Multi | None = None
    _is_done = False
    _is_started = False
    _is_closed = False
    _result: Any = None
    _error: BaseException | None = None
    _watches: list[EngineWatch] | None = None
    _timers: list[ArmedCall] | None = None
    _prune_timers_at = _PRUNE_ABOVE
    _prune_watches_at = _PRUNE_ABOVE

    def start(self, engine: Multi) -> None:
        """The exchange begins: ask for sockets and timers here."""

    def stop(self) -> None:
        """The exchange ended, for whatever reason: release what `start` took.  Called once for each `start`."""

    def finish(self, result: Any = None) -> None:
        """End well.  The first end counts; later ones are ignored."""
        self._end(result, None)

    def fail(self, error: BaseException) -> None:
        """End badly.  The first end counts; later ones are ignored."""
        self._end(None, error)

    def close(self) -> None:
        """Leave the engine for good, as if removed; it cannot be added again.  Repeatable."""
        engine = self._engine
        if engine is not None:
            engine.remove_handle(self)
        self._is_closed = True

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> Watch:
        """As `Base.watch`, on behalf of this handle."""
        watch = self._running().own_watch(self, fd, mask, callback)
        watches = self._watches
        if watches is None:
            watches = self._watches = []
        elif len(watches) >= self._prune_watches_at:
            watches[:] = [kept for kept in watches if kept.entry is not None]
            self._prune_watches_at = max(_PRUNE_ABOVE, 2 * len(watches))
        watches.append(watch)
        return watch

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        """As `Base.call_soon`, on behalf of this handle."""
        return self._keep(self._running().own_call(self, None, callback, args))

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """As `Base.call_later`, on behalf of this handle."""
        engine = self._running()
        return self._keep(engine.own_call(self, engine.deadline_after(delay), callback, args))

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        """As `Base.call_at`, on behalf of this handle."""
        return self._keep(self._running().own_call(self, when, callback, args))

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        """As `Base.call_soon_threadsafe`; dropped when the handle has ended by the time it would run."""
        self._running().call_soon_threadsafe(self._run_posted, callback, args)

    def time(self) -> float:
        """The engine's clock."""
        return self._running().time()

    @property
    def platform(self) -> Platform:
        """The engine's platform."""
        return self._running().platform

    @property
    def engine(self) -> Multi | None:
        """The `Multi` this handle is attached to."""
        return self._engine

    @property
    def is_done(self) -> bool:
        """It ended, well or badly."""
        return self._is_done

    @property
    def is_closed(self) -> bool:
        """It was closed, and no engine takes it any more."""
        return self._is_closed

    @property
    def result(self) -> Any:
        """What `finish` was given."""
        return self._result

    @property
    def error(self) -> BaseException | None:
        """What `fail` was given; None while running and after a good end."""
        return self._error

    def __repr__(self) -> str:
        if self._is_done:
            state = "finished" if self._error is None else f"failed: {self._error}"
        else:
            state = "idle" if self._engine is None else "running"
        return f"{type(self).__name__}({state})"

    # Called by the engine

    def attached(self, engine: Multi) -> None:
        """The engine took it."""
        self._engine = engine
        self._is_done = self._is_started = False
        self._result = self._error = None

    def begin(self) -> None:
        """Start, unless it ended or was removed in the meantime."""
        engine = self._engine
        if engine is None or self._is_done or self._is_started:
            return
        self._is_started = True
        try:
            self.start(engine)
        except Exception as exc:
            self.fail(exc)

    def detached(self) -> None:
        """The engine let go of it."""
        self._release()
        self._engine = None

    def _release(self) -> None:
        watches, self._watches = self._watches, None
        timers, self._timers = self._timers, None
        for watch in watches or ():
            watch.close()
        for timer in timers or ():
            timer.cancel()
        if self._is_started:
            self._is_started = False
            assert self._engine is not None
            self._engine.stop_handle(self)

    def _end(self, result: Any, error: BaseException | None) -> None:
        engine = self._engine
        if engine is None or self._is_done:
            return
        engine.guard_end()
        self._is_done = True
        self._result = result
        self._error = error
        self._release()
        engine.handle_ended(self)

    def _running(self) -> Multi:
        if self._engine is None or self._is_done:
            raise EngineError(f"{self!r} is not running", E_MULTI_BAD_EASY_HANDLE)
        return self._engine

    def _keep(self, timer: ArmedCall) -> ArmedCall:
        timers = self._timers
        if timers is None:
            timers = self._timers = []
        elif len(timers) >= self._prune_timers_at:
            timers[:] = [kept for kept in timers if kept.callback is not None]
            self._prune_timers_at = max(_PRUNE_ABOVE, 2 * len(timers))
        timers.append(timer)
        return timer

    def _run_posted(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self._engine is None or self._is_done:
            return
        try:
            callback(*args)
        except Exception as exc:
            self.fail(exc)
