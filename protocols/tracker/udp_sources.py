"""The UDP side of a `TrackerClient`: one `UdpTrackerService` for each local address that is asked from.

A tracker gives its connection ids to an address of ours (BEP 15), so each of them has a machine and sockets of its own; they are made
with the first question from there and end when that address is none of ours any more (`retain`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..engine.ports import Base, DatagramSocket, Platform
from ..types import Address
from .udp import RandomBits, UdpTimings, UdpTrackers
from .udp_service import OpenRelay, UdpTrackerService

__all__ = ["UdpSources"]


class UdpSources:
    """All UDP trackers of a session, by the address they are asked from."""

    def __init__(
        self,
        base: Base,
        platform: Platform,
        rng: RandomBits,
        open_socket: Callable[[int], DatagramSocket] | None = None,
    ) -> None:
        """`open_socket(family)` gives the sockets that are bound to no address in particular; the platform by default."""
        self._base = base
        self._platform = platform
        self._rng = rng
        self._open_socket = open_socket or platform.datagram_socket
        self._services: dict[Address | None, UdpTrackerService] = {}
        self._machines: dict[Address | None, UdpTrackers] = {}
        self._timings = UdpTimings()
        self._open_relay: OpenRelay | None = None

    def at(self, bind: Address | None) -> UdpTrackerService:
        """The one that asks from `bind`; None: from wherever the system likes."""
        if self._open_relay is not None:
            bind = None  # Everything leaves from the relay.
        service = self._services.get(bind)
        if service is None:
            machine = self._machines[bind] = UdpTrackers(rng=self._rng, timings=self._timings)
            service = UdpTrackerService(self._base, machine, self._opener(bind))
            service.set_relay(self._open_relay)
            self._services[bind] = service
        return service

    def set_timings(self, timings: UdpTimings) -> None:
        """They hold for what is sent from now on."""
        self._timings = timings
        for machine in self._machines.values():
            machine.timings = timings

    def set_relay(self, open_relay: OpenRelay | None) -> None:
        """See `UdpTrackerService.set_relay`."""
        self._open_relay = open_relay
        for service in self._services.values():
            service.set_relay(open_relay)

    def retain(self, binds: Collection[Address | None]) -> None:
        """Close the sockets of other addresses than these, unless somebody waits for an answer there."""
        for bind, service in list(self._services.items()):
            if bind not in binds and not service.num_requests:
                service.close()
                del self._services[bind], self._machines[bind]

    def close(self) -> None:
        """Forget everything and close the sockets."""
        for service in self._services.values():
            service.close()
        self._services.clear()
        self._machines.clear()

    def _opener(self, bind: Address | None) -> Callable[[int], DatagramSocket]:
        if bind is None:
            return self._open_socket
        platform = self._platform
        return lambda family: platform.datagram_socket(family, bind=bind)
