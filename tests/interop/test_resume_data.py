"""A torrent that moves from us to libtorrent and back in the middle of its download, by resume data alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import TorrentFlags, TorrentHandle
from evtorrent.session.alerts import SaveResumeDataAlert
from evtorrent.session.flags import ResumeDataFlags
from evtorrent.session.loading import load_torrent_buffer
from evtorrent.session.resume_data import read_resume_data, write_resume_data_buf
from support.raw_peer import RawSeed, block
from support.real_peers import LibtorrentPeer
from support.sessions import Content, Member, plain_flags
from support.torrents import PIECE_LENGTH, hybrid_torrent
from support.waiting import wait_for

pytestmark = pytest.mark.interop

BLOCK = 16_384


@pytest.fixture
def theirs(require_peer: Any) -> Iterator[LibtorrentPeer]:
    with LibtorrentPeer(require_peer("libtorrent")) as peer:
        yield peer


@pytest.fixture
def ours() -> Iterator[Member]:
    with Member() as member:
        yield member


@pytest.fixture
def content() -> Content:
    return Content([("first", 9 * BLOCK), ("second", 11 * BLOCK + 5)], 4 * BLOCK, name="both")


def saved(member: Member, handle: TorrentHandle) -> bytes:
    member.forget()
    handle.save_resume_data(ResumeDataFlags.save_info_dict)
    return write_resume_data_buf(member.wait(SaveResumeDataAlert).params)


def saved_by_libtorrent(peer: LibtorrentPeer, handle: Any) -> bytes:
    flags = peer.lt.save_resume_flags_t.save_info_dict | peer.lt.save_resume_flags_t.flush_disk_cache
    handle.save_resume_data(flags)
    found: list[bytes] = []

    def look() -> bool:
        for alert in peer.session.pop_alerts():
            if isinstance(alert, peer.lt.save_resume_data_alert):
                found.append(peer.lt.write_resume_data_buf(alert.params))
        return bool(found)

    wait_for(look)
    return found[0]


def unfinished(data: bytes) -> dict[int, list[int]]:
    return {piece: list(bits.indices()) for piece, bits in read_resume_data(data).unfinished_pieces.items()}


def num_blocks(handle: TorrentHandle) -> int:
    queue = handle.get_download_queue()
    return sum(each.state.name == "finished" for piece in queue for each in piece.blocks)


def num_written(piece: dict[str, Any]) -> int:
    """Blocks that came, of libtorrent's description of a piece."""
    return sum(each["state"] >= 2 for each in piece["blocks"])


