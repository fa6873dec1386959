"""Downloads from libtorrent through the proxies of Debian."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import EncPolicy, PeerFlags, ProxyType, SocketType
from evtorrent.session.alerts import (
    PeerConnectAlert,
    PeerDisconnectedAlert,
    ScrapeReplyAlert,
    Socks5Alert,
    TrackerErrorAlert,
    TrackerReplyAlert,
)
from support.dht_loopback import LIBTORRENT_SETTINGS
from support.dht_thread import SETTINGS as DHT
from support.dht_thread import DhtThreads
from support.proxies import PASSWORD, USER, RealProxy
from support.real_peers import LibtorrentPeer, one_file
from support.sessions import Content, Member
from support.trackers import LocalTracker
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROXIES = {
    "microsocks": ProxyType.socks5_pw,
    "dante": ProxyType.socks5,
    "tinyproxy": ProxyType.http_pw,
}

UTP_ONLY = {
    "enable_outgoing_utp": True,
    "enable_incoming_utp": True,
    "enable_outgoing_tcp": False,
    "enable_incoming_tcp": False,
}


def settings_for(proxy: RealProxy, password: str = PASSWORD) -> dict[str, Any]:
    return {
        "proxy_type": PROXIES[proxy.name],
        "proxy_hostname": proxy.address[0],
        "proxy_port": proxy.address[1],
        "proxy_username": USER,
        "proxy_password": password,
    }


@pytest.mark.parametrize("policy", [EncPolicy.disabled, EncPolicy.forced])
@pytest.mark.parametrize("name", PROXIES)
def test_a_download_through(require_peer: Any, tmp_path: Path, name: str, policy: EncPolicy) -> None:
    content = one_file(65_536)
    lt = require_peer("libtorrent")
    with (
        RealProxy(name, require_peer(name), tmp_path) as proxy,
        LocalTracker() as tracker,
        LibtorrentPeer(
            lt, in_enc_policy=int(policy), out_enc_policy=int(policy), close_redundant_connections=False
        ) as peer,
        Member(
            {**settings_for(proxy), "out_enc_policy": policy, "close_redundant_connections": False}
        ) as ours,
    ):
        peer.seed(content, tmp_path / "theirs", tracker.http_url)
        wait_for(lambda: tracker.requests)
        handle = ours.add(content, tmp_path / "ours", trackers=[tracker.http_url])
        ours.finish(handle)
        content.assert_in(tmp_path / "ours")
        (info,) = handle.get_peer_info()
        assert bool(info.flags & PeerFlags.plaintext_encrypted) == (policy is EncPolicy.forced)
        assert info.ip == peer.address
        assert ours.session.listen_port() == 0


@pytest.mark.parametrize(
    ("name", "text"), [("microsocks", "user name or password"), ("tinyproxy", "the proxy")]
)
def test_a_wrong_password(require_peer: Any, tmp_path: Path, name: str, text: str) -> None:
    content = one_file(65_536)
    with (
        RealProxy(name, require_peer(name), tmp_path) as proxy,
        Member(settings_for(proxy, "wrong")) as ours,
    ):
        handle = ours.add(content, tmp_path / "ours")
        handle.connect_peer(("127.0.0.1", 9))
        alert = ours.wait(PeerDisconnectedAlert)
        assert text in alert.message()


def test_a_udp_tracker_through(require_peer: Any, tmp_path: Path) -> None:
    """dante takes UDP ASSOCIATE; the tracker hears of us from there, twice in one association."""
    content = one_file(65_536)
    with (
        RealProxy("dante", require_peer("dante"), tmp_path) as proxy,
        LocalTracker() as tracker,
        Member(settings_for(proxy)) as ours,
    ):
        url = tracker.udp_url.replace("127.0.0.1", "localhost")
        handle = ours.add(content, tmp_path / "ours", trackers=[url])
        ours.wait(TrackerReplyAlert)
        assert tracker.requests == ["udp announce"]
        handle.scrape_tracker()
        ours.wait(ScrapeReplyAlert)
        assert tracker.requests == ["udp announce", "udp scrape"]


def test_a_proxy_without_datagrams(require_peer: Any, tmp_path: Path) -> None:
    with (
        RealProxy("microsocks", require_peer("microsocks"), tmp_path) as proxy,
        LocalTracker() as tracker,
        Member(settings_for(proxy)) as ours,
    ):
        ours.add(one_file(65_536), tmp_path / "ours", trackers=[tracker.udp_url])
        alert = ours.wait(TrackerErrorAlert)
        assert "the proxy does not know the command" in alert.message()
        assert not tracker.requests


@pytest.mark.parametrize("is_seed", [False, True], ids=["download", "upload"])
def test_without_a_tracker_through(require_peer: Any, tmp_path: Path, is_seed: bool) -> None:
    """The DHT finds libtorrent, uTP carries the content, either way; of dante nothing is asked but to carry datagrams."""
    content = Content(600_000, seed=301)
    lt, dante = require_peer("libtorrent"), require_peer("dante")
    theirs = {**LIBTORRENT_SETTINGS, **UTP_ONLY, "listen_interfaces": "127.0.0.21:0", "allowed_enc_level": 3}
    ours = {**DHT, **UTP_ONLY, "close_redundant_connections": False}
    with (
        DhtThreads(2) as network,
        RealProxy("dante", dante, tmp_path) as proxy,
        LibtorrentPeer(lt, **theirs) as peer,
        Member({**settings_for(proxy), **ours}) as behind,
    ):
        for session, member in zip((peer.session, behind.session), network.members, strict=True):
            session.add_dht_node(member.address)
        wait_for(lambda: behind.session.session_stats()["dht.dht_nodes"] > 0, "a node behind the proxy")
        if is_seed:
            handle = behind.seed(content, tmp_path / "ours")
            there = peer.add(content, tmp_path / "theirs")
            there.force_dht_announce()
            handle.force_dht_announce()
            peer.finish(there)
            content.assert_in(tmp_path / "theirs")
        else:
            peer.seed(content, tmp_path / "theirs").force_dht_announce()
            handle = behind.add(content, tmp_path / "ours")
            behind.finish(handle)
            content.assert_in(tmp_path / "ours")
        name = "net.sent_payload_bytes" if is_seed else "net.recv_payload_bytes"
        wait_for(lambda: behind.session.session_stats()[name] >= 600_000, "the tick that counts")
        packets = "utp.utp_payload_pkts_out" if is_seed else "utp.utp_payload_pkts_in"
        assert behind.session.session_stats()[packets] > 400
        kinds = {alert.socket_type for alert in behind.all(PeerConnectAlert)}
        assert kinds == {SocketType.utp}
        assert not behind.all(Socks5Alert)
        assert behind.session.listen_port() == 0


def test_a_proxy_without_datagrams_has_no_dht_and_no_utp(require_peer: Any, tmp_path: Path) -> None:
    """microsocks takes no UDP ASSOCIATE: it is told, and TCP goes on through it."""
    content = one_file(65_536)
    lt = require_peer("libtorrent")
    with (
        RealProxy("microsocks", require_peer("microsocks"), tmp_path) as proxy,
        LibtorrentPeer(lt, enable_incoming_utp=True, close_redundant_connections=False) as peer,
        Member({**settings_for(proxy), **DHT, "close_redundant_connections": False}) as ours,
    ):
        peer.seed(content, tmp_path / "theirs")
        handle = ours.add(content, tmp_path / "ours")
        handle.connect_peer(peer.address)
        ours.finish(handle)
        content.assert_in(tmp_path / "ours")
        alert = ours.wait(Socks5Alert)
        assert "the proxy does not know the command" in alert.message()
        (info,) = handle.get_peer_info()
        assert info.socket_type is SocketType.socks5
