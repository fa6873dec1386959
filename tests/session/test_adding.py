from __future__ import annotations

from pathlib import Path

import pytest
from evtorrent.protocols.types import InfoHashes, Sha1Hash, Sha256Hash
from evtorrent.session import (
    AddTorrentParams,
    DuplicateTorrent,
    InvalidTorrentHandle,
    RemoveFlags,
    TorrentFlags,
    TorrentParamsError,
)
from evtorrent.session.adding import as_params
from evtorrent.session.alerts import (
    AddTorrentAlert,
    TorrentDeletedAlert,
    TorrentDeleteFailedAlert,
    TorrentPausedAlert,
    TorrentRemovedAlert,
)
from evtorrent.session.error_table import TorrentErrc
from support.world import Wire, World, torrent_of


@pytest.fixture
def world():
    return World()


INFO, CONTENT = torrent_of(2)


def params(**fields):
    return AddTorrentParams(**{"save_path": "/disk", "ti": INFO, **fields})


# -- what may be given


def test_parameters_are_copied_and_the_path_is_text():
    given = params(save_path=Path("/disk"))
    checked = as_params(given)
    assert checked is not given
    assert checked.save_path == "/disk"
    assert as_params({"save_path": Path("/d"), "ti": INFO}).save_path == "/d"


@pytest.mark.parametrize(
    "fields",
    [
        {"save_path": ""},
        {"ti": None},
        {"info_hashes": InfoHashes(Sha1Hash(bytes(20)))},
    ],
)
def test_what_cannot_be_added(fields):
    with pytest.raises(TorrentParamsError):
        as_params(params(**fields))


def test_an_info_hash_that_agrees_is_fine():
    assert as_params(params(info_hashes=INFO.info_hashes)).ti is INFO


def test_a_torrent_of_v2_only_is_as_good_as_any():
    assert as_params(params(ti=None, info_hashes=InfoHashes(None, Sha256Hash(b"2" * 32)))).ti is None


# -- adding


def test_adding_posts_what_was_added(world):
    node = world.node()
    handle = node.session.add_torrent(params(userdata="mine"))
    (alert,) = node.alerts(AddTorrentAlert)
    assert alert.handle == handle
    assert alert.params.userdata == "mine"
    assert not alert.error


def test_auto_managed_torrents_start_though_paused(world):
    node = world.node()
    handle = node.session.add_torrent(params())
    assert handle.flags() & TorrentFlags.paused, "until its files were checked"
    world.advance(1)
    assert handle._torrent.swarm is not None
    assert not handle.flags() & TorrentFlags.paused


def test_paused_torrents_do_not_start(world):
    node = world.node()
    handle = node.session.add_torrent(params(flags=TorrentFlags.paused))
    assert handle._torrent.swarm is None


def test_the_same_torrent_twice(world):
    node = world.node()
    handle = node.session.add_torrent(params())
    assert node.session.add_torrent(params()) == handle
    assert len(node.session.get_torrents()) == 1
    with pytest.raises(DuplicateTorrent):
        node.session.add_torrent(params(flags=TorrentFlags.default_flags | TorrentFlags.duplicate_is_error))


def test_adding_without_waiting_reports_the_outcome(world):
    node = world.node()
    node.session.async_add_torrent(params())
    node.session.async_add_torrent(params(flags=TorrentFlags.duplicate_is_error))
    world.pump()
    good, bad = node.alerts(AddTorrentAlert)
    assert good.handle.is_valid()
    assert not bad.handle.is_valid()
    assert bad.error.value == TorrentErrc.duplicate_torrent
    assert bad.torrent_name == "t"


# -- removing


def test_removing_leaves_the_files(world):
    node = world.node()
    torrent = node.seed(INFO, CONTENT)
    wire = Wire(world, INFO.info_hashes.best()).call(node)
    handle = torrent.handle
    node.session.remove_torrent(handle)
    world.pump()
    assert wire.is_closed
    assert not handle.is_valid()
    assert not node.session.get_torrents()
    (alert,) = node.alerts(TorrentRemovedAlert)
    assert alert.info_hashes == INFO.info_hashes
    assert node.backend._pieces
    with pytest.raises(InvalidTorrentHandle):
        node.session.remove_torrent(handle)
    assert not node.alerts(TorrentDeletedAlert)


def test_removing_twice_at_once_is_removing_once(world):
    from evtorrent.session import adding

    node = world.node()
    torrent = node.seed(INFO, CONTENT)
    adding.remove(node.session, torrent, RemoveFlags(0))
    adding.remove(node.session, torrent, RemoveFlags(0))
    assert len(node.alerts(TorrentRemovedAlert)) == 1


@pytest.mark.parametrize("start", [True, False])
def test_removing_with_the_files(world, start):
    node = world.node()
    torrent = node.add(INFO, CONTENT, start=start)
    world.pump()
    node.session.remove_torrent(torrent.handle, RemoveFlags.delete_files)
    world.pump()
    assert not node.backend._pieces
    assert [alert.info_hashes for alert in node.alerts(TorrentDeletedAlert)] == [INFO.info_hashes]


def test_deleting_that_fails(world):
    node = world.node()
    torrent = node.seed(INFO, CONTENT)
    node.backend.fail_write = 13
    node.session.remove_torrent(torrent.handle, RemoveFlags.delete_files)
    world.pump()
    assert [alert.error.value for alert in node.alerts(TorrentDeleteFailedAlert)] == [13]


@pytest.mark.parametrize(("flags", "told"), [(RemoveFlags.delete_files, 1), (RemoveFlags.delete_partfile, 0)])
def test_a_magnet_link_has_no_files(world, flags, told):
    node = world.node()
    handle = node.session.add_torrent(params(ti=None, info_hashes=INFO.info_hashes))
    node.session.remove_torrent(handle, flags)
    world.pump()
    assert len(node.alerts(TorrentDeleteFailedAlert)) == told
    assert len(node.alerts(TorrentRemovedAlert)) == 1


def test_it_can_be_added_again(world):
    node = world.node()
    torrent = node.seed(INFO, CONTENT)
    node.session.remove_torrent(torrent.handle)
    again = node.session.add_torrent(params())
    world.pump()
    assert again.is_valid()
    assert again != torrent.handle


# -- all at once


def test_a_paused_session_keeps_the_torrents_own_flags(world):
    node = world.node()
    runs = node.seed(INFO, CONTENT)
    rests = node.add(torrent_of(3, name="rests")[0], start=False)
    node.session.pause()
    assert runs.swarm is None
    assert not runs.flags & TorrentFlags.paused
    assert [alert.handle for alert in node.alerts(TorrentPausedAlert)] == [runs.handle]
    late = node.session.add_torrent(params(ti=torrent_of(4, name="late")[0]))
    assert late._torrent.swarm is None
    rests.handle.resume()
    assert rests.swarm is None
    rests.handle.pause()
    node.session.resume()
    world.advance(1)
    assert runs.swarm is not None
    assert late._torrent.swarm is not None
    assert rests.swarm is None


def test_priorities_there_are_not(tmp_path):
    info, _content = torrent_of(2)
    with pytest.raises(TorrentParamsError, match="a priority is 0 to 7, not 9"):
        as_params(AddTorrentParams(save_path=str(tmp_path), ti=info, file_priorities=[9]))
