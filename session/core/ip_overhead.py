"""Headers of packets count against rate limits (`rate_limit_ip_overhead`): an estimate, as in libtorrent, from the bytes that were moved.

Full packets of an Ethernet are assumed, each answered by an empty one.  Only links that a limit concerns are looked at, once a tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..alerts import PerformanceAlert, PerformanceWarning
from ..torrent.peer_link import PeerLink

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from ..torrent.web_link import WebLink
    from .core import Core
    from .quotas import LinkQuotaChannels

__all__ = ["IpOverhead", "header_bytes"]

_PACKET = 1500
_TCP_HEADER = 20
_IPV4_HEADER, _IPV6_HEADER = 20, 40


def header_bytes(down: int, up: int, *, is_ipv6: bool) -> int:
    """Bytes of headers each way, for so many bytes received and sent: of what carried them, and of what answered."""
    header = (_IPV6_HEADER if is_ipv6 else _IPV4_HEADER) + _TCP_HEADER
    room = _PACKET - header
    return (-(-down // room) - (-up // room)) * header


class _Limited:
    """A link with a limit, and what it had moved at the last tick."""

    __slots__ = ("down", "quota", "torrent", "up")

    def __init__(self, torrent: Torrent, quota: LinkQuotaChannels, down: int, up: int) -> None:
        self.torrent, self.quota, self.down, self.up = torrent, quota, down, up


class IpOverhead:
    """Drains the channels of links that have any."""

    __slots__ = ("_core", "_links", "_was_on")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._links: dict[PeerLink | WebLink, _Limited] = {}
        self._was_on = True

    def limited(self, link: PeerLink | WebLink, torrent: Torrent, quota: LinkQuotaChannels) -> None:
        """A limit concerns it now, or other ones than before."""
        known = self._links.get(link)
        if known is not None:
            known.quota = quota
        else:
            meters = link.meters
            self._links[link] = _Limited(torrent, quota, meters.down.total, meters.up.total)

    def forget(self, link: PeerLink | WebLink) -> None:
        """No limit concerns it any more, or it is gone."""
        self._links.pop(link, None)

    def tick(self, elapsed: float) -> None:
        """`elapsed` seconds passed since the last one."""
        is_on = self._core.tuning.rate_limit_ip_overhead
        counts = is_on and self._was_on  # What was moved while it was off is not made up for.
        self._was_on = is_on
        if not is_on:
            return
        for link, limited in self._links.items():
            meters = link.meters
            down, up = meters.down.total - limited.down, meters.up.total - limited.up
            if down or up:
                limited.down, limited.up = meters.down.total, meters.up.total
                if counts:
                    self._use(link, limited, header_bytes(down, up, is_ipv6=_is_ipv6(link)), elapsed)

    def _use(self, link: PeerLink | WebLink, limited: _Limited, count: int, elapsed: float) -> None:
        down_limit, up_limit = limited.quota.use(count)
        for limit, warning in (
            (down_limit, PerformanceWarning.download_limit_too_low),
            (up_limit, PerformanceWarning.upload_limit_too_low),
        ):
            if 0 < limit * elapsed < count:
                limited.torrent.post(PerformanceAlert, warning)


def _is_ipv6(link: PeerLink | WebLink) -> bool:
    return isinstance(link, PeerLink) and ":" in link.address[0]
