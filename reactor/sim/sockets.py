"""What both kinds of simulated sockets are: non-blocking, bound, with options; by the shape of `socket.socket`.

They never block.  Options that mean something here act; those that only tune a real kernel are kept; all others are refused
with ENOPROTOOPT, so that code which asks for segmentation offload and the like takes its fallback.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Self

from ..errors import ReactorUsageError
from .address import WILDCARDS, Address, canonical_host, family_of, is_loopback, socket_name, unmapped
from .descriptor import SimDescriptor
from .port_table import PortTable

if TYPE_CHECKING:
    from .host import SimHost

__all__ = ["SimSocket", "failure"]

DEFAULT_BUFFER = 262_144
"""Bytes of SO_SNDBUF and SO_RCVBUF."""
MIN_BUFFER = 4_096

_KEPT = frozenset(
    {
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        (socket.SOL_SOCKET, socket.SO_BROADCAST),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_DEFER_ACCEPT", 9)),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_QUICKACK", 12)),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_NOTSENT_LOWAT", 25)),
        (socket.IPPROTO_IP, socket.IP_TOS),
        (socket.IPPROTO_IPV6, getattr(socket, "IPV6_TCLASS", 67)),
        (socket.IPPROTO_IP, 24),  # IP_BIND_ADDRESS_NO_PORT (linux/in.h)
    }
)
"""Options that change nothing here and are given back."""

_REUSE_PORT = getattr(socket, "SO_REUSEPORT", 15)


def failure(code: int, text: str = "") -> OSError:
    """The OSError, of the right subclass, for an errno."""
    return OSError(code, text or os.strerror(code))


class SimSocket(SimDescriptor):
    """The part TCP and UDP share.  Use as a context manager, or close it."""

    __slots__ = (
        "_options",
        "bound_host",
        "can_reuse_address",
        "can_reuse_port",
        "error",
        "family",
        "is_v6_only",
        "local",
        "receive_limit",
        "send_limit",
    )

    type = 0
    proto = 0
    is_listening = False

    def __init__(self, host: SimHost, family: int) -> None:
        if family not in (socket.AF_INET, socket.AF_INET6):
            raise failure(
                errno.EAFNOSUPPORT, f"simulated hosts have AF_INET and AF_INET6, not family {family}"
            )
        self.family = family
        self.local: Address | None = None
        """Where it is bound, as packets say it."""
        self.bound_host = ""
        self.is_v6_only = False
        self.can_reuse_address = False
        self.can_reuse_port = False
        self.send_limit = self.receive_limit = DEFAULT_BUFFER
        self.error = 0
        """SO_ERROR."""
        self._options: dict[tuple[int, int], int] | None = None
        super().__init__(host)

    # -- the surface of a socket

    def bind(self, address: Any, /) -> None:
        """Take a numeric (host, port); port 0 means any.  OSError EADDRINUSE, EADDRNOTAVAIL, EINVAL."""
        self._check_open()
        if self.local is not None:
            raise failure(errno.EINVAL, "bound already")
        host, port = self._take_address(address)
        if host not in WILDCARDS and not self._host.owns(host):
            raise failure(errno.EADDRNOTAVAIL)
        port = self._table.bind(self, host, port)
        self.local = (host, port)

    def getsockname(self) -> Any:
        """Its own address; the wildcard with port 0 before it is bound."""
        self._check_open()
        host, port = self.local or ("", 0)
        return self._show_address(host or ("::" if self.family == socket.AF_INET6 else "0.0.0.0"), port)

    def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None:
        """Set an option.  OSError ENOPROTOOPT for what has no meaning here."""
        self._check_open()
        if not self._set_option(level, option, value):
            if (level, option) not in _KEPT:
                raise failure(errno.ENOPROTOOPT)
            if self._options is None:
                self._options = {}
            self._options[level, option] = _as_int(value)

    def getsockopt(self, level: int, option: int, /) -> int:
        """An option's value.  SO_ERROR is taken by this.  OSError ENOPROTOOPT."""
        self._check_open()
        value = self._get_option(level, option)
        if value is not None:
            return value
        if (level, option) in _KEPT:
            return (self._options or {}).get((level, option), 0)
        raise failure(errno.ENOPROTOOPT)

    def setblocking(self, flag: bool, /) -> None:
        """False, which is so already.  ReactorUsageError for True: waiting would stop the world."""
        if flag:
            raise ReactorUsageError("flag must be False: a simulated socket cannot block")

    def getblocking(self) -> bool:
        """Never."""
        return False

    def gettimeout(self) -> float:
        """0: it does not block."""
        return 0.0

    def settimeout(self, timeout: float | None, /) -> None:
        """0, which is so already.  ReactorUsageError for all else."""
        if timeout != 0:
            raise ReactorUsageError(f"timeout must be 0, not {timeout}: a simulated socket cannot block")

    def get_inheritable(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Close it.  Repeatable."""
        if self._fd >= 0:
            self._close()
            if self.local is not None and self.bound_host:
                self._table.release(self, self.local[1])
            self.give_back_number()

    def detach(self) -> int:
        """Refused: the number means nothing outside of the simulation."""
        raise failure(errno.EOPNOTSUPP, "a simulated socket cannot be detached")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "unbound" if self.local is None else f"{self.local[0]} {self.local[1]}"
        return f"<{type(self).__name__} of {self._host.name}, {'closed' if self._fd < 0 else where}>"

    # -- for the subclasses

    @property
    def _table(self) -> PortTable:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _check_open(self) -> None:
        if self._fd < 0:
            raise failure(errno.EBADF)

    def _take_address(self, address: Any) -> Address:
        """A socket address as packets say it: IPv4 behind ::ffff: is IPv4.  OSError, ReactorUsageError."""
        if not isinstance(address, tuple) or len(address) not in (2, 4):
            raise ReactorUsageError(f"address must be (host, port), not {address!r}")
        host, port = canonical_host(address[0]), address[1]
        if not isinstance(port, int) or not 0 <= port <= 65_535:
            raise ReactorUsageError(f"port must be a number from 0 to 65535, not {port!r}")
        if self.family == socket.AF_INET6:
            if ":" not in host:
                raise failure(errno.EINVAL, f"{host} is not an IPv6 address")
            if host.startswith("::ffff:") and (plain := unmapped(host)):
                if self.is_v6_only:
                    raise failure(errno.ENETUNREACH)
                return plain, port
        elif ":" in host:
            raise failure(errno.EAFNOSUPPORT, f"{host} is not an IPv4 address")
        return host, port

    def _show_address(self, host: str, port: int) -> Any:
        return socket_name(self.family, host, port)

    def _source_for(self, host: str) -> str:
        """The address that packets to `host` leave from.  OSError ENETUNREACH."""
        bound = self.bound_host
        if bound and bound not in WILDCARDS:
            if family_of(bound) != family_of(host) or is_loopback(bound) != (
                is_loopback(host) or self._host.owns(host)
            ):
                raise failure(errno.ENETUNREACH)
            return bound
        return self._host.source_for(host)

    def _take_error(self) -> OSError | None:
        code, self.error = self.error, 0
        return failure(code) if code else None

    def _set_option(self, level: int, option: int, value: int | bytes) -> bool:
        if level == socket.SOL_SOCKET:
            if option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                # Twice what was asked for, as Linux does.
                size = max(MIN_BUFFER, 2 * _as_int(value))
                if option == socket.SO_SNDBUF:
                    self.send_limit = size
                else:
                    self.receive_limit = size
                return True
            if option == socket.SO_REUSEADDR:
                self.can_reuse_address = bool(_as_int(value))
                return True
            if option == _REUSE_PORT:
                self.can_reuse_port = bool(_as_int(value))
                return True
        elif level == socket.IPPROTO_IPV6 and option == socket.IPV6_V6ONLY and self.family == socket.AF_INET6:
            if self.local is not None:
                raise failure(errno.EINVAL, "IPV6_V6ONLY must be set before bind")
            self.is_v6_only = bool(_as_int(value))
            return True
        return False

    def _get_option(self, level: int, option: int) -> int | None:
        if level == socket.SOL_SOCKET:
            if option == socket.SO_ERROR:
                code, self.error = self.error, 0
                if code:
                    self.update()
                return code
            known = {
                socket.SO_TYPE: self.type,
                socket.SO_SNDBUF: self.send_limit,
                socket.SO_RCVBUF: self.receive_limit,
                socket.SO_REUSEADDR: int(self.can_reuse_address),
                _REUSE_PORT: int(self.can_reuse_port),
                getattr(socket, "SO_ACCEPTCONN", 30): int(self.is_listening),
                getattr(socket, "SO_DOMAIN", 39): self.family,
            }
            return known.get(option)
        if level == socket.IPPROTO_IPV6 and option == socket.IPV6_V6ONLY:
            return int(self.is_v6_only)
        return None

    def update(self) -> None:
        """Bring `ready` in line with what can be read and written."""
        raise NotImplementedError


def _as_int(value: int | bytes) -> int:
    if isinstance(value, int):
        return value
    if len(value) >= 4:
        return int(struct.unpack_from("i", value)[0])
    raise failure(errno.EINVAL, f"an option's value has at least 4 bytes, not {len(value)}")
