"""The outside of a fetch on I2P: a stream through a SAM bridge, which looks names up itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..engine.ports import Base, Platform, ResolveCallback, Timer
from ..sam import is_i2p_host
from ..transport.base import Transport
from ..transport.dial import dial
from ..transport.sam import SamOptions
from .fetch import ResolvedAddress
from .url import Url

__all__ = ["SamPorts"]

_NO_FAMILY = 0


class SamPorts:
    """`FetchPorts` that lead to servers on I2P and nowhere else."""

    def __init__(self, platform: Platform, sam: SamOptions) -> None:
        self._platform = platform
        self._sam = sam

    def resolve(self, base: Base, host: str, port: int, callback: ResolveCallback) -> Timer:
        """See `FetchPorts`.  A name is its own answer, of no family (0); one that is not on I2P has none."""
        if not is_i2p_host(host):
            return base.call_soon(callback, OSError(f"{host} is not on I2P"))
        return base.call_soon(callback, [(_NO_FAMILY, (host, port))])

    def dial(self, base: Base, url: Url, addresses: Sequence[ResolvedAddress], timeout: float) -> Transport:
        """See `FetchPorts`."""
        options: Mapping[str, Any] = {"proxy": replace(self._sam, timeout=timeout)}
        chain = "sam+tcp"
        if url.is_secure:
            chain, options = "sam+tcp+tls", {"tls_server_hostname": url.host, **options}
        return dial(
            base,
            url.host,
            url.port or 0,
            chain=chain,
            options=options,
            timeout=timeout,
            platform=self._platform,
        )
