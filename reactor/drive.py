"""A `Multi` on our own `Reactor`, or on anything with its `watch`, `call_soon` and `call_later`.

Nothing of protocols is imported: the engine fits by shape (pycurl's `CurlMulti`).  The adapters beside this file do the
same for foreign loops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["ReactorDriver", "drive"]


class Watch(Protocol):
    """Interest in a descriptor, as the loop returns it."""

    def modify(self, mask: int) -> None: ...
    def close(self) -> None: ...


class Timer(Protocol):
    """An armed call, as the loop returns it."""

    def cancel(self) -> None: ...


class Loop(Protocol):
    """What the driver needs of a loop."""

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> Watch: ...
    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer: ...
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer: ...


class ReactorDriver:
    """Turns what the engine asks for into watches and one timer."""

    def __init__(self, multi: Any, reactor: Loop) -> None:
        # Any: the engine fits by shape, this side does not know its type.
        self.multi = multi
        self.on_messages: Callable[[], object] | None = None
        """Called after every action, when `info_read` may have something."""
        self._reactor = reactor
        self._watches: dict[int, Watch] = {}
        self._timer: Timer | None = None
        self._is_closed = False
        multi.setopt(multi.M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(multi.M_TIMERFUNCTION, self._on_timer)
        self._on_timer(0)  # the first action announces what the engine already has

    def close(self) -> None:
        """Let go of engine and reactor; both live on.  Repeatable."""
        if self._is_closed:
            return
        self._is_closed = True
        self.multi.setopt(self.multi.M_SOCKETFUNCTION, None)
        self.multi.setopt(self.multi.M_TIMERFUNCTION, None)
        self._on_timer(-1)
        for watch in self._watches.values():
            watch.close()
        self._watches.clear()

    def _on_socket(self, what: int, fd: int, multi: Any, data: object) -> None:
        if what == multi.POLL_REMOVE:
            if (watch := self._watches.pop(fd, None)) is not None:
                watch.close()
            return
        mask = what << 1  # POLL_IN 1, POLL_OUT 2 → READ 2, WRITE 4
        if fd in self._watches:
            self._watches[fd].modify(mask)
        else:
            self._watches[fd] = self._reactor.watch(fd, mask, self._reaction(fd))

    def _reaction(self, fd: int) -> Callable[[int], None]:
        socket_action = self.multi.socket_action

        def on_ready(events: int) -> None:
            socket_action(fd, events >> 1)  # READ 2, WRITE 4 → CSELECT_IN 1, CSELECT_OUT 2
            if self.on_messages is not None:
                self.on_messages()

        return on_ready

    def _on_timer(self, timeout_ms: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if timeout_ms == 0:
            self._timer = self._reactor.call_soon(self._on_timeout)
        elif timeout_ms > 0:
            self._timer = self._reactor.call_later(timeout_ms / 1000, self._on_timeout)

    def _on_timeout(self) -> None:
        self._timer = None
        self.multi.socket_action(self.multi.SOCKET_TIMEOUT, 0)
        if self.on_messages is not None:
            self.on_messages()


def drive(multi: Any, reactor: Loop) -> ReactorDriver:
    """Run `multi` on `reactor`.  An action that fails goes to the reactor's `on_error`."""
    return ReactorDriver(multi, reactor)
