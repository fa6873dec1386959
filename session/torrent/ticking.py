"""What passes with time in a torrent that is online: peers, web seeds, rates, and when there is nothing of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..alerts import TorrentPausedAlert
from ..plugins.torrent_hooks import NO_PLUGINS
from .picking_order import update_order

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["note_seed", "tick"]


def tick(torrent: Torrent, core: Core, now: float, elapsed: float) -> bool:
    """`Torrent.tick`"""
    swarm, web, meters = torrent.swarm, torrent.web, torrent.meters
    if swarm is not None:
        swarm.tick(now, elapsed)
        update_order(torrent)
        core.extensions.on_tick(torrent, now)
    if web is not None:
        web.tick(now, elapsed)
    if torrent.drain is not None and torrent.drain.tick(now):
        torrent.stop()
        torrent.post(TorrentPausedAlert)
    if torrent.deadlines is not None:
        torrent.deadlines.tick(now)
    _note_moments(torrent, core.wall_time())
    if not meters.is_quiet:
        torrent.touch()
    meters.tick(elapsed, core.meters)
    torrent.plugins.tick()
    return (
        torrent.plugins is not NO_PLUGINS  # They are told of every second.
        or torrent.drain is not None
        or (swarm is not None and bool(swarm.links))
        or (web is not None and (bool(web.links) or torrent.wants_data))
        or not meters.is_quiet
    )


def _note_moments(torrent: Torrent, wall_time: int) -> None:
    """When payload last moved, and when the swarm was last seen to hold a whole copy: with a seed that sends, as libtorrent."""
    clocks, meters = torrent.clocks, torrent.meters
    if clocks is None:
        return
    if meters.payload_up.is_moving:
        clocks.last_upload = wall_time
    if meters.payload_down.is_moving:
        clocks.last_download = wall_time
        for link in torrent.swarm.links if torrent.swarm is not None else ():
            note_seed(torrent, link, wall_time)


def note_seed(torrent: Torrent, link: PeerLink, wall_time: int) -> None:
    """A peer that has everything, and proved it by sending, was seen now."""
    if torrent.clocks is not None and link.is_seed and link.meters.payload_down.total:
        torrent.clocks.last_seen_complete = wall_time
