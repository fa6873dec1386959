"""Which addresses a URL from outside may lead to (mitigation of server-side request forgery).

A torrent names trackers and web seeds, and those may redirect; none of them may use us to reach what only we can reach.
Two rules, the first as in libtorrent's `ssrf_mitigation`:

* a loopback address is only asked for a path that begins with `loopback_path` (a tracker's "/announce");
* a redirect never leads inwards: from a public server to a private or loopback address, or from a private to a loopback one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any

from .url import Url

__all__ = ["AddressGuard", "AddressScope", "address_scope", "numeric_host"]


class AddressScope(IntEnum):
    """How far inside an address lies; larger is further in."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2


def address_scope(host: str) -> AddressScope:
    """Scope of a numeric address.  Of a name, which only a proxy looks up, nothing is known but "localhost" (RFC 6761)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2].lower()
        return AddressScope.LOOPBACK if last == "localhost" else AddressScope.PUBLIC
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    # 0.0.0.0 and :: reach this very host on Linux.
    if address.is_loopback or inner.is_loopback or inner.is_unspecified:
        return AddressScope.LOOPBACK
    if not inner.is_global or inner.is_multicast:
        return AddressScope.PRIVATE
    return AddressScope.PUBLIC


def numeric_host(address: Any) -> str:
    """The host of a socket address, with its scope where an IPv6 one needs it.  Any: the shape depends on the family."""
    host = str(address[0])
    has_scope = len(address) == 4 and address[3] and "%" not in host
    return f"{host}%{address[3]}" if has_scope else host


class AddressGuard:
    """Decides over resolved addresses before anything is sent to them."""

    def __init__(
        self,
        *,
        loopback_path: str | tuple[str, ...] | None = None,
        is_enabled: bool = True,
        is_allowed: Callable[[str], bool] | None = None,
        allows_idna: bool = True,
    ) -> None:
        """`is_allowed` is the IP filter; it holds even where the other rules are off, and lets names pass.

        Without `allows_idna` servers with internationalized names, which may look like others, are not asked at all.
        """
        self._allows_idna = allows_idna
        self._loopback_path = loopback_path
        self._is_enabled = is_enabled
        self._is_allowed = is_allowed

    def admit(self, url: Url, hosts: Iterable[str], came_from: str | None = None) -> list[str]:
        """The numeric `hosts` of `url` that may be asked, in their order.

        `came_from` is the numeric address of the server whose redirect led here, None for the first request; of one that
        is not known the worst is assumed.
        """
        if url.is_idna and not self._allows_idna:
            return []
        reach = AddressScope.LOOPBACK
        if came_from is not None:
            reach = address_scope(came_from) if came_from else AddressScope.PUBLIC
        return [host for host in hosts if self._admits(url, host, reach)]

    def _admits(self, url: Url, host: str, reach: AddressScope) -> bool:
        if self._is_allowed is not None and not self._is_allowed(host):
            return False
        if not self._is_enabled:
            return True
        scope = address_scope(host)
        if scope > reach:
            return False
        prefix = self._loopback_path
        return scope is not AddressScope.LOOPBACK or prefix is None or url.path.startswith(prefix)
