"""URLs of trackers and web seeds: parsed once into a value that cannot be wrong (RFC 3986, the parts that matter).

Accepts what circulates in torrents (surrounding blanks, upper-case schemes, non-ASCII paths and host names) and refuses
what could be turned into something else on the wire: control characters, a missing host, a port out of range.
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes, urljoin

from .errors import HttpUrlError

__all__ = ["MAX_URL_LENGTH", "Url", "parse_url", "percent_encode", "resolve_reference"]

MAX_URL_LENGTH = 4096
"""Characters of a URL we look at; tracker URLs with keys stay below 300."""

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?:(?P<user>[^/?#]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.%A-Za-z]*\]|[^/?#:@\[\]]*)(?::(?P<port>[0-9]*))?"
    r"(?P<path>(?:/[^?#]*)?)(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_\-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_\-]*[a-z0-9_])?)*\.?")
_TARGET_SAFE = "!#$%&'()*+,/:;=?@[]~"
"""Printable characters that stay as they are in a request target; "%" too, for what is escaped already."""


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL, ready for a request line."""

    scheme: str
    """Lower case."""
    host: str
    """Lower case, IDNA-encoded, IPv6 without brackets."""
    port: int | None
    """None when neither given nor implied by the scheme."""
    path: str
    """Percent-encoded ASCII, begins with "/"."""
    query: str | None = None
    """Percent-encoded ASCII without "?"; None and "" differ by that one character."""
    credentials: bytes | None = field(default=None, repr=False)
    """`user:password` of the URL, unescaped.  Never printed."""

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def host_header(self) -> str:
        """Value of `Host`: the port only where it is not the scheme's own (RFC 9110 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Who is asked; credentials never leave it."""
        return self.scheme, self.host, self.port

    @property
    def is_idna(self) -> bool:
        """The host is an internationalized name (RFC 5890: "ACE prefix")."""
        return any(label.startswith("xn--") for label in self.host.split("."))

    @property
    def is_secure(self) -> bool:
        """The scheme demands TLS."""
        return self.scheme in ("https", "wss")

    @property
    def authorization(self) -> str | None:
        """Value of `Authorization` (RFC 7617), or None."""
        return None if self.credentials is None else "Basic " + b64encode(self.credentials).decode("ascii")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None or self.port == DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"


def parse_url(text: str, *, schemes: Collection[str] = ("http", "https")) -> Url:
    """Parse an absolute URL.  HttpUrlError says what is wrong with it."""
    text = text.strip()
    if len(text) > MAX_URL_LENGTH:
        raise HttpUrlError(f"URL of {len(text)} characters, at most {MAX_URL_LENGTH} are allowed")
    if _CONTROL.search(text):
        raise HttpUrlError("URL with control characters")
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise HttpUrlError(f"not an absolute URL: {text[:80]!r}")
    scheme = shape["scheme"].lower()
    if scheme not in schemes:
        raise HttpUrlError(f"unsupported URL scheme {scheme[:20]!r}")
    return Url(
        scheme,
        _parse_host(shape["host"]),
        _parse_port(shape["port"], scheme),
        _encode(shape["path"]) or "/",
        None if shape["query"] is None else _encode(shape["query"]),
        None if shape["user"] is None else unquote_to_bytes(shape["user"]),
    )


def resolve_reference(base: Url, reference: str) -> Url:
    """Where a `Location` header points, seen from `base` (RFC 3986 5.2).  HttpUrlError."""
    if len(reference) > MAX_URL_LENGTH:
        raise HttpUrlError(f"redirect of {len(reference)} characters, at most {MAX_URL_LENGTH} are allowed")
    try:
        joined = urljoin(str(base), reference.strip())
    except ValueError as error:
        raise HttpUrlError(f"redirect to a malformed URL: {error}") from error
    return parse_url(joined)


def percent_encode(data: bytes | str) -> str:
    """Every byte but RFC 3986's unreserved ones escaped."""
    return quote(data, safe="") if isinstance(data, str) else quote_from_bytes(data, safe="")


def _encode(text: str) -> str:
    try:
        return quote(text, safe=_TARGET_SAFE)
    except UnicodeEncodeError as error:
        raise HttpUrlError("URL with half a surrogate pair") from error


def _parse_port(text: str | None, scheme: str) -> int | None:
    if not text:
        return DEFAULT_PORTS.get(scheme)
    port = int(text) if len(text) <= 5 else 0
    if not 0 < port < 65536:
        raise HttpUrlError(f"port {text[:20]} in a URL")
    return port


def _parse_host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError as error:
            raise HttpUrlError(f"not an IPv6 address: {text[:80]}") from error
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise HttpUrlError(f"host name cannot be encoded: {text[:80]!r}") from error
    host = text.lower()
    if not host or len(host) > 253 or _HOST_NAME.fullmatch(host) is None:
        raise HttpUrlError(f"not a host name: {text[:80]!r}")
    return host
