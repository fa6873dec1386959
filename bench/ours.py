"""evtorrent as a `Client`."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evtorrent.session import Session, TorrentHandle, load_torrent_buffer, read_resume_data
from evtorrent.session.alerts import StateUpdateAlert
from evtorrent.session.flags import StatusFlags, TorrentFlags
from evtorrent.session.status import TorrentState, TorrentStatus

CHECKING = (TorrentState.checking_files, TorrentState.checking_resume_data)
PROFILE_LINES = 25
SETTINGS: Mapping[str, Any] = {"in_enc_policy": 2, "out_enc_policy": 2}
"""Plain connections, as of libtorrent: what is measured is the transfer."""


class Ours:
    """A session on its own thread, as programs without a loop have it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._session = Session({**SETTINGS, **settings})
        self._handle = TorrentHandle()
        self._handles: list[TorrentHandle] = []
        self._profile = cProfile.Profile()

    def port(self) -> int:
        return self._session.listen_port()

    def ssl_port(self) -> int:
        return self._session.ssl_listen_port()

    def certify(self, certificate: Path, key: Path) -> None:
        self._handle.set_ssl_certificate(str(certificate), str(key))

    def add(self, torrent: bytes, folder: Path, *, is_seed: bool = False, is_paused: bool = False) -> None:
        params = load_torrent_buffer(torrent)
        params.save_path = str(folder)
        params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
        if is_seed:
            params.flags |= TorrentFlags.seed_mode
        if is_paused:
            params.flags |= TorrentFlags.paused
        self._handle = self._session.add_torrent(params)

    def add_resumed(self, data: bytes) -> None:
        self._handle = self._session.add_torrent(read_resume_data(data))
        self._handles.append(self._handle)

    def num_seeding(self) -> int:
        statuses = self._session.get_torrent_status(flags=StatusFlags(0))
        return sum(status.is_seeding for status in statuses)

    def change(self, count: int) -> None:
        for handle in self._handles[:count]:
            handle.set_upload_limit(handle.upload_limit() + 1_000_000)

    def num_updated(self) -> int:
        self._session.post_torrent_updates(StatusFlags(0))
        while True:
            self._session.wait_for_alert(60_000)
            for alert in self._session.pop_alerts():
                if isinstance(alert, StateUpdateAlert):
                    return len(alert.status)

    def _status(self) -> TorrentStatus:
        return self._handle.status(StatusFlags(0))

    def is_ready(self) -> bool:
        return self._status().state not in CHECKING

    def is_seeding(self) -> bool:
        return self._status().is_seeding

    def connect(self, port: int) -> None:
        self._handle.connect_peer(("127.0.0.1", port))

    def num_torrents(self) -> int:
        return len(self._session.get_torrents())

    def close(self) -> None:
        if not self._session.close():
            raise RuntimeError("the session did not end in time")

    def start_profile(self) -> None:
        self._session.runtime.call(self._profile.enable)

    def write_profile(self, path: Path) -> None:
        self._session.runtime.call(self._profile.disable)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._profile.dump_stats(path.with_suffix(".prof"))
        with path.with_suffix(".txt").open("w", encoding="utf-8") as file:
            pstats.Stats(self._profile, stream=file).sort_stats("tottime").print_stats(PROFILE_LINES)
