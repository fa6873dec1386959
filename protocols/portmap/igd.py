"""One Internet gateway device of UPnP: described, asked for its address, and told to map ports, one call at a time; sans-I/O.

What the device says goes through `receive_answer`; a call that brought no answer through `receive_failure`, which ends the
device: it is found again by a new search, perhaps at another port, as after a restart.

Errors are met as libtorrent meets them: 725 → a lease without end; 718 and 501 → another external port, at random, four times;
anything else is told and tried again later.  A gateway with IGD 2 is asked with AddAnyPortMapping first, which chooses a free
port itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ..errors import RemoteProtocolError
from ..http.url import Url
from .description import WanService, parse_description
from .errors import PortmapError, UpnpError, UpnpHttpError, UpnpReplyInvalid
from .events import ExternalAddress, Mapped, MappingFailed, PortmapEvent, Unmapped
from .mapping import Bits, MapRequest
from .retransmission import SHORTEST_RENEWAL
from .soap import SoapAnswer, SoapCall, external_address, parse_soap, reserved_port

__all__ = ["FAILURE_PAUSE", "MAX_CONFLICTS", "Action", "DeviceCall", "Igd", "IgdSettings"]

MAX_CONFLICTS = 4
"""Ports tried at random after conflicts (libtorrent's number)."""

MAX_ATTEMPTS = 6
"""Calls for one mapping in a row (libtorrent's number)."""

FAILURE_PAUSE = 1800.0
"""Seconds after which a refused mapping is tried again."""

_RANDOM_PORTS = range(40_000, 50_000)
"""Where libtorrent looks for a free one."""

ONLY_PERMANENT_LEASES, CONFLICT, ACTION_FAILED, INVALID_ACTION = 725, 718, 501, 401


class Action(Enum):
    """What a call is for."""

    DESCRIBE = "describe"
    ADDRESS = "GetExternalIPAddress"
    ADD = "AddPortMapping"
    ADD_ANY = "AddAnyPortMapping"
    DELETE = "DeletePortMapping"


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """One HTTP request to the device."""

    action: Action
    url: Url
    soap: SoapCall | None
    """None: a GET of the description."""


@dataclass(slots=True)
class IgdSettings:
    """What all devices share; may be changed at any time."""

    local: str
    """Our address, which the gateway forwards to."""
    lease: int
    """Seconds; 0 is for ever."""
    description: str
    """What the gateway shows people."""


@dataclass(slots=True, eq=False)
class _Entry:
    """One mapping at this device."""

    request: MapRequest
    external_port: int
    is_wanted: bool = True
    """Else it is to be removed."""
    is_mapped: bool = False
    attempts: int = 0
    conflicts: int = 0
    due: float | None = 0.0
    """When to add it, or to add it again; None for never."""
    told: PortmapError | None = None


class Igd:
    """One device; `Upnp` owns it."""

    def __init__(
        self, location: Url, settings: IgdSettings, is_admitted: Callable[[Url], bool], rng: Bits
    ) -> None:
        self.location = location
        self._settings = settings
        self._is_admitted = is_admitted
        self._rng = rng
        self._services: tuple[WanService, ...] = ()
        self._service = 0
        self._is_ready = False
        self._has_any_port = False
        self._has_leases = True
        self._external_address = ""
        self._entries: dict[int, _Entry] = {}
        self._pending: tuple[Action, _Entry | None] | None = None
        self._is_closing = False
        self.events: deque[PortmapEvent] = deque()
        self.failure = ""
        """Why it is of no use (any more); "" while it is."""

    # Commands

    def add(self, request: MapRequest) -> None:
        """Map a port here, as soon as the device is known."""
        if not self.failure:
            self._entries[request.mapping_id] = _Entry(request, request.external_port)

    def remove(self, mapping_id: int) -> None:
        """Remove a mapping; `Unmapped` follows."""
        entry = self._entries.get(mapping_id)
        if entry is None:
            return
        entry.is_wanted = False
        if not entry.is_mapped and not self._is_busy_with(entry):
            self._drop(entry)

    def close(self) -> None:
        """Make no more calls than removals need; which are asked for one by one."""
        self._is_closing = True

    # Calls

    def take_call(self, *, now: float) -> DeviceCall | None:
        """The next call, or None while one is under way or nothing is to be done."""
        if self._pending is not None or self.failure:
            return None
        if not self._services:
            return None if self._is_closing else self._call(Action.DESCRIBE, None)
        if not self._is_ready:
            return None if self._is_closing else self._call(Action.ADDRESS, None)
        for entry in self._entries.values():
            if not entry.is_wanted:
                return self._call(Action.DELETE, entry)
            if entry.due is not None and entry.due <= now:
                entry.attempts += 1
                return self._call(Action.ADD_ANY if self._has_any_port else Action.ADD, entry)
        return None

    def receive_answer(self, status: int, body: bytes, *, now: float) -> None:
        """The answer to the call under way."""
        assert self._pending is not None
        (action, entry), self._pending = self._pending, None
        if action is Action.DESCRIBE:
            self._describe(status, body)
        elif entry is None:
            self._learn_address(body)
        elif not entry.is_wanted:
            self._leave(action, entry, status, body)
        else:
            self._receive_mapping(action, entry, status, body, now=now)

    def receive_failure(self, why: str) -> None:
        """The call under way brought no answer: the device is of no use any more."""
        self._pending = None
        self._fail(why)

    # Queries

    @property
    def is_ready(self) -> bool:
        """It can map ports."""
        return self._is_ready and not self.failure

    @property
    def is_idle(self) -> bool:
        """No mapping is here, nor on its way."""
        return not self._entries

    def holds(self, mapping_id: int) -> bool:
        """It has, or is about to have, that mapping."""
        return mapping_id in self._entries

    def next_timeout(self) -> float | None:
        """When a mapping is to be made again."""
        if self._pending is not None or not self.is_ready:
            return None
        return min((each.due for each in self._entries.values() if each.due is not None), default=None)

    # Inside

    def _call(self, action: Action, entry: _Entry | None) -> DeviceCall:
        self._pending = (action, entry)
        if action is Action.DESCRIBE:
            return DeviceCall(action, self.location, None)
        service = self._services[self._service]
        arguments = {} if entry is None else self._arguments(action, entry)
        return DeviceCall(
            action, service.control_url, SoapCall(service.service_type, action.value, arguments)
        )

    def _arguments(self, action: Action, entry: _Entry) -> dict[str, str]:
        arguments = {
            "NewRemoteHost": "",
            "NewExternalPort": str(entry.external_port),
            "NewProtocol": entry.request.protocol.name.upper(),
        }
        if action is not Action.DELETE:
            arguments |= {
                "NewInternalPort": str(entry.request.local_port),
                "NewInternalClient": self._settings.local,
                "NewEnabled": "1",
                "NewPortMappingDescription": self._settings.description,
                "NewLeaseDuration": str(self._lease),
            }
        return arguments

    @property
    def _lease(self) -> int:
        return self._settings.lease if self._has_leases else 0

    def _describe(self, status: int, body: bytes) -> None:
        if status != 200:
            self._fail(f"HTTP status {status}")
            return
        try:
            services = parse_description(body, self.location).services
        except RemoteProtocolError as error:
            self._fail(str(error))
            return
        self._services = tuple(each for each in services if self._is_admitted(each.control_url))
        if self._services:
            self._has_any_port = self._services[0].has_any_port
        else:
            self._fail("its services are controlled elsewhere")

    def _learn_address(self, body: bytes) -> None:
        """A service without an address is not connected: the next may be.  When all are, the first it is."""
        try:
            address = external_address(parse_soap(body))
        except RemoteProtocolError:
            address = ""
        if not address and self._service + 1 < len(self._services):
            self._service += 1
            return
        if not address:
            self._service = 0
        self._has_any_port = self._services[self._service].has_any_port
        self._is_ready = True
        if address:
            self._external_address = address
            self.events.append(ExternalAddress(address))

    def _leave(self, action: Action, entry: _Entry, status: int, body: bytes) -> None:
        """An entry that is to be removed was deleted, or added meanwhile."""
        if action is Action.DELETE:
            self._drop(entry)
            return
        try:
            was_added = 200 <= status < 300 and parse_soap(body).error is None
        except RemoteProtocolError:
            was_added = False
        if was_added:
            entry.is_mapped = True
        if not entry.is_mapped:
            self._drop(entry)

    def _receive_mapping(
        self, action: Action, entry: _Entry, status: int, body: bytes, *, now: float
    ) -> None:
        try:
            answer = parse_soap(body)
            if answer.error is None and 200 <= status < 300:
                if action is Action.ADD_ANY:
                    entry.external_port = reserved_port(answer)
                self._mapped(entry, now)
                return
        except RemoteProtocolError as error:
            refused = UpnpReplyInvalid(str(error)) if status == 200 else UpnpHttpError(status)
            self._refused(entry, refused, now)
            return
        self._meet_error(action, entry, answer, status, now=now)

    def _meet_error(
        self, action: Action, entry: _Entry, answer: SoapAnswer, status: int, *, now: float
    ) -> None:
        code = answer.error
        if code is None:
            self._refused(entry, UpnpHttpError(status), now)
        elif entry.attempts >= MAX_ATTEMPTS:
            self._refused(entry, UpnpError(code), now)
        elif code == ONLY_PERMANENT_LEASES and self._lease:
            self._has_leases = False
        elif action is Action.ADD_ANY and code in (INVALID_ACTION, ACTION_FAILED):
            self._has_any_port = False
        elif code in (CONFLICT, ACTION_FAILED) and entry.conflicts < MAX_CONFLICTS:
            # Some routers say 501 where they mean 718.  What we may have had there is another's now.
            entry.is_mapped = False
            entry.conflicts += 1
            entry.external_port = _RANDOM_PORTS[self._rng.getrandbits(32) % len(_RANDOM_PORTS)]
        else:
            self._refused(entry, UpnpError(code), now)

    def _mapped(self, entry: _Entry, now: float) -> None:
        entry.is_mapped = True
        entry.attempts = entry.conflicts = 0
        entry.told = None
        lease = self._lease
        entry.due = now + max(lease * 0.75, SHORTEST_RENEWAL) if lease else None
        request = entry.request
        self.events.append(
            Mapped(
                request.mapping_id,
                request.protocol,
                entry.external_port,
                self._external_address,
                float(lease),
            )
        )

    def _refused(self, entry: _Entry, error: PortmapError, now: float) -> None:
        entry.attempts = entry.conflicts = 0
        if not entry.is_mapped:
            entry.external_port = entry.request.external_port
        entry.due = now + FAILURE_PAUSE
        if not error.is_same_as(entry.told):
            entry.told = error
            self.events.append(MappingFailed(entry.request.mapping_id, entry.request.protocol, error))

    def _fail(self, why: str) -> None:
        self.failure = why
        for entry in list(self._entries.values()):
            if not entry.is_wanted:
                self._drop(entry)
        self._entries.clear()

    def _is_busy_with(self, entry: _Entry) -> bool:
        return self._pending is not None and self._pending[1] is entry

    def _drop(self, entry: _Entry) -> None:
        del self._entries[entry.request.mapping_id]
        self.events.append(Unmapped(entry.request.mapping_id))

    def __repr__(self) -> str:
        state = self.failure or ("ready" if self._is_ready else "new")
        return f"Igd({self.location}, {state})"
