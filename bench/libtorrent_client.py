"""libtorrent as a `Client`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import libtorrent as lt

SETTINGS: Mapping[str, Any] = {
    # Nothing but the transfer: ours has none of these on, and they cost.
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # Plaintext (pe_disabled): its default would encrypt between two of its own.
    "in_enc_policy": 2,
    "out_enc_policy": 2,
}
CHECKING = (lt.torrent_status.states.checking_files, lt.torrent_status.states.checking_resume_data)


class Libtorrent:
    """A session as its Python package gives it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        table: Any = {**SETTINGS, **settings}
        self._session: Any = lt.session(table)
        self._handle: Any = None

    def port(self) -> int:
        return int(self._session.listen_port())

    def add(self, torrent: bytes, folder: Path, *, is_seed: bool = False, is_paused: bool = False) -> None:
        params: Any = lt.load_torrent_buffer(torrent)
        params.save_path = str(folder)
        params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        if is_seed:
            params.flags |= lt.torrent_flags.seed_mode
        if is_paused:
            params.flags |= lt.torrent_flags.paused
        self._handle = self._session.add_torrent(params)

    def is_ready(self) -> bool:
        return self._handle.status(0).state not in CHECKING

    def is_seeding(self) -> bool:
        return bool(self._handle.status(0).is_seeding)

    def connect(self, port: int) -> None:
        self._handle.connect_peer(("127.0.0.1", port))

    def num_torrents(self) -> int:
        return len(self._session.get_torrents())

    def close(self) -> None:
        # The last reference's end waits for the session's, which waits for the disk.
        self._handle = self._session = None

    def start_profile(self) -> None:
        pass

    def write_profile(self, path: Path) -> None:
        pass
