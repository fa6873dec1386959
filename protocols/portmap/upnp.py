"""Ports mapped by UPnP Internet gateway devices on one network of ours (IGD 1 and 2), sans-I/O.  IPv4 only.

A search by multicast, repeated; every device that answers is described and, if it can, maps every port that is wanted: several
gateways on one network all get the mappings.  Beside datagrams it wants HTTP requests made: `calls_to_send`, whose outcome
comes back by `receive_answer` or `receive_failure`.

Whoever is on the network may answer a search, so nothing an answer says is believed: descriptions and controls are fetched only
from numeric addresses on our network, or the gateway's own (`admits`); a device is forgotten as soon as it fails, and searched
anew with growing pauses.

Left out: IPv6 firewalls by UPnP (PCP does those), events (GENA), announcements (NOTIFY).
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import LocalProtocolError, RemoteProtocolError
from ..http.addresses import AddressScope, address_scope
from ..http.url import Url
from ..types import Address, Buffer
from .errors import NoRouter
from .events import MappingFailed, PortmapEvent, Unmapped
from .igd import DeviceCall, Igd, IgdSettings
from .mapping import MAX_MAPPINGS, Bits, MapRequest
from .ssdp import IGD_1, IGD_2, ROOT_DEVICE, SSDP_GROUP, pack_search, parse_ssdp

__all__ = ["MAX_ANSWERS", "MAX_DEVICES", "HttpCall", "Upnp"]

MAX_DEVICES = 32
"""Devices looked at in one search; a network has more televisions than gateways."""

MAX_ANSWERS = 512
"""Answers read in one search; the rest is dropped unread."""

MIN_ROUNDS, MAX_ROUNDS = 4, 12
"""Times a search is sent: with a gateway found, and without (libtorrent's numbers)."""

ROUNDS_BEFORE_ANY = 2
"""Times only gateways are asked for; then every root device, as some gateways answer to nothing else."""

SHORTEST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0
"""Seconds until a failed device, or none, is searched again; doubled each time."""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request to be made."""

    call_id: int
    url: Url
    headers: tuple[tuple[str, str], ...]
    post: bytes | None
    """The body of a POST; None for a GET."""


class Upnp:
    """All gateways of one network.  Drive it as any core: send, timeout, events."""

    def __init__(
        self,
        local: str,
        network: str,
        *,
        rng: Bits,
        gateway: str = "",
        lease: int = 3600,
        description: str = "evtorrent",
        ignore_nonrouters: bool = False,
        log: Callable[..., object] | None = None,
    ) -> None:
        """`local` is our address on `network` ("10.0.0.0/24"), `gateway` a router that may be asked although elsewhere.
        `log(text, *args)` hears of every step, to be formatted with %."""
        self._network = ipaddress.IPv4Network(network, strict=False)
        self._local_scope = address_scope(local)
        self._gateway = gateway
        self._rng = rng
        self._settings = IgdSettings(local, lease, description)
        self.ignore_nonrouters = ignore_nonrouters
        """Read no answer from outside the network; may be changed at any time."""
        self._log = log
        self._requests: dict[int, MapRequest] = {}
        self._devices: dict[str, Igd] = {}
        self._calls: dict[int, Igd] = {}
        self._num_calls = 0
        self._events: deque[PortmapEvent] = deque()
        self._round = 0
        self._num_answers = 0
        self._num_dropped = 0
        self._search_due: float | None = None
        self._is_search_due = True
        self._pause = SHORTEST_PAUSE
        self._has_told_none = False
        self._is_closing = False

    # Commands

    def send_mapping(self, request: MapRequest, *, now: float) -> None:
        """Map a port, and keep it mapped.  LocalProtocolError when the id is taken, there are too many, or it is closed."""
        if self._is_closing or request.mapping_id in self._requests or self.is_full:
            raise LocalProtocolError(f"mapping {request.mapping_id} cannot be added")
        self._requests[request.mapping_id] = request
        for device in self._devices.values():
            device.add(request)
        if self._has_told_none:
            self._tell_none(request)

    def send_removal(self, mapping_id: int, *, now: float) -> None:
        """Remove a mapping; `Unmapped` follows.  Unknown ids are ignored."""
        if mapping_id in self._requests:
            for device in self._devices.values():
                device.remove(mapping_id)
                self._drain(device)
            self._forget_if_gone(mapping_id)

    def send_search(self, *, now: float) -> None:
        """Search anew, at once, beside the devices that are known: the network may have changed."""
        if not self._is_closing:
            self._round, self._search_due, self._is_search_due = 0, None, True
            self._pause = SHORTEST_PAUSE

    def set_lease(self, lease: int) -> None:
        """Seconds to ask for from the next call on; 0 is for ever."""
        self._settings.lease = lease

    def set_description(self, description: str) -> None:
        """What gateways show people, from the next call on."""
        self._settings.description = description

    def close(self, *, now: float) -> None:
        """Remove every mapping; `is_closed` when the gateways know, or do not answer.  Repeatable."""
        self._is_closing = True
        self._search_due, self._is_search_due = None, False
        for device in self._devices.values():
            device.close()
        for mapping_id in list(self._requests):
            self.send_removal(mapping_id, now=now)

    # Inputs

    def receive_datagram(self, data: Buffer, addr: Address, *, now: float) -> None:
        """An answer to a search, perhaps."""
        self._num_answers += 1
        if self._is_closing or self._num_answers > MAX_ANSWERS or not self._may_answer(addr[0]):
            self._num_dropped += 1
            return
        try:
            location = parse_ssdp(data).location
        except RemoteProtocolError as error:
            self._num_dropped += 1
            self._say("dropped an answer from %s: %s", addr[0], error)
            return
        if str(location) in self._devices:
            return
        if not self.admits(location.host) or len(self._devices) >= MAX_DEVICES:
            self._num_dropped += 1
            self._say("ignored a device at %s", location)
            return
        self._found(location)

    def receive_answer(self, call_id: int, status: int, body: bytes, *, now: float) -> None:
        """The answer to a call.  Unknown calls are ignored."""
        device = self._calls.pop(call_id, None)
        if device is not None:
            device.receive_answer(status, body, now=now)
            self._after(device, now)

    def receive_failure(self, call_id: int, why: str, *, now: float) -> None:
        """A call brought no answer.  Unknown calls are ignored."""
        device = self._calls.pop(call_id, None)
        if device is not None:
            device.receive_failure(why)
            self._after(device, now)

    def handle_timeout(self, *, now: float) -> None:
        """Search again, or give up; what runs out is renewed by the next calls."""
        if self._search_due is None or self._search_due > now:
            return
        self._search_due = None
        enough = MIN_ROUNDS if self._has_hope else MAX_ROUNDS
        if self._round < enough:
            self._is_search_due = True
        elif not self._has_hope:
            self._search_failed(now)

    # Outputs

    def datagrams_to_send(self, *, now: float) -> list[tuple[bytes, Address]]:
        """Take what must go to the group."""
        if not self._is_search_due:
            return []
        self._is_search_due = False
        if not self._round:
            self._num_answers = 0
        self._round += 1
        self._search_due = now + 2.0 * self._round
        self._say("searching for gateways (%d)", self._round)
        targets = [IGD_2, IGD_1]
        if self._round > ROUNDS_BEFORE_ANY and not self._has_hope:
            targets.append(ROOT_DEVICE)
        return [(pack_search(target), SSDP_GROUP) for target in targets]

    def calls_to_send(self, *, now: float) -> list[HttpCall]:
        """Take the HTTP requests to make, at most one a device."""
        calls = []
        for device in self._devices.values():
            call = device.take_call(now=now)
            if call is not None:
                calls.append(self._http_call(device, call))
        return calls

    def next_timeout(self) -> float | None:
        """When to call `handle_timeout`."""
        dues = [device.next_timeout() for device in self._devices.values()]
        return min((due for due in (self._search_due, *dues) if due is not None), default=None)

    def next_event(self) -> PortmapEvent | None:
        """Take what happened."""
        return self._events.popleft() if self._events else None

    # Queries

    def admits(self, host: str) -> bool:
        """A URL may lead to this host: a numeric address on our network or the gateway's, and no way into ourselves."""
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError:
            return False
        if address.is_unspecified or address.is_multicast or address.is_link_local:
            return False
        if address_scope(host) is AddressScope.LOOPBACK and self._local_scope is not AddressScope.LOOPBACK:
            return False
        return host == self._gateway or address in self._network

    @property
    def is_full(self) -> bool:
        """There is no room for another mapping."""
        return len(self._requests) >= MAX_MAPPINGS

    @property
    def is_closed(self) -> bool:
        """It was closed, and nothing is left to be done."""
        return self._is_closing and all(device.is_idle for device in self._devices.values())

    @property
    def devices(self) -> list[Igd]:
        """Those that can map ports."""
        return [device for device in self._devices.values() if device.is_ready]

    @property
    def num_dropped(self) -> int:
        """Answers to searches that led nowhere."""
        return self._num_dropped

    # Inside

    def _found(self, location: Url) -> None:
        self._say("found a device at %s", location)
        device = Igd(location, self._settings, lambda url: self.admits(url.host), self._rng)
        self._devices[str(location)] = device
        for request in self._requests.values():
            device.add(request)

    @property
    def _has_hope(self) -> bool:
        """A device is, or may turn out to be, a gateway."""
        return any(not device.failure for device in self._devices.values())

    def _http_call(self, device: Igd, call: DeviceCall) -> HttpCall:
        self._num_calls += 1
        self._calls[self._num_calls] = device
        self._say("%s at %s", call.action.value, call.url)
        if call.soap is None:
            return HttpCall(self._num_calls, call.url, (), None)
        return HttpCall(self._num_calls, call.url, call.soap.headers, call.soap.body)

    def _after(self, device: Igd, now: float) -> None:
        """Hand a device's events on; search anew when the last gateway is gone."""
        self._drain(device)
        if device.is_ready:
            self._pause, self._has_told_none = SHORTEST_PAUSE, False
        elif device.failure:
            self._say("%s: %s", device.location, device.failure)
            is_searching = self._is_search_due or self._search_due is not None
            if not (self._has_hope or is_searching or self._is_closing):
                self._search_later(now)

    def _drain(self, device: Igd) -> None:
        while device.events:
            event = device.events.popleft()
            if isinstance(event, Unmapped):
                self._forget_if_gone(event.mapping_id)
            else:
                self._events.append(event)

    def _search_failed(self, now: float) -> None:
        self._say("no gateway found")
        if not self._has_told_none:
            self._has_told_none = True
            for request in self._requests.values():
                self._tell_none(request)
        self._search_later(now)

    def _search_later(self, now: float) -> None:
        self._devices = {key: each for key, each in self._devices.items() if not each.failure}
        self._round = 0
        self._search_due = now + self._pause
        self._pause = min(self._pause * 2.0, LONGEST_PAUSE)

    def _tell_none(self, request: MapRequest) -> None:
        self._events.append(MappingFailed(request.mapping_id, request.protocol, NoRouter()))

    def _forget_if_gone(self, mapping_id: int) -> None:
        """A mapping that was removed is no more when the last gateway dropped it."""
        if any(device.holds(mapping_id) for device in self._devices.values()):
            return
        if self._requests.pop(mapping_id, None) is not None:
            self._events.append(Unmapped(mapping_id))

    def _may_answer(self, host: str) -> bool:
        return not self.ignore_nonrouters or ipaddress.IPv4Address(host) in self._network

    def _say(self, text: str, *args: object) -> None:
        if self._log is not None:
            self._log(text, *args)
