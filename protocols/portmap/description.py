"""The description of a UPnP device: which of its services can map ports, and where they are controlled."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RemoteProtocolError
from ..http.errors import HttpUrlError
from ..http.url import Url, parse_url, resolve_reference
from ..types import Buffer
from .xml_tree import Element, parse_xml

__all__ = ["MAX_SERVICES", "Description", "WanService", "parse_description"]

MAX_SERVICES = 8
"""Port mapping services of one device that are looked at."""

_PREFIX = "urn:schemas-upnp-org:service:"

WAN_SERVICES = {
    f"{_PREFIX}{name}".lower(): f"{_PREFIX}{name}"
    for name in ("WANIPConnection:1", "WANIPConnection:2", "WANPPPConnection:1", "WANPPPConnection:2")
}
"""Service types that map ports; compared without regard to case, as routers vary."""


@dataclass(frozen=True, slots=True)
class WanService:
    """One service that maps ports."""

    service_type: str
    control_url: Url

    @property
    def has_any_port(self) -> bool:
        """It knows AddAnyPortMapping (IGD 2)."""
        return self.service_type == f"{_PREFIX}WANIPConnection:2"


@dataclass(frozen=True, slots=True)
class Description:
    """What we want to know of a device."""

    model: str
    """Its name for people, "" without one."""
    services: tuple[WanService, ...]
    """In the order of the document, at least one."""


def parse_description(data: Buffer, location: Url) -> Description:
    """The description at `location`.  RemoteProtocolError when it is none, or of a device that maps no ports."""
    root = parse_xml(data)
    services = tuple(_services(root, _base(root, location)))[:MAX_SERVICES]
    if not services:
        raise RemoteProtocolError("no service that maps ports")
    model = root.find("modelName")
    return Description(model.text[:100] if model is not None else "", services)


def _base(root: Element, location: Url) -> Url:
    """UPnP 1.0 2.1: "URLBase … if absent, relative to the URL of the description"."""
    base = root.child_text("URLBase")
    return parse_url(base, schemes=("http",)) if base else location


def _services(root: Element, base: Url) -> list[WanService]:
    found = []
    for element in root.walk():
        if element.tag.lower() != "service":
            continue
        service_type = WAN_SERVICES.get(element.child_text("serviceType").lower())
        control = element.child_text("controlURL")
        if service_type is None or not control:
            continue
        try:
            url = resolve_reference(base, control)
        except HttpUrlError:
            continue  # Another service may be better described.
        if not url.is_secure:
            found.append(WanService(service_type, url))
    return found
