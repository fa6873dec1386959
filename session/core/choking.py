"""The session's upload slots: whom the choker names is unchoked, at its rounds and whenever interest changes."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ..flags import ChokingAlgorithm, SeedChokingAlgorithm
from ..plugins.guarded import GuardedChoker
from .choker import ChokeCandidate, Choker, ChokerSettings, num_slots

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from .choker_policy import ChokerPolicy
    from .core import Core

__all__ = ["Choking"]


class Choking:
    """Applies the choker to every link of every torrent that is online."""

    __slots__ = ("_choker", "_core", "_marks", "_quota_pieces", "_unchoked", "num_slots")

    def __init__(self, core: Core, policy: ChokerPolicy | None = None) -> None:
        self._core = core
        guarded = GuardedChoker(policy, core.plugins.faults) if policy is not None else None
        self._choker = Choker(_choker_settings(core), now=core.base.time(), policy=guarded)
        self._unchoked: dict[PeerLink, None] = {}
        self._marks: dict[PeerLink, tuple[int, int]] = {}
        self._quota_pieces = core.settings.get_int("seeding_piece_quota")
        self.num_slots = num_slots((), self._choker.settings, 1.0)
        """Upload slots at present, `inf` without limit."""

    def settings_changed(self) -> None:
        """Take the settings over; they count from the next round on."""
        self._choker.settings = _choker_settings(self._core)
        self._quota_pieces = self._core.settings.get_int("seeding_piece_quota")

    def tick(self, now: float) -> None:
        """Hold a round when one is due."""
        if now < self._choker.next_timeout():
            return
        links = [
            link
            for torrent in self._core.active
            if torrent.swarm and torrent.drain is None
            for link in torrent.swarm.links
            if link.peer_id is not None and not self._core.classes.ignores_slots(link)
        ]
        actions = self._choker.handle_timeout([self._candidate(link) for link in links], now)
        self._marks = {link: (link.meters.payload_down.total, link.meters.payload_up.total) for link in links}
        self.num_slots = actions.num_slots
        optimistic = actions.optimistic
        for link in links:
            link.optimistic = link in optimistic
        for peer in actions.choke:
            self._choke(peer, True, now)  # type: ignore[arg-type]
        for peer in actions.unchoke:
            self._choke(peer, False, now)  # type: ignore[arg-type]

    def interest_changed(self, link: PeerLink, now: float) -> None:
        """A peer wants data: it gets a slot at once if one is free.  One that wants none gives its slot back."""
        if link.torrent is not None and link.torrent.drain is not None:
            return
        if link.is_interested and self._core.classes.ignores_slots(link):
            link.choke(False, now)
        elif link.is_interested:
            if link.is_choked_by_us and self._choker.interested(
                self._candidate(link), [self._candidate(other) for other in self._unchoked]
            ):
                self._choke(link, False, now)
        elif not link.is_choked_by_us:
            self._choke(link, True, now)

    def choke_now(self, link: PeerLink) -> None:
        """A plug-in wants it choked."""
        self._choke(link, True, self._core.base.time())

    def retire(self, link: PeerLink, now: float) -> None:
        """A peer of a torrent that is being paused: it gets nothing more."""
        self._choke(link, True, now)
        self._choker.forget(link)
        self._marks.pop(link, None)

    def classes_changed(self, now: float) -> None:
        """A class takes slots now, or no longer: those unchoked without one are choked, those in one that needs none leave it."""
        classes = self._core.classes
        for torrent in self._core.active:
            for link in list(torrent.swarm.links) if torrent.swarm is not None else []:
                if classes.ignores_slots(link):
                    self._unchoked.pop(link, None)
                    if link.is_interested:
                        link.choke(False, now)
                elif link not in self._unchoked and not link.is_choked_by_us:
                    self._choke(link, True, now)
                    self.interest_changed(link, now)

    def link_closed(self, link: PeerLink) -> None:
        """A peer is gone; its slot is free."""
        self._choker.forget(link)
        self._marks.pop(link, None)
        self._unchoked.pop(link, None)

    def _choke(self, link: PeerLink, choke: bool, now: float) -> None:
        if link.closed:
            return
        if choke:
            self._unchoked.pop(link, None)
        else:
            self._unchoked[link] = None
        dropped = link.choke(choke, now)
        if dropped:
            values = self._core.counters.values
            values["peer.choked_piece_requests"] += dropped
            values["peer.piece_rejects"] += dropped

    def _candidate(self, link: PeerLink) -> ChokeCandidate:
        torrent = link.torrent
        assert torrent is not None
        down, up = self._marks.get(link, (0, 0))
        plugins = self._core.plugins
        info = torrent.info
        piece_length = info.piece_length if info is not None else 0
        return ChokeCandidate(
            link,
            is_interested=link.is_interested,
            is_choked=link.is_choked_by_us,
            downloaded=link.meters.payload_down.total - down,
            uploaded=link.meters.payload_up.total - up,
            uploaded_since_unchoked=link.meters.payload_up.total - link.unchoked_payload,
            last_unchoked=link.last_unchoked,
            quota=self._quota_pieces * piece_length,
            total_size=info.total_size if info is not None else 0,
            have_size=link.pieces.bit_count() * piece_length,
            priority=self._core.classes.up_priority(link),
            total_uploaded=link.meters.payload_up.total,
            optimistic_priority=plugins.unchoke_priority(link) if plugins.ranks_peers else inf,
            address=link.address,
            torrent=torrent,
            torrent_slots=torrent.max_uploads,
        )


def _choker_settings(core: Core) -> ChokerSettings:
    settings = core.settings
    return ChokerSettings(
        unchoke_slots_limit=settings.get_int("unchoke_slots_limit"),
        unchoke_interval=float(settings.get_int("unchoke_interval")),
        optimistic_unchoke_interval=float(settings.get_int("optimistic_unchoke_interval")),
        num_optimistic_unchoke_slots=settings.get_int("num_optimistic_unchoke_slots"),
        choking_algorithm=ChokingAlgorithm(settings.get_int("choking_algorithm")),
        seed_choking_algorithm=SeedChokingAlgorithm(settings.get_int("seed_choking_algorithm")),
        rate_choker_initial_threshold=settings.get_int("rate_choker_initial_threshold"),
    )
