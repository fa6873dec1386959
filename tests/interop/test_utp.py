"""Whole downloads over uTP alone, between us and libtorrent, in both directions, plain and with RC4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import EncLevel, EncPolicy, PeerFlags
from evtorrent.session.alerts import HashFailedAlert, PeerErrorAlert
from support.real_peers import LibtorrentPeer, one_file
from support.sessions import Content, Member
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]

ONLY_UTP = {
    "enable_incoming_tcp": False,
    "enable_outgoing_tcp": False,
    "enable_incoming_utp": True,
    "enable_outgoing_utp": True,
    "close_redundant_connections": False,  # Two seeds stay connected, to be looked at.
}
PLAIN = {"in_enc_policy": int(EncPolicy.disabled), "out_enc_policy": int(EncPolicy.disabled)}
RC4 = {
    "in_enc_policy": int(EncPolicy.forced),
    "out_enc_policy": int(EncPolicy.forced),
    "allowed_enc_level": int(EncLevel.rc4),
}


@pytest.fixture
def content() -> Content:
    return one_file(1 << 20)


@pytest.fixture(params=["plain", "rc4"])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {**ONLY_UTP, **(RC4 if request.param == "rc4" else PLAIN)}


def check_flags(handle: Any, settings: dict[str, Any]) -> None:
    """It really went that way."""
    wait_for(handle.get_peer_info)
    flags = PeerFlags(handle.get_peer_info()[0].flags)
    assert flags & PeerFlags.utp_socket
    assert bool(flags & PeerFlags.rc4_encrypted) == ("allowed_enc_level" in settings)


@pytest.mark.parametrize("we_dial", [True, False])
def test_from_libtorrent(
    require_peer: Any, tmp_path: Path, content: Content, settings: dict[str, Any], we_dial: bool
) -> None:
    with LibtorrentPeer(require_peer("libtorrent"), **settings) as peer, Member(settings) as ours:
        theirs = peer.seed(content, tmp_path / "theirs")
        handle = ours.add(content, tmp_path / "ours")
        if we_dial:
            handle.connect_peer(peer.address)
        else:
            theirs.connect_peer(ours.address)
        ours.finish(handle)
        check_flags(handle, settings)
        content.assert_in(tmp_path / "ours")
        assert ours.all(HashFailedAlert) == ours.all(PeerErrorAlert) == []


@pytest.mark.parametrize("we_dial", [True, False])
def test_to_libtorrent(
    require_peer: Any, tmp_path: Path, content: Content, settings: dict[str, Any], we_dial: bool
) -> None:
    with LibtorrentPeer(require_peer("libtorrent"), **settings) as peer, Member(settings) as ours:
        handle = ours.seed(content, tmp_path / "ours")
        theirs = peer.add(content, tmp_path / "theirs")
        if we_dial:
            handle.connect_peer(peer.address)
        else:
            theirs.connect_peer(ours.address)
        peer.finish(theirs)
        check_flags(handle, settings)
        content.assert_in(tmp_path / "theirs")
        assert ours.all(PeerErrorAlert) == []


@pytest.mark.parametrize("encrypted", [False, True])
def test_libtorrent_without_utp_is_reached_over_tcp(
    require_peer: Any, tmp_path: Path, encrypted: bool
) -> None:
    content, policy = one_file(65_536), RC4 if encrypted else PLAIN
    with LibtorrentPeer(require_peer("libtorrent"), **policy) as peer, Member(policy) as ours:
        peer.seed(content, tmp_path / "theirs")
        handle = ours.add(content, tmp_path / "ours")
        handle.connect_peer(peer.address)
        ours.finish(handle)
        content.assert_in(tmp_path / "ours")
