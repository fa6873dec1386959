"""Whole downloads between us and libtorrent, in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.real_peers import ANY_SIZE, LibtorrentPeer, many_files, one_file
from support.sessions import Content, Member
from support.waiting import wait_for

pytestmark = pytest.mark.interop


CONTENTS = {**{f"one file, pieces of {name}": size for name, size in ANY_SIZE.items()}, "many files": 0}


@pytest.fixture(params=CONTENTS)
def content(request: pytest.FixtureRequest) -> Content:
    size = CONTENTS[request.param]
    return one_file(size) if size else many_files()


def test_from_libtorrent_to_us(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    theirs.seed(content, tmp_path / "theirs")
    handle = ours.add(content, tmp_path / "ours")
    handle.connect_peer(theirs.address)
    ours.finish(handle)
    content.assert_in(tmp_path / "ours")


def test_from_us_to_libtorrent(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    ours.seed(content, tmp_path / "ours")
    handle = theirs.add(content, tmp_path / "theirs")
    handle.connect_peer(ours.address)
    theirs.finish(handle)
    content.assert_in(tmp_path / "theirs")


def test_libtorrent_dials_and_seeds(theirs: LibtorrentPeer, ours: Member, tmp_path: Path) -> None:
    content = one_file(65_536)
    handle = ours.add(content, tmp_path / "ours")
    theirs.seed(content, tmp_path / "theirs").connect_peer(ours.address)
    ours.finish(handle)
    content.assert_in(tmp_path / "ours")


def test_we_dial_and_seed(theirs: LibtorrentPeer, ours: Member, tmp_path: Path) -> None:
    content = one_file(65_536)
    handle = theirs.add(content, tmp_path / "theirs")
    ours.seed(content, tmp_path / "ours").connect_peer(theirs.address)
    theirs.finish(handle)
    content.assert_in(tmp_path / "theirs")


def test_each_has_a_half(theirs: LibtorrentPeer, ours: Member, tmp_path: Path) -> None:
    """Both upload and both download, on one connection."""
    content = Content([("first", 1 << 20), ("second", 1 << 20)], 1 << 16, name="halves")
    for name, half in (("ours", "first"), ("theirs", "second")):
        folder = content.write(tmp_path / name)
        (folder / "halves" / half).unlink()
    handle, their_handle = ours.add(content, tmp_path / "ours"), theirs.add(content, tmp_path / "theirs")
    wait_for(lambda: handle.status().num_pieces == 16 and handle.status().state.name == "downloading")
    wait_for(lambda: their_handle.status().num_pieces == 16)
    handle.connect_peer(theirs.address)
    ours.finish(handle)
    theirs.finish(their_handle)
    content.assert_in(tmp_path / "ours")
    content.assert_in(tmp_path / "theirs")


def test_one_of_each_seeds_two_of_each(require_peer: Any, ours: Member, tmp_path: Path) -> None:
    """A swarm of both kinds, in which nobody gets all of it from one peer."""
    lt = require_peer("libtorrent")
    content = Content(3_000_000, 65_536, seed=9)
    with (
        LibtorrentPeer(lt, upload_rate_limit=0) as lt_seed,
        LibtorrentPeer(lt) as lt_leech,
        Member() as leech,
    ):
        ours.seed(content, tmp_path / "our seed")
        lt_seed.seed(content, tmp_path / "lt seed")
        mine, other = leech.add(content, tmp_path / "our leech"), lt_leech.add(content, tmp_path / "lt leech")
        for address in (ours.address, lt_seed.address, lt_leech.address):
            mine.connect_peer(address)
        for address in (ours.address, lt_seed.address):
            other.connect_peer(address)
        leech.finish(mine)
        lt_leech.finish(other)
        content.assert_in(tmp_path / "our leech")
        content.assert_in(tmp_path / "lt leech")


@pytest.mark.slow
def test_libtorrent_with_its_own_settings(require_peer: Any, tmp_path: Path) -> None:
    """It tries encryption first, and comes back without."""
    content = one_file(65_536)
    stock = {"out_enc_policy": 1, "in_enc_policy": 1}
    with LibtorrentPeer(require_peer("libtorrent"), **stock) as peer, Member() as ours:
        handle = ours.add(content, tmp_path / "ours")
        peer.seed(content, tmp_path / "theirs").connect_peer(ours.address)
        ours.finish(handle)
        content.assert_in(tmp_path / "ours")
