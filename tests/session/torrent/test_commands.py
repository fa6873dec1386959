from __future__ import annotations

import pytest
from evtorrent.session import (
    AddPieceFlags,
    AddTorrentParams,
    MoveFlags,
    PauseFlags,
    PeerSource,
    ReannounceFlags,
    ResumeDataFlags,
    SessionError,
    TorrentFlags,
    UnsupportedFeature,
)
from evtorrent.session.alerts import (
    CacheFlushedAlert,
    FileErrorAlert,
    FileRenamedAlert,
    FileRenameFailedAlert,
    HashFailedAlert,
    MetadataFailedAlert,
    MetadataReceivedAlert,
    PieceFinishedAlert,
    ReadPieceAlert,
    SaveResumeDataAlert,
    SaveResumeDataFailedAlert,
    StorageMovedAlert,
    StorageMovedFailedAlert,
)
from evtorrent.session.disk.params import MoveResult
from evtorrent.session.error_table import TorrentErrc
from support.sam_kit import destination
from support.world import HAVE_ALL, Wire, World, torrent_of


@pytest.fixture
def world():
    return World()


def seeded(world, **fields):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.seed(info, content, **fields)
    node.forget_alerts()
    return node, torrent, info, content


def leech(world, **fields):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, **fields)
    world.pump()
    node.forget_alerts()
    return node, torrent, info, content


def magnet(world):
    node = world.node()
    params = AddTorrentParams(save_path="/disk", info_hashes=torrent_of(4)[0].info_hashes)
    return node, node.session.add_torrent(params)


# -- flags and limits


def test_flags_are_set_and_cleared(world):
    _node, torrent, _info, _content = leech(world)
    handle = torrent.handle
    handle.set_flags(TorrentFlags.sequential_download | TorrentFlags.update_subscribe)
    assert torrent.download.picker.sequential
    handle.set_flags(TorrentFlags(0), TorrentFlags.sequential_download)
    assert not handle.flags() & TorrentFlags.sequential_download
    assert handle.flags() & TorrentFlags.update_subscribe
    assert not torrent.download.picker.sequential


def test_the_paused_flag_pauses(world):
    _node, torrent, _info, _content = leech(world)
    torrent.handle.set_flags(TorrentFlags.paused)
    assert torrent.swarm is None
    torrent.handle.unset_flags(TorrentFlags.paused)
    world.pump()
    assert torrent.swarm is not None
    torrent.handle.pause(PauseFlags.graceful_pause)
    assert torrent.swarm is None
    torrent.handle.resume()
    assert torrent.swarm is not None


def test_flags_of_a_torrent_that_never_started(world):
    _node, torrent, _info, _content = leech(world, start=False)
    torrent.handle.set_flags(TorrentFlags.sequential_download | TorrentFlags.upload_mode)
    torrent.flags &= ~TorrentFlags.need_save_resume
    torrent.handle.set_flags(TorrentFlags.sequential_download)
    assert not torrent.handle.need_save_resume_data()


def test_a_peer_on_i2p_is_named_and_not_numbered(world):
    _node, torrent, _info, _content = leech(world)
    torrent.handle.set_flags(TorrentFlags.i2p_torrent)
    name = destination(1).name
    torrent.handle.connect_peer((name.upper(), 6881))
    assert [peer.address for peer in torrent.peers] == [(name, 0)]
    with pytest.raises(ValueError):
        torrent.handle.connect_peer(("somebody.i2p", 6881))


def test_limits(world):
    _node, torrent, _info, _content = leech(world)
    handle = torrent.handle
    handle.set_download_limit(5000)
    handle.set_upload_limit(6000)
    handle.set_max_connections(7)
    handle.set_max_uploads(0)
    assert (handle.download_limit(), handle.upload_limit()) == (5000, 6000)
    assert (handle.max_connections(), handle.max_uploads()) == (7, -1)
    assert handle.need_save_resume_data()


# -- without metadata


def test_what_a_magnet_link_can_say_without_metadata(world):
    _node, handle = magnet(world)
    assert handle.file_progress() == []
    assert handle.get_file_priorities() == []
    assert handle.get_piece_priorities() == []
    assert handle.piece_availability() == []
    for call in (
        lambda: handle.prioritize_files([1]),
        lambda: handle.piece_priority(0),
        lambda: handle.file_priority(0),
        lambda: handle.prioritize_pieces([1]),
        lambda: handle.rename_file(0, "x"),
        lambda: handle.move_storage("/other"),
        lambda: handle.read_piece(0),
        lambda: handle.flush_cache(),
        lambda: handle.add_piece(0, b""),
    ):
        with pytest.raises(SessionError):
            call()
    handle.force_recheck()


# -- files


