"""Everything that owns a local port: listeners, admission, the shared UDP socket."""

from .datagram_mux import DatagramMux, Route
from .endpoint import Endpoint, expand_interface
from .flags import ListenerFlag
from .gate import Gate, Verdict, canonical_host
from .gateways import Gateway, list_gateways
from .group import GroupSettings, ListenerGroup, ListenFailure, ListenSuccess, OpenEndpoint
from .inherited import InheritedSocket, inherited_sockets
from .interfaces import Interface, list_interfaces
from .listener import Listener
from .spec import ListenInterface, format_interfaces, parse_interfaces

__all__ = [
    "DatagramMux",
    "Endpoint",
    "Gate",
    "Gateway",
    "GroupSettings",
    "InheritedSocket",
    "Interface",
    "ListenFailure",
    "ListenInterface",
    "ListenSuccess",
    "Listener",
    "ListenerFlag",
    "ListenerGroup",
    "OpenEndpoint",
    "Route",
    "Verdict",
    "canonical_host",
    "expand_interface",
    "format_interfaces",
    "inherited_sockets",
    "list_gateways",
    "list_interfaces",
    "parse_interfaces",
]
