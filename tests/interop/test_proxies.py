"""Downloads from libtorrent through the proxies of Debian."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import EncPolicy, PeerFlags, ProxyType
from evtorrent.session.alerts import (
    PeerDisconnectedAlert,
    ScrapeReplyAlert,
    TrackerErrorAlert,
    TrackerReplyAlert,
)
from support.proxies import PASSWORD, USER, RealProxy
from support.real_peers import LibtorrentPeer, one_file
from support.sessions import Member
from support.trackers import LocalTracker
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROXIES = {
    "microsocks": ProxyType.socks5_pw,
    "dante": ProxyType.socks5,
    "tinyproxy": ProxyType.http_pw,
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
