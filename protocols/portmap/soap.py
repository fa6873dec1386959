"""The SOAP calls of WANIPConnection (UPnP IGD 1 and 2): requests written, answers read."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from ..errors import RemoteProtocolError
from ..types import Buffer
from .xml_tree import Element, parse_xml

__all__ = ["SoapAnswer", "SoapCall", "external_address", "parse_soap", "reserved_port"]

_ENVELOPE = (
    '<?xml version="1.0"?>\n'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
    '<s:Body><u:{action} xmlns:u="{service}">{arguments}</u:{action}></s:Body></s:Envelope>\r\n'
)


@dataclass(frozen=True, slots=True)
class SoapCall:
    """One action of a service with its arguments, in their order."""

    service_type: str
    action: str
    arguments: Mapping[str, str]

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What HTTP has to say of it."""
        return (
            ("Content-Type", 'text/xml; charset="utf-8"'),
            ("SOAPAction", f'"{self.service_type}#{self.action}"'),
        )

    @property
    def body(self) -> bytes:
        """The envelope."""
        arguments = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in self.arguments.items())
        text = _ENVELOPE.format(action=self.action, service=self.service_type, arguments=arguments)
        return text.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """What came back: values, or the number of an error."""

    values: Mapping[str, str]
    error: int | None
    """UPnP's error code; None when there is none, -1 when what stands there is no number."""


def parse_soap(data: Buffer) -> SoapAnswer:
    """The answer to any action.  RemoteProtocolError when it is no XML."""
    root = parse_xml(data)
    code = root.find("errorCode")
    if code is not None:
        return SoapAnswer({}, _number(code.text))
    if root.find("Fault") is not None:
        return SoapAnswer({}, -1)
    response = next((each for each in root.walk() if each.tag.endswith("Response")), Element(""))
    return SoapAnswer({child.tag: child.text for child in response.children}, None)


def external_address(answer: SoapAnswer) -> str:
    """What GetExternalIPAddress says; "" when it is no address one could have."""
    try:
        address = ipaddress.ip_address(answer.values.get("NewExternalIPAddress", ""))
    except ValueError:
        return ""
    is_usable = not (address.is_unspecified or address.is_loopback or address.is_multicast)
    return str(address) if is_usable and "%" not in str(address) else ""


def reserved_port(answer: SoapAnswer) -> int:
    """What AddAnyPortMapping says.  RemoteProtocolError when it is no port."""
    port = _number(answer.values.get("NewReservedPort", ""))
    if not 0 < port < 65536:
        raise RemoteProtocolError("an answer without a port")
    return port


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else -1
