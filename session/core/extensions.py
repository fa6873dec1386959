"""Extensions of the peer wire (BEP 10) that the session speaks, by name; each is a plug-in of two methods, and more if it
likes: see `Extension`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["Extension", "ExtensionHost"]


class Extension(Protocol):
    """One extension.  Called on the loop thread; RemoteProtocolError ends the peer.

    It may have, too: `on_tick(torrent, now)`, once a tick of each torrent that is online; `on_closed(torrent, link)`, when a
    connection or an attempt ended; `is_offered(torrent)`, False where our handshakes are not to name it.
    """

    name: str

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer told what it speaks; perhaps not this."""
        ...

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A message of this extension."""
        ...


class ExtensionHost:
    """Routes to the extensions, whose message ids are the session's registry's."""

    __slots__ = ("_by_name", "_closers", "_core", "_offers", "_tickers")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._by_name: dict[str, Extension] = {}
        self._tickers: list[Callable[[Torrent, float], None]] = []
        self._closers: list[Callable[[Torrent, PeerLink], None]] = []
        self._offers: dict[str, Callable[[Torrent], bool]] = {}

    def add(self, extension: Extension) -> None:
        """Speak one more, with peers that connect from now on.  ValueError when the name is taken."""
        self._core.registry.add(extension.name)
        self._by_name[extension.name] = extension
        optional: Any = extension  # By shape: what it has not is not called.
        if hasattr(optional, "on_tick"):
            self._tickers.append(optional.on_tick)
        if hasattr(optional, "on_closed"):
            self._closers.append(optional.on_closed)
        if hasattr(optional, "is_offered"):
            self._offers[extension.name] = optional.is_offered

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer's extension handshake came."""
        for extension in self._by_name.values():
            if not link.closed:
                extension.on_handshake(torrent, link)

    def on_message(self, torrent: Torrent, link: PeerLink, name: str, payload: bytes) -> None:
        """A message came."""
        extension = self._by_name.get(name)
        if extension is not None:
            extension.on_message(torrent, link, payload)

    def on_tick(self, torrent: Torrent, now: float) -> None:
        """Time has passed."""
        for tick in self._tickers:
            tick(torrent, now)

    def on_closed(self, torrent: Torrent, link: PeerLink) -> None:
        """A connection ended, or an attempt failed."""
        for close in self._closers:
            close(torrent, link)

    def hidden(self, torrent: Torrent) -> list[str]:
        """The extensions that are not offered to peers of a torrent."""
        return [name for name, is_offered in self._offers.items() if not is_offered(torrent)]
