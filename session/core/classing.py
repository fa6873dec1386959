"""The peer classes of a session applied to its links: who is in which, and what that means for limits, slots and room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..flags import SocketType
from ..status import PeerClassInfo
from .ip_filter import IpFilter
from .peer_class import GLOBAL, PeerClass, PeerClassPool, check_info
from .peer_class_filter import (
    PeerClassTypeFilter,
    default_peer_class_filter,
    default_type_filter,
    socket_kind,
)

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent
    from ..torrent.web_link import WebLink
    from .core import Core

__all__ = ["Classing"]


class Classing:
    """Filters hold for peers that come later; what a class is set to holds for its peers at once."""

    __slots__ = ("_core", "_members", "filter", "pool", "type_filter")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.pool = PeerClassPool()
        self.filter: IpFilter = default_peer_class_filter()
        self.type_filter: PeerClassTypeFilter = default_type_filter()
        self._members: dict[PeerLink | WebLink, tuple[int, ...]] = {}
        self.settings_changed()

    # ---------------------------------------------------------------------------------------------------- commands

    def settings_changed(self) -> None:
        """The session's rate limits are those of the global class."""
        settings, everybody = self._core.settings, self.pool.get(GLOBAL)
        everybody.down.limit = settings.get_int("download_rate_limit")
        everybody.up.limit = settings.get_int("upload_rate_limit")

    def set_info(self, number: int, given: PeerClassInfo | Mapping[str, Any]) -> None:
        """Set all of a class.  ValueError, and then nothing is changed."""
        info = given if isinstance(given, PeerClassInfo) else _info_of(given)
        kind = self.pool.get(number)
        check_info(info)
        was = kind.ignore_unchoke_slots
        kind.set_info(info)
        if number == GLOBAL:
            limits = {"download_rate_limit": kind.down.limit, "upload_rate_limit": kind.up.limit}
            self._core.settings.apply(limits)
        self._core.quotas.settings_changed()
        if was != kind.ignore_unchoke_slots:
            self._core.choking.classes_changed(self._core.base.time())

    # ------------------------------------------------------------------------------------------------ of one link

    def join(self, link: PeerLink | WebLink) -> list[PeerClass]:
        """The classes of a link, which it is put into when it is new."""
        members = self._members.get(link)
        if members is None:
            members = self._members[link] = self._numbers_for(link.address[0], link.socket_type)
            for number in members:
                self.pool.hold(number)
        return [self.pool.get(number) for number in members]

    def leave(self, link: PeerLink | WebLink) -> None:
        """The link is gone."""
        for number in self._members.pop(link, ()):
            self.pool.release(number)

    def ignores_slots(self, link: PeerLink | WebLink) -> bool:
        """It is unchoked whenever it is interested, and takes no slot."""
        return any(kind.ignore_unchoke_slots for kind in self._of(link))

    def up_priority(self, link: PeerLink | WebLink) -> int:
        """The highest of its classes; 1 without any."""
        return max([1, *(kind.up_priority for kind in self._of(link))])

    def down_priority(self, link: PeerLink | WebLink) -> int:
        """The highest of its classes; 1 without any."""
        return max([1, *(kind.down_priority for kind in self._of(link))])

    def classes_of(self, link: PeerLink | WebLink) -> tuple[int, ...]:
        """The identifiers of its classes."""
        return self._members.get(link, ())

    # --------------------------------------------------------------------------------------------------- room

    def has_room(self, host: str, socket_type: SocketType, num_links: int) -> bool:
        """The session lets one more peer like that in, when it has so many connections."""
        return num_links < self._scaled(self._core.tuning.connections_limit, host, socket_type)

    def has_room_in(self, torrent: Torrent, link: PeerLink) -> bool:
        """A torrent lets one more peer like that in."""
        if torrent.swarm is None:
            return False
        limit = torrent.max_connections
        return limit < 0 or len(torrent.swarm.links) < self._scaled(limit, link.address[0], link.socket_type)

    def _scaled(self, limit: int, host: str, socket_type: SocketType) -> int:
        factors = [
            self.pool.get(number).connection_limit_factor for number in self._numbers_for(host, socket_type)
        ]
        return limit * max(factors, default=100) // 100

    # ----------------------------------------------------------------------------------------------------- private

    def _of(self, link: PeerLink | WebLink) -> list[PeerClass]:
        return [self.pool.get(number) for number in self._members.get(link, ())]

    def _numbers_for(self, host: str, socket_type: SocketType) -> tuple[int, ...]:
        try:
            by_address = self.filter.access(host)
        except ValueError:  # The name of a web seed, which may be anywhere.
            by_address = 1 << GLOBAL
        mask = self.type_filter.apply(socket_kind(socket_type), by_address)
        return self.pool.named_by(mask)


def _info_of(given: Mapping[str, Any]) -> PeerClassInfo:
    try:
        return PeerClassInfo(**given)
    except TypeError as error:
        raise ValueError(str(error)) from None
