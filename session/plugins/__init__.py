"""Plug-ins: what a program subclasses to extend a session, and what it is handed.  See README.md."""

from __future__ import annotations

from .base import NO_UNCHOKE_PRIORITY, AddPeerFlags, PeerPlugin, SessionPlugin, TorrentPlugin
from .peer_handle import MAX_EXTENDED, PeerConnectionHandle

__all__ = [
    "MAX_EXTENDED",
    "NO_UNCHOKE_PRIORITY",
    "AddPeerFlags",
    "PeerConnectionHandle",
    "PeerPlugin",
    "SessionPlugin",
    "TorrentPlugin",
]
