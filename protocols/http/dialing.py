"""The outside of a fetch on a real platform: its resolver, and `transport.dial` over addresses that were admitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ..engine.name_cache import NameCache
from ..engine.ports import Base, DialPlatform, ResolveCallback, StreamSocket, Timer
from ..transport.base import Transport
from ..transport.dial import dial
from ..transport.proxy import ProxyOptions
from ..types import Address
from .addresses import numeric_host
from .fetch import ResolvedAddress
from .url import Url

__all__ = ["PlatformPorts"]

_NO_FAMILY = 0


class PlatformPorts:
    """`FetchPorts` over a `Platform`, or as much of one as connecting takes."""

    def __init__(
        self,
        platform: DialPlatform,
        *,
        options: Mapping[str, Any] | None = None,
        verify_tls: bool = True,
        source: Address | None = None,
    ) -> None:
        """`options` go to the filters of the chain ("tls_context", …).  Any: each filter names its own.  `source` is the
        local address to connect from."""
        self.verify_tls = verify_tls
        """Demand a valid certificate, unless the options bring a context of their own; may be changed at any time."""
        self.tls_context: object | None = None
        """Servers are verified by this `ssl.SSLContext` in place of the system's authorities; may be changed at any time."""
        self.proxy: ProxyOptions | None = None
        """Go through it; may be changed at any time."""
        self._platform = platform
        self._options = options or {}
        self._source = source

    def under(self, tls_context: object) -> PlatformPorts:
        """The same at this moment, with another `tls_context`."""
        ports = PlatformPorts(
            self._platform, options=self._options, verify_tls=self.verify_tls, source=self._source
        )
        ports.proxy, ports.tls_context = self.proxy, tls_context
        return ports

    def look_up_in(self, names: NameCache) -> None:
        """Servers and proxies are looked up there from now on."""
        self._platform = names

    def resolve(self, base: Base, host: str, port: int, callback: ResolveCallback) -> Timer:
        """See `FetchPorts`.  A name that the proxy looks up is its own answer, of no family (0)."""
        if self.proxy is not None and self.proxy.resolves_names:
            return base.call_soon(callback, [(_NO_FAMILY, (host, port))])
        return self._platform.resolve(base, host, port, callback)

    def dial(self, base: Base, url: Url, addresses: Sequence[ResolvedAddress], timeout: float) -> Transport:
        """See `FetchPorts`.  The name stays the one TLS verifies; the addresses are those given and no others."""
        chain = "tcp+tls" if url.is_secure else "tcp"
        port = url.port or 0
        options = self._options
        if url.is_secure and not self.verify_tls:
            options = {"tls_context": _unverified_context(), **options}
        elif url.is_secure and self.tls_context is not None:
            options = {"tls_context": self.tls_context, **options}
        source, platform = self._source, self._platform
        if self.proxy is not None:
            # The proxy gets the first address, or the name; what is resolved here is where the proxy is.
            options = {"tls_server_hostname": url.host, "proxy": self.proxy, **options}
            chain = f"{self.proxy.kind}+{chain}"
            host = url.host if self.proxy.tells_names else numeric_host(addresses[0][1])
        else:
            host, platform = url.host, _Admitted(self._platform, addresses)
        return dial(
            base,
            host,
            port,
            chain=chain,
            source=source,
            timeout=timeout,
            options=options,
            platform=platform,
        )


class _Admitted:
    """The platform as a dialler sees it, except that every name resolves to what was resolved and admitted before."""

    def __init__(self, platform: DialPlatform, addresses: Sequence[ResolvedAddress]) -> None:
        self._addresses = list(addresses)
        self.connect_error = platform.connect_error
        self._stream_socket = platform.stream_socket

    def stream_socket(self, family: int, *, source: tuple[str, int] | None = None) -> StreamSocket:
        return self._stream_socket(family, source=source)

    def resolve(
        self, base: Base, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Timer:
        return base.call_soon(callback, self._addresses)


@cache
def _unverified_context() -> object:
    import ssl  # OpenSSL is loaded with the first TLS connection

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
