"""Session-wide plug-ins: one object serves all torrents and connections.  Extensions of the peer wire (BEP 10), by name.

What is built in has this form (`Extension`), so that a torrent or a connection holds nothing for what it does not use.  Programs
extend a session by the classes of `plugins`, which have an object for each torrent and connection; the extensions their peer
plug-ins speak are numbered here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ...protocols.peer.extensions.registry import MAX_EXTENSION_NAME

if TYPE_CHECKING:
    from ..torrent.download import Download
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["Extension", "ExtensionHost"]


class Extension(Protocol):
    """One extension.  Called on the loop thread; RemoteProtocolError ends the peer.

    It may have, too: `on_tick(torrent, now)`, once a tick of each torrent that is online; `on_closed(torrent, link)`, when a
    connection or an attempt ended; `on_download(torrent, download)`, when a torrent begins to put pieces together;
    `is_offered(torrent)`, False where our handshakes are not to name it; `is_message`, False when it has no messages.
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

    __slots__ = ("_by_name", "_closers", "_core", "_downloaders", "_of_plugins", "_offers", "_tickers")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._by_name: dict[str, Extension] = {}
        self._of_plugins: dict[str, None] = {}
        self._tickers: list[Callable[[Torrent, float], None]] = []
        self._closers: list[Callable[[Torrent, PeerLink], None]] = []
        self._downloaders: list[Callable[[Torrent, Download], None]] = []
        self._offers: dict[str, Callable[[Torrent], bool]] = {}

    def add(self, extension: Extension) -> None:
        """Speak one more, with peers that connect from now on.  ValueError when the name is taken."""
        optional: Any = extension  # By shape: what it has not is not called.
        if getattr(optional, "is_message", True) and extension.name not in self._of_plugins:
            self._core.registry.add(extension.name)
        self._of_plugins.pop(extension.name, None)
        self._by_name[extension.name] = extension
        if hasattr(optional, "on_tick"):
            self._tickers.append(optional.on_tick)
        if hasattr(optional, "on_closed"):
            self._closers.append(optional.on_closed)
        if hasattr(optional, "on_download"):
            self._downloaders.append(optional.on_download)
        if hasattr(optional, "is_offered"):
            self._offers[extension.name] = optional.is_offered

    def has(self, name: str) -> bool:
        """There is one of that name."""
        return name in self._by_name

    def offer(self, name: str) -> None:
        """Number an extension that peer plug-ins of some torrents speak.  ValueError for a bad name, or too many."""
        if not 0 < len(name.encode()) <= MAX_EXTENSION_NAME:
            raise ValueError(f"{name!r} cannot be the name of an extension")
        if name not in self._by_name and name not in self._of_plugins:
            self._core.registry.add(name)
            self._of_plugins[name] = None

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

    def on_download(self, torrent: Torrent, download: Download, *, only: object = None) -> None:
        """A torrent begins to put pieces together; `only` one extension, which came later, is told."""
        for begin in self._downloaders:
            if only is None or getattr(begin, "__self__", None) is only:
                begin(torrent, download)

    def hidden(self, torrent: Torrent) -> list[str]:
        """The extensions that are not offered to peers of a torrent."""
        hidden = [name for name, is_offered in self._offers.items() if not is_offered(torrent)]
        if self._of_plugins:
            hidden += [name for name in self._of_plugins if name not in torrent.plugins.extension_names]
        return hidden
