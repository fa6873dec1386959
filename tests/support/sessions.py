"""Whole sessions for tests: settings for loopback, torrents with content, waiting for alerts.

Every `Member` is a session with a thread of its own, whose alerts are all kept.  Members may have loopback addresses of their
own (`127.0.0.2` …), as peers on one address are refused by default.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import uvloop
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.session import (
    AddTorrentParams,
    Session,
    TorrentFlags,
    TorrentHandle,
    global_peer_class_filter,
)
from evtorrent.session.alerts import Alert, TorrentCheckedAlert
from support.disk import FileSpec, make_torrent, put_files
from support.waiting import PATIENCE, wait_for

# libuv opens a pipe for signals with the first loop of a process and keeps it: not a leak of any one test.
uvloop.new_event_loop().close()

A = TypeVar("A", bound=Alert)

LOOPBACK: dict[str, Any] = {
    "listen_interfaces": "127.0.0.1:0",
    "alert_mask": -1,
    "alert_queue_size": 200_000,
    "tick_interval": 50,
    "min_reconnect_time": 1,
    "allow_multiple_connections_per_ip": True,
    "stop_tracker_timeout": 1,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_lsd": False,
    "active_downloads": -1,
    "active_seeds": -1,
    "enable_dht": False,
}
"""Sessions that find each other on one machine, ask no gateway, tell everything and do not dawdle."""


class Content:
    """A torrent with its bytes."""

    def __init__(
        self,
        files: Sequence[FileSpec] | int = 500_000,
        piece_length: int = 32_768,
        *,
        name: str = "t",
        seed: int = 1,
    ) -> None:
        self.info: TorrentInfo
        self.info, self.data = make_torrent(files, piece_length, name=name, seed=seed)

    def write(self, folder: Path) -> Path:
        """Put the files into `folder`, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        put_files(self.info, self.data, folder)
        return folder

    def piece(self, index: int) -> bytes:
        start = index * self.info.piece_length
        return self.data[start : start + self.info.piece_size(index)]

    def params(self, folder: Path, **fields: Any) -> AddTorrentParams:
        return AddTorrentParams(ti=self.info, save_path=str(folder), **fields)

    def assert_in(self, folder: Path) -> None:
        """Every file is there, byte for byte."""
        files = self.info.files
        for index in range(files.num_files):
            if files.is_pad(index) or files.symlink(index):
                continue
            start = files.offset(index)
            expected = self.data[start : start + files.size(index)]
            found = (folder / files.path(index)).read_bytes()
            assert found == expected, f"{files.path(index)} differs"

    def is_in(self, folder: Path) -> bool:
        """`assert_in` would pass."""
        try:
            self.assert_in(folder)
        except (AssertionError, OSError):
            return False
        return True


class Member:
    """One session of a swarm.  Use as a context manager."""

    def __init__(self, settings: dict[str, Any] | None = None, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.session = Session({**LOOPBACK, "listen_interfaces": f"{host}:0", **(settings or {})})
        # Limits and slots hold for everybody: all here is loopback, which would count as local.
        self.session.set_peer_class_filter(global_peer_class_filter())
        self.alerts: list[Alert] = []
        """Every alert so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.session.listen_port()

    def collect(self) -> list[Alert]:
        """Take what the session posted since; gives all of it."""
        self.alerts.extend(self.session.pop_alerts())
        return self.alerts

    def all(self, kind: type[A]) -> list[A]:
        """The alerts of one kind so far."""
        return [alert for alert in self.collect() if isinstance(alert, kind)]

    def wait(
        self, kind: type[A], accept: Callable[[A], bool] = lambda alert: True, *, timeout: float = PATIENCE
    ) -> A:
        """The first alert of a kind that is accepted, past ones included."""

        def found() -> list[A]:
            return [alert for alert in self.all(kind) if accept(alert)]

        return wait_for(found, lambda: f"{kind.__name__}; there were {self.story()}", timeout=timeout)[0]

    def forget(self) -> None:
        """Past alerts do not count any more."""
        self.collect()
        self.alerts.clear()

    def story(self) -> list[str]:
        """What happened, without the blocks."""
        return [alert.message() for alert in self.collect() if type(alert).__name__ not in _NOISE][-40:]

    def add(self, content: Content, folder: Path, **fields: Any) -> TorrentHandle:
        """Add a torrent; the folder may be missing."""
        return self.session.add_torrent(content.params(folder, **fields))

    def seed(self, content: Content, folder: Path, **fields: Any) -> TorrentHandle:
        """Add a torrent whose files are written first; gives the handle when it was checked."""
        handle = self.add(content, content.write(folder), **fields)
        self.wait(TorrentCheckedAlert, lambda alert: alert.handle == handle)
        assert handle.status().is_seeding
        return handle

    def finish(self, handle: TorrentHandle, *, timeout: float = PATIENCE) -> None:
        """Wait until every wanted piece is there."""
        wait_for(
            lambda: handle.status().is_finished,
            lambda: f"{handle.status().progress:.1%} of the download; {self.story()}",
            timeout=timeout,
        )


_NOISE = {"BlockFinishedAlert", "PieceFinishedAlert", "BlockDownloadingAlert"}


def plain_flags(*, paused: bool = False) -> TorrentFlags:
    """Flags of a torrent that is not auto-managed."""
    flags = TorrentFlags.default_flags & ~(TorrentFlags.auto_managed | TorrentFlags.paused)
    return flags | TorrentFlags.paused if paused else flags


def seeds_of(seed: int) -> Iterator[random.Random]:
    """Generators of random numbers that are the same in each run."""
    master = random.Random(seed)
    while True:
        yield random.Random(master.getrandbits(64))
