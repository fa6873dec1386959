"""Rate limits are kept to 5 % over 20 virtual seconds, whatever they are a limit of: the session, a torrent, a class of peers."""

from __future__ import annotations

from hashlib import sha1

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.reactor.sim import Link, SimWorld
from evtorrent.session import IpFilter, PeerClassInfo
from support.sim_swarm import SimPeer

MB = 1_000_000
PIECE = 1 << 20
SECONDS = 20
TCP = {"enable_outgoing_utp": False}
"""Limits are above the transport, and uTP's packets would be most of the work."""
PIECE_DATA = bytes(range(256)) * (PIECE // 256)


class Repeated:
    """A torrent all of whose pieces are alike, so that it may be as long as it needs to be."""

    def __init__(self, num_pieces: int) -> None:
        table = {
            "name": "content",
            "length": num_pieces * PIECE,
            "piece length": PIECE,
            "pieces": sha1(PIECE_DATA).digest() * num_pieces,
        }
        self.info = TorrentInfo.from_info(bencode.encode(table))

    def stretch(self, offset: int, length: int) -> bytes:
        start = offset % PIECE
        return (PIECE_DATA * (1 + (start + length) // PIECE))[start : start + length]


def limit(peer: SimPeer, of: str, direction: str, rate: int) -> None:
    """Limit one side of the transfer."""
    if of == "session":
        peer.session.apply_settings({f"{direction}_rate_limit": rate})
    elif of == "torrent":
        getattr(peer.handle, f"set_{direction}_limit")(rate)
    else:
        number = peer.session.create_peer_class("slow")
        info = PeerClassInfo("slow")
        setattr(info, f"{direction}_limit", rate)
        peer.session.set_peer_class(number, info)
        everybody = IpFilter()
        everybody.add_rule("0.0.0.0", "255.255.255.255", 1 << number)
        peer.session.set_peer_class_filter(everybody)


def transferred(of: str, direction: str, rate: int, *, num_seeds: int = 1) -> float:
    """Bytes a second that a peer under a limit gets (or gives), after the first three seconds."""
    content = Repeated((SECONDS + 6) * rate // PIECE + 4)
    with SimWorld(1) as world:
        line = Link(bandwidth=1e9, delay=0.0002)
        seeds = [
            SimPeer(world.host(f"seed{number}", link=line), content, is_seed=True, **TCP)  # type: ignore[arg-type]
            for number in range(num_seeds)
        ]
        leech = SimPeer(world.host("leech", link=line), content, **TCP)  # type: ignore[arg-type]
        for peer in (*seeds, leech):
            peer.start()
        limit(leech if direction == "download" else seeds[0], of, direction, rate)
        world.run_for(1.0)
        for seed in seeds:
            leech.handle.connect_peer(seed.address)
        world.run_for(3.0)
        before = leech.session.session_stats()["net.recv_bytes"]
        world.run_for(SECONDS)
        return (leech.session.session_stats()["net.recv_bytes"] - before) / SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["download", "upload"])
@pytest.mark.parametrize("of", ["session", "torrent", "class"])
def test_one_megabyte_a_second(of: str, direction: str) -> None:
    assert transferred(of, direction, MB) == pytest.approx(MB, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "direction"), [("session", "download"), ("torrent", "upload"), ("class", "download")]
)
def test_ten(of: str, direction: str) -> None:
    assert transferred(of, direction, 10 * MB) == pytest.approx(10 * MB, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("of", ["session", "class"])
def test_shared_by_several(of: str) -> None:
    assert transferred(of, "download", MB, num_seeds=5) == pytest.approx(MB, rel=0.05)


@pytest.mark.soak
@pytest.mark.parametrize("direction", ["download", "upload"])
@pytest.mark.parametrize("of", ["session", "torrent", "class"])
def test_a_hundred(of: str, direction: str) -> None:
    assert transferred(of, direction, 100 * MB) == pytest.approx(100 * MB, rel=0.05)
