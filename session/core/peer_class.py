"""Peer classes: groups of peers that share rate limits, priorities and privileges (libtorrent `peer_class`).

A class lives as long as somebody refers to it: who made it, until `delete`, and each peer that is in it.  Identifiers are
given from low to high, and those of classes that are gone are given again.
"""

from __future__ import annotations

from dataclasses import fields

from ..status import PeerClassInfo
from .bandwidth import BandwidthChannel

__all__ = ["GLOBAL", "LOCAL", "MAX_FILTERED", "TCP", "PeerClass", "PeerClassPool"]

GLOBAL = 0
"""Everybody but peers on the local network."""
TCP = 1
"""Peers connected by TCP."""
LOCAL = 2
"""Peers on the local network."""
MAX_FILTERED = 32
"""Filters speak of classes by bits of 32-bit numbers: those from here on cannot be named in one."""
_LOCAL_CONNECTIONS = 150
_TOP_PRIORITY = 255


class PeerClass:
    """One class.  Priorities are 1 to 255."""

    __slots__ = (
        "connection_limit_factor",
        "down",
        "down_priority",
        "ignore_unchoke_slots",
        "is_deleted",
        "label",
        "references",
        "up",
        "up_priority",
    )

    def __init__(self, label: str) -> None:
        self.label = label
        self.ignore_unchoke_slots = False
        self.connection_limit_factor = 100
        self.down = BandwidthChannel()
        self.up = BandwidthChannel()
        self.down_priority = self.up_priority = 1
        self.references = 1
        self.is_deleted = False
        """Who made it let it go."""

    def info(self) -> PeerClassInfo:
        """How it is set."""
        return PeerClassInfo(
            self.label,
            self.ignore_unchoke_slots,
            self.connection_limit_factor,
            self.up.limit,
            self.down.limit,
            self.up_priority,
            self.down_priority,
        )

    def set_info(self, info: PeerClassInfo) -> None:
        """Set everything.  ValueError, and then nothing is changed."""
        check_info(info)
        self.label = info.label
        self.ignore_unchoke_slots = info.ignore_unchoke_slots
        self.connection_limit_factor = info.connection_limit_factor
        self.up.limit, self.down.limit = max(0, info.upload_limit), max(0, info.download_limit)
        self.up_priority, self.down_priority = info.upload_priority, info.download_priority


class PeerClassPool:
    """The classes of a session by identifier; the three built in are always there."""

    __slots__ = ("_classes", "_free")

    def __init__(self) -> None:
        self._classes: dict[int, PeerClass] = {}
        self._free: list[int] = []
        for label in ("global", "tcp", "local"):
            self.create(label)
        local = self.get(LOCAL)
        local.ignore_unchoke_slots = True
        local.connection_limit_factor = _LOCAL_CONNECTIONS

    def create(self, label: str) -> int:
        """A new class; its identifier."""
        number = self._free.pop() if self._free else len(self._classes)
        self._classes[number] = PeerClass(label)
        return number

    def delete(self, number: int) -> None:
        """Who made the class needs it no more; it goes when its last peer does.  ValueError for one built in or unknown, or
        when that was said before."""
        kind = self.get(number)
        if number in (GLOBAL, TCP, LOCAL):
            raise ValueError(f"peer class {number} is built in")
        if kind.is_deleted:
            raise ValueError(f"peer class {number} was deleted")
        kind.is_deleted = True
        self.release(number)

    def get(self, number: int) -> PeerClass:
        """A class.  ValueError when there is none."""
        kind = self._classes.get(number)
        if kind is None:
            raise ValueError(f"there is no peer class {number}")
        return kind

    def hold(self, number: int) -> None:
        """One more refers to the class."""
        self.get(number).references += 1

    def release(self, number: int) -> None:
        """One less refers to the class."""
        kind = self.get(number)
        kind.references -= 1
        if not kind.references:
            del self._classes[number]
            self._free.append(number)
            self._free.sort(reverse=True)

    def named_by(self, mask: int) -> tuple[int, ...]:
        """The classes there are of those in a filter's number."""
        return tuple(number for number in self._classes if number < MAX_FILTERED and mask >> number & 1)

    def __len__(self) -> int:
        return len(self._classes)


def check_info(info: PeerClassInfo) -> None:
    """ValueError when a class cannot be set so."""
    for each in fields(info):
        value = getattr(info, each.name)
        wanted = {"label": str, "ignore_unchoke_slots": bool}.get(each.name, int)
        if not isinstance(value, wanted):
            raise ValueError(f"{each.name} is no {wanted.__name__}: {value!r}")
    if info.connection_limit_factor < 1:
        raise ValueError(
            f"connection_limit_factor is a percentage above 0, not {info.connection_limit_factor}"
        )
    for priority in (info.upload_priority, info.download_priority):
        if not 1 <= priority <= _TOP_PRIORITY:
            raise ValueError(f"a priority is 1 to {_TOP_PRIORITY}, not {priority}")
