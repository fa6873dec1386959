"""Which addresses and ports may be connected: flags over ranges, the last rule given for an address deciding.

libtorrent `ip_filter` and `port_filter`.  A look-up is a bisection.  IPv4 addresses mapped into IPv6 are judged as IPv4, so
that a peer cannot get around a rule by way of a dual-stack socket.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise
from typing import NamedTuple, TypeAlias

__all__ = ["AddressLike", "IpFilter", "IpRange", "PortFilter"]

AddressLike: TypeAlias = str | IPv4Address | IPv6Address


class IpRange(NamedTuple):
    """Addresses from `first` to `last`, both included, and their flags."""

    first: str
    last: str
    flags: int


class _Ranges:
    """The numbers 0 … `last`, cut into ranges of equal flags; neighbours differ.  Starts without rules: all flags 0."""

    __slots__ = ("_flags", "_last", "_starts")

    def __init__(self, last: int) -> None:
        self._last = last
        self._starts = [0]
        self._flags = [0]

    def add(self, first: int, last: int, flags: int) -> None:
        starts, values = self._starts, self._flags
        # What follows the new range keeps the flags it had.
        rest = values[bisect_right(starts, last) - 1]
        low = bisect_left(starts, first)
        high = bisect_right(starts, last)
        new_starts, new_values = [], []
        if not low or values[low - 1] != flags:
            new_starts.append(first)
            new_values.append(flags)
        if last < self._last:
            if (high == len(starts) or starts[high] != last + 1) and rest != flags:
                new_starts.append(last + 1)
                new_values.append(rest)
            elif high < len(starts) and starts[high] == last + 1 and values[high] == flags:
                high += 1
        starts[low:high] = new_starts
        values[low:high] = new_values

    def flags(self, number: int) -> int:
        return self._flags[bisect_right(self._starts, number) - 1]

    def ranges(self) -> list[tuple[int, int, int]]:
        ends = [start - 1 for start in self._starts[1:]] + [self._last]
        return list(zip(self._starts, ends, self._flags, strict=True))

    def is_empty(self) -> bool:
        return self._flags == [0]

    def check_invariant(self) -> None:
        starts, flags = self._starts, self._flags
        assert starts[0] == 0
        assert len(starts) == len(flags)
        assert starts[-1] <= self._last
        assert all(a < b for a, b in pairwise(starts))
        assert all(a != b for a, b in pairwise(flags))


class IpFilter:
    """Flags of every IPv4 and IPv6 address; a new one allows all."""

    BLOCKED = 1
    """Neither connected to nor let in."""

    __slots__ = ("_v4", "_v6")

    def __init__(self) -> None:
        self._v4 = _Ranges((1 << 32) - 1)
        self._v6 = _Ranges((1 << 128) - 1)

    def add_rule(self, first: AddressLike, last: AddressLike, flags: int) -> None:
        """The addresses from `first` to `last` get `flags`, whatever earlier rules said.

        ValueError when one is no address, they are of two families, or `last` is before `first`.
        """
        low, high = ip_address(first), ip_address(last)
        if low.version != high.version:
            raise ValueError(f"{low} and {high} are not of one family")
        if int(high) < int(low):
            raise ValueError(f"{high} is before {low}")
        (self._v4 if low.version == 4 else self._v6).add(int(low), int(high), flags)

    def access(self, address: AddressLike) -> int:
        """The flags of an address.  ValueError when it is none."""
        number = ip_address(address)
        if isinstance(number, IPv6Address):
            if number.ipv4_mapped is None:
                return self._v6.flags(int(number))
            number = number.ipv4_mapped
        return self._v4.flags(int(number))

    def is_blocked(self, address: AddressLike) -> bool:
        """The address is neither connected to nor let in."""
        return bool(self.access(address) & self.BLOCKED)

    def export_filter(self) -> tuple[list[IpRange], list[IpRange]]:
        """The fewest ranges that say the same, ascending: IPv4, IPv6."""
        v4 = [IpRange(str(IPv4Address(a)), str(IPv4Address(b)), flags) for a, b, flags in self._v4.ranges()]
        v6 = [IpRange(str(IPv6Address(a)), str(IPv6Address(b)), flags) for a, b, flags in self._v6.ranges()]
        return v4, v6

    @property
    def is_empty(self) -> bool:
        """No address has a flag."""
        return self._v4.is_empty() and self._v6.is_empty()

    def check_invariant(self) -> None:
        """AssertionError when the ranges are not the fewest."""
        self._v4.check_invariant()
        self._v6.check_invariant()


class PortFilter:
    """Flags of every port; a new one allows all."""

    BLOCKED = 1
    """Not connected to."""

    __slots__ = ("_ports",)

    def __init__(self) -> None:
        self._ports = _Ranges(0xFFFF)

    def add_rule(self, first: int, last: int, flags: int) -> None:
        """The ports from `first` to `last` get `flags`.  ValueError when that is no range of ports."""
        if not 0 <= first <= last <= 0xFFFF:
            raise ValueError(f"{first}-{last} is no range of ports")
        self._ports.add(first, last, flags)

    def access(self, port: int) -> int:
        """The flags of a port.  ValueError when it is none."""
        if not 0 <= port <= 0xFFFF:
            raise ValueError(f"{port} is no port")
        return self._ports.flags(port)

    def is_blocked(self, port: int) -> bool:
        """The port is not connected to."""
        return bool(self.access(port) & self.BLOCKED)
