"""SSL torrents with libtorrent, both directions, over TCP and over uTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import PeerFlags
from evtorrent.session.alerts import TorrentNeedCertAlert
from support.real_peers import LibtorrentPeer
from support.sessions import Member
from support.ssl_torrents import LISTENING, SslContent, dh_params, star
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]

STAYING = {"close_redundant_connections": False}
OVER = {
    "tcp": {"enable_outgoing_utp": False, "enable_incoming_utp": False},
    "utp": {"enable_outgoing_tcp": False, "enable_incoming_tcp": False},
}
BOTH = {**{name: True for over in OVER.values() for name in over}, **LISTENING, **STAYING}


class TheirSide:
    """libtorrent with the torrent and a certificate."""

    def __init__(self, peer: LibtorrentPeer) -> None:
        self.peer = peer
        wait_for(peer.session.ssl_listen_port)
        self.address = "127.0.0.1", peer.session.ssl_listen_port()

    def certify(self, handle: Any) -> Any:
        handle.set_ssl_certificate_buffer(star().certificate, star().key, dh_params())
        return handle


def our_side(member: Member, handle: Any) -> Any:
    member.wait(TorrentNeedCertAlert)
    handle.set_ssl_certificate_buffer(star().certificate, star().key, dh_params())
    return handle


def assert_over(handle: Any, over: str) -> None:
    (info,) = wait_for(handle.get_peer_info)
    assert info.flags & PeerFlags.ssl_socket
    assert bool(info.flags & PeerFlags.utp_socket) == (over == "utp")


@pytest.mark.parametrize("we_dial", [True, False])
@pytest.mark.parametrize("over", OVER)
def test_from_libtorrent(require_peer: Any, tmp_path: Path, over: str, we_dial: bool) -> None:
    content = SslContent(name="one file.bin")
    with (
        LibtorrentPeer(require_peer("libtorrent"), **{**BOTH, **OVER[over]}) as peer,
        Member({**BOTH, **OVER[over]}) as ours,
    ):
        theirs = TheirSide(peer)
        seed = theirs.certify(peer.seed(content, tmp_path / "theirs"))
        handle = our_side(ours, ours.add(content, tmp_path / "ours"))
        if we_dial:
            handle.connect_peer(theirs.address)
        else:
            seed.connect_peer(("127.0.0.1", ours.session.ssl_listen_port()))
        ours.finish(handle)
        content.assert_in(tmp_path / "ours")
        assert_over(handle, over)


@pytest.mark.parametrize("we_dial", [True, False])
@pytest.mark.parametrize("over", OVER)
def test_to_libtorrent(require_peer: Any, tmp_path: Path, over: str, we_dial: bool) -> None:
    content = SslContent(name="one file.bin")
    with (
        LibtorrentPeer(require_peer("libtorrent"), **{**BOTH, **OVER[over]}) as peer,
        Member({**BOTH, **OVER[over]}) as ours,
    ):
        theirs = TheirSide(peer)
        handle = our_side(ours, ours.seed(content, tmp_path / "ours"))
        leech = theirs.certify(peer.add(content, tmp_path / "theirs"))
        if we_dial:
            handle.connect_peer(theirs.address)
        else:
            leech.connect_peer(("127.0.0.1", ours.session.ssl_listen_port()))
        peer.finish(leech)
        content.assert_in(tmp_path / "theirs")
        assert_over(handle, over)
