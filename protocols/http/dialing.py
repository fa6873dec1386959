"""The outside of a fetch on a real platform: its resolver, and `transport.dial` over addresses that were admitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from ..engine.ports import Base, Platform, ResolveCallback, StreamSocket, Timer
from ..transport.base import Transport
from ..transport.dial import dial
from ..types import Address
from .fetch import ResolvedAddress
from .url import Url

__all__ = ["PlatformPorts"]


class PlatformPorts:
    """`FetchPorts` over a `Platform`."""

    def __init__(
        self,
        platform: Platform,
        *,
        options: Mapping[str, Any] | None = None,
        verify_tls: bool = True,
        source: Address | None = None,
    ) -> None:
        """`options` go to the filters of the chain ("tls_context", …).  Any: each filter names its own.  `source` is the
        local address to connect from."""
        self.verify_tls = verify_tls
        """Demand a valid certificate, unless the options bring a context of their own; may be changed at any time."""
        self._platform = platform
        self._options = options or {}
        self._source = source

    def resolve(self, base: Base, host: str, port: int, callback: ResolveCallback) -> Timer:
        """See `FetchPorts`."""
        return self._platform.resolve(base, host, port, callback)

    def dial(self, base: Base, url: Url, addresses: Sequence[ResolvedAddress], timeout: float) -> Transport:
        """See `FetchPorts`.  The name stays the one TLS verifies; the addresses are those given and no others."""
        chain = "tcp+tls" if url.is_secure else "tcp"
        admitted = cast("Platform", _Admitted(self._platform, addresses))
        port = url.port or 0
        options = self._options
        if url.is_secure and not self.verify_tls:
            options = {"tls_context": _unverified_context(), **options}
        return dial(
            base,
            url.host,
            port,
            chain=chain,
            source=self._source,
            timeout=timeout,
            options=options,
            platform=admitted,
        )


class _Admitted:
    """The platform as a dialler sees it, except that every name resolves to what was resolved and admitted before."""

    def __init__(self, platform: Platform, addresses: Sequence[ResolvedAddress]) -> None:
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
