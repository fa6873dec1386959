"""Swarms of real sessions in a simulated world: each on a `Multi` of its own, on a host of its own.

The content of the torrent is a function of the offset and held once; a session's disk knows which pieces it was given and
compares what it is given with what it has to be.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from hashlib import sha1
from typing import Any

from evtorrent.protocols import bencode
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.reactor import drive
from evtorrent.reactor.sim import Link, Nat, SimHost, SimWorld
from evtorrent.session import (
    AddTorrentParams,
    AlertCategory,
    Session,
    SessionParams,
    TorrentFlags,
    TorrentHandle,
    global_peer_class_filter,
)
from evtorrent.session.alerts import Alert
from evtorrent.session.disk import Backend, SyntheticBackend

PORT = 6881
MBIT = 125_000.0
"""Bytes per second."""

SETTINGS: dict[str, Any] = {
    "listen_interfaces": f"0.0.0.0:{PORT}",
    "alert_mask": int(AlertCategory.status | AlertCategory.tracker | AlertCategory.error),
    "alert_queue_size": 100_000,
    "tick_interval": 1000,
    "enable_dht": False,
    "enable_outgoing_utp": False,  # Packet by packet: ten times the events of TCP's runs of segments.
}


class SimContent:
    """A torrent of one file."""

    def __init__(self, size: int, piece_length: int = 262_144, *, seed: int = 1) -> None:
        self.data = random.Random(seed).randbytes(size)
        pieces = b"".join(
            sha1(self.data[at : at + piece_length]).digest() for at in range(0, size, piece_length)
        )
        table = {"name": "content", "length": size, "piece length": piece_length, "pieces": pieces}
        self.info = TorrentInfo.from_info(bencode.encode(table))

    def stretch(self, offset: int, length: int) -> bytes:
        """The content as a function of the offset."""
        return self.data[offset : offset + length]


class SimPeer:
    """A host with a session that shares one torrent."""

    def __init__(
        self,
        host: SimHost,
        content: SimContent,
        *,
        is_seed: bool = False,
        params: SessionParams | None = None,
        backend: Callable[..., Backend] | None = None,
        **settings: Any,
    ) -> None:
        """`params` is everything to start with, instead of `settings`; `backend` makes the storage of each torrent, where it is
        not all of the one content.
        """
        self.host = host
        self.content = content
        self.is_seed = is_seed
        self.multi = Multi(host.platform)
        self.driver = drive(self.multi, host.loop)
        params = params or SessionParams({**SETTINGS, **settings})
        params.disk_backend = backend or partial(
            SyntheticBackend, content=content.stretch, is_complete=is_seed
        )
        self.session = Session(params, multi=self.multi)
        # Limits and slots hold for everybody: these hosts' addresses would count as local.
        self.session.set_peer_class_filter(global_peer_class_filter())
        self.handle: TorrentHandle
        self.alerts: list[Alert] = []

    @property
    def address(self) -> tuple[str, int]:
        return self.host.addresses[0], PORT

    def start(self, *trackers: str, **fields: Any) -> TorrentHandle:
        """Add the torrent."""
        flags = TorrentFlags.default_flags & ~(TorrentFlags.auto_managed | TorrentFlags.paused)
        if self.is_seed:
            flags |= TorrentFlags.seed_mode
        params = AddTorrentParams(
            ti=self.content.info, save_path="/", trackers=list(trackers), flags=flags, **fields
        )
        self.handle = self.session.add_torrent(params)
        return self.handle

    def collect(self) -> list[Alert]:
        """Every alert so far."""
        self.alerts += self.session.pop_alerts()
        return self.alerts

    @property
    def progress(self) -> float:
        """Share of the content that is there and verified."""
        return self.handle.status().progress

    @property
    def is_complete(self) -> bool:
        return self.handle.status().is_seeding


LINES = (
    ("fibre", 20 * MBIT, 50 * MBIT, 0.004, 0.0),
    ("cable", 4 * MBIT, 30 * MBIT, 0.012, 0.0),
    ("vdsl", 2 * MBIT, 16 * MBIT, 0.015, 0.0),
    ("adsl", 1 * MBIT, 8 * MBIT, 0.025, 0.0),
    ("mobile", 2 * MBIT, 10 * MBIT, 0.04, 0.002),
)
"""(name, bytes per second up, down, seconds one way, share lost) of lines as people have them."""


def consumer_link(world: SimWorld) -> dict[str, Link]:
    """`up` and `down` of some line."""
    _, up, down, delay, loss = world.rng.choice(LINES)
    delay += world.rng.random() * 0.03
    return {
        "up": Link(bandwidth=up, delay=delay, loss=loss),
        "down": Link(bandwidth=down, delay=delay, loss=loss),
    }


def make_peer(
    world: SimWorld,
    name: str,
    content: SimContent,
    *,
    nat: Nat | None = None,
    is_seed: bool = False,
    **settings: Any,
) -> SimPeer:
    """A peer on a consumer's line."""
    address = (f"192.168.1.{2 + len(nat.hosts)}",) if nat is not None else ()
    host = world.host(name, *address, **consumer_link(world), nat=nat)
    return SimPeer(host, content, is_seed=is_seed, **settings)
