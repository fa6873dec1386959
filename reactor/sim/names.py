"""Name resolution of a world: one table for all hosts, with a delay, and failures when asked for."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from ..errors import ReactorUsageError
from ..resolver import Lookup, ResolveCallback, answer_at_once
from .address import canonical_host, family_of, host_address, is_loopback
from .arguments import check_kind, check_number

if TYPE_CHECKING:
    from ..ports import Poster
    from .clock import Clock

__all__ = ["Names"]

LOOKUP_DELAY = 0.02
"""Seconds an answer takes unless said otherwise."""


class _Entry:
    __slots__ = ("addresses", "delay", "error")

    def __init__(self, addresses: tuple[str, ...], delay: float | None, error: OSError | None) -> None:
        self.addresses = addresses
        self.delay = delay
        self.error = error


class Names:
    """What names mean.  Names compare without regard to case and to a final dot."""

    def __init__(self, clock: Clock) -> None:
        self.delay = LOOKUP_DELAY
        """Seconds an answer takes, also that there is no such name."""
        self.is_down = False
        """Every lookup ends in EAI_AGAIN, as without a name server."""
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def add(self, name: str, *addresses: str, delay: float | None = None) -> None:
        """`name` means these addresses, in this order.  Replaces what it meant."""
        _check_delay(delay)
        if not addresses:
            raise ReactorUsageError(f"addresses must name at least one for {name}")
        checked = tuple(_address(each) for each in addresses)
        self._entries[_key(name)] = _Entry(checked, delay, None)

    def fail(self, name: str, error: OSError | None = None, *, delay: float | None = None) -> None:
        """Looking `name` up fails with `error` (default: EAI_AGAIN, the server did not answer)."""
        _check_delay(delay)
        if error is not None:
            check_kind("error", error, OSError)
        again = socket.gaierror(socket.EAI_AGAIN, f"no answer about {name}")
        self._entries[_key(name)] = _Entry((), delay, error or again)

    def remove(self, name: str) -> None:
        """There is no such name any more.  Harmless when there was none."""
        self._entries.pop(_key(name), None)

    def resolve(
        self, base: Poster, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Lookup:
        """As `Platform.resolve`."""
        lookup = Lookup(callback)
        answer = answer_at_once(host, port, family)
        if answer is not None:
            base.call_soon(lookup.finish, answer)
            return lookup
        entry = self._entries.get(_key(host))
        delay = self.delay if entry is None or entry.delay is None else entry.delay
        self._clock.post(self._clock.now + delay, self._answer, base, lookup, (host, port, family))
        return lookup

    def _answer(self, base: Poster, lookup: Lookup, question: tuple[str, int, int]) -> None:
        base.call_soon_threadsafe(lookup.finish, self._look_up(*question))

    def _look_up(self, host: str, port: int, family: int) -> list[tuple[int, Any]] | OSError:
        if self.is_down:
            return socket.gaierror(socket.EAI_AGAIN, "the name server does not answer")
        entry = self._entries.get(_key(host))
        if entry is None:
            return socket.gaierror(socket.EAI_NONAME, f"{host} is not known")
        if entry.error is not None:
            code = entry.error.errno
            return type(entry.error)(code, entry.error.strerror or os.strerror(code or errno.EIO))
        found: list[tuple[int, Any]] = []
        for address in entry.addresses:
            each = family_of(address)
            if family in (0, each):
                name = (address, port) if each == socket.AF_INET else (address, port, 0, 0)
                found.append((int(each), name))
        return found or socket.gaierror(socket.EAI_NONAME, f"{host} has no address of that family")


def _key(name: Any) -> str:
    if not isinstance(name, str) or not name.strip("."):
        raise ReactorUsageError(f"name must be a host name, not {name!r}")
    return name.lower().rstrip(".")


def _address(text: str) -> str:
    try:
        host = canonical_host(text)
    except OSError:
        raise ReactorUsageError(f"addresses must be numeric, not {text!r}") from None
    return host if is_loopback(host) else host_address(host)


def _check_delay(delay: float | None) -> None:
    if delay is not None:
        check_number("delay", delay)
