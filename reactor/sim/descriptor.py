"""What a simulated host counts in descriptors: numbers, readiness, and the wake-up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..flags import READ

if TYPE_CHECKING:
    from .host import SimHost
    from .loop import SimWatch

__all__ = ["SimDescriptor", "SimWakeup"]


class SimDescriptor:
    """Something with a number on one host.  Numbers are reused at once, the lowest first, as real ones are."""

    __slots__ = ("_fd", "_host", "ready", "watches")

    def __init__(self, host: SimHost) -> None:
        self._host = host
        self.ready = 0
        """READ | WRITE bits that are so now."""
        self.watches: list[SimWatch] = []
        self._fd = host.open_descriptor(self)

    def fileno(self) -> int:
        """Its number on its host; -1 once closed.  Means nothing to the operating system."""
        return self._fd

    def set_ready(self, ready: int) -> None:
        """Its readiness is this now."""
        news = ready & ~self.ready
        self.ready = ready
        if news and self.watches:
            self._host.loop.note_ready(self)

    def give_back_number(self) -> None:
        """The number is free for others."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self.ready = 0
            self._host.close_descriptor(fd)

    def vanish(self) -> None:
        """The host died: nothing is sent, nothing is called."""
        self.ready = 0
        self._fd = -1


class SimWakeup(SimDescriptor):
    """A descriptor that another thread can make readable; satisfies the `Wakeup` port."""

    __slots__ = ("_is_set", "_lock")

    def __init__(self, host: SimHost) -> None:
        super().__init__(host)
        self._is_set = False
        self._lock = threading.Lock()

    def set(self) -> None:
        """Make it readable.  Any thread; from another one it is so before the world's next event."""
        world = self._host.world
        if world.is_own_thread:
            self._show()
            return
        with self._lock:
            if self._is_set:
                return
            self._is_set = True
        world.post(self._show_posted)

    def clear(self) -> None:
        """Make it unreadable."""
        self.set_ready(0)

    def close(self) -> None:
        """Give the number back.  Repeatable."""
        self.give_back_number()

    def _show(self) -> None:
        if self._fd >= 0:
            self.set_ready(READ)

    def _show_posted(self) -> None:
        with self._lock:
            self._is_set = False
        self._show()
