"""How TCP and uTP share the line of a session that has peers of both (libtorrent `mixed_mode_algorithm`).

uTP gives way to whatever fills a queue, and so to our own TCP connections, too: without help the peers that are reached by
uTP alone would get next to nothing.  With `peer_proportional` TCP is therefore held to its peers' share of what is moved,
times `HEADROOM`; with `prefer_tcp` it takes what it can.

libtorrent keeps these limits in the peer class of TCP, where they take the place of what somebody set there.  Here they are
channels of their own, which the links of TCP have besides those of their classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..flags import BandwidthMixedAlgo, SocketType
from .bandwidth import BandwidthChannel

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from ..torrent.web_link import WebLink
    from .core import Core

__all__ = ["HEADROOM", "LEAST_DOWN", "LEAST_UP", "MIN_PEERS", "MixedMode", "tcp_limit"]

HEADROOM = 4
"""TCP may have so many times its share: the limit is to let the share of uTP grow, not to divide what there is."""
MIN_PEERS = 5
"""Peers that transfer in one direction, below which there is nothing to share out."""
LEAST_UP, LEAST_DOWN = 5_000, 30_000
"""Bytes per second TCP always has."""

_OVER_UTP = (SocketType.utp, SocketType.utp_ssl)


def tcp_limit(rate: float, num_tcp: int, num_utp: int, least: int) -> int:
    """What all TCP peers together may have, bytes per second, when `rate` is moved in that direction by both kinds; 0 is no limit."""
    total = num_tcp + num_utp
    if not num_utp or total < MIN_PEERS:
        return 0
    return max(int(rate * max(num_tcp, 1) * HEADROOM / total), least)


class MixedMode:
    """The session's."""

    __slots__ = ("_core", "down", "up")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.down = BandwidthChannel()
        self.up = BandwidthChannel()

    def concerns(self, link: PeerLink | WebLink) -> bool:
        """The link has these channels, too."""
        return bool(self.down.limit or self.up.limit) and link.socket_type not in _OVER_UTP

    def tick(self) -> None:
        """Once a tick: the limits anew."""
        down, up = self._limits()
        had, have = (self.down.limit > 0, self.up.limit > 0), (down > 0, up > 0)
        self.down.limit, self.up.limit = down, up
        if had != have:
            self._core.quotas.settings_changed()

    def _limits(self) -> tuple[int, int]:
        core = self._core
        if core.settings.get_int("mixed_mode_algorithm") == BandwidthMixedAlgo.prefer_tcp:
            return 0, 0
        loading, serving = _Count(), _Count()
        for torrent in core.lively:
            for link in torrent.swarm.links if torrent.swarm is not None else ():
                is_utp = link.socket_type in _OVER_UTP
                if link.requester is not None and len(link.requester.on_order) > 1:
                    loading.add(is_utp)
                if link.uploader is not None and link.uploader.has_work:
                    serving.add(is_utp)
        meters = core.meters
        return (
            tcp_limit(meters.down.rate, loading.tcp, loading.utp, LEAST_DOWN),
            tcp_limit(meters.up.rate, serving.tcp, serving.utp, LEAST_UP),
        )


class _Count:
    """Peers that transfer in one direction."""

    __slots__ = ("tcp", "utp")

    def __init__(self) -> None:
        self.tcp = self.utp = 0

    def add(self, is_utp: bool) -> None:
        if is_utp:
            self.utp += 1
        else:
            self.tcp += 1