def test_renaming(world):
    node, torrent, _info, _content = seeded(world)
    torrent.handle.rename_file(0, "new/name")
    torrent.handle.rename_file(0, "newer")
    world.pump()
    assert [(alert.index, alert.old_name, alert.new_name()) for alert in node.alerts(FileRenamedAlert)] == [
        (0, "t", "new/name"),
        (0, "new/name", "newer"),
    ]
    assert node.backend.renamed == {0: "newer"}
    assert torrent.handle.get_resume_params().renamed_files == {0: "newer"}
    with pytest.raises(IndexError):
        torrent.handle.rename_file(1, "x")


def test_renaming_that_fails(world):
    node, torrent, _info, _content = seeded(world)
    node.backend.fail_write = 13
    torrent.handle.rename_file(0, "new")
    world.pump()
    (alert,) = node.alerts(FileRenameFailedAlert)
    assert (alert.index, alert.error.value) == (0, 13)
    assert torrent.files.renamed == {}


@pytest.mark.parametrize("fails", [0, 13])
def test_what_ends_after_the_torrent_left_is_not_told(world, fails):
    node, torrent, _info, _content = seeded(world)
    node.platform.holds_disk = True
    node.backend.fail_write = fails
    torrent.handle.rename_file(0, "new")
    torrent.handle.move_storage("/other")
    node.session.remove_torrent(torrent.handle)
    node.platform.holds_disk = False
    world.pump()
    for kind in (FileRenamedAlert, FileRenameFailedAlert, StorageMovedAlert, StorageMovedFailedAlert):
        assert not node.alerts(kind)
    world.check()


def test_moving(world):
    node, torrent, _info, _content = seeded(world)
    torrent.handle.move_storage("/other", MoveFlags.always_replace_files)
    world.pump()
    (alert,) = node.alerts(StorageMovedAlert)
    assert (alert.old_path, alert.storage_path()) == ("/disk", "/other")
    assert torrent.save_path == "/other"
    assert torrent.handle.get_resume_params().save_path == "/other"


def test_moving_to_files_that_must_be_checked(world):
    node, torrent, _info, _content = seeded(world)
    node.backend.move = lambda path, mode: MoveResult(path, need_full_check=True)
    del node.backend._pieces[1]
    torrent.handle.move_storage("/other", MoveFlags.reset_save_path)
    world.pump()
    assert list(torrent.have.indices()) == [0, 2, 3]


def test_moving_that_fails(world):
    node, torrent, _info, _content = seeded(world)
    node.backend.fail_write = 18
    torrent.handle.move_storage("/other")
    world.pump()
    (alert,) = node.alerts(StorageMovedFailedAlert)
    assert (alert.error.value, alert.file_path) == (18, "/disk/file")
    assert torrent.save_path == "/disk"


def test_flushing(world):
    node, torrent, _info, _content = seeded(world)
    torrent.handle.flush_cache()
    world.pump()
    assert node.backend.syncs == 1
    assert len(node.alerts(CacheFlushedAlert)) == 1
    node.backend.fail_flush = 5
    torrent.handle.flush_cache()
    world.pump()
    assert len(node.alerts(CacheFlushedAlert)) == 2
    assert len(node.alerts(FileErrorAlert)) == 1


# -- resume data


def test_resume_data(world):
    node, torrent, info, _content = seeded(world)
    assert torrent.handle.need_save_resume_data()
    torrent.handle.save_resume_data()
    (alert,) = node.alerts(SaveResumeDataAlert)
    assert alert.params.ti is None
    assert alert.params.info_hashes == info.info_hashes
    assert alert.params.have_pieces.all()
    assert not torrent.handle.need_save_resume_data()
    torrent.handle.save_resume_data(ResumeDataFlags.only_if_modified)
    (failed,) = node.alerts(SaveResumeDataFailedAlert)
    assert failed.error.value == TorrentErrc.resume_data_not_modified
    torrent.handle.save_resume_data(ResumeDataFlags.save_info_dict)
    assert node.alerts(SaveResumeDataAlert)[1].params.ti is info


def test_resume_data_after_everything_is_on_the_device(world):
    node, torrent, _info, _content = seeded(world)
    node.platform.holds_disk = True
    torrent.handle.save_resume_data(ResumeDataFlags.flush_disk_cache)
    assert not node.alerts(SaveResumeDataAlert)
    node.platform.holds_disk = False
    world.pump()
    assert node.backend.syncs == 1
    assert len(node.alerts(SaveResumeDataAlert)) == 1
    node.backend.fail_flush = 5
    torrent.handle.save_resume_data(ResumeDataFlags.flush_disk_cache)
    world.pump()
    assert node.alerts(SaveResumeDataFailedAlert)[0].error.value == 5


def test_resume_data_of_a_torrent_without_a_disk(world):
    node, handle = magnet(world)
    handle._torrent.pause()
    handle.save_resume_data(ResumeDataFlags.flush_disk_cache)
    assert len(node.alerts(SaveResumeDataAlert)) == 1


# -- pieces


def test_reading_a_piece(world):
    node, torrent, info, content = seeded(world)
    torrent.handle.read_piece(3)
    world.pump()
    (alert,) = node.alerts(ReadPieceAlert)
    assert (alert.piece, alert.buffer) == (3, content[3 * info.piece_length :])
    assert not alert.error


