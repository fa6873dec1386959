"""SOCKS 4 and 4a: where the proxy is to connect is sent as an IPv4 address, or by 4a as a name.

Left out: BIND.  An IPv6 address is sent as if it were a name, which most proxies of today understand.
"""

from __future__ import annotations

import ipaddress

from ..dialogue import Dialogue, Script
from ..errors import LocalProtocolError
from ..types import Address
from .errors import ProxyError

__all__ = ["MAX_NAME", "Socks4"]

MAX_NAME = 255
"""Bytes of a host name or user id; the protocol itself has no limit."""

_GRANTED = 90
_REPLIES = {
    91: "the proxy refuses the connection or cannot make it",
    92: "the proxy cannot reach identd on this host",
    93: "identd on this host says another user id",
}


class Socks4(Dialogue):
    """One CONNECT."""

    def __init__(self, target: Address, *, username: str = "") -> None:
        """LocalProtocolError when `target` cannot be said."""
        self._request = _request(target, username)
        super().__init__()

    def _talk(self) -> Script:
        self._output += self._request
        reply = yield from self._take(8)
        if reply[0] != 0:
            raise ProxyError(f"not an answer of SOCKS 4: it begins with {reply[0]:#04x}")
        if reply[1] != _GRANTED:
            raise ProxyError(_REPLIES.get(reply[1], f"the proxy answers {reply[1]}"))


def _request(target: Address, username: str) -> bytes:
    host, port = target
    # A zero byte ends the field and cannot be within it.
    user = username.encode().replace(b"\0", b"")
    name = b""
    try:
        address = ipaddress.IPv4Address(host).packed
    except ValueError:
        address, name = (
            b"\0\0\0\1",
            host.encode() + b"\0",
        )  # 4a: "0.0.0.x with x nonzero", and the name at the end
    if len(user) > MAX_NAME or len(name) > MAX_NAME + 1 or name.count(b"\0") > 1 or name == b"\0":
        raise LocalProtocolError(f"SOCKS 4 cannot be asked for {host!r}")
    return b"\x04\x01" + port.to_bytes(2, "big") + address + user + b"\0" + name
