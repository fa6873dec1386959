from __future__ import annotations

import pytest
from evtorrent.protocols.types import InfoHashes
from evtorrent.session import AddTorrentParams, PeerSource, SessionError, TorrentFlags, TorrentState
from evtorrent.session.alerts import (
    BlockFinishedAlert,
    FileErrorAlert,
    HashFailedAlert,
    MetadataReceivedAlert,
    PieceFinishedAlert,
    StateChangedAlert,
    TorrentErrorAlert,
    TorrentFinishedAlert,
    TorrentPausedAlert,
    TorrentResumedAlert,
)
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.torrent.phase import Phase
from support.world import (
    BLOCK,
    HAVE_ALL,
    INTERESTED,
    UNCHOKE,
    Wire,
    World,
    answer,
    block,
    request,
    torrent_of,
)


@pytest.fixture
def world():
    return World()


def leech(world, pieces=4, **fields):
    node = world.node()
    info, content = torrent_of(pieces)
    torrent = node.add(info, **fields)
    world.pump()
    return node, torrent, info, content


def guest(world, node, info, number=1):
    return Wire(
        world, info.info_hashes.best(), host=f"10.9.9.{number}", peer_id=b"-XX0000-%012d" % number
    ).call(node)


def magnet(world, **fields):
    node = world.node()
    info, content = torrent_of(4)
    params = AddTorrentParams(save_path="/disk", info_hashes=info.info_hashes, **fields)
    params.flags &= ~(TorrentFlags.paused | TorrentFlags.auto_managed)
    torrent = node.session.add_torrent(params)._torrent
    world.pump()
    return node, torrent, info, content


# -- a life


def test_a_torrent_that_never_started_is_little_more_than_its_files(world):
    node = world.node()
    torrent = node.add(torrent_of(4)[0], start=False)
    world.advance(0.1)
    for part in ("clocks", "peers", "swarm", "download", "tracking", "startup"):
        assert getattr(torrent, part) is None
    assert torrent.phase is Phase.LOOKED


def test_states_on_the_way(world):
    node, torrent, info, content = leech(world)
    seed = world.node()
    seed.seed(info, content)
    torrent.connect_peer(seed.address, PeerSource.tracker)
    world.pump()
    assert [(alert.prev_state, alert.state) for alert in node.alerts(StateChangedAlert)] == [
        (TorrentState.checking_resume_data, TorrentState.checking_files),
        (TorrentState.checking_files, TorrentState.downloading),
        (TorrentState.downloading, TorrentState.seeding),
    ]
    assert len(node.alerts(TorrentFinishedAlert)) == 1
    assert sorted(alert.piece_index for alert in node.alerts(PieceFinishedAlert)) == [0, 1, 2, 3]
    assert len(node.alerts(BlockFinishedAlert)) == 8
    assert torrent.clocks.completed_time > 0
    assert torrent.bytes_left == 0


def test_pausing_and_resuming_while_it_downloads(world):
    node, torrent, info, content = leech(world)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    wire.say(block(0, 0, content[:BLOCK]))
    torrent.pause()
    world.pump()
    assert wire.is_closed
    assert torrent.swarm is None
    assert torrent not in node.core.active
    assert len(node.alerts(TorrentPausedAlert)) == 1
    torrent.pause()
    assert len(node.alerts(TorrentPausedAlert)) == 1
    torrent.resume()
    world.pump()
    assert torrent.phase is Phase.ACTIVE
    assert len(node.alerts(TorrentResumedAlert)) == 1
    torrent.download.picker.check_invariant()
    again = guest(world, node, info, 2).say(HAVE_ALL, UNCHOKE)
    while answer(again, content, info.piece_length):
        pass
    assert torrent.is_seed
    world.check()


def test_pausing_while_a_piece_is_being_written_keeps_it(world):
    node, torrent, info, content = leech(world)
    node.platform.holds_disk = True
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    answer(wire, content, info.piece_length)
    torrent.pause()
    node.platform.holds_disk = False
    world.pump()
    assert torrent.is_seed
    assert len(node.alerts(TorrentFinishedAlert)) == 1


