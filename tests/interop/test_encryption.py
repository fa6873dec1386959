"""Whole downloads over message stream encryption, between us, libtorrent and aria2, in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import EncLevel, EncPolicy, PeerFlags
from support.real_peers import Aria2, LibtorrentPeer, one_file
from support.sessions import Member
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]

FORCED = {"in_enc_policy": EncPolicy.forced, "out_enc_policy": EncPolicy.forced}
STAYING = {"close_redundant_connections": False}
"""Two seeds stay connected, to be looked at."""
LEVELS = {
    "rc4": (EncLevel.rc4, PeerFlags.rc4_encrypted),
    "plaintext": (EncLevel.plaintext, PeerFlags.plaintext_encrypted),
}


def forced(level: EncLevel) -> dict[str, Any]:
    return {name: int(value) for name, value in {**FORCED, "allowed_enc_level": level}.items()}


def seen_flags(handle: Any) -> PeerFlags:
    """What its connections have in common."""
    wait_for(handle.get_peer_info)
    return PeerFlags(handle.get_peer_info()[0].flags)


@pytest.mark.parametrize("we_dial", [True, False])
@pytest.mark.parametrize("level", LEVELS)
def test_from_libtorrent(require_peer: Any, tmp_path: Path, level: str, we_dial: bool) -> None:
    content, (allowed, flag) = one_file(65_536), LEVELS[level]
    with (
        LibtorrentPeer(require_peer("libtorrent"), **forced(allowed), **STAYING) as peer,
        Member({**forced(allowed), **STAYING}) as ours,
    ):
        theirs = peer.seed(content, tmp_path / "theirs")
        handle = ours.add(content, tmp_path / "ours")
        if we_dial:
            handle.connect_peer(peer.address)
        else:
            theirs.connect_peer(ours.address)
        ours.finish(handle)
        assert seen_flags(handle) & (PeerFlags.rc4_encrypted | PeerFlags.plaintext_encrypted) == flag
        content.assert_in(tmp_path / "ours")


@pytest.mark.parametrize("we_dial", [True, False])
@pytest.mark.parametrize("level", LEVELS)
def test_to_libtorrent(require_peer: Any, tmp_path: Path, level: str, we_dial: bool) -> None:
    content, allowed = one_file(65_536), LEVELS[level][0]
    with (
        LibtorrentPeer(require_peer("libtorrent"), **forced(allowed)) as peer,
        Member(forced(allowed)) as ours,
    ):
        handle = ours.seed(content, tmp_path / "ours")
        theirs = peer.add(content, tmp_path / "theirs")
        if we_dial:
            handle.connect_peer(peer.address)
        else:
            theirs.connect_peer(ours.address)
        peer.finish(theirs)
        content.assert_in(tmp_path / "theirs")


def test_we_come_back_without_when_libtorrent_takes_none(require_peer: Any, tmp_path: Path) -> None:
    content = one_file(65_536)
    with LibtorrentPeer(require_peer("libtorrent")) as peer, Member() as ours:
        peer.seed(content, tmp_path / "theirs")
        handle = ours.add(content, tmp_path / "ours")
        handle.connect_peer(peer.address)
        ours.finish(handle)
        content.assert_in(tmp_path / "ours")


@pytest.mark.parametrize("we_seed", [True, False])
def test_aria2_demands_rc4(require_peer: Any, tmp_path: Path, we_seed: bool) -> None:
    content = one_file(65_536)
    folder = tmp_path / "aria2"
    if not we_seed:
        content.write(folder)
    options = ["--bt-require-crypto=true", "--bt-min-crypto-level=arc4"]
    settings = {"close_redundant_connections": False}
    with Member(settings) as ours:
        handle = ours.seed(content, tmp_path / "ours") if we_seed else ours.add(content, tmp_path / "ours")
        with Aria2(
            require_peer("aria2"),
            content,
            folder,
            tmp_path / "t.torrent",
            verify=not we_seed,
            options=options,
        ) as aria2:
            handle.connect_peer(aria2.address)
            assert seen_flags(handle) is not None
            if we_seed:
                aria2.finish()
            else:
                ours.finish(handle)
                assert seen_flags(handle) & PeerFlags.rc4_encrypted
                content.assert_in(tmp_path / "ours")
