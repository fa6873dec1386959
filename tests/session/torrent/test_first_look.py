from __future__ import annotations

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.session import TorrentFlags, TorrentState
from evtorrent.session.alerts import (
    FastresumeRejectedAlert,
    FileErrorAlert,
    StateChangedAlert,
    TorrentCheckedAlert,
)
from evtorrent.session.torrent.phase import Phase
from evtorrent.session.torrent.report import resume_params
from support.sessions import Content, Member, plain_flags
from support.waiting import wait_for
from support.world import World, fill, torrent_of

CONTENT = Content([("a", 100_000), ("b", 50_000)], 16_384)
PAUSED = plain_flags(paused=True)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def member():
    with Member() as member:
        yield member


def bits(drawn):
    return Bitfield.from_indices(len(drawn), [i for i, mark in enumerate(drawn) if mark == "x"])


def state(handle):
    return handle.status().state


def checked(member, handle):
    """It was looked at, and hashed as far as needed."""
    member.wait(TorrentCheckedAlert, lambda alert: alert.handle == handle)


# --------------------------------------------------------------------------------------------------- on a real disk


def test_nothing_on_disk(member, tmp_path):
    handle = member.add(CONTENT, tmp_path / "none", flags=PAUSED)
    checked(member, handle)
    assert state(handle) is TorrentState.downloading
    assert handle.status().progress == 0
    assert not (tmp_path / "none").exists(), "nothing is made"


def test_files_without_resume_data_wait_to_be_hashed(member, tmp_path):
    handle = member.add(CONTENT, CONTENT.write(tmp_path), flags=PAUSED)
    wait_for(lambda: state(handle) is TorrentState.checking_files)
    assert handle.status().num_pieces == 0
    assert not member.all(TorrentCheckedAlert)
    handle.resume()
    checked(member, handle)
    assert state(handle) is TorrentState.seeding
    assert not member.all(FastresumeRejectedAlert), "there was none to be rejected"


def test_resume_data_that_fits(member, tmp_path):
    CONTENT.write(tmp_path)
    claims = Bitfield(CONTENT.info.num_pieces)
    claims.set_all()
    handle = member.add(CONTENT, tmp_path, flags=PAUSED, have_pieces=claims)
    checked(member, handle)
    assert state(handle) is TorrentState.seeding
    assert handle.status().progress == 1
    assert handle.status().flags & TorrentFlags.paused
    handle.resume()
    wait_for(lambda: len(member.all(TorrentCheckedAlert)) == 2)
    assert state(handle) is TorrentState.seeding


@pytest.mark.parametrize("is_there", [True, False])
def test_resume_data_that_does_not_fit(member, tmp_path, is_there):
    claims = Bitfield(CONTENT.info.num_pieces)
    claims.set_all()
    if is_there:
        CONTENT.write(tmp_path)
        (tmp_path / CONTENT.info.files.path(0)).write_bytes(b"short")
    handle = member.add(CONTENT, tmp_path, flags=PAUSED, have_pieces=claims)
    member.wait(FastresumeRejectedAlert)
    wanted = TorrentState.checking_files if is_there else TorrentState.downloading
    wait_for(lambda: state(handle) is wanted)
    assert handle.status().num_pieces == 0
    assert handle.get_resume_params().have_pieces in (None, Bitfield(CONTENT.info.num_pieces))


def test_recheck_of_a_paused_torrent(member, tmp_path):
    handle = member.seed(CONTENT, tmp_path, flags=plain_flags())
    handle.pause()
    (tmp_path / CONTENT.info.files.path(1)).write_bytes(b"changed")
    member.forget()
    handle.force_recheck()
    wait_for(lambda: state(handle) is TorrentState.checking_files)
    assert handle.status().num_pieces == 0
    assert not member.all(TorrentCheckedAlert), "it is hashed when it is started"
    handle.resume()
    checked(member, handle)
    assert 0 < handle.status().num_pieces < CONTENT.info.num_pieces


def test_an_auto_managed_one_is_checked_by_the_queue(member, tmp_path):
    member.session.apply_settings({"active_downloads": 0, "active_seeds": 0})
    handle = member.add(CONTENT, CONTENT.write(tmp_path), flags=TorrentFlags.default_flags)
    checked(member, handle)
    assert state(handle) is TorrentState.seeding
    handle.force_recheck()
    wait_for(lambda: len(member.all(TorrentCheckedAlert)) == 2)
    assert handle.status().flags & TorrentFlags.paused


