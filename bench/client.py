"""What a worker needs of either program, so that both are driven by the same lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

COMMON_SETTINGS: Mapping[str, Any] = {
    "listen_interfaces": "127.0.0.1:0",
    "alert_mask": 0,
    # Nothing but the transfer: these cost, and find nobody here.
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # All peers of a benchmark have one address.
    "allow_multiple_connections_per_ip": True,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
}
"""Of both programs (Any: whatever type the setting has)."""

UTP_ONLY: Mapping[str, Any] = {
    "enable_incoming_utp": True,
    "enable_outgoing_utp": True,
    "enable_incoming_tcp": False,
    "enable_outgoing_tcp": False,
}
"""What is added to them where uTP is measured."""


class Client(Protocol):
    """A session with at most one torrent of interest."""

    def port(self) -> int:
        """Where it listens; 0 while it does not."""

    def ssl_port(self) -> int:
        """Where it listens for peers of SSL torrents; 0 while it does not."""

    def certify(self, certificate: Path, key: Path) -> None:
        """What it shows to peers of its SSL torrent."""

    def add(self, torrent: bytes, folder: Path, *, is_seed: bool = False, is_paused: bool = False) -> None:
        """Add a torrent from the bytes of its .torrent file; waits until it is added."""

    def add_resumed(self, data: bytes) -> None:
        """Add a torrent from resume data, to run at once."""

    def num_seeding(self) -> int:
        """Torrents that have everything."""

    def change(self, count: int) -> None:
        """Change something about the first so many torrents that were added from resume data."""

    def num_updated(self) -> int:
        """`post_torrent_updates`, and how many the alert that follows is about."""

    def is_ready(self) -> bool:
        """The torrent is past checking."""

    def is_seeding(self) -> bool:
        """The torrent has everything."""

    def connect(self, port: int) -> None:
        """Dial a peer on this machine."""

    def num_torrents(self) -> int:
        """In the session."""

    def close(self) -> None:
        """End the session; when it returns all data is in the file."""

    def start_profile(self) -> None:
        """Profile the loop's thread from here; nothing where there is no Python on it."""

    def write_profile(self, path: Path) -> None:
        """End the profile and write it."""


def open_client(name: str, settings: Mapping[str, Any]) -> Client:
    """`ours` or `lt`.  Only the one wanted is imported: the other's memory would count."""
    merged = {**COMMON_SETTINGS, **settings}
    if name == "ours":
        from .ours import Ours

        return Ours(merged)
    from .libtorrent_client import Libtorrent

    return Libtorrent(merged)
