"""Who is listened to: flooding addresses are ignored for a while, impossible ones always.

An address may send `block_ratelimit` datagrams a second, counted over ten seconds; beyond that it is ignored for
`block_timeout` seconds (libtorrent's `dos_blocker`, which remembers 20 addresses; this remembers more).  All of a /64
counts as one address in IPv6, where anybody has that many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..types import Address
from .compact import host_prefix, is_usable, unpack_host
from .hosts import pack_host
from .log import DhtLog, DhtModule
from .settings import DhtSettings

__all__ = ["MAX_BLOCKED", "MAX_COUNTED", "WINDOW", "Guard"]

WINDOW: Final = 10.0
"""Seconds over which datagrams are counted."""

MAX_COUNTED: Final = 2048
"""Addresses counted at a time; the one counted longest makes room."""

MAX_BLOCKED: Final = 1024
"""Addresses blocked at a time; the one blocked longest makes room."""

# Class A networks of armies and companies that nobody on the internet lives in; a source there is forged (libtorrent).
_DARK: Final = frozenset({3, 6, 7, 9, 11, 19, 21, 22, 25, 26, 28, 29, 30, 33, 34, 48, 56})


class Guard:
    """Admits or drops datagrams by their source.  One for all nodes of a process."""

    def __init__(
        self,
        settings: DhtSettings,
        *,
        is_allowed: Callable[[str], bool] | None = None,
        log: DhtLog | None = None,
    ) -> None:
        """`is_allowed` is the IP filter."""
        self.settings = settings
        self._log = log or DhtLog()
        self._is_allowed = is_allowed
        self._counts: dict[bytes, list[float]] = {}
        self._blocked: dict[bytes, float] = {}

    def admit(self, address: Address, *, now: float) -> bytes | None:
        """The packed host when a datagram from there is to be read, None when it is to be dropped."""
        try:
            host = pack_host(address[0])
        except ValueError:
            return None
        if not is_usable(host, address[1]) or not self.is_welcome(address[0], host):
            return None
        return host if self._is_quiet(host, now) else None

    def is_welcome(self, host: str, packed: bytes) -> bool:
        """Nothing is known against this host as such."""
        if self.settings.ignore_dark_internet and len(packed) == 4 and packed[0] in _DARK:
            return False
        return self._is_allowed is None or self._is_allowed(host)

    @property
    def num_blocked(self) -> int:
        """Addresses ignored at the moment, or until lately."""
        return len(self._blocked)

    @property
    def num_counted(self) -> int:
        """Addresses being counted."""
        return len(self._counts)

    def _is_quiet(self, host: bytes, now: float) -> bool:
        key = host if len(host) == 4 else host_prefix(host)
        if self._blocked:
            self._unblock(now)
            if key in self._blocked:
                return False
        entry = self._counts.get(key)
        if entry is None or now >= entry[1]:
            self._forget_old(now)
            if len(self._counts) >= MAX_COUNTED:
                del self._counts[next(iter(self._counts))]
            self._counts[key] = [1.0, now + WINDOW]
            return True
        entry[0] += 1.0
        if entry[0] <= self.settings.block_ratelimit * WINDOW:
            return True
        del self._counts[key]
        if len(self._blocked) >= MAX_BLOCKED:
            del self._blocked[next(iter(self._blocked))]
        self._blocked[key] = now + self.settings.block_timeout
        if self._log.on_line is not None:
            line = f"{unpack_host(host)} is ignored for {self.settings.block_timeout} s: {entry[0]:.0f} datagrams at once"
            self._log.say(DhtModule.tracker, line)
        return False

    def _forget_old(self, now: float) -> None:
        """Drop whose window is over; the oldest stand in front."""
        counts = self._counts
        while counts and counts[first := next(iter(counts))][1] <= now:
            del counts[first]

    def _unblock(self, now: float) -> None:
        """Drop whose time is over; with one timeout for all, the first blocked stand in front."""
        blocked = self._blocked
        while blocked and blocked[first := next(iter(blocked))] <= now:
            del blocked[first]
