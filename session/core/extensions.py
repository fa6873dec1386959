"""Extensions of the peer wire (BEP 10) that the session speaks, by name; each is a plug-in of two methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["Extension", "ExtensionHost"]


class Extension(Protocol):
    """One extension.  Called on the loop thread; RemoteProtocolError ends the peer."""

    name: str

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer told what it speaks; perhaps not this."""
        ...

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A message of this extension."""
        ...


class ExtensionHost:
    """Routes to the extensions, whose message ids are the session's registry's."""

    __slots__ = ("_by_name", "_core")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._by_name: dict[str, Extension] = {}

    def add(self, extension: Extension) -> None:
        """Speak one more, with peers that connect from now on.  ValueError when the name is taken."""
        self._core.registry.add(extension.name)
        self._by_name[extension.name] = extension

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer's extension handshake came."""
        for extension in self._by_name.values():
            extension.on_handshake(torrent, link)

    def on_message(self, torrent: Torrent, link: PeerLink, name: str, payload: bytes) -> None:
        """A message came."""
        extension = self._by_name.get(name)
        if extension is not None:
            extension.on_message(torrent, link, payload)
