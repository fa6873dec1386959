"""Rate limits on links: which channels concern each, and waking those that waited.

A link without any limit has no quota object at all, so unlimited sessions pay nothing.  Limits of the link's peer classes (the
session's are those of the global class) and of the torrent are channels shared by their links; a link that finds them empty is suspended and named by the limiter when there is
something for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..torrent.peer_link import PeerLink, ReadBlock
from ..torrent.web_link import WebLink
from .bandwidth import BandwidthChannel, BandwidthLimiter
from .ip_overhead import IpOverhead

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["LinkQuotaChannels", "Quotas"]


class Quotas:
    """The session's two limiters and the channels of everything that has a limit."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.down = BandwidthLimiter()
        self.up = BandwidthLimiter()
        self.overhead = IpOverhead(core)
        self._torrents: dict[Torrent, tuple[BandwidthChannel, BandwidthChannel]] = {}
        self._timer: Any = None

    def settings_changed(self) -> None:
        """The limits of the session or of a peer class are others now."""
        for torrent in self._core.active:
            self.torrent_changed(torrent)

    def torrent_changed(self, torrent: Torrent) -> None:
        """A torrent's limits are others now: its links are told."""
        if torrent.download_limit > 0 or torrent.upload_limit > 0:
            down, up = self._torrents.setdefault(torrent, (BandwidthChannel(), BandwidthChannel()))
            down.limit, up.limit = max(0, torrent.download_limit), max(0, torrent.upload_limit)
        else:
            self._torrents.pop(torrent, None)
        if torrent.swarm is not None:
            for link in list(torrent.swarm.links):
                self._retire(link)
                link.quota = self.quota_for(torrent, link)
                link.flush(self._core.base.time())
        if torrent.web is not None:
            torrent.web.limits_changed()

    def quota_for(self, torrent: Torrent, link: PeerLink | WebLink) -> LinkQuotaChannels | None:
        """The limits of one link, or None."""
        if (torrent.download_limit > 0 or torrent.upload_limit > 0) and torrent not in self._torrents:
            self._torrents[torrent] = (
                BandwidthChannel(max(0, torrent.download_limit)),
                BandwidthChannel(max(0, torrent.upload_limit)),
            )
        classes = self._core.classes
        kinds = classes.join(link)
        down, up = [kind.down for kind in kinds], [kind.up for kind in kinds]
        own = self._torrents.get(torrent)
        if own is not None:
            down.append(own[0])
            up.append(own[1])
        mixed = self._core.mixed_mode
        if mixed.concerns(link):
            down.append(mixed.down)
            up.append(mixed.up)
        if not any(channel.limit for channel in (*down, *up)):
            self.overhead.forget(link)
            return None
        quota = LinkQuotaChannels(
            self, down, up, priorities=(classes.down_priority(link), classes.up_priority(link))
        )
        self.overhead.limited(link, torrent, quota)
        return quota

    def forget(self, link: PeerLink | WebLink) -> None:
        """A link is gone."""
        self.down.forget(link)
        self.up.forget(link)
        self.overhead.forget(link)
        self._core.classes.leave(link)

    def torrent_stopped(self, torrent: Torrent) -> None:
        """A torrent has no links any more."""
        self._torrents.pop(torrent, None)

    def _retire(self, link: PeerLink) -> None:
        self.down.forget(link)
        self.up.forget(link)
        link.transport.resume_reading(ReadBlock.BANDWIDTH)

    def arm(self) -> None:
        """Somebody waits: be called when there is something to share out."""
        if self._timer is not None:
            return
        due = [at for at in (self.down.next_timeout(), self.up.next_timeout()) if at is not None]
        if due:
            self._timer = self._core.base.call_at(min(due), self._share, min(due))

    def _share(self, due: float) -> None:
        self._timer = None
        # The loop may call a microsecond early, which must not count as too early: it would at once be called again.
        now = max(self._core.base.time(), due)
        for link in self.down.handle_timeout(now):
            assert isinstance(link, PeerLink | WebLink)
            if not link.closed and link.transport is not None:
                link.transport.resume_reading(ReadBlock.BANDWIDTH)
        for link in self.up.handle_timeout(now):
            assert isinstance(link, PeerLink)
            link.flush(now)
        self.arm()

    def time(self) -> float:
        """The loop's clock."""
        return self._core.base.time()

    def close(self) -> None:
        """No more waking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class LinkQuotaChannels:
    """The limits of one link: `LinkQuota`."""

    __slots__ = ("_down", "_down_priority", "_quotas", "_up", "_up_priority")

    def __init__(
        self,
        quotas: Quotas,
        down: list[BandwidthChannel],
        up: list[BandwidthChannel],
        *,
        priorities: tuple[int, int] = (1, 1),
    ) -> None:
        """`priorities`: down, up."""
        self._quotas = quotas
        self._down_priority, self._up_priority = priorities
        self._down = down
        self._up = up

    def take_down(self, link: PeerLink, wanted: int) -> int:
        """Bytes that may be read now; 0 suspends reading until there are some."""
        granted = self._quotas.down.request(
            link, wanted, self._down, self._quotas.time(), priority=self._down_priority
        )
        if not granted:
            link.transport.suspend_reading(ReadBlock.BANDWIDTH)
            self._quotas.arm()
        return granted

    def take_up(self, link: PeerLink, wanted: int) -> int:
        """Bytes that may be sent now; 0 means the link will be flushed when there are some."""
        up, now = self._quotas.up, self._quotas.time()
        granted = 0
        while granted < wanted:
            more = up.request(link, wanted - granted, self._up, now, priority=self._up_priority)
            if not more:
                # The rest waits in the queue, so that the limiter flushes the link again.
                self._quotas.arm()
                break
            granted += more
        return granted

    def return_down(self, link: PeerLink, unused: int) -> None:
        """Granted, but there was less to read."""
        self._quotas.down.give_back(self._down, unused)

    def return_up(self, link: PeerLink, unused: int) -> None:
        """Granted, but the transport took less."""
        self._quotas.up.give_back(self._up, unused)

    def use(self, count: int) -> tuple[int, int]:
        """`count` bytes were moved each way without asking.  The tightest limits that concern it, down and up; 0 is none."""
        tightest = []
        for channels in (self._down, self._up):
            for channel in channels:
                channel.use(count)
            tightest.append(min((channel.limit for channel in channels if channel.limit), default=0))
        return tightest[0], tightest[1]
