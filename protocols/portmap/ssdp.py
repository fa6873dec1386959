"""SSDP, the discovery of UPnP 1.0: the question sent by multicast, the answers that come back to us alone.

Announcements (NOTIFY) are not listened to: port 1900 is others', and what we want to know we ask.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RemoteProtocolError
from ..http.url import Url, parse_url
from ..types import Address, Buffer

__all__ = [
    "IGD_1",
    "IGD_2",
    "MAX_SSDP",
    "ROOT_DEVICE",
    "SSDP_GROUP",
    "SsdpAnswer",
    "pack_search",
    "parse_ssdp",
]

SSDP_GROUP: Address = ("239.255.255.250", 1900)

IGD_1 = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
IGD_2 = "urn:schemas-upnp-org:device:InternetGatewayDevice:2"
ROOT_DEVICE = "upnp:rootdevice"

MAX_SSDP = 2_048
"""Bytes of an answer; it is one datagram, and a path carries 1,500."""

MAX_HEADERS = 64
"""Header lines of an answer."""

_MX = 3
"""Seconds within which devices spread their answers."""


@dataclass(frozen=True, slots=True)
class SsdpAnswer:
    """A device says where it is described."""

    location: Url
    """Of its description, always http."""
    search_target: str
    server: str


def pack_search(target: str) -> bytes:
    """M-SEARCH for `target`."""
    lines = (
        "M-SEARCH * HTTP/1.1",
        f"HOST: {SSDP_GROUP[0]}:{SSDP_GROUP[1]}",
        f"ST: {target}",
        'MAN: "ssdp:discover"',
        f"MX: {_MX}",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def parse_ssdp(data: Buffer) -> SsdpAnswer:
    """An answer to a search.  RemoteProtocolError when it is none, or names no description that could be fetched."""
    if len(data) > MAX_SSDP:
        raise RemoteProtocolError(f"SSDP answer of {len(data)} bytes")
    lines = bytes(data).decode("latin-1").split("\n")
    status = lines[0].split(None, 2)
    if len(status) < 2 or not status[0].upper().startswith("HTTP/1.") or status[1] != "200":
        raise RemoteProtocolError("not an answer to a search")
    if len(lines) > MAX_HEADERS:
        raise RemoteProtocolError(f"SSDP answer of {len(lines)} lines")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return SsdpAnswer(
        parse_url(headers.get("location", ""), schemes=("http",)),
        headers.get("st", ""),
        headers.get("server", ""),
    )
