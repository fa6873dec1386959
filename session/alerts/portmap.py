"""Alerts about port mapping."""

from __future__ import annotations

from ...protocols.portmap.mapping import PortmapProtocol
from ..errors import ErrorCode
from ..flags import AlertCategory, PortmapTransport
from .base import Alert, alert

__all__ = ["PortmapAlert", "PortmapErrorAlert", "PortmapLogAlert"]

_NAMES = {PortmapTransport.natpmp: "NAT-PMP", PortmapTransport.upnp: "UPnP"}


@alert(51, AlertCategory.port_mapping)
class PortmapAlert(Alert):
    """A port was mapped, or its mapping renewed."""

    mapping: int
    """The mapping, as `add_port_mapping` gave it."""
    external_port: int
    """The port the gateway gave."""
    map_protocol: PortmapProtocol
    map_transport: PortmapTransport
    local_address: str
    """Our address on the gateway's network."""

    def message(self) -> str:
        return (
            f"successfully mapped port using {_NAMES[self.map_transport]}. local: {self.local_address} "
            f"external port: {self.map_protocol.name.upper()}/{self.external_port}"
        )


@alert(50, AlertCategory.port_mapping | AlertCategory.error)
class PortmapErrorAlert(Alert):
    """A port could not be mapped; it is tried again some time later."""

    mapping: int
    """The mapping, as `add_port_mapping` gave it."""
    map_transport: PortmapTransport
    local_address: str
    """Our address on the gateway's network."""
    error: ErrorCode
    """Category "upnp", "pcp error", or "libtorrent" where there is no router."""

    def message(self) -> str:
        return f"could not map port using {_NAMES[self.map_transport]}[{self.local_address}]: {self.error}"


@alert(52, AlertCategory.port_mapping_log)
class PortmapLogAlert(Alert):
    """A line for whoever wonders why a port is not mapped."""

    map_transport: PortmapTransport
    local_address: str
    text: str

    def log_message(self) -> str:
        """The line."""
        return self.text

    def message(self) -> str:
        return f"{_NAMES[self.map_transport]} [{self.local_address}]: {self.text}"