class EveryOther:
    """Sends the first and third block of each piece, and nothing for the others."""

    def __init__(self) -> None:
        self.sent: set[tuple[int, int]] = set()

    def __call__(self, piece: int, begin: int, data: bytes) -> bytes | None:
        if begin // BLOCK % 2:
            return None
        self.sent.add((piece, begin // BLOCK))
        return block(piece, begin, data)


def rest_of(content: Content, data: bytes) -> int:
    """Blocks that resume data does not claim."""
    params = read_resume_data(data)
    assert params.have_pieces is not None
    had = sum(-(-content.info.piece_size(piece) // BLOCK) for piece in params.have_pieces.indices())
    return -(-content.info.total_size // BLOCK) - had - sum(map(len, unfinished(data).values()))


def test_blocks_we_have_are_not_fetched_by_libtorrent(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    handle = ours.add(content, tmp_path, flags=plain_flags())
    wait_for(lambda: handle.status().state.name == "downloading")
    every_other = EveryOther()
    with RawSeed(ours, content, every_other):
        wait_for(lambda: num_blocks(handle) >= 2)
        data = saved(ours, handle)
    kept = {(piece, number) for piece, numbers in unfinished(data).items() for number in numbers}
    assert len(kept) >= 2
    assert kept <= every_other.sent
    ours.session.remove_torrent(handle)
    theirs.session.add_torrent(theirs.lt.read_resume_data(data))
    their_handle = theirs.session.get_torrents()[0]
    wait_for(lambda: their_handle.status().state == theirs.lt.torrent_status.downloading)
    with RawSeed(theirs, content) as seed:  # type: ignore[arg-type]
        theirs.finish(their_handle)
        assert seed.num_requests == rest_of(content, data)
    content.assert_in(tmp_path)


def test_blocks_libtorrent_has_are_not_fetched_by_us(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    """It writes blocks of unfinished pieces when it is paused."""
    their_handle = theirs.add(content, tmp_path)
    wait_for(lambda: their_handle.status().state == theirs.lt.torrent_status.downloading)
    every_other = EveryOther()
    with RawSeed(theirs, content, every_other):  # type: ignore[arg-type]
        wait_for(lambda: sum(map(num_written, their_handle.get_download_queue())) >= 2)
    their_handle.pause()
    wait_for(lambda: any(unfinished(saved_by_libtorrent(theirs, their_handle)).values()))
    data = saved_by_libtorrent(theirs, their_handle)
    theirs.clear()
    params = read_resume_data(data)
    params.flags &= ~TorrentFlags.paused
    kept = {(piece, number) for piece, numbers in unfinished(data).items() for number in numbers}
    assert kept <= every_other.sent
    handle = ours.session.add_torrent(params)
    wait_for(lambda: num_blocks(handle) == len(kept))
    with RawSeed(ours, content) as seed:
        ours.finish(handle)
        assert seed.num_requests == rest_of(content, data)
    content.assert_in(tmp_path)


def test_what_was_set_here_holds_there_and_here_again(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    """Everything a running torrent is told, from us through a libtorrent session and back."""
    trackers = {"http://127.0.0.1:9/a": 0, "http://127.0.0.1:9/b": 0, "udp://127.0.0.1:9/c": 3}
    flags = TorrentFlags.sequential_download | TorrentFlags.disable_pex | TorrentFlags.disable_lsd
    handle = ours.add(content, tmp_path, flags=plain_flags(paused=True) | flags, added_time=1_600_000_000)
    for url, tier in trackers.items():
        handle.add_tracker(url, tier)
    handle.add_url_seed("http://127.0.0.1:9/seed/")
    handle.prioritize_files([2, 6])
    handle.set_upload_limit(11_000)
    handle.set_download_limit(12_000)
    handle.set_max_connections(13)
    handle.set_max_uploads(14)
    handle.connect_peer(("127.0.0.5", 15_000))
    handle.rename_file(1, "other/name")
    wait_for(lambda: read_resume_data(saved(ours, handle)).renamed_files)
    data = saved(ours, handle)
    their_handle = theirs.session.add_torrent(theirs.lt.read_resume_data(data))
    assert {each["url"]: each["tier"] for each in their_handle.trackers()} == trackers
    assert their_handle.url_seeds() == ["http://127.0.0.1:9/seed/"]
    assert their_handle.get_file_priorities() == [2, 6]
    assert (their_handle.upload_limit(), their_handle.download_limit()) == (11_000, 12_000)
    assert (their_handle.max_connections(), their_handle.max_uploads()) == (13, 14)
    assert TorrentFlags(their_handle.flags()) & flags == flags
    assert their_handle.status().added_time == 1_600_000_000
    ours_before, ours_after = (
        read_resume_data(data),
        read_resume_data(saved_by_libtorrent(theirs, their_handle)),
    )
    for name in (
        "url_seeds", "file_priorities", "upload_limit", "download_limit",
        "max_connections", "max_uploads", "peers", "renamed_files", "added_time", "completed_time", "save_path",
        "info_hashes",
    ):  # fmt: skip
        assert getattr(ours_after, name) == getattr(ours_before, name), name
    assert {*zip(ours_after.trackers, ours_after.tracker_tiers, strict=True)} == set(trackers.items())
    assert ours_after.flags & flags == flags
    assert ours_before.ti is not None and ours_after.ti is not None
    assert ours_after.ti.info_section == ours_before.ti.info_section


@pytest.mark.parametrize("flag", [flag for flag in TorrentFlags if flag < 1 << 26])
def test_every_flag_that_is_saved_travels_both_ways(require_peer: Any, flag: TorrentFlags) -> None:
    lt = require_peer("libtorrent")
    params = load_torrent_buffer(hybrid_torrent(PIECE_LENGTH * 4, PIECE_LENGTH, 5))
    unsaved = TorrentFlags(1 << 6 | 1 << 7 | 1 << 13 | 1 << 22 | 1 << 23)
    for flags in (flag, params.flags & ~flag):
        params.flags = flags
        data = write_resume_data_buf(params)
        again = read_resume_data(lt.write_resume_data_buf(lt.read_resume_data(data)))
        assert again.flags & ~unsaved == read_resume_data(data).flags & ~unsaved


def test_hash_trees_travel_both_ways(require_peer: Any) -> None:
    lt = require_peer("libtorrent")
    params = load_torrent_buffer(hybrid_torrent(PIECE_LENGTH * 4, PIECE_LENGTH, 5))
    again = read_resume_data(lt.write_resume_data_buf(lt.read_resume_data(write_resume_data_buf(params))))
    assert again.merkle_trees == params.merkle_trees
    masks = zip(again.merkle_tree_mask, params.merkle_tree_mask, strict=True)
    assert all(one.bits == other.bits for one, other in masks)
    assert again.info_hashes == params.info_hashes
