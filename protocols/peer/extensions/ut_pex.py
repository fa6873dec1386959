"""Peer exchange with one peer (BEP 11), sans-I/O: what it is told, and what it tells.

`PexSender` remembers what a peer was told and says the difference, once a minute at most, fifty each way at most; what does
not fit is said a minute later.  So every peer that was added is dropped some time, and one that came and went between two
messages is never mentioned.  Departure: the first message has no more than fifty either, which BEP 11 would allow.

`PexReceiver` judges what a peer says.  Messages that were held up on the way may arrive together, so not two but six of
them are looked at: the sixth within a minute is too frequent (as libtorrent).  A peer holds so many entries of a family at
most; those it drops make room.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from math import inf

from ...types import Address, Buffer
from .ut_pex_codec import PexError, PexFlags, PexMessage, PexPeer, pack_message, parse_message

__all__ = [
    "MAX_ADDED",
    "MAX_DROPPED",
    "MAX_IN_A_ROW",
    "NEWS_INTERVAL",
    "PEX_INTERVAL",
    "PexReceiver",
    "PexSender",
]

PEX_INTERVAL = 60.0
"""Seconds between two messages at least."""
MAX_ADDED = 50
"""Peers said to be there in one message, both families together."""
MAX_DROPPED = 50
"""Peers said to be gone in one message."""
MAX_IN_A_ROW = 6
"""Messages of a peer that may not come within `PEX_INTERVAL`."""
NEWS_INTERVAL = 2.0
"""Seconds after which it is looked again whether there is news."""


class PexSender:
    """What one peer was told."""

    __slots__ = ("_next_at", "_pack", "_told")

    def __init__(self, pack: Callable[[list[PexPeer], list[Address]], bytes] = pack_message) -> None:
        """`pack` makes a message of those that are there and those that are gone."""
        self._pack = pack
        self._told: dict[Address, None] = {}
        self._next_at = -inf

    def is_due(self, now: float) -> bool:
        """A message may be sent, or it is time to look whether there is one."""
        return now >= self._next_at

    def next_message(
        self, connected: Mapping[Address, PexFlags], now: float, *, listener: Address | None = None
    ) -> bytes | None:
        """What to say of the peers `connected` now; None when there is no news, or it is too early.

        `listener` is whom it is said to: if it is among them it is not told of itself.
        """
        if now < self._next_at:
            return None
        told = self._told
        added = [
            PexPeer(address, flags)
            for address, flags in connected.items()
            if address not in told and address != listener
        ]
        dropped = [address for address in told if address not in connected]
        del added[MAX_ADDED:], dropped[MAX_DROPPED:]
        if not added and not dropped:
            self._next_at = now + NEWS_INTERVAL
            return None
        self._next_at = now + PEX_INTERVAL
        told.update((peer.address, None) for peer in added)
        for address in dropped:
            del told[address]
        return self._pack(added, dropped)


class PexReceiver:
    """What one peer says it is connected to."""

    __slots__ = ("_known", "_parse", "_times", "max_peers", "num_ignored")

    def __init__(self, max_peers: int, parse: Callable[[Buffer], PexMessage] = parse_message) -> None:
        """`parse` reads a message."""
        self._parse = parse
        self.max_peers = max_peers
        """Peers of a family it may name at a time."""
        self.num_ignored = 0
        """Entries that were passed over."""
        self._known: tuple[dict[Address, PexFlags], dict[Address, PexFlags]] = ({}, {})
        self._times: deque[float] = deque(maxlen=MAX_IN_A_ROW - 1)

    def receive_message(self, payload: Buffer, now: float) -> list[PexPeer]:
        """A message came; gives the peers it is the first to name.  PexError when it breaks a rule."""
        times = self._times
        if len(times) == MAX_IN_A_ROW - 1 and now - times[0] < PEX_INTERVAL:
            raise PexError("too_frequent_pex", f"{MAX_IN_A_ROW} peer exchange messages within a minute")
        times.append(now)
        message = self._parse(payload)
        self.num_ignored += message.num_ignored
        for address in message.dropped:
            self._family(address).pop(address, None)
        return list(self._take(message.added))

    def flags_of(self, address: Address) -> PexFlags | None:
        """What it said of a peer it is connected to; None when it did not say it is, or has dropped it since."""
        return self._family(address).get(address)

    def _take(self, added: Iterable[PexPeer]) -> Iterable[PexPeer]:
        for peer in added:
            known = self._family(peer.address)
            if peer.address in known:
                continue
            if len(known) >= self.max_peers:
                self.num_ignored += 1
                continue
            known[peer.address] = peer.flags
            yield peer

    def _family(self, address: Address) -> dict[Address, PexFlags]:
        return self._known[":" in address[0]]
