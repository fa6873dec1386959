"""Holepunching (BEP 55), sans-I/O: what a relay answers, and how often anybody may ask.

Three roles: the initiator asks a relay it shares with a peer that cannot be reached; the relay tells both to connect; both
dial at the same time, which opens the way through their NATs.  The dialling is the owner's.

A relay sends two messages for one, and a peer that is told to connect dials whom it is told: so both are counted a peer and
minute, and what is more is ignored.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from ...types import Address
from .ut_holepunch_codec import HolepunchError

__all__ = ["ASK_AGAIN_AFTER", "MAX_ASKED", "MAX_PER_MINUTE", "AskedTargets", "HolepunchGuard", "refusal"]

MAX_PER_MINUTE = 30
"""Messages of one peer that are acted on in a minute."""
ASK_AGAIN_AFTER = 300.0
"""Seconds after which an introduction to the same peer is asked for again."""
MAX_ASKED = 200
"""Introductions of one torrent that are remembered."""


class HolepunchGuard:
    """Counts what one peer asks for."""

    __slots__ = ("_times", "num_ignored")

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MAX_PER_MINUTE)
        self.num_ignored = 0

    def admit(self, now: float) -> bool:
        """One more message may be acted on."""
        if len(self._times) == MAX_PER_MINUTE and now - self._times[0] < 60.0:
            self.num_ignored += 1
            return False
        self._times.append(now)
        return True


class AskedTargets:
    """Peers that somebody was asked to introduce us to."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: OrderedDict[Address, float] = OrderedDict()

    def admit(self, target: Address, now: float) -> bool:
        """Ask for `target`, who was not asked for lately; counts as asked."""
        at = self._asked.get(target)
        if at is not None and now - at < ASK_AGAIN_AFTER:
            return False
        self._asked[target] = now
        self._asked.move_to_end(target)
        if len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)
        return True


def refusal(
    target: Address, *, is_connected: bool, is_speaking: bool, is_self: bool
) -> HolepunchError | None:
    """Why a relay cannot introduce somebody to `target`; None when it can.

    `is_speaking`: the target speaks the extension.  `is_self`: it is the relay, or the one that asks.
    """
    if not target[1]:
        return HolepunchError.NO_SUCH_PEER
    if is_self:
        return HolepunchError.NO_SELF
    if not is_connected:
        return HolepunchError.NOT_CONNECTED
    if not is_speaking:
        return HolepunchError.NO_SUPPORT
    return None
