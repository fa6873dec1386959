"""Where to listen, in libtorrent's `listen_interfaces` notation: "0.0.0.0:6881,[::]:6881s,eth0:0l".

Elements are separated by commas and may be quoted; each is an address or device name, a colon, a port, and the letters
`s` (TLS peers) and `l` (local network only).  As there, a bad element is reported and the others count.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

__all__ = ["MAX_ELEMENTS", "ListenInterface", "format_interfaces", "parse_interfaces"]

MAX_ELEMENTS = 256
"""Elements looked at; a list of more is a mistake, and the rest is reported as bad."""

_MAX_PORT_DIGITS = 5


@dataclass(frozen=True, slots=True)
class ListenInterface:
    """One element of the list."""

    device: str
    """A numeric address, or the name of a device whose addresses are meant."""
    port: int
    """0 lets the system choose."""
    is_ssl: bool = False
    """Peers speak TLS here."""
    is_local: bool = False
    """Only peers of the same local network are admitted, and the port is not announced beyond it."""

    @property
    def is_address(self) -> bool:
        """False when `device` names a device."""
        try:
            ipaddress.ip_address(self.device)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        host = f"[{self.device}]" if ":" in self.device else self.device
        return f"{host}:{self.port}{'s' if self.is_ssl else ''}{'l' if self.is_local else ''}"


def parse_interfaces(text: str) -> tuple[list[ListenInterface], list[str]]:
    """(the elements understood, the ones not), each in order.  Empty elements are skipped."""
    found: list[ListenInterface] = []
    bad: list[str] = []
    for element in _split(text):
        stripped = element.strip()
        if len(stripped) > 1 and stripped[0] == stripped[-1] == '"':
            stripped = stripped[1:-1]
        if not stripped:
            continue
        interface = _parse_element(stripped) if len(found) + len(bad) < MAX_ELEMENTS else None
        if interface is None:
            bad.append(stripped)
        else:
            found.append(interface)
    return found, bad


def format_interfaces(interfaces: list[ListenInterface]) -> str:
    """The text that `parse_interfaces` reads back."""
    return ",".join(map(str, interfaces))


def _split(text: str) -> list[str]:
    """Split at commas.  An element that begins with a quote runs to the next quote at least."""
    elements = []
    while text:
        start = 0
        if text[0] == '"':
            closing = text.find('"', 1)
            start = closing if closing >= 0 else len(text)
        comma = text.find(",", start)
        if comma < 0:
            comma = len(text)
        elements.append(text[:comma])
        text = text[comma + 1 :]
    return elements


def _parse_element(element: str) -> ListenInterface | None:
    if element[0] == "[":
        device, bracket, rest = element[1:].partition("]")
        if not bracket or not rest.startswith(":"):
            return None
        tail = rest[1:]
    else:
        device, colon, tail = element.partition(":")
        if not colon:
            return None
    tail = tail.strip()
    digits = tail[: _count_digits(tail)]
    if not digits or len(digits) > _MAX_PORT_DIGITS or int(digits) > 65535:
        return None
    letters = tail[len(digits) :]
    return ListenInterface(device.strip(), int(digits), is_ssl="s" in letters, is_local="l" in letters)


def _count_digits(text: str) -> int:
    for index, char in enumerate(text):
        if not "0" <= char <= "9":
            return index
    return len(text)