def test_removing_while_a_piece_is_being_written_reports_nothing(world):
    node, torrent, info, content = leech(world)
    node.platform.holds_disk = True
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    answer(wire, content, info.piece_length)
    node.session.remove_torrent(torrent.handle)
    node.platform.holds_disk = False
    world.pump()
    assert not node.alerts(PieceFinishedAlert)
    assert node.backend._pieces.keys() == {0, 1, 2, 3}
    world.check()


def test_starting_twice_and_stopping_twice_do_nothing(world):
    _node, torrent, _info, _content = leech(world)
    swarm = torrent.swarm
    torrent.start()
    assert torrent.swarm is swarm
    told = []
    torrent.stop(on_told=lambda: told.append(1))
    torrent.stop(on_told=lambda: told.append(2))
    world.pump()
    assert sorted(told) == [1, 2]
    torrent.close()
    torrent.start()
    assert torrent.swarm is None


def test_stopping_before_anything_was_tracked(world):
    _node, torrent, _info, _content = leech(world)
    torrent.tracking = None
    told = []
    torrent.stop(on_told=lambda: told.append(1))
    assert told == [1]


def test_limits_on_peers_known_while_it_runs_and_rests(world):
    node = world.node(max_peerlist_size=30, max_paused_peerlist_size=10)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    assert torrent.peers.max_size == 30
    torrent.pause()
    assert torrent.peers.max_size == 10
    torrent.resume()
    assert torrent.peers.max_size == 30


# -- checking again


@pytest.mark.parametrize("moment", ["active", "checking", "paused", "never started"])
def test_recheck_at_any_phase_finds_what_is_on_disk(world, moment):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, content, pieces=[1, 3], start=False)
    if moment != "never started":
        node.platform.holds_disk = moment == "checking"
        torrent.resume()
        world.pump()
        if moment == "paused":
            torrent.pause()
    torrent.recheck()
    if moment in ("paused", "never started"):
        world.advance(0.1)
        assert torrent.phase is Phase.CHECKING, "it waits to be started"
        assert torrent.have.count() == 0
        torrent.resume()
    node.platform.holds_disk = False
    world.pump()
    assert torrent.phase is Phase.ACTIVE
    assert list(torrent.have.indices()) == [1, 3]
    world.check()


