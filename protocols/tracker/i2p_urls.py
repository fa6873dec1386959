"""Which trackers are on I2P."""

from __future__ import annotations

from collections.abc import Iterable

from ..http.errors import HttpError
from ..http.url import parse_url
from ..sam.destination import SUFFIX, is_i2p_host

__all__ = ["has_i2p_tracker", "is_i2p_url"]

_SCHEMES = ("http", "https", "udp", "ws", "wss")


def is_i2p_url(url: str) -> bool:
    """The host of this URL is on I2P."""
    if SUFFIX not in url.lower():
        return False
    try:
        return is_i2p_host(parse_url(url, schemes=_SCHEMES).host)
    except HttpError:
        return False


def has_i2p_tracker(urls: Iterable[str]) -> bool:
    """One of these is on I2P: the torrent is one of that network."""
    return any(map(is_i2p_url, urls))
