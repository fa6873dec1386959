"""Ports of ours, reachable from outside: NAT-PMP (RFC 6886), PCP (RFC 6887), UPnP IGD 1 and 2."""

from __future__ import annotations

from .errors import NoRouter, PcpError, PcpResult, PortmapError, UpnpError, UpnpHttpError, UpnpReplyInvalid
from .events import ExternalAddress, Mapped, MappingFailed, PortmapEvent, Unmapped
from .gateway import GatewayMapper
from .mapping import MAX_MAPPINGS, MapRequest, PortmapProtocol
from .service import MapperService, PortMapper, UpnpService
from .upnp import HttpCall, Upnp

__all__ = [
    "MAX_MAPPINGS",
    "ExternalAddress",
    "GatewayMapper",
    "HttpCall",
    "MapRequest",
    "Mapped",
    "MapperService",
    "MappingFailed",
    "NoRouter",
    "PcpError",
    "PcpResult",
    "PortMapper",
    "PortmapError",
    "PortmapEvent",
    "PortmapProtocol",
    "Unmapped",
    "Upnp",
    "UpnpError",
    "UpnpHttpError",
    "UpnpReplyInvalid",
    "UpnpService",
]
