"""A disk that is behind (`max_queued_disk_bytes`) slows what fills it, and nothing else.

Until it has drained no block is asked for, and connections that owe blocks are not read.  Everybody else is served as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.transport.base import Transport
from ..torrent.peer_link import ReadBlock

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["BackPressure"]


class BackPressure:
    """What is held back in one session while its disk is behind."""

    __slots__ = ("_core", "_torrents", "_transports")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._transports: dict[Transport, None] = {}
        self._torrents: dict[Torrent, None] = {}

    def hold(self) -> None:
        """More is queued than allowed.  Repeatable: who came to owe something since is held, too."""
        for torrent in self._core.lively:
            self._torrents[torrent] = None
            torrent.hold(True)
            for transport in torrent.reading():
                if not transport.read_suspended & ReadBlock.DISK:
                    self._transports[transport] = None
                    transport.suspend_reading(ReadBlock.DISK)

    def let_go(self) -> None:
        """The disk has drained."""
        transports, self._transports = self._transports, {}
        for transport in transports:
            transport.resume_reading(ReadBlock.DISK)
        torrents, self._torrents = self._torrents, {}
        for torrent in torrents:
            torrent.hold(False)
