"""Ports mapped by one gateway for one address of ours, by PCP or, where the gateway does not know that, NAT-PMP; sans-I/O.

Questions are asked one after another, so that a gateway that is not there is asked one thing and not fifty; only at the end
all removals leave together.  It begins with PCP.  An answer that refuses the version, or silence to the first question, makes
it NAT-PMP (IPv4 only); who is silent to that too is told as `NoRouter` once, and left alone for two hours.

A gateway that restarted is found out by its epoch: everything it should know is asked again at once.

Only answers from the gateway's address to what is in flight are looked at; everything else is counted and dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from ..errors import LocalProtocolError, RemoteProtocolError
from ..types import Address, Buffer
from .dialect import GATEWAY_PORT, AddressAnswer, Dialect, MapAnswer, VersionRefused, Wish
from .errors import NoRouter, PcpError, PcpResult, PortmapError
from .events import ExternalAddress, Mapped, MappingFailed, PortmapEvent, Unmapped
from .mapping import LONGEST_LEASE, MAX_MAPPINGS, Bits, MapRequest
from .natpmp import NatPmp
from .pcp import NONCE_LENGTH, Pcp
from .retransmission import Schedule
from .slot import Phase, Slot

__all__ = ["FAREWELL_SCHEDULE", "SILENCE_PAUSE", "GatewayMapper"]

SILENCE_PAUSE = 2 * 3600.0
"""Seconds after which a gateway that did not answer is asked again (libtorrent's two hours)."""

FAREWELL_SCHEDULE = Schedule(0.25, 1.0, 4)
"""A removal at the end: three seconds, then the lease may run out by itself."""

FAREWELL_TO_NOBODY = Schedule(0.25, 0.25, 1)
"""The same where no answer ever came: there is hardly a gateway, and nobody wants to wait for it."""

DEFAULT_LEASE = 3600
"""Seconds, where none are given."""


class GatewayMapper:
    """The mappings of one gateway.  Drive it as any core: send, timeout, events."""

    def __init__(
        self,
        gateway: str,
        local: str,
        *,
        rng: Bits,
        lease: int = DEFAULT_LEASE,
        begins_with_pcp: bool = True,
        log: Callable[..., object] | None = None,
    ) -> None:
        """`gateway` and `local` are numeric addresses of one family; `lease` is asked for, 0 means the default.  With
        `begins_with_pcp` false an IPv4 gateway is asked in NAT-PMP from the start.
        `log(text, *args)` hears of every step, to be formatted with %."""
        self.gateway: Address = (gateway, GATEWAY_PORT)
        """Where datagrams go, and the only place they are taken from."""
        self._local = local
        self._rng = rng
        self._lease = lease or DEFAULT_LEASE
        self._log = log
        self._dialect: Dialect = Pcp(local) if begins_with_pcp else NatPmp()
        self._has_heard = False
        """The gateway has answered in this dialect."""
        self._address = Slot(None)
        self._slots: dict[int, Slot] = {}
        self._events: deque[PortmapEvent] = deque()
        self._external_address = ""
        self._is_closing = False
        self._num_dropped = 0

    # Commands

    def send_mapping(self, request: MapRequest, *, now: float) -> None:
        """Map a port, and keep it mapped.  LocalProtocolError when the id is taken, there are too many, or it is closed."""
        if self._is_closing or request.mapping_id in self._slots or self.is_full:
            raise LocalProtocolError(f"mapping {request.mapping_id} cannot be added")
        nonce = self._rng.getrandbits(8 * NONCE_LENGTH).to_bytes(NONCE_LENGTH, "big")
        self._slots[request.mapping_id] = Slot(request, nonce, external_port=request.external_port)

    def send_removal(self, mapping_id: int, *, now: float) -> None:
        """Remove a mapping; `Unmapped` follows.  Unknown ids are ignored."""
        slot = self._slots.get(mapping_id)
        if slot is None or slot.is_leaving:
            return
        slot.is_leaving = True
        if not slot.was_sent:
            self._drop(slot)
        elif slot.phase is not Phase.IN_FLIGHT:
            slot.wait()

    def set_lease(self, lease: int) -> None:
        """Seconds to ask for from the next request on; 0 means the default."""
        self._lease = lease or DEFAULT_LEASE

    def close(self, *, now: float) -> None:
        """Remove every mapping; `is_closed` when the gateway knows, or does not answer.  Repeatable."""
        self._is_closing = True
        for slot in list(self._slots.values()):
            slot.is_leaving = True
            if slot.expires is None and not (slot.was_sent and slot.phase is Phase.IN_FLIGHT):
                self._drop(slot)
            else:
                slot.wait()
        self._address.rest(None)

    # Inputs

    def receive_datagram(self, data: Buffer, addr: Address, *, now: float) -> None:
        """Something arrived.  What is no answer to what is in flight is dropped."""
        if not self._is_from_gateway(addr) or not any(self._in_flight()):
            self._num_dropped += 1
            return
        try:
            answer = self._dialect.parse(data)
        except RemoteProtocolError as error:
            self._num_dropped += 1
            self._say("dropped an answer: %s", error)
            return
        if isinstance(answer, VersionRefused):
            self._version_refused(now)
        elif isinstance(answer, AddressAnswer):
            self._receive_address(answer, now)
        else:
            self._receive_mapping(answer, now)

    def handle_timeout(self, *, now: float) -> None:
        """Ask again what was not answered, renew what runs out."""
        for slot in self._all():
            if slot.due is None or slot.due > now:
                continue
            if slot.phase is Phase.IDLE:
                slot.wait()
            elif slot.attempts >= self._schedule.attempts:
                self._unanswered(slot, now)
                return
            # Else `datagrams_to_send` sends it again.

    # Outputs

    def datagrams_to_send(self, *, now: float) -> list[tuple[bytes, Address]]:
        """Take what must go to the gateway."""
        self._start(now)
        return [
            (self._transmit(slot, now), self.gateway)
            for slot in self._in_flight()
            if slot.due is None or (slot.due <= now and slot.attempts < self._schedule.attempts)
        ]

    def next_timeout(self) -> float | None:
        """When to call `handle_timeout`."""
        # While a question is open the others wait, whatever is due.
        slots = list(self._in_flight()) or list(self._all())
        return min((slot.due for slot in slots if slot.due is not None), default=None)

    def next_event(self) -> PortmapEvent | None:
        """Take what happened."""
        return self._events.popleft() if self._events else None

    # Queries

    @property
    def is_full(self) -> bool:
        """There is no room for another mapping."""
        return len(self._slots) >= MAX_MAPPINGS

    @property
    def is_closed(self) -> bool:
        """It was closed, and nothing is left to be done."""
        return self._is_closing and not self._slots

    @property
    def dialect(self) -> str:
        """What is spoken: "PCP" or "NAT-PMP"."""
        return self._dialect.name

    @property
    def external_address(self) -> str:
        """The gateway's address outside, "" while it is not known."""
        return self._external_address

    @property
    def num_dropped(self) -> int:
        """Datagrams that were no answers."""
        return self._num_dropped

    # Asking

    def _all(self) -> Iterator[Slot]:
        yield from list(self._slots.values())
        yield self._address

    def _in_flight(self) -> Iterator[Slot]:
        return (slot for slot in self._all() if slot.phase is Phase.IN_FLIGHT)

    def _start(self, now: float) -> None:
        """Put what waits in flight: one question at a time, at the end all of them."""
        if not self._is_closing and any(self._in_flight()):
            return
        for slot in self._all():
            if slot.phase is not Phase.WAITING or (slot is self._address and not self._can_ask_address()):
                continue
            slot.phase, slot.due, slot.attempts = Phase.IN_FLIGHT, None, 0
            slot.is_removal = slot.is_leaving
            if not self._is_closing:
                return

    def _can_ask_address(self) -> bool:
        # Without a mapping there is no need to know.
        return bool(self._slots) and self._dialect.address_request() is not None

    def _transmit(self, slot: Slot, now: float) -> bytes:
        slot.attempts += 1
        slot.due = now + self._schedule.wait_after(slot.attempts, self._rng)
        if slot.request is None:
            self._say("==> external address?")
            return self._dialect.address_request() or b""
        slot.was_sent = True
        wish = self._wish(slot, slot.request)
        self._say(
            "==> %s %s local: %d external: %d lease: %d",
            self._dialect.name,
            wish.protocol.name,
            wish.local_port,
            wish.external_port,
            wish.lifetime,
        )
        return self._dialect.map_request(wish)

    def _wish(self, slot: Slot, request: MapRequest) -> Wish:
        if slot.is_removal:
            return Wish(request.protocol, request.local_port, 0, 0, slot.nonce)
        return Wish(
            request.protocol,
            request.local_port,
            slot.external_port,
            self._lease,
            slot.nonce,
            slot.external_address,
        )

    @property
    def _schedule(self) -> Schedule:
        if self._is_closing:
            return FAREWELL_SCHEDULE if self._has_heard else FAREWELL_TO_NOBODY
        return self._dialect.schedule if self._has_heard else self._dialect.probe_schedule

    # Answers

    def _receive_address(self, answer: AddressAnswer, now: float) -> None:
        if self._address.phase is not Phase.IN_FLIGHT:
            self._num_dropped += 1
            return
        self._heard(answer.epoch, now)
        self._address.rest(None)
        self._learn_address(answer.address)

    def _receive_mapping(self, answer: MapAnswer, now: float) -> None:
        slot = next((each for each in self._in_flight() if self._answers(answer, each)), None)
        if slot is None or slot.request is None:
            self._num_dropped += 1
            return
        self._heard(answer.epoch, now)
        if slot.is_removal:
            self._say("removed: %s", PcpError(answer.result))
            self._drop(slot)
        elif answer.result != PcpResult.SUCCESS:
            self._refused(slot, PcpError(answer.result), now + self._dialect.retry_delay(answer))
        else:
            self._granted(slot, slot.request, answer, now)

    def _answers(self, answer: MapAnswer, slot: Slot) -> bool:
        """The answer is to the question this slot asked last, not to an older one."""
        request = slot.request
        if request is None or (request.protocol, request.local_port) != (answer.protocol, answer.local_port):
            return False
        if answer.nonce and answer.nonce != slot.nonce:
            return False
        is_gone = answer.grant.lifetime == 0 or answer.grant.external_port == 0
        return answer.result != PcpResult.SUCCESS or is_gone == slot.is_removal

    def _granted(self, slot: Slot, request: MapRequest, answer: MapAnswer, now: float) -> None:
        grant = answer.grant
        slot.external_port = grant.external_port
        slot.external_address = grant.external_address
        lifetime = min(float(grant.lifetime), LONGEST_LEASE)
        slot.expires = now + lifetime
        slot.told = None
        slot.rest(now + self._dialect.renewal_delay(lifetime, self._rng))
        if slot.is_leaving:
            slot.wait()
            return
        # NAT-PMP tells the address apart; it may have changed since the last time.
        if self._address.phase is Phase.IDLE:
            self._address.wait()
        self._learn_address(grant.external_address)
        address = grant.external_address or self._external_address
        self._say(
            "<== %s %s local: %d external: %d lease: %d",
            self._dialect.name,
            request.protocol.name,
            request.local_port,
            grant.external_port,
            grant.lifetime,
        )
        self._events.append(
            Mapped(request.mapping_id, request.protocol, grant.external_port, address, lifetime)
        )

    def _learn_address(self, address: str) -> None:
        if address and address != self._external_address:
            self._external_address = address
            self._events.append(ExternalAddress(address))

    def _heard(self, epoch: int, now: float) -> None:
        self._has_heard = True
        if self._dialect.epoch.is_continued(epoch, now=now):
            return
        self._say("the gateway was restarted")
        for slot in self._slots.values():
            if slot.phase is Phase.IDLE and slot.expires is not None:
                slot.expires = None
                slot.wait()

    def _version_refused(self, now: float) -> None:
        if not isinstance(self._dialect, Pcp):
            self._num_dropped += 1  # A late answer to what was asked in PCP.
        elif ":" not in self._local:
            self._say("the gateway does not speak PCP")
            self._speak(NatPmp())
        else:
            for slot in list(self._in_flight()):
                self._refused(slot, PcpError(PcpResult.UNSUPP_VERSION), now + SILENCE_PAUSE)

    def _speak(self, dialect: Dialect) -> None:
        """Ask what is in flight in another language."""
        self._dialect = dialect
        self._has_heard = False
        for slot in self._in_flight():
            slot.wait()

    # Failure

    def _unanswered(self, slot: Slot, now: float) -> None:
        if slot.is_removal:
            self._drop(slot)
        elif slot is self._address and self._has_heard:
            slot.rest(None)  # It may do without.
        elif isinstance(self._dialect, Pcp) and not self._has_heard and ":" not in self._local:
            self._say("no answer to PCP")
            self._speak(NatPmp())
        else:
            self._silent(now)

    def _silent(self, now: float) -> None:
        """Nobody is there: everything fails, and begins anew after a pause, as the gateway may be another by then."""
        self._say("no answer from the gateway")
        self._speak(Pcp(self._local))
        for slot in list(self._slots.values()):
            slot.expires = None
            self._refused(slot, NoRouter(), now + SILENCE_PAUSE)

    def _refused(self, slot: Slot, error: PortmapError, retry_at: float) -> None:
        slot.rest(retry_at)
        request = slot.request
        assert request is not None  # What is not a mapping has answers of its own.
        if slot.is_leaving:
            self._drop(slot)
            return
        self._say("mapping %d failed: %s", request.mapping_id, error)
        if not error.is_same_as(slot.told):
            slot.told = error
            self._events.append(MappingFailed(request.mapping_id, request.protocol, error))

    def _drop(self, slot: Slot) -> None:
        assert slot.request is not None
        del self._slots[slot.request.mapping_id]
        self._events.append(Unmapped(slot.request.mapping_id))

    # Inside

    def _is_from_gateway(self, addr: Address) -> bool:
        host, port = self.gateway
        # The system names the scope of a link-local address by a number, we by the device.
        return addr[1] == port and addr[0].partition("%")[0] == host.partition("%")[0]

    def _say(self, text: str, *args: object) -> None:
        if self._log is not None:
            self._log(text, *args)
