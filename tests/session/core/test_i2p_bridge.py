"""Sessions on I2P, over a bridge on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.reactor.net import SystemPlatform
from evtorrent.session import EncPolicy, Session, TorrentFlags
from evtorrent.session.alerts import (
    I2pAlert,
    IncomingConnectionAlert,
    PeerConnectAlert,
    PeerDisconnectedAlert,
    PeerErrorAlert,
    TrackerReplyAlert,
)
from evtorrent.session.core.i2p_bridge import MAX_KNOWN
from evtorrent.session.flags import PeerFlags, SocketType
from support.i2p_tracker import I2pTracker
from support.sam_bridge import SamBridge
from support.sam_kit import destination
from support.sessions import LOOPBACK, Content, Member
from support.trackers import run_until
from support.waiting import wait_for
from support.watched_platform import WatchedPlatform
from support.world import World

I2P = TorrentFlags.i2p_torrent
URL = "http://tracker.i2p/announce"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.1", "3.3"])
@pytest.mark.parametrize("policy", [EncPolicy.disabled, EncPolicy.forced])
def test_a_download(tmp_path: Path, version: str, policy: EncPolicy) -> None:
    content = Content()
    with SamBridge(version=version) as bridge:
        settings = {**bridge.settings, "out_enc_policy": policy, "close_redundant_connections": False}
        with Member(settings) as seed, Member(settings) as leech:
            names = bridge.wait_for_sessions(2)
            seed.seed(content, tmp_path / "seed", flags=I2P)
            handle = leech.add(content, tmp_path / "leech", flags=I2P)
            for name in names:  # one of them is the leech's own
                handle.connect_peer((name, 0))
            leech.finish(handle)
            content.assert_in(tmp_path / "leech")
            (info,) = handle.get_peer_info()
            assert info.ip[0] in names and info.ip[1] == 0
            found = bridge.find(info.ip[0])
            assert found is not None and info.i2p_destination == found.hash
            assert info.flags & PeerFlags.i2p_socket
            assert bool(info.flags & PeerFlags.plaintext_encrypted) == (policy is EncPolicy.forced)
            assert leech.session.session_stats()["peer.num_i2p_peers"] == 1
            assert leech.session.session_stats()["peer.num_tcp_peers"] == 0
            assert leech.wait(PeerConnectAlert).socket_type is SocketType.i2p
            assert seed.wait(IncomingConnectionAlert).socket_type is SocketType.i2p
            assert seed.wait(PeerConnectAlert).endpoint[0] in names


@pytest.mark.slow
@pytest.mark.parametrize("is_compact", [True, False])
def test_peers_of_a_tracker_and_nothing_goes_around_the_bridge(tmp_path: Path, is_compact: bool) -> None:
    content = Content()
    watched = WatchedPlatform(SystemPlatform(), {"bridge.example": "127.0.0.1"})
    multi = Multi(watched)  # type: ignore[arg-type]
    with SamBridge() as bridge, I2pTracker(is_compact=is_compact) as tracker:
        bridge.offer("tracker.i2p", tracker.address)
        with Member(bridge.settings) as seed:
            (name,) = bridge.wait_for_sessions()
            seed.seed(content, tmp_path / "seed", trackers=[URL], flags=I2P)
            wait_for(lambda: tracker.announces("started"))
            session = Session(
                {
                    **LOOPBACK,
                    "i2p_hostname": "bridge.example",
                    "i2p_port": bridge.address[1],
                    # What else would tell of it.
                    "announce_to_all_tiers": True,
                    "announce_to_all_trackers": True,
                    "enable_dht": True,
                    "enable_lsd": True,
                },
                multi=multi,
            )
            params = content.params(
                tmp_path / "leech",
                trackers=[URL, "http://clear.example/announce", "udp://clear.example:80"],
                url_seeds=["http://web.example/"],
                dht_nodes=[("node.example", 6881)],
                flags=I2P,
            )
            handle = session.add_torrent(params)
            run_until(multi, lambda: handle.status().is_finished)
            content.assert_in(tmp_path / "leech")
            assert set(watched.names) == {"bridge.example"}
            assert set(watched.connected) == {bridge.address}
            assert not watched.sent_to
            started = tracker.announces("started")
            assert len(started) == 2
            session.close()
            run_until(multi, lambda: session.is_closed)
        stopped = tracker.announces("stopped")
        assert [request["ip"] for request in stopped] == [request["ip"] for request in reversed(started)]
        assert {request["port"] for request in started} == {"6881"}
        assert started[0]["ip"] == f"{bridge.destinations[name]}.i2p"
        assert not any(request.keys() & {"ipv4", "ipv6"} for request in tracker.requests)
    multi.close()
    watched.platform.close()


def test_nobody_sees_that_we_are_the_same_outside() -> None:
    core = World().node().core
    assert core.i2p.peer_id != core.peer_id


def test_what_the_settings_say_of_tunnels() -> None:
    tunnels = {
        "i2p_inbound_quantity": 1,
        "i2p_outbound_quantity": 2,
        "i2p_inbound_length": 0,
        "i2p_outbound_length": 4,
        "i2p_inbound_length_variance": -1,
        "i2p_outbound_length_variance": 2,
    }
    with SamBridge() as bridge, Member({**bridge.settings, **tunnels}):
        bridge.wait_for_sessions()
        (line,) = [line for line in bridge.asked if line.startswith("SESSION")]
        assert line.endswith(
            "inbound.quantity=1 outbound.quantity=2 inbound.length=0 outbound.length=4 "
            "inbound.lengthVariance=-1 outbound.lengthVariance=2"
        )


def test_the_bridge_is_a_setting() -> None:
    with SamBridge() as first, SamBridge() as second, Member() as member:
        member.session.apply_settings(first.settings)
        first.wait_for_sessions()
        member.session.apply_settings(second.settings)
        second.wait_for_sessions()
        wait_for(lambda: not first.sessions)
        member.session.apply_settings({"i2p_hostname": ""})
        wait_for(lambda: not second.sessions)
        member.session.apply_settings({"i2p_port": first.address[1]})
        member.session.apply_settings({"i2p_inbound_quantity": 5})
        assert not member.all(I2pAlert)


def test_without_a_bridge_nobody_there_is_dialled(tmp_path: Path) -> None:
    content = Content()
    with Member() as member:
        handle = member.seed(content, tmp_path, flags=I2P)
        handle.connect_peer((destination(1).name, 0))
        assert member.wait(I2pAlert).message() == "i2p_error: [libtorrent] no i2p router is set up"
        assert "no session on I2P" in member.wait(PeerDisconnectedAlert).message()


@pytest.mark.parametrize("who", ["a stranger", "ourselves"])
def test_who_cannot_be_reached(tmp_path: Path, who: str) -> None:
    content = Content()
    with SamBridge() as bridge, Member(bridge.settings) as member:
        (own,) = bridge.wait_for_sessions()
        handle = member.add(content, tmp_path, flags=I2P)
        handle.connect_peer((own if who == "ourselves" else destination(1).name, 0))
        text = "that is us" if who == "ourselves" else "key not found"
        assert text in member.wait(PeerDisconnectedAlert).message()
        assert not bridge.streams


REFUSALS = [
    ("SESSION CREATE", b'SESSION STATUS RESULT=I2P_ERROR MESSAGE="no tunnels"\n', 3, "no tunnels"),
    ("SESSION CREATE", b"SESSION STATUS RESULT=DUPLICATED_ID\n", 8, "duplicated id"),
    ("HELLO", b"HELLO REPLY RESULT=NOVERSION\n", 9, "noversion"),
    ("HELLO", b"\xff\xfe\n", 1, "not UTF-8"),
    ("HELLO", b"x" * 10_000, 1, "a line of more than"),
    ("HELLO", b"HTTP/1.1 400 Bad Request\r\n\r\n", 1, "HELLO REPLY expected"),
    ("NAMING LOOKUP", b"NAMING REPLY RESULT=OK NAME=ME VALUE=AAAA\n", 1, "a destination of"),
]


@pytest.mark.parametrize(("asked", "answer", "value", "text"), REFUSALS)
def test_a_bridge_that_refuses_or_is_none(asked: str, answer: bytes, value: int, text: str) -> None:
    with SamBridge() as bridge:
        bridge.answers[asked] = answer
        with Member(bridge.settings) as member:
            alert = member.wait(I2pAlert)
            assert (alert.error.value, alert.error.category) == (value, "i2p error")
            assert text in alert.message()


@pytest.mark.slow
def test_a_bridge_that_comes_later(tmp_path: Path) -> None:
    content = Content()
    bridge = SamBridge()
    with bridge:
        pass  # its port is known now, and nobody listens there
    with Member(bridge.settings) as seed, I2pTracker() as tracker:
        alert = seed.wait(I2pAlert)
        assert "refused" in alert.message()
        seed.seed(content, tmp_path / "seed", trackers=[URL], flags=I2P)
        with bridge:
            bridge.offer("tracker.i2p", tracker.address)
            bridge.wait_for_sessions()
            seed.wait(TrackerReplyAlert)


@pytest.mark.slow
def test_a_bridge_that_dies_in_the_middle(tmp_path: Path) -> None:
    content = Content(1_500_000)
    with SamBridge() as bridge, I2pTracker() as tracker:
        bridge.offer("tracker.i2p", tracker.address)
        slow = {**bridge.settings, "upload_rate_limit": 300_000}
        with Member(slow) as seed, Member(bridge.settings) as leech:
            bridge.wait_for_sessions(2)
            seed.seed(content, tmp_path / "seed", trackers=[URL], flags=I2P)
            wait_for(lambda: tracker.announces("started"))
            handle = leech.add(content, tmp_path / "leech", trackers=[URL], flags=I2P)
            wait_for(lambda: handle.status().num_pieces > 2)
            bridge.kill()
            for member in (seed, leech):
                member.wait(I2pAlert)
                member.wait(PeerDisconnectedAlert)
            seed.session.apply_settings({"upload_rate_limit": 0})
            # Both are other destinations now, and the tracker tells of them.
            leech.finish(handle)
            content.assert_in(tmp_path / "leech")
            assert not leech.all(PeerErrorAlert)


def test_destinations_are_remembered_and_forgotten() -> None:
    core = World().node().core
    many = [destination(number) for number in range(5)]
    for each in [*many, many[0]]:
        core.i2p.remember(each)
    assert list(core.i2p.known) == [each.name for each in [*many[1:], many[0]]]
    for number in range(MAX_KNOWN):
        core.i2p.remember(destination(10_000 + number))
    assert len(core.i2p.known) == MAX_KNOWN
    assert many[0].name not in core.i2p.known


def test_closing_is_for_good() -> None:
    core = World().node().core
    core.i2p.close()
    core.i2p.close()
    core.settings.apply({"i2p_hostname": "10.0.0.9"})
    core.i2p.settings_changed({"i2p_hostname"})
    core.i2p.open()
    assert not core.i2p.is_open
