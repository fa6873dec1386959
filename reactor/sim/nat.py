"""A NAT box: several hosts behind one IPv4 address (RFC 4787's words; the four classic kinds of RFC 3489).

A mapping ties an inside (host, port) to a port of the box; it is made and refreshed by packets that leave, and forgotten
when none did for a while.  What comes in passes when its port is mapped and the filter of the kind lets its sender through.
IPv6 is not translated.
"""

from __future__ import annotations

import enum
import random
from typing import TYPE_CHECKING

from ..errors import ReactorUsageError
from .address import Address
from .arguments import check_kind, check_number
from .packet import Datagram, Packet

if TYPE_CHECKING:
    from .host import SimHost

__all__ = ["Nat", "NatKind"]

UDP_TIMEOUT = 120.0
"""Seconds (RFC 4787 REQ-5 asks for two minutes at least)."""
TCP_TIMEOUT = 7_440.0
"""Seconds (RFC 5382 REQ-5: two hours and four minutes)."""
_PORTS = range(1_024, 65_536)
_SWEEP_FROM = 256


class NatKind(enum.Enum):
    """Who may answer, and through which port."""

    FULL_CONE = "full cone"
    """One port for each inside port; anybody may send to it."""
    RESTRICTED = "restricted cone"
    """One port; hosts that were sent to may answer, from any port of theirs."""
    PORT_RESTRICTED = "port restricted cone"
    """One port; only the very addresses that were sent to may answer."""
    SYMMETRIC = "symmetric"
    """Another, random port for each address sent to, which alone may answer."""


class _Mapping:
    __slots__ = ("inside", "is_fixed", "is_tcp", "key", "outside", "peers", "sweep_at", "used_at")

    def __init__(self, is_tcp: bool, inside: Address, outside: Address, key: object) -> None:
        self.is_tcp = is_tcp
        self.inside = inside
        self.outside = outside
        self.key = key
        self.is_fixed = False
        self.used_at = 0.0
        self.peers: dict[object, float] = {}
        """Whom it was used for, and when last."""
        self.sweep_at = _SWEEP_FROM
        """Number of peers at which those are looked for that expired."""


