"""SOCKS 5 (RFC 1928) without authentication or with a password (RFC 1929).

Left out: BIND and GSSAPI, which hardly a proxy offers.
"""

from __future__ import annotations

from collections.abc import Generator
from enum import IntEnum

from ..dialogue import Dialogue, Script
from ..errors import LocalProtocolError
from ..types import Address
from .errors import ProxyError
from .socks5_address import ADDRESS_SIZES, NAME, pack_address, parse_host

__all__ = ["MAX_CREDENTIAL", "Socks5", "Socks5Command"]

MAX_CREDENTIAL = 255
"""Bytes of a user name, and of a password."""

_NO_AUTHENTICATION, _PASSWORD, _NONE_ACCEPTABLE = 0, 2, 255
_REPLIES = {
    1: "the proxy failed",
    2: "the proxy's rules forbid it",
    3: "network unreachable, says the proxy",
    4: "host unreachable, says the proxy",
    5: "connection refused, says the proxy",
    6: "TTL expired, says the proxy",
    7: "the proxy does not know the command",
    8: "the proxy does not know the kind of address",
}


class Socks5Command(IntEnum):
    """What the proxy is asked for."""

    CONNECT = 1
    UDP_ASSOCIATE = 3


class Socks5(Dialogue):
    """One request.  Names are sent as they are: the proxy looks them up."""

    def __init__(
        self,
        target: Address,
        *,
        username: str = "",
        password: str = "",
        command: Socks5Command = Socks5Command.CONNECT,
    ) -> None:
        """With a user name the proxy may ask for the password.  LocalProtocolError when something cannot be said.

        For an association `target` is where our datagrams will come from, ("0.0.0.0", 0) while that is not known.
        """
        self.bound: Address | None = None
        """What the proxy answered: for an association, where datagrams are to be sent."""
        self._user, self._password = username.encode(), password.encode()
        if max(len(self._user), len(self._password)) > MAX_CREDENTIAL:
            raise LocalProtocolError("SOCKS 5 takes names and passwords of 255 bytes at most")
        self._request = bytes((5, command, 0)) + pack_address(target)
        super().__init__()

    def _talk(self) -> Script:
        methods = (_NO_AUTHENTICATION, _PASSWORD) if self._user else (_NO_AUTHENTICATION,)
        self._output += bytes((5, len(methods), *methods))
        method = (yield from self._take_reply(5, 2))[1]
        if method not in methods:
            raise ProxyError(
                "the proxy wants another kind of authentication"
                if method == _NONE_ACCEPTABLE
                else f"the proxy chose authentication {method}, which was not offered"
            )
        if method == _PASSWORD:
            yield from self._authenticate()
        self._output += self._request
        reply = yield from self._take_reply(5, 4)
        if reply[1]:
            raise ProxyError(_REPLIES.get(reply[1], f"the proxy answers {reply[1]}"))
        self.bound = yield from self._take_address(reply[3])

    def _authenticate(self) -> Script:
        user, password = self._user, self._password
        self._output += bytes((1, len(user))) + user + bytes((len(password),)) + password
        if (yield from self._take_reply(1, 2))[1]:
            raise ProxyError("the proxy refuses the user name or password")

    def _take_reply(self, version: int, size: int) -> Generator[None, None, bytes]:
        # The first byte is looked at alone: one who speaks another protocol is not waited for.
        first = yield from self._take(1)
        if first[0] != version:
            raise ProxyError(f"not an answer of SOCKS 5: it begins with {first[0]:#04x}")
        rest = yield from self._take(size - 1)
        return first + rest

    def _take_address(self, kind: int) -> Generator[None, None, Address]:
        size = ADDRESS_SIZES.get(kind)
        if kind == NAME:
            size = (yield from self._take(1))[0]
        if size is None:
            raise ProxyError(f"an address of kind {kind}")
        raw = yield from self._take(size + 2)
        return parse_host(kind, raw[:size]), int.from_bytes(raw[size:], "big")
