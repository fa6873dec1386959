"""A `Multi` on our own `Reactor`, or on anything with its `watch`, `call_soon` and `call_later`.

Nothing of protocols is imported: the engine fits by shape (pycurl's `CurlMulti`), hence `Any`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .numbers import M_SOCKETFUNCTION, M_TIMERFUNCTION, POLL_REMOVE, SOCKET_TIMEOUT
from .ports import Loop, Timer, Watch

__all__ = ["ReactorDriver", "drive"]


class ReactorDriver:
    """Turns what the engine asks for into watches and one timer."""

    def __init__(self, multi: Any, reactor: Loop) -> None:
        self.multi = multi
        self.on_messages: Callable[[], object] | None = None
        """Called after every action, when `info_read` may have something."""
        self._reactor = reactor
        self._watches: dict[int, Watch] = {}
        self._timer: Timer | None = None
        multi.setopt(M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(M_TIMERFUNCTION, self._on_timer)
        self._on_timer(0)  # the first action announces what the engine already has

    def close(self) -> None:
        """Let go of engine and reactor; both live on.  Before the engine is closed; repeatable."""
        if (multi := self.multi) is None:
            return
        self.multi = None
        multi.setopt(M_SOCKETFUNCTION, None)
        multi.setopt(M_TIMERFUNCTION, None)
        self._on_timer(-1)
        while self._watches:
            self._watches.popitem()[1].close()

    def _on_socket(self, what: int, fd: int, multi: Any, data: object) -> None:
        mask = what << 1  # POLL_IN 1, POLL_OUT 2 → READ 2, WRITE 4
        if what == POLL_REMOVE:
            if (watch := self._watches.pop(fd, None)) is not None:
                watch.close()
        elif fd in self._watches:
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
        if timeout_ms >= 0:  # never from inside this call, not even 0
            self._timer = self._reactor.call_later(timeout_ms / 1000, self._on_timeout)

    def _on_timeout(self) -> None:
        self._timer = None
        self.multi.socket_action(SOCKET_TIMEOUT, 0)
        if self.on_messages is not None:
            self.on_messages()


def drive(multi: Any, reactor: Loop) -> ReactorDriver:
    """Run `multi` on `reactor`.  An action that fails goes to the reactor's `on_error`."""
    return ReactorDriver(multi, reactor)
