"""The engine's descriptors: who wants what of each, and what the host was last told.

Laws (curl `lib/multi_ev.c`):

* The host hears of a descriptor only when the union of its watches' interest differs from what it was last told.
* POLL_REMOVE goes out inside `Watch.close()` of the last watch, while the descriptor is still open; the entry is forgotten
  with it, so a number that is reused starts from nothing.
* An object assigned by the host lives from one announcement to the next POLL_REMOVE.
* An announcement that the host refused was never made: it is not followed by a POLL_REMOVE.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import EngineError, EngineTypeError
from .constants import E_MULTI_BAD_FUNCTION_ARGUMENT, E_MULTI_BAD_SOCKET, POLL_NONE, POLL_REMOVE
from .ports import READ, WRITE

__all__ = ["EngineWatch", "SocketEntry", "SocketTable"]

Tell = Callable[[int, int, Any], bool]
"""Gets (POLL_*, fd, assigned object); False when the host refused."""


class EngineWatch:
    """One party's interest in one descriptor; satisfies the `Watch` port."""

    __slots__ = ("_table", "callback", "entry", "mask", "owner")

    def __init__(
        self, table: SocketTable, entry: SocketEntry, mask: int, callback: Callable[[int], object], owner: Any
    ) -> None:
        self._table = table
        self.entry: SocketEntry | None = entry
        """None once closed."""
        self.mask = mask
        self.callback = callback
        self.owner = owner
        """Who answers for the callback's exceptions; opaque here."""

    def modify(self, mask: int) -> None:
        """Replace the interest; the host hears of it at the end of the action, if it still differs then."""
        if mask != self.mask and self.entry is not None:
            self._table.modify(self, self.entry, mask)

    def close(self) -> None:
        """Withdraw: the host has heard of it when this returns, and the descriptor may be closed.  Repeatable."""
        if self.entry is not None:
            self._table.withdraw(self)

    def __repr__(self) -> str:
        where = "closed" if self.entry is None else f"fd {self.entry.fd}"
        return f"EngineWatch({where})"


class SocketEntry:
    """One descriptor."""

    __slots__ = ("announced", "data", "fd", "is_dirty", "is_telling", "only", "watches")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.watches: list[EngineWatch] = []
        self.only: EngineWatch | None = None
        """The single watch, when there is exactly one: the usual case, dispatched without a loop."""
        self.announced = POLL_NONE
        """POLL_* the host was last told and accepted; POLL_NONE when it does not know the descriptor."""
        self.data: Any = None
        """What the host assigned."""
        self.is_dirty = False
        self.is_telling = False

    def wanted(self) -> int:
        """The union of all interest, as POLL_NONE, POLL_IN, POLL_OUT or POLL_INOUT."""
        union = 0
        for watch in self.watches:
            union |= watch.mask
        return union >> 1  # READ, WRITE = 2, 4 and POLL_IN, POLL_OUT = 1, 2

    def __repr__(self) -> str:
        return f"SocketEntry(fd {self.fd}, wants {self.wanted()}, told {self.announced})"