@pytest.mark.parametrize("piece", [-1, 0, 4])
def test_reading_a_piece_that_is_not_there(world, piece):
    node, torrent, _info, _content = leech(world)
    torrent.handle.read_piece(piece)
    world.pump()
    assert node.alerts(ReadPieceAlert)[0].error.value == TorrentErrc.invalid_piece_index


def test_reading_that_fails(world):
    node, torrent, _info, _content = seeded(world)
    node.backend.fail_read = 5
    torrent.handle.read_piece(1)
    world.pump()
    (alert,) = node.alerts(ReadPieceAlert)
    assert (alert.error.value, alert.buffer) == (5, b"")


def test_adding_a_piece(world):
    node, torrent, info, content = leech(world)
    wire = Wire(world, info.info_hashes.best()).call(node)
    for piece in range(4):
        torrent.handle.add_piece(piece, content[piece * info.piece_length :][: info.piece_length])
        world.pump()
    assert torrent.is_seed
    assert wire.heard("have") == [("have", piece) for piece in range(4)]
    torrent.handle.add_piece(0, bytes(info.piece_length))
    world.pump()
    assert not node.alerts(HashFailedAlert)
    torrent.handle.add_piece(0, content[: info.piece_length], AddPieceFlags.overwrite_existing)
    world.pump()
    assert torrent.is_seed


def test_adding_what_is_wrong(world):
    node, torrent, info, content = leech(world)
    with pytest.raises(ValueError):
        torrent.handle.add_piece(0, b"short")
    with pytest.raises(IndexError):
        torrent.handle.add_piece(4, bytes(info.piece_length))
    torrent.handle.add_piece(0, bytes(info.piece_length))
    world.pump()
    assert [alert.piece_index for alert in node.alerts(HashFailedAlert)] == [0]
    node.backend.fail_write = 28
    torrent.handle.add_piece(0, content[: info.piece_length])
    world.pump()
    assert torrent.error.value == 28


def test_adding_to_a_torrent_that_was_not_checked(world):
    _node, torrent, info, content = leech(world, start=False)
    with pytest.raises(UnsupportedFeature):
        torrent.handle.add_piece(0, content[: info.piece_length])


def test_a_piece_added_while_peers_send_it(world):
    from support.world import UNCHOKE, answer

    node, torrent, info, content = leech(world)
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    for piece in range(2):
        torrent.handle.add_piece(piece, content[piece * info.piece_length :][: info.piece_length])
    world.pump()
    torrent.download.picker.check_invariant()
    while answer(wire, content, info.piece_length):
        pass
    assert torrent.is_seed
    torrent.download.picker.check_invariant()
    world.check()


# -- peers and trackers


def test_a_peer_is_named_by_number(world):
    _node, torrent, _info, _content = leech(world)
    for address in (("localhost", 6881), ("10.8.8.8", 0), ("10.8.8.8", 65536)):
        with pytest.raises(ValueError):
            torrent.handle.connect_peer(address)
    torrent.handle.connect_peer(("10.8.8.8", 6881), PeerSource.pex)
    assert torrent.swarm.links


def test_trackers_of_a_torrent_that_never_started(world):
    _node, torrent, _info, _content = leech(world, start=False)
    torrent.handle.force_reannounce(0, -1, ReannounceFlags.ignore_min_interval)
    torrent.handle.scrape_tracker()
    assert torrent.handle.trackers() == []


def test_availability(world):
    node, torrent, info, _content = leech(world)
    Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL)
    assert torrent.handle.piece_availability() == [1, 1, 1, 1]


def test_a_piece_being_added_while_the_torrent_is_rechecked(world):
    node, torrent, info, content = leech(world)
    node.platform.holds_disk = True
    torrent.handle.add_piece(0, content[: info.piece_length])
    torrent.handle.force_recheck()
    node.platform.holds_disk = False
    world.pump()
    finished = {alert.piece_index for alert in node.alerts(PieceFinishedAlert)}
    assert all(torrent.has_piece(piece) for piece in finished)
    assert torrent.have.count() == 1


# -- metadata got in another way


def test_metadata_is_taken_when_it_is_the_right_one(world):
    node, handle = magnet(world)
    info, _content = torrent_of(4)
    other, _ = torrent_of(5)
    world.pump()
    assert not handle.set_metadata(bytes(other.info_section))
    assert not handle.set_metadata(b"d4:name1:xe")
    assert not handle.set_metadata(b"no bencode")
    first, second, third = node.alerts(MetadataFailedAlert)
    assert first.error.value == TorrentErrc.mismatching_info_hash
    assert second.error and third.error
    assert handle.torrent_file() is None
    assert handle.set_metadata(bytes(info.info_section))
    assert not handle.set_metadata(bytes(info.info_section)), "there is metadata now"
    assert handle.torrent_file().num_pieces == 4
    assert len(node.alerts(MetadataReceivedAlert)) == 1
    world.pump()
    assert handle.status().has_metadata