class Nat:
    """Made by `SimWorld.nat`."""

    def __init__(
        self,
        name: str,
        address: str,
        rng: random.Random,
        *,
        kind: NatKind = NatKind.PORT_RESTRICTED,
        hairpin: bool = True,
        udp_timeout: float = UDP_TIMEOUT,
        tcp_timeout: float = TCP_TIMEOUT,
    ) -> None:
        check_kind("kind", kind, NatKind)
        check_number("udp_timeout", udp_timeout, above=0)
        check_number("tcp_timeout", tcp_timeout, above=0)
        if ":" in address:
            raise ReactorUsageError(f"address must be an IPv4 address, not {address}")
        self.name = name
        self.address = address
        self.kind = kind
        self.hairpin = hairpin
        """Hosts behind it reach each other by its address, too."""
        self.hosts: dict[str, SimHost] = {}
        """Behind it, by inside address."""
        self._timeouts = {False: udp_timeout, True: tcp_timeout}
        self._rng = rng
        self._is_shut = False
        self._sweep_at = _SWEEP_FROM
        """Number of mappings at which those are looked for that expired."""
        self._by_key: dict[object, _Mapping] = {}
        self._by_port: dict[tuple[bool, int], _Mapping] = {}

    def forward(self, host: SimHost, port: int, *, outside_port: int = 0, tcp: bool = True) -> int:
        """Send what comes to `outside_port` (0: the same number) to a port of `host`, for ever; gives the outside port.

        ReactorUsageError when the host is not behind this box, or the port is taken.
        """
        inside = next((each for each, found in self.hosts.items() if found is host), None)
        if inside is None:
            raise ReactorUsageError(f"host must be behind {self.name}, and {host.name} is not")
        outside_port = outside_port or port
        if not 0 < port <= 65_535 or not 0 < outside_port <= 65_535:
            raise ReactorUsageError(f"port must be a number from 1 to 65535, not {port} and {outside_port}")
        if (tcp, outside_port) in self._by_port:
            raise ReactorUsageError(f"outside_port must be free, and {outside_port} of {self.name} is taken")
        mapping = _Mapping(tcp, (inside, port), (self.address, outside_port), (tcp, inside, port))
        mapping.is_fixed = True
        self._by_port[tcp, outside_port] = mapping
        self._by_key.setdefault(mapping.key, mapping)
        return outside_port

    def shut(self) -> None:
        """Nothing passes any more, in either direction."""
        self._is_shut = True
        self._by_key.clear()
        self._by_port.clear()

    def leave(self, packet: Packet, now: float) -> Packet | None:
        """A packet of a host behind it, as the world sees it; None when it is dropped."""
        is_tcp, inside, target = packet.is_tcp, packet.source, packet.target
        if self._is_shut:
            return None
        if packet.errno:
            return self._leave_error(packet, now)
        key: object = (is_tcp, *inside)
        if self.kind is NatKind.SYMMETRIC and not (key in self._by_key and self._by_key[key].is_fixed):
            key = (is_tcp, *inside, *target)
        mapping = self._by_key.get(key)
        if mapping is not None and self._is_over(mapping, now):
            self._forget(mapping)
            mapping = None
        if mapping is None:
            mapping = self._map(inside, key, is_tcp, now)
            if mapping is None:
                return None
        mapping.used_at = now
        if self.kind is not NatKind.FULL_CONE:
            mapping.peers[self._peer_key(target)] = now
            if len(mapping.peers) > mapping.sweep_at:
                self._sweep_peers(mapping, now - self._timeouts[is_tcp])
        return packet.readdressed(mapping.outside, target)

    def enter(self, packet: Packet, now: float) -> Packet | None:
        """A packet for its address, as the host behind it is to see it; None when it is dropped."""
        is_tcp = packet.is_tcp
        mapping = self._by_port.get((is_tcp, packet.target[1]))
        if mapping is None:
            return None
        if self._is_over(mapping, now):
            self._forget(mapping)
            return None
        if not packet.errno and not mapping.is_fixed and self.kind is not NatKind.FULL_CONE:
            heard = mapping.peers.get(self._peer_key(packet.source))
            if heard is None or now - heard > self._timeouts[is_tcp]:
                return None
        return packet.readdressed(packet.source, mapping.inside)

    def outside_of(self, host: str, port: int, *, tcp: bool = False) -> Address | None:
        """Where the world sees (host, port) behind it now; None without a mapping, or for the symmetric kind."""
        mapping = self._by_key.get((tcp, host, port))
        return None if mapping is None else mapping.outside

    @property
    def num_mappings(self) -> int:
        """Mappings it holds, expired ones that nobody asked for included."""
        return len(self._by_port)

    def __repr__(self) -> str:
        return f"<Nat {self.name} {self.address}, {self.kind.value}>"

    # -- private

    def _peer_key(self, address: Address) -> object:
        return address[0] if self.kind is NatKind.RESTRICTED else address

    def _map(self, inside: Address, key: object, is_tcp: bool, now: float) -> _Mapping | None:
        if len(self._by_port) > self._sweep_at:
            for mapping in [each for each in self._by_port.values() if self._is_over(each, now)]:
                self._forget(mapping)
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._by_port))
        port = self._choose_port(inside[1], is_tcp)
        if port is None:
            return None
        mapping = _Mapping(is_tcp, inside, (self.address, port), key)
        self._by_key[key] = self._by_port[is_tcp, port] = mapping
        return mapping

    def _choose_port(self, wanted: int, is_tcp: bool) -> int | None:
        """The inside port where that is free (cones), else the next free one behind a start."""
        if self.kind is NatKind.SYMMETRIC:
            wanted = self._rng.choice(_PORTS)
        start = wanted if wanted in _PORTS else _PORTS.start
        for step in range(len(_PORTS)):
            port = _PORTS[(start - _PORTS.start + step) % len(_PORTS)]
            if (is_tcp, port) not in self._by_port:
                return port
        return None

    def _is_over(self, mapping: _Mapping, now: float) -> bool:
        return not mapping.is_fixed and now - mapping.used_at > self._timeouts[mapping.is_tcp]

    def _forget(self, mapping: _Mapping) -> None:
        del self._by_port[mapping.is_tcp, mapping.outside[1]]
        self._by_key.pop(mapping.key, None)

    def _sweep_peers(self, mapping: _Mapping, before: float) -> None:
        mapping.peers = {peer: when for peer, when in mapping.peers.items() if when > before}
        mapping.sweep_at = max(_SWEEP_FROM, 2 * len(mapping.peers))

    def _leave_error(self, packet: Packet, now: float) -> Packet | None:
        """ICMP from inside: says what the outside knows of the host, or nothing."""
        assert isinstance(packet, Datagram)
        for mapping in self._by_port.values():
            if mapping.inside != packet.about or mapping.is_tcp or self._is_over(mapping, now):
                continue
            if self.kind is not NatKind.SYMMETRIC or packet.target in mapping.peers:
                translated = packet.readdressed(mapping.outside, packet.target)
                translated.about = mapping.outside
                return translated
        return None
