"""One descriptor polled on an asyncio loop, uvloop's or the stock one.

uvloop stops polling for good when a descriptor reports an error: every callback runs once more and libuv's handle is
dead, so the next error of, say, a UDP socket would go unseen.  asyncio proper keeps reporting.  Here both do: readers
and writers are told through their callbacks (fetch the error from the descriptor), and polling is resumed.

uvloop says nothing when it drops a callback that way; but nobody else holds the object it was given, so its death is
the notice, at no cost for the wake-ups in between.  That object is a bound method whose "self" is READ or WRITE: it can be
referred to weakly, and is called with fewer steps than a `partial` (5 % of an echo round trip).
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import MethodType
from typing import Any

from ..errors import ReactorBusy
from ..flags import READ, WRITE

__all__ = ["Poll"]


class Poll:
    """Calls `callback(READ)` or `callback(WRITE)`, straight from the loop, while the mask asks for it.

    A host with other words for the two names them with `read` and `write`; the masks stay READ and WRITE.  Always registered by number: uvloop would keep a socket object open.  The descriptor becomes non-blocking.
    """

    __slots__ = (
        "__weakref__",
        "_callback",
        "_is_lost",
        "_loop",
        "_read",
        "_reader",
        "_write",
        "_writer",
        "fd",
        "mask",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, fd: int, *, read: int = READ, write: int = WRITE
    ) -> None:
        self._loop = loop
        self._read = read
        self._write = write
        self.fd = fd
        self.mask = 0
        self._callback: Callable[[int], object] | None = None
        self._is_lost = False
        self._reader: weakref.ref[Any] | None = None
        self._writer: weakref.ref[Any] | None = None

    def start(self, mask: int, callback: Callable[[int], object]) -> None:
        """Watch for `mask`, replacing interest and callback.  OSError; ReactorBusy if a transport owns the number."""
        old_mask, old_callback = self.mask, self._callback
        try:
            self._set(mask, callback)
        except (OSError, RuntimeError) as exc:
            # Neither half of it may stay: what there was comes back, unless the descriptor itself is gone.
            self._withdraw()
            if old_callback is not None and old_mask:
                with suppress(OSError, RuntimeError):
                    self._set(old_mask, old_callback)
            if isinstance(exc, OSError):
                raise
            raise ReactorBusy(f"descriptor {self.fd}: {exc}") from exc

    def modify(self, mask: int) -> None:
        """Replace the interest.  0 watches nothing.  Nothing happens once closed."""
        if self._callback is not None and mask != self.mask:
            self.start(mask, self._callback)

    def close(self) -> None:
        """Stop; the descriptor may be closed at once and no callback runs for it any more.  Repeatable."""
        if self._callback is not None:
            self._withdraw()

    def _set(self, mask: int, callback: Callable[[int], object]) -> None:
        if self._is_lost:
            self._withdraw()  # a dead handle refuses to be started again before it is removed
        is_same = callback is self._callback
        self._callback = callback
        if not is_same or mask & READ != self.mask & READ:
            self._set_reader(mask & READ, callback)
        if not is_same or mask & WRITE != self.mask & WRITE:
            self._set_writer(mask & WRITE, callback)
        self.mask = mask & (READ | WRITE)

    def _withdraw(self) -> None:
        had_reader, had_writer = self._reader is not None, self._writer is not None
        self._callback = self._reader = self._writer = None
        self._is_lost = False
        self.mask = 0
        if self._loop.is_closed():
            return
        if had_reader:
            self._loop.remove_reader(self.fd)
        if had_writer:
            self._loop.remove_writer(self.fd)

    def _set_reader(self, wanted: int, callback: Callable[[int], object]) -> None:
        had = self._reader is not None
        self._reader = None
        if wanted:
            call = MethodType(callback, self._read)
            self._loop.add_reader(self.fd, call)
            self._reader = weakref.ref(call, self._on_lost)
        elif had:
            self._loop.remove_reader(self.fd)

    def _set_writer(self, wanted: int, callback: Callable[[int], object]) -> None:
        had = self._writer is not None
        self._writer = None
        if wanted:
            call = MethodType(callback, self._write)
            self._loop.add_writer(self.fd, call)
            self._writer = weakref.ref(call, self._on_lost)
        elif had:
            self._loop.remove_writer(self.fd)

    def _on_lost(self, lost: weakref.ref[Any]) -> None:
        if (lost is self._reader or lost is self._writer) and not self._loop.is_closed():
            self._is_lost = True
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self._is_lost and self._callback is not None:
            self.start(self.mask, self._callback)
