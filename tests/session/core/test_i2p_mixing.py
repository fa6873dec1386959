"""Networks are kept apart, unless they may be mixed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.errors import TransportBroken
from evtorrent.session import (
    PeerPlugin,
    TorrentFlags,
    TorrentHandle,
    TorrentPlugin,
)
from evtorrent.session.alerts import (
    BlockedReason,
    PeerBlockedAlert,
    PeerConnectAlert,
    PeerDisconnectedAlert,
    ScrapeFailedAlert,
    TrackerErrorAlert,
    TrackerReplyAlert,
)
from evtorrent.session.flags import PeerSource
from evtorrent.session.torrent.discovery import may_discover
from support.sam_bridge import SamBridge
from support.sam_kit import destination
from support.sessions import Content, Member
from support.trackers import LocalTracker
from support.waiting import wait_for
from support.web_server import WebServer
from support.world import World, torrent_of

I2P = TorrentFlags.i2p_torrent
CLEAR = TorrentFlags(0)
THERE = (destination(1).name, 0)
OUTSIDE = ("10.0.0.7", 6881)


@pytest.fixture
def bridge() -> Iterator[SamBridge]:
    with SamBridge() as running:
        yield running


@pytest.mark.parametrize(
    ("flags", "is_mixed", "expected"),
    [
        (I2P, False, [True, False]),
        (CLEAR, False, [False, True]),
        (I2P, True, [True, True]),
        (CLEAR, True, [True, True]),
    ],
)
def test_who_is_admitted(flags: TorrentFlags, is_mixed: bool, expected: list[bool]) -> None:
    node = World().node(allow_i2p_mixed=is_mixed)
    torrent, mixing = node.add(torrent_of(2)[0], flags=flags), node.core.mixing
    assert [mixing.admits(torrent, host) for host, _ in (THERE, OUTSIDE)] == expected
    assert mixing.is_apart(torrent) is (flags == I2P and not is_mixed)
    assert mixing.may_ask(torrent, "http://x.i2p/announce")
    assert mixing.may_ask(torrent, "http://example.org/announce") is not mixing.is_apart(torrent)
    sources = [PeerSource.dht, PeerSource.lsd, PeerSource.pex]
    assert [may_discover(torrent, each) for each in sources] == [not mixing.is_apart(torrent)] * 3


def test_ssl_torrents_have_no_peers_on_i2p() -> None:
    node = World().node(allow_i2p_mixed=True)
    torrent = node.add(torrent_of(2)[0], flags=I2P)
    torrent.tls = object()  # type: ignore[assignment]
    assert not node.core.mixing.admits(torrent, THERE[0])
    assert node.core.mixing.admits(torrent, OUTSIDE[0])
    torrent.tls = None


@pytest.mark.parametrize(("flags", "address"), [(I2P, OUTSIDE), (CLEAR, THERE)])
def test_who_does_not_belong_is_not_dialled(
    tmp_path: Path, bridge: SamBridge, flags: TorrentFlags, address: tuple[str, int]
) -> None:
    content = Content()
    with Member(bridge.settings) as member:
        bridge.wait_for_sessions()
        handle = member.seed(content, tmp_path, flags=flags)
        handle.connect_peer(address)
        alert = member.wait(PeerBlockedAlert)
        assert (alert.endpoint, alert.reason) == (address, BlockedReason.i2p_mixed)
        assert not bridge.streams
        assert not member.all(PeerDisconnectedAlert)


@pytest.mark.parametrize("flags", [I2P, CLEAR])
def test_who_does_not_belong_is_not_let_in(tmp_path: Path, bridge: SamBridge, flags: TorrentFlags) -> None:
    content, other = Content(), I2P if flags == CLEAR else CLEAR
    with Member(bridge.settings) as seed, Member(bridge.settings) as leech:
        names = bridge.wait_for_sessions(2)
        seed.seed(content, tmp_path / "seed", flags=flags)
        handle = leech.add(content, tmp_path / "leech", flags=other)
        for name in names if other == I2P else []:
            handle.connect_peer((name, 0))
        if other == CLEAR:
            handle.connect_peer(seed.address)
        leech.wait(PeerDisconnectedAlert, lambda alert: "that is us" not in alert.message())
        assert not seed.all(PeerConnectAlert)
        assert handle.status().num_pieces == 0


@pytest.mark.slow
@pytest.mark.parametrize("flags", [I2P, CLEAR])
def test_unless_they_may(tmp_path: Path, bridge: SamBridge, flags: TorrentFlags) -> None:
    content = Content()
    settings = {**bridge.settings, "allow_i2p_mixed": True}
    with Member(settings) as seed, Member(settings) as leech:
        names = bridge.wait_for_sessions(2)
        seed.seed(content, tmp_path / "seed", flags=flags)
        handle = leech.add(content, tmp_path / "leech", flags=I2P if flags == CLEAR else CLEAR)
        if flags == CLEAR:
            for name in names:
                handle.connect_peer((name, 0))
        else:
            handle.connect_peer(seed.address)
        leech.finish(handle)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["flag", "setting"])
def test_rules_that_change(tmp_path: Path, how: str) -> None:
    content = Content()
    mixed = {"allow_i2p_mixed": how == "setting", "close_redundant_connections": False}
    with Member({"close_redundant_connections": False}) as seed, Member(mixed) as leech:
        seed.seed(content, tmp_path / "seed")
        handle = leech.add(content, tmp_path / "leech", flags=I2P if how == "setting" else CLEAR)
        handle.connect_peer(seed.address)
        leech.wait(PeerConnectAlert)
        if how == "flag":
            handle.set_flags(I2P)
        else:
            leech.session.apply_settings({"allow_i2p_mixed": False})
        alert = leech.wait(PeerDisconnectedAlert)
        assert alert.endpoint == seed.address
        assert not handle.get_peer_info()
        handle.unset_flags(I2P)
        assert not handle.flags() & I2P


def test_trackers_outside_are_not_asked(tmp_path: Path) -> None:
    content = Content()
    with LocalTracker() as tracker, Member() as member:
        handle = member.seed(content, tmp_path, trackers=[tracker.http_url, tracker.udp_url], flags=I2P)
        handle.force_reannounce()
        handle.scrape_tracker(0)
        assert "the tracker is not" in member.wait(ScrapeFailedAlert).message()
        member.session.apply_settings({"allow_i2p_mixed": True})
        member.wait(TrackerReplyAlert)
        assert all("/announce" in request or "udp" in request for request in tracker.requests)
        assert not member.all(TrackerErrorAlert)


def test_web_seeds_are_not_asked(tmp_path: Path) -> None:
    content = Content(50_000)
    with WebServer() as server, Member() as member:
        server.offer(content.info, content.data)
        handle = member.add(content, tmp_path, url_seeds=[server.url], flags=I2P)
        other = member.add(Content(1000, name="other", seed=2), tmp_path)
        wait_for(lambda: other.status().active_duration is not None and not server.requests)
        assert handle.status().num_pieces == 0
        handle.unset_flags(I2P)
        member.finish(handle)
        assert server.requests


class Listening(PeerPlugin):
    """Writes down what a peer says of itself."""

    heard: list[Any] = []

    def __init__(self, peer: Any) -> None:
        self.peer = peer

    def on_handshake(self, reserved: bytes) -> bool:
        self.heard.append(bytes(reserved))
        return True

    def on_extension_handshake(self, message: dict[bytes, Any]) -> bool:
        self.heard.append(message)
        return True


class OfTorrent(TorrentPlugin):
    def __init__(self, handle: TorrentHandle, userdata: object) -> None:
        pass

    def new_connection(self, peer: Any) -> Listening:
        return Listening(peer)


@pytest.mark.slow
def test_what_peers_on_i2p_are_told(tmp_path: Path, bridge: SamBridge) -> None:
    content = Content()
    Listening.heard = []
    with Member({**bridge.settings, "enable_dht": True}) as seed, Member(bridge.settings) as leech:
        names = bridge.wait_for_sessions(2)
        seed.seed(content, tmp_path / "seed", flags=I2P)
        handle = leech.add(content, tmp_path / "leech", flags=I2P)
        handle.add_extension(OfTorrent)
        for name in names:
            handle.connect_peer((name, 0))
        leech.finish(handle)
    reserved, message = Listening.heard[:2]
    assert not reserved[7] & 1  # no word of a DHT node
    assert not message.keys() & {b"p", b"yourip", b"ipv4", b"ipv6"}
    assert b"i2p_pex" in message[b"m"] and b"ut_pex" not in message[b"m"]


def test_handshakes_have_more_time_there() -> None:
    mixing = World().node(handshake_timeout=10).core.mixing
    assert mixing.handshake_timeout(THERE[0]) == 40
    assert mixing.handshake_timeout(OUTSIDE[0]) == mixing.handshake_timeout("") == 10


def test_who_is_known_from_before_does_not_stay() -> None:
    world = World()
    torrent = world.node().add(torrent_of(2)[0])
    world.black_holes.add(OUTSIDE[0])
    torrent.handle.connect_peer(OUTSIDE)
    assert [peer.address for peer in torrent.peers] == [OUTSIDE]  # type: ignore[union-attr]
    torrent.flags |= I2P  # as if nobody had been told
    assert torrent.swarm is not None
    for link in list(torrent.swarm.links):
        link.close(TransportBroken("connect", "no"))
    torrent.swarm.peers.min_reconnect_time = 0
    assert not torrent.swarm.connect_next(world.now + 1)
    assert len(torrent.swarm.peers) == 0
