"""Policies of the program, called so that one that raises is reported and the built-in one decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from itertools import islice
from operator import index
from typing import TYPE_CHECKING, Any

from .faults import FAILED, Faults

if TYPE_CHECKING:
    from ...protocols.bits import Bitfield
    from ...protocols.metainfo import TorrentInfo
    from ..core.choker import ChokeCandidate
    from ..core.choker_policy import ChokerPolicy
    from ..torrent.picker_policy import PickerPolicy, PickerView

__all__ = ["GuardedChoker", "GuardedPicker", "picker_policy_for"]


def picker_policy_for(
    make: Callable[[TorrentInfo], PickerPolicy | None], info: TorrentInfo, faults: Faults
) -> GuardedPicker | None:
    """The policy of one torrent, guarded; None when there is none for it."""
    policy = faults.call(make, "picker_policy", info, method=make)
    return None if policy is None or policy is FAILED else GuardedPicker(policy, faults)


class GuardedPicker:
    """A `PickerPolicy` that gives nothing when the one within raises."""

    __slots__ = ("_faults", "_policy")

    def __init__(self, policy: PickerPolicy, faults: Faults) -> None:
        self._policy = policy
        self._faults = faults

    def next_pieces(
        self, picker: PickerView, candidates: Bitfield, count: int, peer: Hashable
    ) -> Iterable[int]:
        """As the policy says."""

        def ask() -> list[int]:
            # Gone through here, as it may be a generator that raises, or never ends.
            chosen = self._policy.next_pieces(picker, candidates, count, peer)
            return [index(piece) for piece in islice(chosen, picker.num_pieces)]

        chosen = self._faults.call(self._policy, "next_pieces", method=ask)
        return () if chosen is FAILED else chosen


class GuardedChoker:
    """A `ChokerPolicy` that leaves a round to the built-in one when the one within raises."""

    __slots__ = ("_faults", "_policy")

    def __init__(self, policy: ChokerPolicy, faults: Faults) -> None:
        self._policy = policy
        self._faults = faults

    def choose(self, peers: Sequence[ChokeCandidate], slots: float, now: float) -> Iterable[Hashable] | None:
        """As the policy says."""

        def ask() -> dict[Hashable, None] | None:
            chosen = self._policy.choose(peers, slots, now)
            return None if chosen is None else dict.fromkeys(islice(chosen, len(peers)))

        chosen: Any = self._faults.call(self._policy, "choose", method=ask)
        return None if chosen is FAILED else chosen

    def admits(self, peer: ChokeCandidate, unchoked: Collection[ChokeCandidate]) -> bool:
        """As the policy says; yes when it raises."""
        admitted = self._faults.call(self._policy, "admits", peer, unchoked, method=self._policy.admits)
        return admitted is FAILED or bool(admitted)
