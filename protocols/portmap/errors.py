"""How a mapping fails, with the numbers gateways give (RFC 6886 3.5, RFC 6887 7.4, UPnP WANIPConnection:2).

PortmapError
    PcpError          a result code; those of NAT-PMP are translated (category "pcp error")
    UpnpError         a UPnP error code (category "upnp")
    UpnpHttpError     an HTTP status without a UPnP error (category "http")
    UpnpReplyInvalid  an answer that says nothing we understand
    NoRouter          nobody answers who could map ports
"""

from __future__ import annotations

from enum import IntEnum

from ..errors import EvtorrentError

__all__ = [
    "UPNP_MESSAGES",
    "NoRouter",
    "PcpError",
    "PcpResult",
    "PortmapError",
    "UpnpError",
    "UpnpHttpError",
    "UpnpReplyInvalid",
    "pcp_result_of_natpmp",
]


class PcpResult(IntEnum):
    """Result codes of RFC 6887 7.4."""

    SUCCESS = 0
    UNSUPP_VERSION = 1
    NOT_AUTHORIZED = 2
    MALFORMED_REQUEST = 3
    UNSUPP_OPCODE = 4
    UNSUPP_OPTION = 5
    MALFORMED_OPTION = 6
    NETWORK_FAILURE = 7
    NO_RESOURCES = 8
    UNSUPP_PROTOCOL = 9
    USER_EX_QUOTA = 10
    CANNOT_PROVIDE_EXTERNAL = 11
    ADDRESS_MISMATCH = 12
    EXCESSIVE_REMOTE_PEERS = 13


PCP_MESSAGES: dict[int, str] = {
    0: "success",
    1: "unsupported version",
    2: "not authorized",
    3: "malformed request",
    4: "unsupported opcode",
    5: "unsupported option",
    6: "malformed option",
    7: "network failure",
    8: "no resources",
    9: "unsupported protocol",
    10: "user exceeded quota",
    11: "cannot provide external",
    12: "address mismatch",
    13: "excessive remote peers",
}

_PCP_OF_NATPMP = {3: PcpResult.NETWORK_FAILURE, 4: PcpResult.NO_RESOURCES, 5: PcpResult.UNSUPP_OPCODE}

UPNP_MESSAGES: dict[int, str] = {
    401: "Invalid Action",
    402: "Invalid Arguments",
    501: "Action Failed",
    606: "Action not authorized",
    714: "The specified value does not exist in the array",
    715: "The source IP address cannot be wild-carded",
    716: "The external port cannot be wild-carded",
    718: "The port mapping entry specified conflicts with a mapping assigned previously to another client",
    724: "Internal and External port values must be the same",
    725: "The NAT implementation only supports permanent lease times on port mappings",
    726: "RemoteHost must be a wildcard and cannot be a specific IP address or DNS name",
    727: "ExternalPort must be a wildcard and cannot be a specific port ",
    728: "There are not enough free ports available to complete the port mapping",
    732: "The internal port cannot be wild-carded",
}


class PortmapError(EvtorrentError):
    """A port could not be mapped."""

    category = "generic"
    """Where `code` belongs."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        """The number within its category."""
        self.text = text

    def __str__(self) -> str:
        return self.text

    def is_same_as(self, other: PortmapError | None) -> bool:
        """It says the same."""
        return other is not None and (self.category, self.code) == (other.category, other.code)


class PcpError(PortmapError):
    """The gateway refused, by PCP or NAT-PMP."""

    category = "pcp error"

    def __init__(self, code: int) -> None:
        super().__init__(code, PCP_MESSAGES.get(code, "Unknown error"))


class UpnpError(PortmapError):
    """The gateway refused, by UPnP."""

    category = "upnp"

    def __init__(self, code: int) -> None:
        super().__init__(code, UPNP_MESSAGES.get(code, f"unknown UPnP error ({code})"))


class UpnpHttpError(PortmapError):
    """The gateway's HTTP server refused."""

    category = "http"

    def __init__(self, status: int) -> None:
        super().__init__(status, f"HTTP status {status}")


class UpnpReplyInvalid(PortmapError):
    """The gateway answered, and not to what was asked."""

    def __init__(self, why: str) -> None:
        super().__init__(1, why)


class NoRouter(PortmapError):
    """No gateway answers."""

    category = "libtorrent"

    def __init__(self) -> None:
        super().__init__(99, "no router found")


def pcp_result_of_natpmp(code: int) -> int:
    """The PCP number of a NAT-PMP result: from 3 on they mean other things."""
    return _PCP_OF_NATPMP.get(code, code if code <= PcpResult.NOT_AUTHORIZED else 0xFF)