class SocketTable:
    """All descriptors of one engine.

    `tell` reaches the host, `guard` raises where a change is not allowed, `on_dirty` hears that a `flush` is needed.
    """

    __slots__ = ("_guard", "_on_dirty", "_tell", "dirty", "entries")

    def __init__(self, tell: Tell, guard: Callable[[], object], on_dirty: Callable[[], object]) -> None:
        self._tell = tell
        self._guard = guard
        self._on_dirty = on_dirty
        self.entries: dict[int, SocketEntry] = {}
        self.dirty: list[SocketEntry] = []
        """Entries whose interest may differ from what the host knows."""

    def open(self, fd: int, mask: int, callback: Callable[[int], object], owner: Any) -> EngineWatch:
        """Add a watch.  ValueError for a descriptor or mask that cannot be, EngineTypeError for one that is no number."""
        self._guard()
        if not isinstance(fd, int):
            raise EngineTypeError(f"fd must be an int, not {fd!r}", E_MULTI_BAD_SOCKET)
        if fd < 0:
            raise ValueError(f"{fd} is not a descriptor")
        _check_mask(mask)
        if not callable(callback):
            raise EngineTypeError(f"{callback!r} cannot be called", E_MULTI_BAD_FUNCTION_ARGUMENT)
        entry = self.entries.get(fd)
        if entry is None:
            entry = self.entries[fd] = SocketEntry(fd)
        watch = EngineWatch(self, entry, mask, callback, owner)
        entry.watches.append(watch)
        entry.only = watch if len(entry.watches) == 1 else None
        self._mark(entry)
        return watch

    def modify(self, watch: EngineWatch, entry: SocketEntry, mask: int) -> None:
        """Replace the interest of one open watch."""
        self._guard()
        _check_mask(mask)
        watch.mask = mask
        self._mark(entry)

    def withdraw(self, watch: EngineWatch) -> None:
        """Take an open watch out; tells the host at once when it was the last of its descriptor."""
        self._guard()
        entry = watch.entry
        assert entry is not None
        watch.entry = None
        watch.mask = 0
        watches = entry.watches
        watches.remove(watch)
        if not watches:
            entry.only = None
            self._remove(entry)
            return
        entry.only = watches[0] if len(watches) == 1 else None
        self._mark(entry)

    def flush(self) -> None:
        """Tell the host every difference.  Stops at what it refuses; that and all behind it stays to be told."""
        dirty = self.dirty
        done = 0
        try:
            for entry in dirty:
                if not self._tell_difference(entry):
                    break
                entry.is_dirty = False
                done += 1
        finally:
            del dirty[:done]

    def forget_announcements(self) -> None:
        """A host that knows nothing has come: everything will be announced to it."""
        for entry in self.entries.values():
            entry.announced = POLL_NONE
            entry.data = None
            self._mark(entry)

    def close(self) -> None:
        """Withdraw every watch."""
        for entry in list(self.entries.values()):
            for watch in list(entry.watches):
                self.withdraw(watch)
        self.dirty.clear()

    def assign(self, fd: int, data: Any) -> None:
        """Keep `data` for the host.  EngineError BAD_SOCKET when it was not told of `fd`."""
        entry = self.entries.get(fd)
        if entry is None or not (entry.announced or entry.is_telling):
            raise EngineError(f"descriptor {fd} is not known", E_MULTI_BAD_SOCKET)
        entry.data = data

    def wanted(self) -> list[tuple[int, int]]:
        """[(fd, READ | WRITE), …] of every descriptor with any interest."""
        found = ((entry.fd, entry.wanted() << 1) for entry in self.entries.values())
        return [item for item in found if item[1]]

    def check_invariant(self) -> None:
        """Raise AssertionError when a law of this module is broken."""
        for fd, entry in self.entries.items():
            assert fd == entry.fd
            assert entry.watches, f"{entry} has no watch"
            assert all(watch.entry is entry for watch in entry.watches)
            assert entry.only is (entry.watches[0] if len(entry.watches) == 1 else None)
            assert entry.is_dirty == (entry in self.dirty)

    def _mark(self, entry: SocketEntry) -> None:
        if not entry.is_dirty:
            entry.is_dirty = True
            self.dirty.append(entry)
            self._on_dirty()

    def _tell_difference(self, entry: SocketEntry) -> bool:
        wanted = entry.wanted()
        if wanted == entry.announced:
            return True
        if wanted == POLL_NONE:
            return self._tell_removed(entry)
        entry.is_telling = True
        accepted = False
        try:
            accepted = self._tell(wanted, entry.fd, entry.data)
        finally:
            entry.is_telling = False
            if accepted:
                entry.announced = wanted
            elif entry.announced == POLL_NONE:
                entry.data = None
        return accepted

    def _tell_removed(self, entry: SocketEntry) -> bool:
        try:
            return self._tell(POLL_REMOVE, entry.fd, entry.data)
        finally:
            entry.announced = POLL_NONE
            entry.data = None

    def _remove(self, entry: SocketEntry) -> None:
        try:
            if entry.announced:
                self._tell_removed(entry)
        finally:
            del self.entries[entry.fd]
            if entry.is_dirty:
                entry.is_dirty = False
                self.dirty.remove(entry)


def _check_mask(mask: int) -> None:
    if not isinstance(mask, int):
        raise EngineTypeError(f"interest must be an int, not {mask!r}", E_MULTI_BAD_FUNCTION_ARGUMENT)
    if mask & ~(READ | WRITE):
        raise ValueError(f"interest {mask:#x} is not a combination of READ and WRITE")
