"""From where torrents are announced to their trackers: from every socket that listens, so that each address is known (BEP 7).

With a proxy for trackers there is one way only, and so there is when nothing listens: what the tracker sees does not depend on a
socket of ours then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...listener.group import OpenEndpoint
from ...protocols.tracker.local_end import ANYWHERE, LocalEnd
from ...protocols.types import Address

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["NOWHERE_IN_PARTICULAR", "AnnounceEnd", "Announcing"]


@dataclass(frozen=True, slots=True)
class AnnounceEnd:
    """One way to a tracker."""

    local: LocalEnd
    """Where questions leave from."""
    address: Address
    """The socket that listens there; ("", 0) when it does not matter."""


NOWHERE_IN_PARTICULAR = AnnounceEnd(ANYWHERE, ("", 0))
"""The way when no socket of ours is meant."""


class Announcing:
    """The session's ways to trackers."""

    __slots__ = ("_core", "_endpoints")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._endpoints: list[OpenEndpoint] = []

    def sync(self, endpoints: list[OpenEndpoint]) -> None:
        """These listen now: torrents are announced from the new ones, and from those that went no more."""
        self._endpoints = endpoints
        for torrent in list(self._core.active):
            if torrent.tracking is not None:
                torrent.tracking.listening_changed()
        self._core.tracker_client.retain([_end_of(opened).local for opened in endpoints])

    def ends(self, torrent: Torrent) -> list[AnnounceEnd]:
        """From where this torrent is announced; of an SSL torrent, where TLS is spoken; of one on I2P, no socket of ours."""
        if self._core.proxying.for_trackers is not None or self._core.mixing.is_apart(torrent):
            return [NOWHERE_IN_PARTICULAR]
        is_ssl = torrent.tls is not None
        found = dict.fromkeys(
            _end_of(opened) for opened in self._endpoints if opened.endpoint.is_ssl is is_ssl
        )
        return list(found) or [NOWHERE_IN_PARTICULAR]

    def port(self, torrent: Torrent, end: AnnounceEnd) -> int:
        """Where we accept peers, as the tracker is told: the port outside, where a gateway maps it."""
        if end == NOWHERE_IN_PARTICULAR:
            return self._core.listen_port_of(torrent)
        return self._core.port_mapping.external_port(end.address[1])


def _end_of(opened: OpenEndpoint) -> AnnounceEnd:
    endpoint = opened.endpoint
    return AnnounceEnd(LocalEnd(endpoint.host, endpoint.networks), (opened.host, opened.port))
