"""How a proxy fails."""

from __future__ import annotations

from ..errors import RemoteProtocolError

__all__ = ["ProxyError"]


class ProxyError(RemoteProtocolError):
    """The proxy refuses, or does not answer as a proxy."""
