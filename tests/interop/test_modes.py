"""Modes that peers notice, with libtorrent at the other end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.alerts import HashFailedAlert, PeerErrorAlert
from support.real_peers import LibtorrentPeer
from support.sessions import Content, Member, plain_flags
from support.waiting import wait_for

pytestmark = pytest.mark.interop


@pytest.fixture
def theirs(require_peer: Any) -> Iterator[LibtorrentPeer]:
    with LibtorrentPeer(require_peer("libtorrent")) as peer:
        yield peer


@pytest.fixture
def ours() -> Iterator[Member]:
    with Member() as member:
        yield member
        assert member.all(PeerErrorAlert) == []
        assert member.all(HashFailedAlert) == []


@pytest.fixture
def content() -> Content:
    return Content(24 * 16_384 + 9, 16_384)


@pytest.mark.slow
def test_libtorrent_downloads_from_a_super_seed_of_ours(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    handle = ours.seed(content, tmp_path / "ours", flags=plain_flags() | TorrentFlags.super_seeding)
    assert handle.flags() & TorrentFlags.super_seeding
    their_handle = theirs.add(content, tmp_path / "theirs")
    their_handle.connect_peer(ours.address)
    theirs.finish(their_handle)
    content.assert_in(tmp_path / "theirs")
    assert handle.status().total_payload_upload == content.info.total_size


@pytest.mark.soak
def test_we_download_from_a_super_seed_of_libtorrents(
    theirs: LibtorrentPeer, ours: Member, tmp_path: Path
) -> None:
    """Its first have message comes after ten seconds: those it means to send at once are lost in its handshake."""
    content = Content(3 * 16_384 + 9, 16_384)
    their_handle = theirs.seed(content, tmp_path / "theirs")
    their_handle.set_flags(theirs.lt.torrent_flags.super_seeding)
    handle = ours.add(content, tmp_path / "ours", flags=plain_flags())
    handle.connect_peer(theirs.address)
    ours.finish(handle)
    content.assert_in(tmp_path / "ours")


@pytest.mark.slow
def test_libtorrent_is_not_counted_on_while_it_is_in_share_mode(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    """It says so by the extension; three peers that say nothing of the kind would be enough."""
    handle = ours.add(content, tmp_path / "ours", flags=plain_flags() | TorrentFlags.share_mode)
    wait_for(lambda: handle.status().is_finished)
    their_handle = theirs.add(content, tmp_path / "theirs")
    their_handle.set_flags(theirs.lt.torrent_flags.share_mode)
    their_handle.connect_peer(ours.address)
    torrent = handle._torrent
    assert torrent is not None

    def said() -> bool:
        links = list(torrent.swarm.links) if torrent.swarm is not None else []
        return any(link.user_data.get("share_mode") for link in links)

    wait_for(said)
    assert handle.status().num_pieces == 0
