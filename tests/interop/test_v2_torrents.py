"""Torrents of v2 only (BEP 52) between us and libtorrent, in both directions: with their hashes, and by magnet link."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import (
    AddTorrentParams,
    ResumeDataFlags,
    TorrentFlags,
    parse_magnet_uri,
    read_resume_data,
    write_resume_data_buf,
)
from evtorrent.session.alerts import (
    MetadataReceivedAlert,
    SaveResumeDataAlert,
)
from support.real_peers import LibtorrentPeer
from support.sessions import Member
from support.v2_content import V2Content
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]


FILES = [
    ("empty first", 0),
    ("folder/large.bin", 5 * 65_536 + 3),
    ("folder/one piece.bin", 65_536),
    ("folder/small", 3),
    ("folder/two blocks", 20_000),
    ("last empty", 0),
]
CONTENTS = {
    "one block": (1, 16_384),
    "many files": (FILES, 65_536),
    "600 pieces": (600 * 16_384, 16_384),
    "513 pieces of two blocks": (513 * 32_768, 32_768),
}


@pytest.fixture(params=CONTENTS)
def content(request: pytest.FixtureRequest) -> V2Content:
    files, piece_length = CONTENTS[request.param]
    return V2Content(files, piece_length)  # type: ignore[arg-type]


def test_from_libtorrent_to_us(
    theirs: LibtorrentPeer, ours: Member, content: V2Content, tmp_path: Path
) -> None:
    seed(theirs, content, tmp_path / "theirs")
    handle = ours.add(content, tmp_path / "ours")
    handle.connect_peer(theirs.address)
    ours.finish(handle)
    content.assert_in(tmp_path / "ours")


def test_from_us_to_libtorrent(
    theirs: LibtorrentPeer, ours: Member, content: V2Content, tmp_path: Path
) -> None:
    ours.seed(content, tmp_path / "ours")
    handle = theirs.session.add_torrent(their_params(theirs, content, tmp_path / "theirs"))
    handle.connect_peer(ours.address)
    theirs.finish(handle)
    content.assert_in(tmp_path / "theirs")


def test_our_magnet_from_libtorrent(
    theirs: LibtorrentPeer, ours: Member, content: V2Content, tmp_path: Path
) -> None:
    seed(theirs, content, tmp_path / "theirs")
    handle = ours.session.add_torrent(magnet(content, tmp_path / "ours"))
    handle.connect_peer(theirs.address)
    ours.wait(MetadataReceivedAlert)
    ours.finish(handle)
    content.assert_in(tmp_path / "ours")


def test_their_magnet_from_us(
    theirs: LibtorrentPeer, ours: Member, content: V2Content, tmp_path: Path
) -> None:
    ours.seed(content, tmp_path / "ours")
    handle = add_magnet(theirs, content.magnet, tmp_path / "theirs")
    handle.connect_peer(ours.address)
    theirs.finish(handle)
    content.assert_in(tmp_path / "theirs")


def magnet(content: V2Content, folder: Path) -> AddTorrentParams:
    params = parse_magnet_uri(content.magnet)
    params.save_path = str(folder)
    return params


def add_magnet(theirs: LibtorrentPeer, uri: str, folder: Path) -> Any:
    params = theirs.lt.parse_magnet_uri(uri)
    params.save_path = str(folder)
    folder.mkdir()
    params.flags &= ~(theirs.lt.torrent_flags.auto_managed | theirs.lt.torrent_flags.paused)
    return theirs.session.add_torrent(params)


def their_params(theirs: LibtorrentPeer, content: V2Content, folder: Path) -> Any:
    lt = theirs.lt
    params = lt.load_torrent_buffer(content.torrent)
    params.save_path = str(folder)
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    folder.mkdir(parents=True, exist_ok=True)
    return params


def seed(theirs: LibtorrentPeer, content: V2Content, folder: Path) -> Any:
    content.write(folder)
    handle = theirs.session.add_torrent(their_params(theirs, content, folder))
    theirs.finish(handle)
    return handle


# ------------------------------------------------------------------------------------------------------------ hybrids


@pytest.fixture
def hybrid() -> V2Content:
    return V2Content(FILES, 65_536, hybrid=True)


def test_a_hybrid_by_its_v2_name_from_libtorrent(
    theirs: LibtorrentPeer, ours: Member, hybrid: V2Content, tmp_path: Path
) -> None:
    seed(theirs, hybrid, tmp_path / "theirs")
    params = parse_magnet_uri(f"magnet:?xt=urn:btmh:1220{hybrid.info.info_hashes.v2}")
    params.save_path = str(tmp_path / "ours")
    handle = ours.session.add_torrent(params)
    handle.connect_peer(theirs.address)
    ours.finish(handle)
    hybrid.assert_in(tmp_path / "ours")
    assert handle.info_hashes() == hybrid.info.info_hashes


@pytest.mark.parametrize("topic", ["btih", "btmh"])
def test_a_hybrid_by_one_name_from_us(
    theirs: LibtorrentPeer, ours: Member, hybrid: V2Content, tmp_path: Path, topic: str
) -> None:
    ours.seed(hybrid, tmp_path / "ours")
    hashes = hybrid.info.info_hashes
    name = str(hashes.v1) if topic == "btih" else f"1220{hashes.v2}"
    handle = add_magnet(theirs, f"magnet:?xt=urn:{topic}:{name}", tmp_path / "theirs")
    handle.connect_peer(ours.address)
    theirs.finish(handle)
    hybrid.assert_in(tmp_path / "theirs")


# -------------------------------------------------------------------------------------------------------- resume data


def test_libtorrent_goes_on_with_our_resume_data(
    theirs: LibtorrentPeer, ours: Member, tmp_path: Path
) -> None:
    """Names, pieces and hash trees: it seeds without looking at a file."""
    content = V2Content(FILES, 32_768)
    handle = ours.seed(content, tmp_path)
    handle.save_resume_data(ResumeDataFlags.save_info_dict)
    data = write_resume_data_buf(ours.wait(SaveResumeDataAlert).params)
    ours.session.remove_torrent(handle)
    params = theirs.lt.read_resume_data(data)
    params.flags &= ~(theirs.lt.torrent_flags.auto_managed | theirs.lt.torrent_flags.paused)
    their_handle = theirs.session.add_torrent(params)
    theirs.finish(their_handle)
    again = ours.session.add_torrent(magnet(content, tmp_path / "again"))
    again.connect_peer(theirs.address)
    ours.finish(again)
    content.assert_in(tmp_path / "again")


def test_we_go_on_with_resume_data_of_libtorrent(
    theirs: LibtorrentPeer, ours: Member, tmp_path: Path
) -> None:
    content = V2Content(FILES, 32_768)
    their_handle = seed(theirs, content, tmp_path)
    lt = theirs.lt
    their_handle.save_resume_data(lt.save_resume_flags_t.save_info_dict)
    found: list[bytes] = []

    def look() -> bool:
        for alert in theirs.session.pop_alerts():
            if isinstance(alert, lt.save_resume_data_alert):
                found.append(lt.write_resume_data_buf(alert.params))
        return bool(found)

    wait_for(look)
    theirs.clear()
    params = read_resume_data(found[0])
    assert params.info_hashes == content.info.info_hashes
    params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
    handle = ours.session.add_torrent(params)
    ours.finish(handle)
    assert handle.status().is_seeding
    again = add_magnet(theirs, content.magnet, tmp_path / "again")
    again.connect_peer(ours.address)
    theirs.finish(again)
    content.assert_in(tmp_path / "again")


def test_a_magnet_of_ours_goes_on_after_a_restart_without_peers(
    theirs: LibtorrentPeer, ours: Member, tmp_path: Path
) -> None:
    """Metadata and piece layers that came from peers are in resume data."""
    content = V2Content(FILES, 32_768)
    seed(theirs, content, tmp_path / "theirs")
    handle = ours.session.add_torrent(magnet(content, tmp_path / "ours"))
    handle.connect_peer(theirs.address)
    ours.finish(handle)
    handle.save_resume_data(ResumeDataFlags.save_info_dict)
    data = write_resume_data_buf(ours.wait(SaveResumeDataAlert).params)
    ours.session.remove_torrent(handle)
    theirs.clear()
    again = ours.session.add_torrent(read_resume_data(data))
    ours.finish(again)
    assert again.status().is_seeding


# -------------------------------------------------------------------------------------------------------------- swarms


def test_each_has_a_half(theirs: LibtorrentPeer, ours: Member, tmp_path: Path) -> None:
    """Both upload and both download, on one connection."""
    content = V2Content([("first", 1_000_003), ("second", 999_999)], 65_536, name="halves")
    for name, half in (("ours", "first"), ("theirs", "second")):
        folder = content.write(tmp_path / name)
        (folder / "halves" / half).unlink()
    handle = ours.add(content, tmp_path / "ours")
    their_handle = theirs.session.add_torrent(their_params(theirs, content, tmp_path / "theirs"))
    wait_for(lambda: handle.status().num_pieces == 16 and handle.status().state.name == "downloading")
    wait_for(lambda: their_handle.status().num_pieces == 16)
    handle.connect_peer(theirs.address)
    ours.finish(handle)
    theirs.finish(their_handle)
    content.assert_in(tmp_path / "ours")
    content.assert_in(tmp_path / "theirs")


def test_a_link_in_a_swarm_of_halves(theirs: LibtorrentPeer, ours: Member, tmp_path: Path) -> None:
    """Nobody has all of it, so pieces and hashes come from both."""
    content = V2Content([("first", 1_000_003), ("second", 999_999)], 65_536, name="halves")
    for name, half in (("theirs", "first"), ("other", "second")):
        (content.write(tmp_path / name) / "halves" / half).unlink()
    their_handle = theirs.session.add_torrent(their_params(theirs, content, tmp_path / "theirs"))
    with Member(host="127.0.0.2") as other:
        half = other.add(content, tmp_path / "other")
        wait_for(lambda: half.status().num_pieces == 16 and half.status().state.name == "downloading")
        wait_for(lambda: their_handle.status().num_pieces == 16)
        handle = ours.session.add_torrent(magnet(content, tmp_path / "ours"))
        handle.connect_peer(theirs.address)
        handle.connect_peer(other.address)
        ours.finish(handle)
    content.assert_in(tmp_path / "ours")
