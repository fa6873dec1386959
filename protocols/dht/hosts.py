"""Numeric hosts as bytes, which is how the DHT compares, counts and writes them."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

__all__ = ["pack_host"]

_NUMBER: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_V4: Final = re.compile(rf"(?:{_NUMBER}\.){{3}}{_NUMBER}", re.ASCII)


@lru_cache(maxsize=8192)
def pack_host(host: str) -> bytes:
    """The bytes of a numeric host.  ValueError when it is not one."""
    # Whoever asks us may be somebody new every time, so a miss has to be cheap, too; `ip_address` takes three times as long.
    if _V4.fullmatch(host) is not None:
        return bytes(map(int, host.split(".")))
    return ip_address(host.partition("%")[0]).packed
