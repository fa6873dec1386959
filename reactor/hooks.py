"""What runs around every poll: libevent's prepare and check watchers.

uvloop shows no such place, so while there are hooks a run is made of rounds, each of them: hooks before, poll, hooks
after, timers, callbacks.  Watches are called by the poll itself.  Without hooks nothing of this costs anything.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Hook", "PollHooks"]

Report = Callable[[str, BaseException], object]


class Hook:
    """A callback around the poll, until `close`.  It does not keep the reactor running."""

    __slots__ = ("_callback", "_hooks", "_order")

    def __init__(self, hooks: PollHooks, order: list[Hook], callback: Callable[[], object]) -> None:
        self._hooks = hooks
        self._order = order
        self._callback: Callable[[], object] | None = callback
        order.append(self)
        hooks.on_change()

    def close(self) -> None:
        """It runs no more, also not in the round under way; the others do.  Repeatable."""
        if self._callback is not None:
            self._callback = None
            self._order.remove(self)
            self._hooks.on_change()

    def run(self, report: Report) -> None:
        """For the loop: call it."""
        if self._callback is None:
            return
        try:
            self._callback()
        except Exception as exc:  # the border of the loop: the others still run
            report("exception in a hook around the poll", exc)

    def __repr__(self) -> str:
        return "<Hook closed>" if self._callback is None else "<Hook>"


class PollHooks:
    """The hooks of a reactor, each kind in the order of registration.  `on_change` is called when one comes or goes."""

    def __init__(self, on_change: Callable[[], object]) -> None:
        self.on_change = on_change
        self._before: list[Hook] = []
        self._after: list[Hook] = []

    def before_poll(self, callback: Callable[[], object]) -> Hook:
        """See `Reactor.before_poll`."""
        return Hook(self, self._before, callback)

    def after_poll(self, callback: Callable[[], object]) -> Hook:
        """See `Reactor.after_poll`."""
        return Hook(self, self._after, callback)

    def run_before(self, report: Report) -> None:
        """A poll is to come."""
        for hook in tuple(self._before):
            hook.run(report)

    def run_after(self, report: Report) -> None:
        """A poll is over."""
        for hook in tuple(self._after):
            hook.run(report)

    def clear(self) -> None:
        """Forget all."""
        for hook in (*self._before, *self._after):
            hook.close()

    def __bool__(self) -> bool:
        return bool(self._before or self._after)

    def __len__(self) -> int:
        return len(self._before) + len(self._after)
