from __future__ import annotations

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.session import TorrentFlags, TorrentState
from evtorrent.session.alerts import (
    FastresumeRejectedAlert,
    FileErrorAlert,
    StateChangedAlert,
    TorrentCheckedAlert,
    TorrentErrorAlert,
)
from evtorrent.session.torrent.phase import Phase
from evtorrent.session.torrent.report import resume_params
from support.world import World, fill, torrent_of


@pytest.fixture
def world():
    return World()


def bits(drawn):
    field = Bitfield(len(drawn))
    for piece, mark in enumerate(drawn):
        if mark == "x":
            field.set(piece)
    return field


def drawn(torrent):
    return "".join("x" if torrent.have[piece] else "." for piece in range(torrent.have.size))


def on_disk(world, pieces, **fields):
    """(node, torrent) with pieces on disk as drawn, started."""
    node = world.node()
    info, content = torrent_of(len(pieces))
    torrent = node.add(info, content, pieces=[i for i, mark in enumerate(pieces) if mark == "x"], **fields)
    world.pump()
    return node, torrent


def test_without_resume_data_everything_is_hashed(world):
    node, torrent = on_disk(world, "x.x.")
    assert drawn(torrent) == "x.x."
    assert torrent.phase is Phase.ACTIVE
    assert torrent.checking_progress == 1.0
    assert [alert.state for alert in node.alerts(StateChangedAlert)] == [
        TorrentState.checking_files,
        TorrentState.downloading,
    ]
    assert len(node.alerts(TorrentCheckedAlert)) == 1
    assert not node.alerts(FastresumeRejectedAlert)


def test_what_resume_data_claims_is_believed_and_the_rest_is_hashed(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, start=False, have_pieces=bits("xx.."))
    torrent.need_storage()
    fill(node.backend, info, content, [0, 2])
    fill(node.backend, info, bytes(len(content)), [1])  # Believed although it is bad.
    torrent.resume()
    world.pump()
    assert drawn(torrent) == "xxx."
    assert not node.alerts(FastresumeRejectedAlert)


def test_claims_whose_files_are_gone_are_rejected_and_everything_is_hashed(world):
    node, torrent = on_disk(world, "x.x.", have_pieces=bits("xx.."))
    (alert,) = node.alerts(FastresumeRejectedAlert)
    assert alert.error.value == 2
    assert alert.file_path == "/disk"
    assert drawn(torrent) == "x.x."


@pytest.mark.parametrize("claimed", ["x", "x" * 12, "x...x"])
def test_claims_of_another_size_are_rejected(world, claimed):
    node, torrent = on_disk(world, "x.x.", have_pieces=bits(claimed))
    assert len(node.alerts(FastresumeRejectedAlert)) == 1
    assert drawn(torrent) == "x.x."


def test_claims_rounded_up_to_a_byte_are_not(world):
    node, torrent = on_disk(world, "x.x.", have_pieces=bits("x.x....."))
    assert not node.alerts(FastresumeRejectedAlert)
    assert drawn(torrent) == "x.x."


def test_files_need_not_be_looked_at(world):
    node, torrent = on_disk(
        world,
        "....",
        have_pieces=bits("xx.."),
        flags=TorrentFlags.no_verify_files,
    )
    assert drawn(torrent) == "xx.."
    assert TorrentState.checking_files not in [alert.state for alert in node.alerts(StateChangedAlert)]


@pytest.mark.parametrize(("claimed", "expected"), [(None, "...."), ("xx..", "xx.."), ("x", "....")])
def test_files_are_not_searched_when_that_is_not_wanted(world, claimed, expected):
    """Without resume data, with some that leaves pieces out, and with some that is worth nothing."""
    node = world.node(no_recheck_incomplete_resume=True)
    info, content = torrent_of(4)
    fields = {} if claimed is None else {"have_pieces": bits(claimed)}
    torrent = node.add(info, content, **fields)
    world.pump()
    assert drawn(torrent) == expected
    assert torrent.phase is Phase.ACTIVE
    assert node.backend.num_cold_reads == 0
    assert len(node.alerts(FastresumeRejectedAlert)) == (claimed == "x")
    assert len(node.alerts(TorrentCheckedAlert)) == 1
    torrent.recheck()
    world.pump()
    assert drawn(torrent) == "xxxx", "who asks for a check gets one"


def test_claims_whose_files_are_gone_and_nothing_is_searched(world):
    node = world.node(no_recheck_incomplete_resume=True)
    torrent = node.add(torrent_of(4)[0], have_pieces=bits("xx.."))
    world.pump()
    assert len(node.alerts(FastresumeRejectedAlert)) == 1
    assert drawn(torrent) == "...."
    assert torrent.phase is Phase.ACTIVE
    node.session.apply_settings({"no_recheck_incomplete_resume": False})
    info, content = torrent_of(4, name="other")
    other = node.add(info, content)
    world.pump()
    assert drawn(other) == "xxxx"


