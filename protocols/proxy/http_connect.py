"""A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6), with Basic authentication (RFC 7617).

Left out: Digest authentication, and asking again after a challenge: the password is sent at once or not at all.
"""

from __future__ import annotations

import re
from base64 import b64encode

from ..dialogue import Dialogue, Script
from ..errors import LocalProtocolError
from ..types import Address
from .errors import ProxyError

__all__ = ["MAX_HEAD", "HttpConnect"]

MAX_HEAD = 16 * 1024
"""Bytes of the proxy's answer."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([ -~]{0,200}).*)?")
_START = b"HTTP/1."
_HOST = re.compile(r"[A-Za-z0-9._~:%-]{1,255}")
_AUTHENTICATION_REQUIRED = 407


class HttpConnect(Dialogue):
    """One CONNECT.  Names are sent as they are: the proxy looks them up."""

    def __init__(self, target: Address, *, username: str = "", password: str = "") -> None:
        """LocalProtocolError when `target` cannot be said."""
        self._request = _request(target, username, password)
        super().__init__()

    def _talk(self) -> Script:
        self._output += self._request
        while (end := self._input.find(b"\r\n\r\n", 0, MAX_HEAD)) < 0:
            start = self._input[: len(_START)]
            if start != _START[: len(start)]:
                raise ProxyError("not an answer of HTTP")
            if len(self._input) >= MAX_HEAD:
                raise ProxyError(f"an answer of more than {MAX_HEAD} bytes")
            yield
        line = bytes(self._input[:end]).split(b"\r\n", 1)[0]
        del self._input[: end + 4]
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            raise ProxyError("not an answer of HTTP")
        status = int(found[1])
        if status == _AUTHENTICATION_REQUIRED:
            raise ProxyError("the proxy wants another user name or password (407)")
        if not 200 <= status < 300:
            reason = (found[2] or b"").decode("ascii").strip()
            raise ProxyError(f"the proxy refuses: {status} {reason}".rstrip())


def _request(target: Address, username: str, password: str) -> bytes:
    host, port = target
    if not _HOST.fullmatch(host):
        raise LocalProtocolError(f"no proxy can be asked for {host!r}")
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    if username:
        token = b64encode(f"{username}:{password}".encode()).decode("ascii")
        lines.append(f"Proxy-Authorization: Basic {token}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
