"""A disk slower than the line: the network waits for it, memory stays within the limit, and nothing else is any slower."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from typing import Any

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.reactor.sim import Disk, Link, SimWorld
from evtorrent.session.alerts import PeerDisconnectedAlert, TorrentErrorAlert
from evtorrent.session.disk import SyntheticBackend
from support.sim_swarm import SimPeer

MB = 1_000_000
RATE = MB // 2
PIECE = 1 << 18
LIMIT = 8 * PIECE
TCP = {"enable_outgoing_utp": False}
DATA = bytes(range(256)) * (PIECE // 256)


class Alike:
    """A torrent all of whose pieces are alike."""

    def __init__(self, name: str, num_pieces: int) -> None:
        table = {
            "name": name,
            "length": num_pieces * PIECE,
            "piece length": PIECE,
            "pieces": sha1(DATA).digest() * num_pieces,
        }
        self.info = TorrentInfo.from_info(bencode.encode(table))

    def stretch(self, offset: int, length: int) -> bytes:
        start = offset % PIECE
        return (DATA * (1 + (start + length) // PIECE))[start : start + length]


def writing_at(rate: float) -> Callable[[Callable[..., Any], tuple[Any, ...]], float]:
    """A disk that writes pieces at `rate`, and does everything else in a millisecond."""

    def seconds(function: Callable[..., Any], args: tuple[Any, ...]) -> float:
        if function.__name__ == "store_pieces":
            return len(args[2]) * PIECE / rate
        return 0.001

    return seconds


@pytest.mark.slow
def test_the_network_waits_for_the_disk_and_the_uploads_do_not() -> None:
    """One host downloads over a line eight times as fast as its disk, and seeds another torrent meanwhile."""
    line = Link(bandwidth=4 * MB, delay=0.005)
    wanted, given = Alike("wanted", 40), Alike("given", 300)
    with SimWorld(1) as world:
        disk = Disk(latency=writing_at(RATE), workers=1)
        slow = SimPeer(
            world.host("slow", link=line, disk=disk),
            wanted,
            backend=lambda params, pool: SyntheticBackend(
                params, pool, content=wanted.stretch, is_complete=params.info.name == "given"
            ),
            max_queued_disk_bytes=LIMIT,
            **TCP,  # type: ignore[arg-type]
        )
        seed = SimPeer(world.host("seed", link=line), wanted, is_seed=True, **TCP)  # type: ignore[arg-type]
        taker = SimPeer(world.host("taker", link=line), given, **TCP)  # type: ignore[arg-type]
        for peer in (slow, seed, taker):
            peer.start()
        theirs = give(slow, given)
        world.run_for(1.0)
        slow.handle.connect_peer(seed.address)
        taker.handle.connect_peer(slow.address)
        world.run_for(5.0)
        most, before = 0, (written(slow), taken(taker))
        for _ in range(100):
            world.run_for(0.1)
            most = max(most, slow.session._core.disk.queued_bytes)
        assert (written(slow) - before[0]) / 10 == pytest.approx(RATE, rel=0.1)
        assert (taken(taker) - before[1]) / 10 > 3 * MB
        assert LIMIT / 2 < most <= LIMIT + 4 * PIECE
        assert theirs.status().num_peers == 1
        ends = [
            alert for alert in slow.collect() if isinstance(alert, PeerDisconnectedAlert | TorrentErrorAlert)
        ]
        assert ends == []
        assert world.run_until(lambda: slow.is_complete, timeout=60, every=1.0)


def give(peer: SimPeer, content: Alike) -> Any:
    """Another torrent of the same host, complete."""
    first, peer.content = peer.handle, content  # type: ignore[assignment]
    count = content.info.num_pieces
    handle = peer.start(have_pieces=Bitfield(count, (1 << count) - 1))
    peer.handle = first
    return handle


def written(peer: SimPeer) -> int:
    return peer.handle.status().num_pieces * PIECE


def taken(peer: SimPeer) -> int:
    return peer.handle.status().total_payload_download
