"""Whom to upload to: tit-for-tat while downloading, three ways of sharing out while seeding, one slot for newcomers.

Peers that sent us most in the last round come first (BEP 3).  Among those that sent nothing, as all do while we seed,
decides `seed_choking_algorithm`: *round robin* gives each a quota of pieces and then the next one its turn; *fastest upload*
keeps those that take fastest; *anti-leech* prefers those that have little or nearly all.  A share of the slots is
optimistic: given to who waits longest, so that newcomers can show what they are worth, and passed on at each
`optimistic_unchoke_interval`.  With *rate based* choking the number of slots follows what our peers really take.

`unchoke` is the pure decision; `Choker` keeps its clocks and says what to change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from ...protocols.types import Address
from ..flags import ChokingAlgorithm, SeedChokingAlgorithm

if TYPE_CHECKING:
    from .choker_policy import ChokerPolicy

__all__ = ["ChokeActions", "ChokeCandidate", "Choker", "ChokerSettings", "num_slots", "unchoke"]

RATE_STEP = 2048
"""Bytes per second more that each further slot must carry under rate based choking."""
QUOTA_TIME = 60.0
"""Seconds an unchoked peer keeps its slot at least under round robin."""
_OPTIMISTIC_SHARE = 5
"""One slot in so many is optimistic when the settings do not say."""


@dataclass(frozen=True, slots=True)
class ChokeCandidate:
    """One connected peer as the choker sees it.  Amounts are bytes of payload."""

    peer: Hashable
    """What stands for it in the answer."""
    is_interested: bool = True
    """It wants data; others are never unchoked."""
    is_choked: bool = True
    """We choke it now."""
    priority: int = 1
    """A higher one always comes first (peer classes)."""
    downloaded: int = 0
    """It sent us since the last round."""
    uploaded: int = 0
    """We sent it since the last round."""
    uploaded_since_unchoked: int = 0
    last_unchoked: float = -inf
    """When it was unchoked last."""
    quota: int = 0
    """Bytes of its turn under round robin: `seeding_piece_quota` pieces."""
    total_size: int = 0
    """Size of the torrent."""
    have_size: int = 0
    """What it has, by its word."""
    total_uploaded: int = 0
    """We sent it while connected; it has that much, whatever it says."""
    optimistic_priority: float = inf
    """Lower ones are tried first (`SessionPlugin.get_unchoke_priority`)."""
    address: Address | None = None
    """Where it is."""
    torrent: Hashable = None
    torrent_slots: int = -1
    """Upload slots of its torrent, -1 for no limit."""


@dataclass(frozen=True, slots=True)
class ChokerSettings:
    """Settings of the same names."""

    unchoke_slots_limit: int = 8
    """Peers unchoked at a time; negative: everybody who is interested."""
    unchoke_interval: float = 15.0
    """Seconds between rounds."""
    optimistic_unchoke_interval: float = 30.0
    """Seconds after which optimistic slots go to others."""
    num_optimistic_unchoke_slots: int = 0
    """Optimistic slots among all; 0: one in five."""
    choking_algorithm: ChokingAlgorithm = ChokingAlgorithm.fixed_slots_choker
    seed_choking_algorithm: SeedChokingAlgorithm = SeedChokingAlgorithm.round_robin
    rate_choker_initial_threshold: int = 1024
    """Bytes per second the first slot must carry under rate based choking."""

    def __post_init__(self) -> None:
        if self.unchoke_interval <= 0 or self.optimistic_unchoke_interval <= 0:
            raise ValueError("an interval must be positive")
        if self.num_optimistic_unchoke_slots < 0:
            raise ValueError("the number of optimistic slots cannot be negative")


@dataclass(frozen=True, slots=True)
class ChokeActions:
    """What to change, and how things stand then.  Entries are `ChokeCandidate.peer`."""

    choke: tuple[Hashable, ...]
    unchoke: tuple[Hashable, ...]
    optimistic: frozenset[Hashable]
    """The unchoked peers that are so for a try."""
    num_slots: float
    """Slots given out of, `inf` without limit."""


def unchoke(
    peers: Sequence[ChokeCandidate],
    slots: float,
    now: float,
    *,
    seed_algorithm: SeedChokingAlgorithm = SeedChokingAlgorithm.round_robin,
) -> set[Hashable]:
    """The `slots` peers that earned it, optimistic ones apart; those not interested never do."""
    ranked = sorted((peer for peer in peers if peer.is_interested), key=_RANKS[seed_algorithm](now))
    return _admit(ranked, slots, {})


def num_slots(peers: Sequence[ChokeCandidate], settings: ChokerSettings, elapsed: float) -> float:
    """Upload slots, optimistic ones included, after a round of `elapsed` seconds."""
    if settings.choking_algorithm is not ChokingAlgorithm.rate_based_choker:
        return settings.unchoke_slots_limit if settings.unchoke_slots_limit >= 0 else inf
    threshold = settings.rate_choker_initial_threshold
    slots = 0
    # The more slots, the more each must carry: they grow while our peers take all we give, and no further.
    for taken in sorted((peer.uploaded * peer.priority for peer in peers), reverse=True):
        if taken < threshold * elapsed:
            break
        slots += 1
        threshold += RATE_STEP
    return slots + 1


class Choker:
    """Rounds of choking.  The owner calls `handle_timeout` when `next_timeout` is due and does what it says."""

    __slots__ = (
        "_last_round",
        "_next_optimistic",
        "_next_round",
        "_optimistic",
        "_policy",
        "_tried",
        "settings",
    )

    def __init__(
        self,
        settings: ChokerSettings | None = None,
        *,
        now: float = 0.0,
        policy: ChokerPolicy | None = None,
    ) -> None:
        """`policy`: who chooses instead of the settings' algorithms."""
        self._policy = policy
        self.settings = settings or ChokerSettings()
        """May be replaced at any time; counts from the next round on."""
        self._last_round = now
        self._next_round = now + self.settings.unchoke_interval
        self._next_optimistic = now
        self._optimistic: set[Hashable] = set()
        self._tried: dict[Hashable, float] = {}

    def next_timeout(self) -> float:
        """When `handle_timeout` is due."""
        return self._next_round

    def handle_timeout(self, peers: Sequence[ChokeCandidate], now: float) -> ChokeActions:
        """One round, due or not, over all connected peers."""
        elapsed = max(now - self._last_round, 1e-3)
        self._last_round = now
        self._next_round = now + self.settings.unchoke_interval
        slots = num_slots(peers, self.settings, elapsed)
        chosen = self._policy.choose(peers, slots, now) if self._policy is not None else None
        if chosen is not None:
            known = {peer.peer: peer for peer in peers if peer.is_interested}
            named = [known[each] for each in dict.fromkeys(chosen) if each in known]
            self._optimistic = set()
            return _actions(peers, _admit(named, slots, {}), set(), slots)
        optimistic_slots = self._num_optimistic(slots)
        rotate = now >= self._next_optimistic
        if rotate:
            self._next_optimistic = now + self.settings.optimistic_unchoke_interval
        ranked = sorted(
            (peer for peer in peers if peer.is_interested),
            key=_RANKS[self.settings.seed_choking_algorithm](now),
        )
        used: dict[Hashable, int] = {}
        regular = _admit(ranked, slots - optimistic_slots if slots < inf else inf, used)
        waiting = [peer for peer in ranked if peer.peer not in regular]
        optimistic = self._choose_optimistic(waiting, optimistic_slots, used, rotate=rotate)
        for peer in optimistic - self._optimistic:
            self._tried[peer] = now
        present = {peer.peer for peer in peers}
        self._tried = {peer: when for peer, when in self._tried.items() if peer in present}
        self._optimistic = optimistic
        return _actions(peers, regular | optimistic, optimistic, slots)

    def interested(self, peer: ChokeCandidate, unchoked: Collection[ChokeCandidate]) -> bool:
        """A choked peer became interested, while `unchoked` are unchoked: True when a slot is free for it at once."""
        slots = self.settings.unchoke_slots_limit
        if self.settings.choking_algorithm is not ChokingAlgorithm.rate_based_choker:
            free = slots < 0 or len(unchoked) < slots
        else:
            free = not unchoked
        used = sum(1 for other in unchoked if other.torrent == peer.torrent)
        if not free or 0 <= peer.torrent_slots <= used:
            return False
        return self._policy is None or self._policy.admits(peer, unchoked)

    def forget(self, peer: Hashable) -> None:
        """The peer is gone."""
        self._optimistic.discard(peer)
        self._tried.pop(peer, None)

    def _num_optimistic(self, slots: float) -> int:
        if slots == inf or slots < 1:
            return 0
        wanted = self.settings.num_optimistic_unchoke_slots or max(1, int(slots) // _OPTIMISTIC_SHARE)
        return min(wanted, int(slots))

    def _choose_optimistic(
        self, waiting: Sequence[ChokeCandidate], slots: int, used: dict[Hashable, int], *, rotate: bool
    ) -> set[Hashable]:
        """Who waits longest, or, between rotations, who is being tried and then who waits longest."""
        tried, trying = self._tried, self._optimistic

        def turn(peer: ChokeCandidate) -> tuple[bool, float, float, float]:
            return (
                not rotate and peer.peer not in trying,
                peer.optimistic_priority,
                tried.get(peer.peer, -inf),
                peer.last_unchoked,
            )

        return _admit(sorted(waiting, key=turn), slots, used)


def _admit(ranked: Iterable[ChokeCandidate], slots: float, used: dict[Hashable, int]) -> set[Hashable]:
    """The first `slots` whose torrents have a slot left; `used` counts those of each torrent."""
    admitted: set[Hashable] = set()
    for peer in ranked:
        if len(admitted) >= slots:
            break
        taken = used.get(peer.torrent, 0)
        if not 0 <= peer.torrent_slots <= taken:
            used[peer.torrent] = taken + 1
            admitted.add(peer.peer)
    return admitted


def _actions(
    peers: Sequence[ChokeCandidate], unchoked: set[Hashable], optimistic: set[Hashable], slots: float
) -> ChokeActions:
    return ChokeActions(
        choke=tuple(peer.peer for peer in peers if not peer.is_choked and peer.peer not in unchoked),
        unchoke=tuple(peer.peer for peer in peers if peer.is_choked and peer.peer in unchoked),
        optimistic=frozenset(optimistic),
        num_slots=slots,
    )


_Rank = Callable[[ChokeCandidate], tuple[float, ...]]


def _rank_round_robin(now: float) -> _Rank:
    def rank(peer: ChokeCandidate) -> tuple[float, ...]:
        # A peer that is unchoked stays so until it had its turn: a quota of bytes, and a minute.
        had_its_turn = (
            not peer.is_choked
            and peer.uploaded_since_unchoked > peer.quota
            and now - peer.last_unchoked > QUOTA_TIME
        )
        # What still trickles to a peer just choked is no reason to take it first.
        uploaded = 0 if peer.is_choked else peer.uploaded
        return (-peer.priority, -peer.downloaded, had_its_turn, -uploaded, peer.last_unchoked)

    return rank


def _rank_fastest_upload(_now: float) -> _Rank:
    return lambda peer: (-peer.priority, -peer.downloaded, -peer.uploaded, peer.last_unchoked)


def _rank_anti_leech(_now: float) -> _Rank:
    return lambda peer: (-peer.priority, -peer.downloaded, -_distance_from_half(peer), peer.last_unchoked)


def _distance_from_half(peer: ChokeCandidate) -> float:
    """0 for a peer that has half of the torrent, 1 for one that has nothing or all (Chow, Golubchik and Misra)."""
    if not peer.total_size:
        return 0.0
    half = peer.total_size / 2
    # A peer that hides what it has is known to have what we gave it, which is counted up to one half only.
    have = max(min(peer.total_uploaded, half), peer.have_size)
    return abs(have - half) / half


_RANKS: dict[SeedChokingAlgorithm, Callable[[float], _Rank]] = {
    SeedChokingAlgorithm.round_robin: _rank_round_robin,
    SeedChokingAlgorithm.fastest_upload: _rank_fastest_upload,
    SeedChokingAlgorithm.anti_leech: _rank_anti_leech,
}
