"""Name lookups off the loop.

The system's resolver blocks and cannot be interrupted, so lookups run on daemon threads of their own: a dead name
server never holds up disk work or the end of the process.  Numeric hosts and "localhost" (RFC 6761 §6.3) need no
thread, but are answered asynchronously all the same: the callback never runs inside `resolve`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from .errors import ReactorBusy
from .ports import Poster
from .threadpool import ThreadPool

__all__ = [
    "MAX_ADDRESSES",
    "MAX_HOST_LENGTH",
    "MAX_QUEUED_LOOKUPS",
    "Lookup",
    "ResolveCallback",
    "Resolver",
    "answer_at_once",
]

MAX_ADDRESSES = 32
"""Addresses kept of one answer; nobody tries more."""
MAX_HOST_LENGTH = 255
"""A longer name cannot be in the DNS (RFC 1035 §2.3.4)."""
MAX_QUEUED_LOOKUPS = 1024
"""Lookups waiting for a thread beyond which new ones fail with EAGAIN."""

ResolveCallback = Callable[["list[tuple[int, Any]] | OSError"], object]
"""Gets [(family, socket address), …] in the order to try, or the error."""


class Lookup:
    """One lookup under way."""

    __slots__ = ("_callback",)

    def __init__(self, callback: ResolveCallback) -> None:
        self._callback: ResolveCallback | None = callback

    def cancel(self) -> None:
        """Forget it: the callback will not run.  Repeatable, and harmless afterwards."""
        self._callback = None

    def finish(self, answer: list[tuple[int, Any]] | OSError) -> None:
        """Hand the answer over, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(answer)

    def finish_job(self, result: Any, error: BaseException | None) -> None:
        """The same, from the pool."""
        if error is None:
            self.finish(result)
        elif isinstance(error, OSError):
            self.finish(error)
        else:
            self.finish(socket.gaierror(socket.EAI_NONAME, str(error)))


class Resolver:
    """`getaddrinfo` on at most `workers` threads."""

    def __init__(self, workers: int = 4) -> None:
        self._pool = ThreadPool(
            workers, name="evtorrent-resolver", max_queued=MAX_QUEUED_LOOKUPS, daemon=True
        )

    def resolve(
        self, base: Poster, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Lookup:
        """Look `host` up for `family` (0: any); `callback` runs on `base` unless the result is cancelled."""
        lookup = Lookup(callback)
        answer = answer_at_once(host, port, family)
        if answer is not None:
            base.call_soon(lookup.finish, answer)
            return lookup
        try:
            self._pool.submit(base, _look_up, host, port, family, on_done=lookup.finish_job)
        except ReactorBusy as exc:
            base.call_soon(lookup.finish, OSError(errno.EAGAIN, str(exc)))
        return lookup

    def close(self, timeout: float | None = 0.0) -> bool:
        """Refuse new lookups.  Those under way cannot be interrupted; False when some are left."""
        return self._pool.close(timeout)


def answer_at_once(host: str, port: int, family: int) -> list[tuple[int, Any]] | OSError | None:
    """Everything that needs no name server; None when one must be asked."""
    if not 0 <= port <= 0xFFFF:
        return OSError(errno.EINVAL, f"port {port} is out of range")
    if not host or len(host) > MAX_HOST_LENGTH or "\0" in host:
        return socket.gaierror(socket.EAI_NONAME, f"{host[:80]!r} is not a host name")
    numeric = _numeric_family(host)
    if numeric is not None:
        if family not in (0, numeric):
            return socket.gaierror(socket.EAI_FAMILY, f"{host} is not of the family asked for")
        return _look_up_numeric(host, port, numeric)
    if host.lower().rstrip(".") == "localhost":
        # IPv4 first: a datagram to a loopback address nobody serves is lost silently, and most serve IPv4.
        both: list[tuple[int, Any]] = [
            (socket.AF_INET, ("127.0.0.1", port)),
            (socket.AF_INET6, ("::1", port, 0, 0)),
        ]
        return [entry for entry in both if family in (0, entry[0])]
    return None


def _numeric_family(host: str) -> int | None:
    address, _, scope = host.partition("%")
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except (OSError, ValueError):
            continue
        if not scope or family == socket.AF_INET6:
            return family
    return None


def _look_up_numeric(host: str, port: int, family: int) -> list[tuple[int, Any]] | OSError:
    if family == socket.AF_INET:
        return [(family, (host, port))]
    try:  # also turns a scope name into its number
        infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except OSError as exc:
        return exc
    return [(info[0], info[4]) for info in infos]


def _look_up(host: str, port: int, family: int) -> list[tuple[int, Any]]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    answer: dict[tuple[int, Any], None] = {}
    for found, _, _, _, address in infos:
        if found in (socket.AF_INET, socket.AF_INET6):
            answer[int(found), address] = None
    if not answer:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} has no usable address")
    return list(answer)[:MAX_ADDRESSES]
