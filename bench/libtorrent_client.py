"""libtorrent as a `Client`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import libtorrent as lt

SETTINGS: Mapping[str, Any] = {
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
        self._handles: list[Any] = []

    def port(self) -> int:
        return int(self._session.listen_port())

    def ssl_port(self) -> int:
        return int(self._session.ssl_listen_port())

    def certify(self, certificate: Path, key: Path) -> None:
        self._handle.set_ssl_certificate(str(certificate), str(key), "")

    def add(self, torrent: bytes, folder: Path, *, is_seed: bool = False, is_paused: bool = False) -> None:
        params: Any = lt.load_torrent_buffer(torrent)
        params.save_path = str(folder)
        params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        if is_seed:
            params.flags |= lt.torrent_flags.seed_mode
        if is_paused:
            params.flags |= lt.torrent_flags.paused
        self._handle = self._session.add_torrent(params)

    def add_resumed(self, data: bytes) -> None:
        self._handle = self._session.add_torrent(lt.read_resume_data(data))
        self._handles.append(self._handle)

    def num_seeding(self) -> int:
        statuses = self._session.get_torrent_status(lambda status: True, 0)
        return sum(status.is_seeding for status in statuses)

    def change(self, count: int) -> None:
        for handle in self._handles[:count]:
            handle.set_upload_limit(max(handle.upload_limit(), 0) + 1_000_000)

    def num_updated(self) -> int:
        self._session.post_torrent_updates(0)
        while True:
            self._session.wait_for_alert(60_000)
            for alert in self._session.pop_alerts():
                if isinstance(alert, lt.state_update_alert):
                    return len(alert.status)

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
        self._handles.clear()
        self._handle = self._session = None

    def start_profile(self) -> None:
        pass

    def write_profile(self, path: Path) -> None:
        pass
