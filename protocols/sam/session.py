"""A session with the router: made, then kept for as long as its connection stays open."""

from __future__ import annotations

from dataclasses import dataclass

from ..dialogue import Script
from ..errors import LocalProtocolError
from .destination import Destination, parse_destination
from .exchange import SamExchange

__all__ = ["TRANSIENT", "CreateSession", "TunnelOptions"]

TRANSIENT = "TRANSIENT"
"""In place of keys: a destination is made for the session, and is gone with it."""

_SIGNATURE_TYPE = 7  # EdDSA over Ed25519, the network's own recommendation
_LEASESET_TYPES = "4,0"  # X25519, and ElGamal for those that know nothing newer


@dataclass(frozen=True, slots=True)
class TunnelOptions:
    """The tunnels of a session: how many, and how long.  LocalProtocolError beyond what routers take."""

    inbound_quantity: int = 3
    outbound_quantity: int = 3
    inbound_length: int = 3
    """Hops; 0 hides nothing."""
    outbound_length: int = 3
    inbound_length_variance: int = 0
    """Up to so many hops more, at random; negative: more or fewer."""
    outbound_length_variance: int = 0

    def __post_init__(self) -> None:
        if not all(1 <= each <= 16 for each in (self.inbound_quantity, self.outbound_quantity)):
            raise LocalProtocolError("a session has 1 to 16 tunnels each way")
        if not all(0 <= each <= 7 for each in (self.inbound_length, self.outbound_length)):
            raise LocalProtocolError("a tunnel has 0 to 7 hops")
        variances = self.inbound_length_variance, self.outbound_length_variance
        if not all(-7 <= each <= 7 for each in variances):
            raise LocalProtocolError("the length of a tunnel varies by 7 hops at most")

    def options(self) -> dict[str, int]:
        """As they are said to the bridge."""
        return {
            "inbound.quantity": self.inbound_quantity,
            "outbound.quantity": self.outbound_quantity,
            "inbound.length": self.inbound_length,
            "outbound.length": self.outbound_length,
            "inbound.lengthVariance": self.inbound_length_variance,
            "outbound.lengthVariance": self.outbound_length_variance,
        }


class CreateSession(SamExchange):
    """Make a session for streams, and learn who we are.  The session lasts as long as its connection."""

    def __init__(
        self, session_id: str, *, tunnels: TunnelOptions | None = None, keys: str = TRANSIENT
    ) -> None:
        """`keys` are a destination with its private keys, as `GenerateDestination` has them."""
        self._id = session_id
        self._tunnels = tunnels if tunnels is not None else TunnelOptions()
        self._keys = keys
        self.destination: Destination | None = None
        """Ours."""
        super().__init__()

    def _ask(self) -> Script:
        options: dict[str, object] = {"STYLE": "STREAM", "ID": self._id, "DESTINATION": self._keys}
        if self._keys == TRANSIENT:
            options["SIGNATURE_TYPE"] = _SIGNATURE_TYPE
        options |= {"i2cp.leaseSetEncType": _LEASESET_TYPES, **self._tunnels.options()}
        yield from self._exchange("SESSION", "CREATE", options, answer=("SESSION", "STATUS"))
        reply = yield from self._exchange("NAMING", "LOOKUP", {"NAME": "ME"}, answer=("NAMING", "REPLY"))
        self.destination = parse_destination(reply.value("VALUE"))
