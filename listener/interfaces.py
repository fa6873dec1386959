"""The addresses of this machine, with their devices and networks.

Linux answers through SIOCGIFCONF (IPv4) and /proc/net/if_inet6 (IPv6).  Elsewhere the loopback addresses and those that
routes to the outside start from are given, under the device name "": enough to listen, not to name a device.
"""

from __future__ import annotations

import array
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Interface", "list_interfaces"]

_IS_LINUX = sys.platform.startswith("linux")

_SIOCGIFCONF = 0x8912
_SIOCGIFNETMASK = 0x891B
_IFNAMSIZ = 16
_MAX_ADDRESSES = 1024
"""IPv4 addresses listed at most; a machine with more names them by hand."""

_IF_INET6 = Path("/proc/net/if_inet6")

# Documentation addresses (RFC 5737, RFC 3849): routed like any other, and nothing is ever sent to them.
_OUTSIDE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


@dataclass(frozen=True, slots=True)
class Interface:
    """One address of one device."""

    device: str
    """The system's name of the device; "" where it is not known."""
    address: str
    """Numeric; a link-local IPv6 address carries its scope, as fe80::1%eth0."""
    prefix_length: int
    """Bits of the address that name its network."""

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """The addresses that are reached without a router."""
        return ipaddress.ip_network(f"{self.address.partition('%')[0]}/{self.prefix_length}", strict=False)


def list_interfaces() -> list[Interface]:
    """Every address of every device, IPv4 first.  Reads the system each time; empty when it tells nothing."""
    if _IS_LINUX:
        return [*_linux_ipv4(), *_linux_ipv6()]
    return list(_guessed())


def _linux_ipv4() -> Iterator[Interface]:
    # struct ifreq: the name and a union whose largest member differs between 32 and 64 bit.
    size = 40 if struct.calcsize("P") == 8 else 32
    buffer = array.array("B", bytes(size * _MAX_ADDRESSES))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("iP", len(buffer), buffer.buffer_info()[0])
        used = struct.unpack("iP", _ioctl(sock, _SIOCGIFCONF, request))[0]
        for start in range(0, used, size):
            entry = bytes(buffer[start : start + size])
            # An alias ("eth0:1") is an address of the device before the colon.
            device = entry[:_IFNAMSIZ].rstrip(b"\0").partition(b":")[0].decode(errors="surrogateescape")
            mask = _ioctl(sock, _SIOCGIFNETMASK, entry)[_IFNAMSIZ + 4 : _IFNAMSIZ + 8]
            address = socket.inet_ntoa(entry[_IFNAMSIZ + 4 : _IFNAMSIZ + 8])
            yield Interface(device, address, int.from_bytes(mask, "big").bit_count())


def _linux_ipv6() -> Iterator[Interface]:
    try:
        lines = _IF_INET6.read_text().splitlines()
    except OSError:
        return  # a kernel without IPv6
    for line in lines:
        digits, _, prefix, _, _, device = line.split()
        address = str(ipaddress.IPv6Address(bytes.fromhex(digits)))
        if ipaddress.IPv6Address(address).is_link_local:
            address = f"{address}%{device}"
        yield Interface(device, address, int(prefix, 16))


def _guessed() -> Iterator[Interface]:
    yield Interface("", "127.0.0.1", 8)
    if socket.has_ipv6:
        yield Interface("", "::1", 128)
    for family, outside in _OUTSIDE:
        address = _source_address(family, outside)
        if address is not None:
            # The netmask is unknown: a network of one keeps `l` endpoints closed rather than open.
            yield Interface("", address, 32 if family == socket.AF_INET else 128)


def _source_address(family: socket.AddressFamily, outside: str) -> str | None:
    """The address packets to `outside` would leave from; connecting a UDP socket sends nothing."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((outside, 9))
            return str(sock.getsockname()[0])
    except OSError:
        return None


def _ioctl(sock: socket.socket, request: int, argument: bytes) -> bytes:
    import fcntl

    return fcntl.ioctl(sock.fileno(), request, argument)
