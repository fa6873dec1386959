"""libtorrent and aria2 on loopback, as seeds and leeches."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from evtorrent.protocols.bencode import encode
from support.sessions import Content
from support.waiting import wait_for

ANY_SIZE = {
    "16 KiB": 16 << 10,
    "64 KiB": 64 << 10,
    "256 KiB": 256 << 10,
    "1 MiB": 1 << 20,
    "4 MiB": 4 << 20,
}
"""Piece sizes."""


def one_file(piece_length: int) -> Content:
    """A few pieces, the last of them short."""
    return Content(2 * piece_length + piece_length // 3 + 7, piece_length, name="one file.bin")


def many_files() -> Content:
    """Empty, nested, non-ASCII, and names with everything a file system allows."""
    return Content(
        [
            ("empty first", 0),
            ("top.bin", 70_001),
            ("nested/a/b/c/deep", 3),
            ("nested/a/empty", 0),
            ("ünïcödé/файл.bin", 123_457),
            ("日本語/テスト", 32_768),
            ("sp ace & 'quote' #1 %41.txt", 1),
            ("last empty", 0),
        ],
        32_768,
        name="dossier é",
    )


def torrent_bytes(content: Content, *trackers: str) -> bytes:
    """A .torrent file around the very bytes of the info dictionary; each tracker in a tier of its own."""
    head = b""
    if trackers:
        head = b"8:announce" + encode(trackers[0]) + b"13:announce-list" + encode([[url] for url in trackers])
    return b"d" + head + b"4:info" + bytes(content.info.info_section) + b"e"


class LibtorrentPeer:
    """A libtorrent session.  Use as a context manager."""

    def __init__(self, lt: Any, **settings: Any) -> None:
        self.lt = lt
        quiet = dict.fromkeys(("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"), False)
        plain = {
            "enable_outgoing_utp": False,
            "enable_incoming_utp": False,
            "out_enc_policy": 2,
            "in_enc_policy": 2,
        }
        self.session = lt.session(
            {
                "listen_interfaces": "127.0.0.1:0",
                "allow_multiple_connections_per_ip": True,
                "alert_mask": lt.alert.category_t.all_categories,
                "min_reconnect_time": 1,
                "stop_tracker_timeout": 1,
                **quiet,
                **plain,
                **settings,
            }
        )

    def __enter__(self) -> Self:
        wait_for(self.session.listen_port)
        self.session.get_settings()  # answered by its thread once all its sockets are open
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        del self.session

    def clear(self) -> None:
        """Without torrents again."""
        for handle in self.session.get_torrents():
            self.session.remove_torrent(handle)
        wait_for(lambda: not self.session.get_torrents())

    @property
    def address(self) -> tuple[str, int]:
        wait_for(self.session.listen_port)
        return "127.0.0.1", self.session.listen_port()

    def add(self, content: Content, folder: Path, *trackers: str) -> Any:
        params = self.lt.add_torrent_params()
        params.ti = self.lt.torrent_info(self.lt.bdecode(torrent_bytes(content, *trackers)))
        params.save_path = str(folder)
        params.flags &= ~(self.lt.torrent_flags.auto_managed | self.lt.torrent_flags.paused)
        if trackers:
            params.trackers = list(trackers)
        folder.mkdir(parents=True, exist_ok=True)
        return self.session.add_torrent(params)

    def seed(self, content: Content, folder: Path, *trackers: str) -> Any:
        handle = self.add(content, content.write(folder), *trackers)
        self.finish(handle)
        return handle

    def finish(self, handle: Any) -> None:
        """Wait until it seeds and, since that is before everything is written, until its disk is quiet."""
        wait_for(lambda: handle.status().is_seeding, lambda: f"libtorrent: {self.story()}")
        self.session.pop_alerts()
        handle.flush_cache()
        flushed = self.lt.cache_flushed_alert
        wait_for(lambda: any(isinstance(alert, flushed) for alert in self.session.pop_alerts()))

    def story(self) -> list[str]:
        return [alert.message() for alert in self.session.pop_alerts()][-20:]


class Aria2:
    """An aria2c with one torrent, seeding for ever once it is complete.  Use as a context manager."""

    def __init__(
        self,
        program: str,
        content: Content,
        folder: Path,
        torrent: Path,
        *trackers: str,
        verify: bool = False,
        options: Sequence[str] = (),
        dht_entry: tuple[str, int] | None = None,
        uri: str = "",
    ) -> None:
        """`torrent` is where the .torrent file is put; `verify` looks at what is in `folder` already.

        `dht_entry` is a node its DHT begins with; `uri`, a magnet link, is all it gets instead of the .torrent file.
        """
        torrent.write_bytes(torrent_bytes(content, *trackers))
        self.content, self.folder = content, folder
        self.log = torrent.with_suffix(".log")
        self._command = [
            program,
            "--no-conf=true",
            # Its UDP socket is the DHT's, so UDP trackers need one; it knows no node and calls nobody.
            f"--enable-dht={str(dht_entry is not None or any(url.startswith('udp') for url in trackers)).lower()}",
            f"--dht-file-path={torrent.with_suffix('.dht')}",
            "--enable-dht6=false",
            "--bt-enable-lpd=false",
            "--enable-peer-exchange=false",
            "--bt-external-ip=127.0.0.1",
            "--interface=127.0.0.1",
            "--seed-ratio=0.0",
            "--file-allocation=none",
            "--summary-interval=0",
            "--bt-tracker-interval=1",
            f"--check-integrity={str(verify).lower()}",
            f"--dir={folder}",
            f"--log={self.log}",
            "--log-level=debug",
            "--quiet=true",
            *options,
        ]
        if dht_entry is not None:
            self._command.append(f"--dht-entry-point={dht_entry[0]}:{dht_entry[1]}")
        self._source = uri or str(torrent)
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ("127.0.0.1", 0)

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = free.getsockname()
        self._process = subprocess.Popen(
            [
                *self._command,
                f"--listen-port={self.address[1]}",
                f"--dht-listen-port={self.address[1]}",
                self._source,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._listens, lambda: f"aria2 {self.tail()}")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _listens(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self.tail()
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0

    def finish(self) -> None:
        """Wait until every byte is in its files."""
        wait_for(lambda: self.content.is_in(self.folder), lambda: f"aria2 {self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
