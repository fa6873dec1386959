"""`TorrentHandle`: pause, priorities, order, resume data, checking, files renamed and moved, limits, peers and trackers."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from evtorrent.session import (
    StatusFlags,
    TorrentFlags,
    TorrentHandle,
    read_resume_data,
    write_resume_data_buf,
)
from evtorrent.session.alerts import (
    CacheFlushedAlert,
    FastresumeRejectedAlert,
    FileCompletedAlert,
    FileRenamedAlert,
    FileRenameFailedAlert,
    FileStatusAlert,
    HashFailedAlert,
    PieceFinishedAlert,
    ReadPieceAlert,
    SaveResumeDataAlert,
    SaveResumeDataFailedAlert,
    StateChangedAlert,
    StorageMovedAlert,
    TorrentCheckedAlert,
    TorrentFinishedAlert,
    TorrentPausedAlert,
    TorrentResumedAlert,
    TrackerAnnounceAlert,
    TrackerReplyAlert,
)
from evtorrent.session.errors import InvalidTorrentHandle
from evtorrent.session.flags import FileOpenMode, MoveFlags, ReannounceFlags, ResumeDataFlags
from evtorrent.session.status import TorrentState
from support.raw_peer import RawPeer, RawSeed, block
from support.sessions import Content, Member
from support.trackers import LocalTracker
from support.waiting import wait_for

CONTENT = Content([("a", 300_000), ("dir/b", 200_001), ("empty", 0), ("dir/c", 70_000)], 32_768)
INFO = CONTENT.info
A, B, EMPTY, C = range(4)


@pytest.fixture
def member() -> Iterator[Member]:
    with Member() as member:
        yield member


@pytest.fixture(scope="module")
def running_seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Member() as member:
        member.seed(CONTENT, tmp_path_factory.mktemp("seed"))
        yield member


@pytest.fixture
def seed(running_seed: Member) -> Iterator[Member]:
    yield running_seed
    running_seed.session.apply_settings({"upload_rate_limit": 0})


def complete(member: Member, handle: TorrentHandle, seed: Member) -> None:
    handle.connect_peer(seed.address)
    member.finish(handle)


def order_of(member: Member) -> list[int]:
    return [alert.piece_index for alert in member.all(PieceFinishedAlert)]


# ------------------------------------------------------------------------------------------------------------- identity


def test_handles_are_equal_by_torrent(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    same = member.session.find_torrent(INFO.info_hashes)
    assert handle == same
    assert len({handle, same}) == 1
    assert "t" in repr(handle)
    nobody = TorrentHandle()
    assert not nobody.is_valid()
    with pytest.raises(InvalidTorrentHandle):
        nobody.status()


def test_metadata(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    assert handle.torrent_file() is not None
    assert bytes(handle.torrent_file().info_section) == bytes(INFO.info_section)  # type: ignore[union-attr]
    assert handle.info_hash() == INFO.info_hashes.best()


# ------------------------------------------------------------------------------------------------------ pause and resume


def test_paused_from_the_start(member: Member, seed: Member, tmp_path: Path) -> None:
    flags = (TorrentFlags.default_flags | TorrentFlags.paused) & ~TorrentFlags.auto_managed
    handle = member.add(CONTENT, tmp_path, flags=flags)
    handle.connect_peer(seed.address)
    assert handle.flags() & TorrentFlags.paused
    assert handle.status().num_connections == 0
    assert not (tmp_path / "t").exists()
    handle.resume()
    member.finish(handle)
    CONTENT.assert_in(tmp_path)


def test_paused_in_the_middle(member: Member, seed: Member, tmp_path: Path) -> None:
    seed.session.apply_settings({"upload_rate_limit": 400_000})
    handle = member.add(CONTENT, tmp_path)
    handle.connect_peer(seed.address)
    wait_for(lambda: handle.status().num_pieces >= 2)
    handle.pause()
    member.wait(TorrentPausedAlert)
    assert handle.status().num_connections == 0
    kept = handle.pieces()
    handle.resume()
    member.wait(TorrentResumedAlert)
    assert handle.pieces().bits & kept.bits == kept.bits
    seed.session.apply_settings({"upload_rate_limit": 0})
    complete(member, handle, seed)
    CONTENT.assert_in(tmp_path)
    assert sorted(order_of(member)) == list(range(INFO.num_pieces)), "no piece came twice"


def test_states_are_told(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    complete(member, handle, seed)
    member.wait(TorrentFinishedAlert)
    states = [alert.state for alert in member.all(StateChangedAlert)]
    assert states[-2:] == [TorrentState.downloading, TorrentState.seeding]


def test_flags_are_set_and_cleared(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    handle.set_flags(TorrentFlags.sequential_download)
    assert handle.flags() & TorrentFlags.sequential_download
    handle.unset_flags(TorrentFlags.sequential_download)
    assert not handle.flags() & TorrentFlags.sequential_download
    handle.set_flags(TorrentFlags.paused)
    assert handle.flags() & TorrentFlags.paused


def test_upload_mode_downloads_nothing(tmp_path: Path) -> None:
    """Neither end wants anything then, so both are told to stay connected all the same."""
    staying = {"close_redundant_connections": False}
    with Member(staying) as seed, Member(staying) as member:
        seed.seed(CONTENT, tmp_path / "seed")
        handle = member.add(
            CONTENT, tmp_path / "member", flags=TorrentFlags.default_flags | TorrentFlags.upload_mode
        )
        handle.connect_peer(seed.address)
        wait_for(lambda: handle.status().num_seeds)
        assert handle.status().total_payload_download == 0
        handle.unset_flags(TorrentFlags.upload_mode)
        member.finish(handle)
        CONTENT.assert_in(tmp_path / "member")


# ------------------------------------------------------------------------------------------------------------ priorities


def test_only_wanted_files(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path, file_priorities=[0, 4, 4, 0])
    complete(member, handle, seed)
    status = handle.status()
    assert (status.is_finished, status.is_seeding, status.state) == (True, False, TorrentState.finished)
    assert status.progress == 1
    assert status.total_wanted == status.total_wanted_done < status.total
    folder = tmp_path / "t"
    assert (folder / "dir" / "b").read_bytes() == CONTENT.data[300_000:500_001]
    assert not (folder / "a").exists()
    assert not (folder / "dir" / "c").exists()
    parts = [path.name for path in tmp_path.iterdir() if path.name.endswith(".parts")]
    assert parts == [f".{bytes(INFO.info_hashes.best()).hex()}.parts"]
    assert {alert.index for alert in member.all(FileCompletedAlert)} >= {B}
    assert handle.file_progress()[B] == 200_001


def test_the_rest_is_wanted_later(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path, file_priorities=[0, 4, 4, 0])
    complete(member, handle, seed)
    first = order_of(member)
    handle.prioritize_files([4, 4, 4, 4])
    assert handle.get_file_priorities() == [4, 4, 4, 4]
    wait_for(lambda: not handle.status().is_finished)
    complete(member, handle, seed)
    CONTENT.assert_in(tmp_path)
    assert len(set(order_of(member))) == len(order_of(member)) == INFO.num_pieces > len(first)
    wait_for(
        lambda: not [path for path in tmp_path.iterdir() if path.name.endswith(".parts")], "no part file"
    )


def test_nothing_wanted(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.add(
        CONTENT, tmp_path, flags=TorrentFlags.default_flags | TorrentFlags.default_dont_download
    )
    assert handle.get_file_priorities() == [0] * 4
    wait_for(lambda: handle.status().state is TorrentState.finished)
    assert handle.file_priority(C, 7) == 7
    complete(member, handle, seed)
    assert (tmp_path / "t" / "dir" / "c").read_bytes() == CONTENT.data[500_001:]


def test_priorities_of_pieces(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path, piece_priorities=[0] * INFO.num_pieces)
    assert handle.piece_priority(3, 4) == 4
    handle.prioritize_pieces([0, 7])
    assert handle.get_piece_priorities()[:4] == [0, 7, 0, 4]
    complete(member, handle, seed)
    assert sorted(order_of(member)) == [1, 3]
    assert handle.have_piece(3)
    assert not handle.have_piece(0)


@pytest.mark.parametrize("wrong", [8, -1])
def test_priorities_that_are_none(member: Member, wrong: int, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    with pytest.raises(ValueError):
        handle.prioritize_files([wrong])
    with pytest.raises(ValueError):
        handle.piece_priority(0, wrong)
    with pytest.raises(IndexError):
        handle.file_priority(99)
    with pytest.raises(IndexError):
        handle.piece_priority(INFO.num_pieces, 1)
    assert handle.get_file_priorities() == [4] * 4


def test_sequential_order(member: Member, tmp_path: Path) -> None:
    flags = TorrentFlags.default_flags | TorrentFlags.sequential_download
    handle = member.add(CONTENT, tmp_path, flags=flags)
    member.wait(TorrentCheckedAlert)
    asked: list[tuple[int, int]] = []

    def answer(piece: int, begin: int, data: bytes) -> bytes:
        asked.append((piece, begin))
        return block(piece, begin, data)

    with RawSeed(member, CONTENT, answer):
        member.finish(handle)
    assert asked == sorted(asked)
    CONTENT.assert_in(tmp_path)


# ----------------------------------------------------------------------------------------------------------- resume data


def resume_data(member: Member, handle: TorrentHandle, flags: ResumeDataFlags = ResumeDataFlags(0)) -> bytes:
    member.forget()
    handle.save_resume_data(flags)
    return write_resume_data_buf(member.wait(SaveResumeDataAlert).params)


def test_resume_data_round_trip(member: Member, seed: Member, tmp_path: Path) -> None:
    seed.session.apply_settings({"upload_rate_limit": 400_000})
    handle = member.add(
        CONTENT, tmp_path, trackers=["http://127.0.0.1:9/announce"], renamed_files={A: "t/other name"}
    )
    handle.set_upload_limit(12_345)
    handle.set_max_connections(17)
    handle.prioritize_files([4, 7, 4, 1])
    handle.connect_peer(seed.address)
    wait_for(lambda: handle.status().num_pieces >= 4)
    handle.unset_flags(TorrentFlags.auto_managed)  # Else it is the session's to start it again.
    handle.pause()
    member.wait(TorrentPausedAlert)
    had = handle.pieces()
    params = read_resume_data(resume_data(member, handle))
    member.session.remove_torrent(handle)
    seed.session.apply_settings({"upload_rate_limit": 0})
    params.ti = INFO
    with Member() as again:
        restored = again.session.add_torrent(params)
        assert restored.flags() & TorrentFlags.paused
        restored.resume()
        again.wait(TorrentCheckedAlert)
        assert restored.pieces().bits & had.bits == had.bits
        assert again.all(FastresumeRejectedAlert) == []
        assert restored.upload_limit() == 12_345
        assert restored.max_connections() == 17
        assert restored.get_file_priorities() == [4, 7, 4, 1]
        assert [entry.url for entry in restored.trackers()] == ["http://127.0.0.1:9/announce"]
        complete(again, restored, seed)
        assert (tmp_path / "t" / "other name").read_bytes() == CONTENT.data[:300_000]


def test_resume_data_carries_metadata_when_asked(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    data = resume_data(member, handle, ResumeDataFlags.save_info_dict)
    info = read_resume_data(data).ti
    assert info is not None
    assert info.info_hashes == INFO.info_hashes
    assert read_resume_data(resume_data(member, handle)).ti is None


def test_resume_data_only_when_something_changed(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    resume_data(member, handle)
    assert not handle.need_save_resume_data()
    handle.save_resume_data(ResumeDataFlags.only_if_modified)
    assert member.wait(SaveResumeDataFailedAlert).error
    handle.set_upload_limit(7)
    assert handle.need_save_resume_data()
    resume_data(member, handle, ResumeDataFlags.only_if_modified)


def test_resume_data_that_lies_is_rejected(member: Member, seed: Member, tmp_path: Path) -> None:
    """The files it speaks of are not there: everything is looked at, nothing believed."""
    other = member.seed(CONTENT, tmp_path / "there")
    params = read_resume_data(resume_data(member, other))
    member.session.remove_torrent(other)
    (tmp_path / "there" / "t" / "dir" / "b").unlink()
    params.ti = INFO
    member.forget()
    handle = member.session.add_torrent(params)
    member.wait(TorrentCheckedAlert)
    assert member.all(FastresumeRejectedAlert)
    status = handle.status()
    assert 0 < status.num_pieces < INFO.num_pieces
    complete(member, handle, seed)
    CONTENT.assert_in(tmp_path / "there")


# -------------------------------------------------------------------------------------------------------------- checking


def test_recheck_finds_corruption(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    with open(tmp_path / "t" / "a", "r+b") as file:
        file.seek(100_000)
        file.write(b"corrupt")
    member.forget()
    handle.force_recheck()
    member.wait(TorrentCheckedAlert)
    missing = [piece for piece in range(INFO.num_pieces) if not handle.have_piece(piece)]
    assert missing == [100_000 // INFO.piece_length]
    assert handle.status().state is TorrentState.downloading
    complete(member, handle, seed)
    CONTENT.assert_in(tmp_path)
    assert order_of(member) == missing


def test_recheck_while_downloading(member: Member, seed: Member, tmp_path: Path) -> None:
    seed.session.apply_settings({"upload_rate_limit": 400_000})
    handle = member.add(CONTENT, tmp_path)
    handle.connect_peer(seed.address)
    wait_for(lambda: handle.status().num_pieces >= 2)
    had = handle.status().num_pieces
    member.forget()
    handle.force_recheck()
    member.wait(TorrentCheckedAlert)
    assert handle.status().num_pieces >= had
    seed.session.apply_settings({"upload_rate_limit": 0})
    complete(member, handle, seed)
    CONTENT.assert_in(tmp_path)


def test_half_of_the_files(member: Member, seed: Member, tmp_path: Path) -> None:
    CONTENT.write(tmp_path)
    os.truncate(tmp_path / "t" / "a", 150_000)
    handle = member.add(CONTENT, tmp_path)
    member.wait(TorrentCheckedAlert)
    assert 0 < handle.status().progress < 1
    complete(member, handle, seed)
    CONTENT.assert_in(tmp_path)


def test_seed_mode_believes_until_asked(member: Member, tmp_path: Path) -> None:
    CONTENT.write(tmp_path)
    with open(tmp_path / "t" / "a", "r+b") as file:
        file.write(b"corrupt")
    handle = member.add(CONTENT, tmp_path, flags=TorrentFlags.default_flags | TorrentFlags.seed_mode)
    member.wait(TorrentCheckedAlert)
    assert handle.status().is_seeding
    with RawPeer(member, CONTENT) as peer:
        peer.shake_hands()
        peer.send(b"\x00\x00\x00\x01\x02")
        peer.read_until(1)
        assert peer.get_block(5) == CONTENT.piece(5)[:16_384]
        member.forget()
        peer.send(b"\x00\x00\x00\x0d\x06" + bytes(10) + b"\x40\x00")
        peer.read_to_end()
    member.wait(TorrentCheckedAlert)
    assert not handle.status().is_seeding
    assert not handle.have_piece(0)


# ----------------------------------------------------------------------------------------------------------------- files


def test_rename(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    member.wait(TorrentCheckedAlert)
    handle.rename_file(A, "new/name")
    told = member.wait(FileRenamedAlert)
    assert (told.index, told.name, told.old_name) == (A, "new/name", "t/a")
    complete(member, handle, seed)
    assert (tmp_path / "new" / "name").read_bytes() == CONTENT.data[:300_000]
    handle.rename_file(A, "third")
    member.wait(FileRenamedAlert, lambda alert: alert.name == "third")
    assert (tmp_path / "third").read_bytes() == CONTENT.data[:300_000]
    assert not (tmp_path / "new" / "name").exists()


def test_rename_onto_another_file(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    (tmp_path / "t" / "mine").write_text("stays")
    handle.rename_file(A, "t/mine")
    assert member.wait(FileRenameFailedAlert).error.value == errno.EEXIST
    assert (tmp_path / "t" / "mine").read_text() == "stays"
    CONTENT.assert_in(tmp_path)


@pytest.mark.parametrize("name", ["../out", "t/../../out"])
def test_rename_does_not_leave_the_save_path(member: Member, name: str, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path / "in")
    handle.rename_file(A, name)
    wait_for(lambda: member.all(FileRenameFailedAlert) or member.all(FileRenamedAlert))
    assert not (tmp_path / "out").exists()


def test_move(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path / "old")
    handle.move_storage(str(tmp_path / "new"))
    told = member.wait(StorageMovedAlert)
    assert str(tmp_path / "new") in told.message()
    CONTENT.assert_in(tmp_path / "new")
    assert not (tmp_path / "old" / "t").exists()
    assert handle.status().save_path == str(tmp_path / "new")
    assert handle.status().is_seeding


def test_move_while_downloading(member: Member, seed: Member, tmp_path: Path) -> None:
    seed.session.apply_settings({"upload_rate_limit": 1_000_000})
    handle = member.add(CONTENT, tmp_path / "old")
    handle.connect_peer(seed.address)
    wait_for(lambda: handle.status().num_pieces >= 2)
    handle.move_storage(str(tmp_path / "new"), MoveFlags.fail_if_exist)
    member.wait(StorageMovedAlert)
    member.finish(handle)
    CONTENT.assert_in(tmp_path / "new")
    assert not (tmp_path / "old" / "t").exists()


def test_flush(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    handle.flush_cache()
    assert member.wait(CacheFlushedAlert).handle == handle


def test_pieces_read_and_added(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    member.wait(TorrentCheckedAlert)
    for piece in range(INFO.num_pieces):
        handle.add_piece(piece, CONTENT.piece(piece))
    member.finish(handle)
    CONTENT.assert_in(tmp_path)
    handle.read_piece(2)
    assert bytes(member.wait(ReadPieceAlert).buffer) == CONTENT.piece(2)
    handle.read_piece(INFO.num_pieces)
    assert member.wait(ReadPieceAlert, lambda alert: bool(alert.error)).error


def test_wrong_piece_is_not_taken(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    member.wait(TorrentCheckedAlert)
    with pytest.raises(ValueError):
        handle.add_piece(0, b"short")
    with pytest.raises(IndexError):
        handle.add_piece(INFO.num_pieces, b"")
    handle.add_piece(0, bytes(INFO.piece_length))
    assert member.wait(HashFailedAlert).piece_index == 0
    assert not handle.have_piece(0)


# ----------------------------------------------------------------------------------------------- peers, limits, trackers


def test_peers_are_shown(member: Member, seed: Member, tmp_path: Path) -> None:
    seed.session.apply_settings({"upload_rate_limit": 300_000})
    handle = member.add(CONTENT, tmp_path)
    handle.connect_peer(seed.address)
    wait_for(lambda: handle.status().num_pieces)
    (peer,) = handle.get_peer_info()
    assert peer.ip == seed.address
    assert peer.client.startswith("evtorrent")
    assert peer.progress == 1
    assert handle.piece_availability() == [1] * INFO.num_pieces
    assert handle.get_download_queue()
    assert handle.status(StatusFlags.query_distributed_copies).distributed_copies >= 1


@pytest.mark.parametrize("address", [("localhost", 5), ("127.0.0.1", 0), ("127.0.0.1", 65_536), ("", 1)])
def test_address_that_is_none(member: Member, address: tuple[str, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        member.add(CONTENT, tmp_path).connect_peer(address)


def test_limit_on_connections(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    handle.set_max_connections(1)
    assert handle.max_connections() == 1
    with RawPeer(member, CONTENT) as first, RawPeer(member, CONTENT) as second:
        first.shake_hands()
        second.send(second.handshake_bytes())
        assert second.read_to_end() == b""


def test_limit_on_uploads(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path, max_uploads=1)
    with RawPeer(member, CONTENT) as first, RawPeer(member, CONTENT) as second:
        for peer in (first, second):
            peer.shake_hands()
            peer.send(b"\x00\x00\x00\x01\x02")
        first.read_until(1)
        wait_for(lambda: handle.status().num_peers == 2)
        assert handle.status().num_uploads == 1
    assert handle.max_uploads() == 1


def test_limits_are_kept(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path, upload_limit=5, download_limit=6)
    assert (handle.upload_limit(), handle.download_limit()) == (5, 6)
    handle.set_upload_limit(0)
    handle.set_download_limit(-1)
    assert (handle.upload_limit(), handle.download_limit()) == (-1, -1)
    assert (handle.max_connections(), handle.max_uploads()) == (-1, -1)


def test_trackers(member: Member, tmp_path: Path) -> None:
    with LocalTracker() as first, LocalTracker() as second:
        handle = member.add(CONTENT, tmp_path, trackers=[first.http_url])
        member.wait(TrackerReplyAlert)
        handle.add_tracker(second.udp_url, 1)
        handle.add_tracker(second.udp_url, 1)
        assert [(entry.url, entry.tier) for entry in handle.trackers()] == [
            (first.http_url, 0),
            (second.udp_url, 1),
        ]
        handle.replace_trackers([(second.http_url, 0)])
        assert [entry.url for entry in handle.trackers()] == [second.http_url]
        member.wait(TrackerReplyAlert, lambda alert: alert.url == second.http_url)
        member.forget()
        handle.force_reannounce(flags=ReannounceFlags.ignore_min_interval)
        assert member.wait(TrackerAnnounceAlert).url == second.http_url
        handle.scrape_tracker()
        wait_for(lambda: handle.status().num_incomplete == 1)


# ------------------------------------------------------------------------------------------------- what is held open


def test_open_files_are_listed(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    complete(member, handle, seed)
    handle.read_piece(0)
    member.wait(ReadPieceAlert)
    states = {state.file_index: state for state in handle.file_status()}
    assert A in states
    assert 0 <= states[A].last_use < 3600
    assert states[A].open_mode & FileOpenMode.rw_mask in (FileOpenMode.read_only, FileOpenMode.read_write)
    handle.post_file_status()
    assert {state.file_index for state in member.wait(FileStatusAlert).state} == set(states)
    handle.pause()
    wait_for(lambda: not handle.file_status())


def test_renamed_files_are_a_copy(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    assert len(handle.get_renamed_files()) == 0
    handle.rename_file(A, "x/y")
    member.wait(FileRenamedAlert)
    renamed = handle.get_renamed_files()
    assert renamed.export_filenames(INFO.files) == {A: "x/y"}
    renamed.rename_file(INFO.files, B, "z")
    assert len(handle.get_renamed_files()) == 1