def test_one_that_becomes_auto_managed_is_checked(member, tmp_path):
    member.session.apply_settings({"active_downloads": 0, "active_seeds": 0})
    handle = member.add(CONTENT, CONTENT.write(tmp_path), flags=PAUSED)
    wait_for(lambda: state(handle) is TorrentState.checking_files)
    handle.set_flags(TorrentFlags.auto_managed)
    checked(member, handle)
    assert state(handle) is TorrentState.seeding


def test_in_a_paused_session(member, tmp_path):
    member.session.pause()
    claims = Bitfield(CONTENT.info.num_pieces)
    claims.set_all()
    CONTENT.write(tmp_path)
    known = member.add(CONTENT, tmp_path, flags=TorrentFlags.default_flags, have_pieces=claims)
    checked(member, known)
    assert state(known) is TorrentState.seeding
    member.session.resume()
    wait_for(lambda: not known.status().flags & TorrentFlags.paused)


# ------------------------------------------------------------------------------------------------------- step by step


def test_what_is_not_claimed_is_looked_for_when_it_is_started(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, start=False, have_pieces=bits("xx.."))
    fill(torrent.need_storage().storage.backend, info, content, [0, 1, 2])
    world.advance(0.1)
    assert torrent.phase is Phase.LOOKED
    assert list(torrent.have.indices()) == [0, 1]
    assert list(resume_params(torrent).have_pieces.indices()) == [0, 1]
    assert [alert.state for alert in node.alerts(StateChangedAlert)] == [TorrentState.downloading]
    torrent.resume()
    world.advance(0.1)
    assert list(torrent.have.indices()) == [0, 1, 2]


def test_wanting_no_more_than_there_is(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, start=False, have_pieces=bits("xx.."), piece_priorities=[4, 4, 0, 0])
    fill(torrent.need_storage().storage.backend, info, content, [0, 1])
    world.advance(0.1)
    assert torrent.is_finished and not torrent.is_seed
    assert torrent.shown_state is TorrentState.finished
    assert torrent.queue_position == -1


def test_started_while_it_is_looked_at(world):
    node = world.node()
    info, content = torrent_of(4)
    node.platform.holds_disk = True
    torrent = node.add(info, content, start=False)
    world.advance(0.1)
    assert torrent.phase is Phase.RESUMING
    torrent.resume()
    node.platform.holds_disk = False
    world.advance(0.1)
    assert torrent.phase is Phase.ACTIVE
    assert torrent.is_seed
    assert len(node.alerts(TorrentCheckedAlert)) == 1


def test_removed_while_it_is_looked_at(world):
    node = world.node()
    node.platform.holds_disk = True
    torrent = node.add(torrent_of(4)[0], start=False)
    world.advance(0.1)
    assert torrent.startup is not None
    node.session.remove_torrent(torrent.handle)
    node.platform.holds_disk = False
    world.advance(0.1)
    assert not node.alerts(TorrentCheckedAlert)
    assert not node.alerts(StateChangedAlert)


def test_metadata_for_a_paused_torrent(world):
    node = world.node()
    info, _ = torrent_of(4)
    params_flags = TorrentFlags.default_flags & ~TorrentFlags.auto_managed | TorrentFlags.paused
    handle = node.session.add_torrent(
        {"save_path": "/disk", "info_hashes": info.info_hashes, "flags": params_flags}
    )
    world.advance(0.1)
    assert handle._torrent.phase is Phase.NEW
    handle.set_metadata(info.info_section)
    world.advance(0.1)
    assert handle._torrent.phase is Phase.LOOKED


def test_a_disk_that_fails(world):
    node = world.node()
    torrent = node.add(torrent_of(4)[0], start=False)
    world.advance(0.1)
    assert not node.alerts(FileErrorAlert)
    backend = torrent.need_storage().storage.backend

    def fail():
        raise OSError(5, "Input/output error")

    backend.scan = fail
    torrent.recheck()
    world.advance(0.1)
    assert len(node.alerts(FileErrorAlert)) == 1
    assert torrent.error.value == 5
    assert torrent.startup is None