def test_a_seed_that_claims_everything_hashes_nothing(world):
    node, torrent = on_disk(world, "xxxx", have_pieces=bits("xxxx"))
    assert torrent.is_seed
    assert node.backend.num_cold_reads == 0


def test_progress_is_shown(world):
    node = world.node()
    info, content = torrent_of(600, piece_blocks_each=2)
    node.platform.holds_disk = True
    torrent = node.add(info, content, pieces=range(0, 600, 2))
    world.pump()
    node.platform.run_jobs(1)
    world.pump()
    assert 0 < torrent.checking_progress < 1
    assert torrent.handle.status().progress == torrent.checking_progress
    node.platform.holds_disk = False
    world.pump()
    assert torrent.have.count() == 300


def test_a_disk_that_fails_stops_the_torrent(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, content, start=False)
    node.backend.fail_read = 5
    torrent.resume()
    world.pump()
    assert torrent.error.value == 5
    assert torrent.swarm is None
    assert torrent.flags & TorrentFlags.paused
    (alert,) = node.alerts(FileErrorAlert)
    assert alert.filename == "/disk/file"
    assert len(node.alerts(TorrentErrorAlert)) == 1
    node.backend.fail_read = 0
    torrent.clear_error()
    assert torrent.swarm is None
    torrent.resume()
    world.pump()
    assert torrent.is_seed


def test_checks_wait_for_each_other_and_a_cancelled_one_gives_its_turn_back(world):
    node = world.node()
    node.platform.holds_disk = True
    torrents = [node.add(torrent_of(2, name=name)[0]) for name in "abc"]
    world.pump()
    torrents[0].pause()
    torrents[1].pause()
    node.platform.holds_disk = False
    world.pump()
    assert [torrent.phase for torrent in torrents] == [Phase.NEW, Phase.NEW, Phase.ACTIVE]
    torrents[0].resume()
    world.pump()
    assert torrents[0].phase is Phase.ACTIVE


def test_cancelled_before_its_turn_came(world):
    node = world.node()
    node.platform.holds_disk = True
    torrents = [node.add(torrent_of(2, name=name)[0]) for name in "ab"]
    world.pump()
    torrents[1].pause()
    node.platform.holds_disk = False
    world.pump()
    assert torrents[0].phase is Phase.ACTIVE
    assert torrents[1].startup is None
    torrents[1].resume()
    world.pump()
    assert torrents[1].phase is Phase.ACTIVE


def test_cancelled_while_resume_data_is_looked_at(world):
    node = world.node()
    node.platform.holds_disk = True
    info, content = torrent_of(2)
    torrent = node.add(info, content, have_pieces=bits("xx"))
    world.pump()
    torrent.pause()
    node.platform.holds_disk = False
    world.pump()
    assert torrent.phase is Phase.NEW
    assert not node.alerts(TorrentCheckedAlert)
    torrent.resume()
    world.pump()
    assert torrent.is_seed


def test_removed_while_it_is_checked(world):
    node = world.node()
    node.platform.holds_disk = True
    info, content = torrent_of(2)
    torrent = node.add(info, content)
    world.pump()
    node.session.remove_torrent(torrent.handle)
    node.platform.holds_disk = False
    world.pump()
    assert not node.alerts(TorrentCheckedAlert)
    world.check()


def test_hundreds_removed_while_they_wait_leave_nothing_behind(world):
    node = world.node()
    node.platform.holds_disk = True
    first = node.add(torrent_of(2)[0])
    world.pump()
    waiting = [node.add(torrent_of(2, name=f"w{number}")[0]) for number in range(400)]
    world.pump()
    for torrent in waiting:
        node.session.remove_torrent(torrent.handle)
    assert not node.core.checks._waiting
    first.pause()
    node.platform.holds_disk = False
    world.pump()
    world.check()


@pytest.mark.parametrize("claimed", ["xx..", "x" * 12])
@pytest.mark.parametrize("moment", ["checking", "paused", "failed"])
def test_rejected_claims_are_not_saved_again(world, claimed, moment):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, start=False, have_pieces=bits(claimed), verified_pieces=bits(claimed))
    torrent.need_storage()
    fill(node.backend, info, content, [3])  # Not what is claimed.
    if moment == "failed":
        node.backend.fail_read = 5
    node.platform.holds_disk = True
    torrent.resume()
    while not node.alerts(FastresumeRejectedAlert):
        node.platform.run_jobs(1)
        world.pump()
    if moment == "paused":
        torrent.pause()
    if moment == "failed":
        node.platform.holds_disk = False
        world.pump()
        assert torrent.error
    saved = resume_params(torrent)
    assert saved.have_pieces is None
    assert saved.verified_pieces is None


def test_a_recheck_forgets_what_was_verified(world):
    _node, torrent = on_disk(world, "xx", verified_pieces=bits("xx"))
    torrent.recheck()
    assert resume_params(torrent).verified_pieces is None