def test_recheck_finds_what_was_lost_and_fetches_it_again(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.seed(info, content)
    del node.backend._pieces[2]
    torrent.recheck()
    world.pump()
    assert list(torrent.have.indices()) == [0, 1, 3]
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    assert answer(wire, content, info.piece_length) == 2
    assert torrent.is_seed
    assert torrent.shown_state is TorrentState.seeding


def test_recheck_ends_connections(world):
    node, torrent, info, _content = leech(world)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    torrent.recheck()
    world.pump()
    assert wire.is_closed
    assert torrent.download.picker.piece_availability() == [0, 0, 0, 0]


def test_recheck_of_what_cannot_be_checked(world):
    _node, torrent, _info, _content = magnet(world)
    torrent.recheck()
    assert torrent.phase is Phase.METADATA


# -- errors


def test_a_full_disk_stops_the_torrent_and_keeps_what_is_verified(world):
    node, torrent, info, content = leech(world)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    asked = wire.heard("request")
    for _, piece, begin, length in asked[:2]:
        wire.say(block(piece, begin, content[piece * info.piece_length + begin :][:length]))
    node.backend.fail_write = 28
    for _, piece, begin, length in asked[2:4]:
        wire.say(block(piece, begin, content[piece * info.piece_length + begin :][:length]))
    assert wire.is_closed
    (alert,) = node.alerts(FileErrorAlert)
    assert (alert.error.value, alert.filename, alert.op.name) == (28, "/disk/file", "file_write")
    (alert,) = node.alerts(TorrentErrorAlert)
    assert alert.filename == "/disk/file"
    assert torrent.flags & TorrentFlags.paused
    assert torrent.have.count() == 1
    torrent.start()
    assert torrent.swarm is None
    node.backend.fail_write = 0
    torrent.clear_error()
    torrent.resume()
    world.pump()
    assert torrent.phase is Phase.ACTIVE
    assert torrent.have.count() == 1
    world.check()


def test_a_batch_that_fails_is_one_error(world):
    node, torrent, info, content = leech(world)
    node.backend.fail_write = 28
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    answer(wire, content, info.piece_length)
    assert len(node.alerts(FileErrorAlert)) == 1
    torrent.download.picker.check_invariant()


def test_a_read_that_fails_stops_the_torrent(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.seed(info, content)
    wire = guest(world, node, info).say(INTERESTED)
    node.backend.fail_read = 5
    wire.say(request(0, 0))
    assert wire.is_closed
    assert torrent.error.value == 5


def test_other_failures_of_reading_are_not_the_disks(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.seed(info, content)
    guest(world, node, info)
    (link,) = torrent.swarm.links
    torrent.on_read_error(link, RuntimeError("odd"))
    assert not torrent.error


def test_an_error_of_a_torrent_that_left_or_failed_before_is_not_told(world):
    node, torrent, _info, _content = leech(world)
    error = StorageError("write", "/disk/x", OSError(28, "full"))
    torrent.disk_done(None)
    assert not torrent.error
    torrent.disk_done(error)
    torrent.disk_done(error)
    assert len(node.alerts(TorrentErrorAlert)) == 1
    torrent.clear_error()
    torrent.close()
    torrent.disk_done(error)
    assert len(node.alerts(TorrentErrorAlert)) == 1


def test_an_error_cleared_starts_what_is_not_paused(world):
    _node, torrent, _info, _content = leech(world)
    torrent.disk_done(StorageError("write", "/disk/x", OSError(28, "full")))
    torrent.flags &= ~TorrentFlags.paused
    torrent.clear_error()
    world.pump()
    assert torrent.phase is Phase.ACTIVE
    assert torrent.swarm is not None


def test_a_name_that_leaves_the_save_path_is_an_error_of_the_torrent(world):
    from evtorrent.session.disk.io import DiskIo

    node = world.node()
    node.core.disk = DiskIo(node.multi, node.platform.submit)
    torrent = node.add(torrent_of(2)[0], renamed_files={0: "../../x"})
    assert torrent.error
    assert torrent.swarm is None
    assert torrent.startup is None
    assert len(node.alerts(TorrentErrorAlert)) == 1


def test_a_bad_piece_is_reported_and_fetched_again(world):
    node, torrent, info, content = leech(world, pieces=1)
    one = guest(world, node, info, 1).say(HAVE_ALL, UNCHOKE)
    answer(one, content, info.piece_length, spoil=lambda piece: True)
    assert [alert.piece_index for alert in node.alerts(HashFailedAlert)] == [0]
    two = guest(world, node, info, 2).say(HAVE_ALL, UNCHOKE)
    answer(two, content, info.piece_length)
    assert torrent.is_seed


def test_a_bad_piece_of_a_torrent_that_stopped(world):
    node, torrent, info, content = leech(world, pieces=1)
    one = guest(world, node, info, 1).say(HAVE_ALL, UNCHOKE)
    node.platform.holds_disk = True
    answer(one, content, info.piece_length, spoil=lambda piece: True)
    torrent.pause()
    node.platform.holds_disk = False
    world.pump()
    assert len(node.alerts(HashFailedAlert)) == 1
    assert not torrent.is_seed


# -- what is wanted


def test_upload_mode_wants_nothing(world):
    node, torrent, info, _content = leech(world)
    torrent.handle.set_flags(TorrentFlags.upload_mode)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    assert wire.heard("interested", "request") == []
    torrent.handle.unset_flags(TorrentFlags.upload_mode)
    world.pump()
    assert wire.heard("interested") == [("interested",)]
    torrent.handle.set_flags(TorrentFlags.upload_mode)
    world.pump()
    assert ("not_interested",) in wire.heard()


def test_sequential_download(world):
    node = world.node()
    info, _content = torrent_of(40)
    torrent = node.add(info, flags=TorrentFlags.sequential_download)
    world.pump()
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    assert [message[1] for message in wire.heard("request")] == [0, 0, 1, 1, 2, 2, 3, 3]
    torrent.handle.unset_flags(TorrentFlags.sequential_download)
    assert not torrent.download.picker.sequential


def test_bytes_left(world):
    node = world.node()
    info, content = torrent_of(2, tail=100)
    torrent = node.add(info, start=False)
    assert torrent.bytes_left == len(content)
    torrent.have.set(2)
    assert torrent.bytes_left == len(content) - 100
    torrent.have.clear(2)
    torrent.have.set(0)
    assert torrent.bytes_left == len(content) - 2 * BLOCK


# -- magnet links


def test_metadata_that_comes_later(world):
    node, torrent, info, content = magnet(world)
    assert torrent.phase is Phase.METADATA
    assert torrent.shown_state is TorrentState.downloading_metadata
    assert torrent.wanted_bits == 0
    wire = guest(world, node, info)
    assert wire.heard() == [("have_none",)]
    wire.say(HAVE_ALL, UNCHOKE)
    assert wire.heard("interested") == []
    torrent.metadata_received(info)
    torrent.metadata_received(info)
    world.pump()
    assert len(node.alerts(MetadataReceivedAlert)) == 1
    while answer(wire, content, info.piece_length):
        pass
    assert torrent.is_seed
    assert node.core.find(info.info_hashes.best()) is torrent
    assert node.core.statistics()["ses.num_total_pieces_added"] == 4
    world.check()


def test_a_peer_whose_early_word_does_not_fit_the_metadata_is_ended(world):
    node, torrent, info, _content = magnet(world)
    from support.world import bitfield

    wire = guest(world, node, info).say(bitfield(1 << 50, 60))
    assert not wire.is_closed
    torrent.metadata_received(info)
    world.pump()
    assert wire.is_closed
    world.check()


def test_metadata_for_a_torrent_that_is_paused_or_gone(world):
    _node, torrent, info, _content = magnet(world)
    torrent.pause()
    torrent.metadata_received(info)
    world.pump()
    assert torrent.info is info
    assert torrent.startup is None
    torrent.resume()
    world.pump()
    assert torrent.phase is Phase.ACTIVE
    _other_node, other, *_ = magnet(World())
    other.close()
    other.metadata_received(info)
    assert other.info is None


def test_a_magnet_link_stopped_and_started_again(world):
    _node, torrent, _info, _content = magnet(world)
    torrent.pause()
    torrent.resume()
    assert torrent.phase is Phase.METADATA
    with pytest.raises(SessionError):
        torrent.need_files()
    with pytest.raises(SessionError):
        torrent.need_storage()
    assert torrent.bytes_left > 0
    torrent.priorities_changed()


# -- peers


def test_peers_told_before_the_start_are_remembered(world):
    node = world.node()
    torrent = node.add(torrent_of(2)[0], start=False)
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.pex)
    torrent.peers_found([("10.8.8.9", 6881)], PeerSource.pex)
    assert len(torrent.peers) == 1


def test_peers_of_resume_data_are_known(world):
    node = world.node()
    torrent = node.add(torrent_of(2)[0], peers=[("10.8.8.8", 6881), ("10.8.8.9", 6881)])
    world.pump()
    assert len(torrent.peers) == 2
    assert torrent.peers.find(("10.8.8.8", 6881)).source == PeerSource.resume_data


def test_clocks_run_while_it_does(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    world.advance(10)
    assert torrent.handle.status().seeding_duration == pytest.approx(10, abs=1)
    torrent.pause()
    before = torrent.clocks.active
    world.advance(10)
    assert torrent.clocks.active == before


def test_names(world):
    node = world.node()
    params = AddTorrentParams(save_path="/d", info_hashes=InfoHashes(torrent_of(2)[0].info_hashes.v1))
    torrent = node.session.add_torrent(params)._torrent
    assert torrent.name == str(params.info_hashes.v1)
