from __future__ import annotations

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.alerts import TorrentErrorAlert
from evtorrent.session.torrent.phase import Phase
from support.world import BLOCK, INTERESTED, Wire, World, request, torrent_of

SEED_MODE = TorrentFlags.seed_mode


@pytest.fixture
def world():
    return World()


def believed(world, pieces=4, on_disk=None, **settings):
    """A torrent in seed mode and a peer that is unchoked; its disk is held."""
    node = world.node(allowed_fast_set_size=0, **settings)
    info, content = torrent_of(pieces)
    torrent = node.add(info, content, pieces=on_disk, flags=SEED_MODE)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(INTERESTED)
    wire.heard()
    node.platform.holds_disk = True
    return node, torrent, wire, content


def release(node):
    node.platform.holds_disk = False
    node.world.pump()


def test_nothing_is_hashed_before_it_is_asked_for(world):
    node, torrent, _wire, _content = believed(world)
    assert torrent.is_seed
    assert torrent.seed_mode is not None
    assert node.backend.num_cold_reads == 0
    assert torrent.handle.flags() & SEED_MODE


def test_a_request_waits_until_its_piece_is_verified(world):
    node, torrent, wire, content = believed(world)
    wire.say(request(1, 0), request(1, BLOCK))
    assert wire.heard("piece") == []
    assert len(node.platform.jobs) == 1
    release(node)
    assert wire.heard("piece") == [("piece", 1, 0, BLOCK), ("piece", 1, BLOCK, BLOCK)]
    assert wire.blocks[1, BLOCK] == content[3 * BLOCK : 4 * BLOCK]
    assert list(torrent.seed_mode.verified.indices()) == [1]
    node.platform.holds_disk = True
    wire.say(request(1, 0))
    assert wire.heard("piece") == [("piece", 1, 0, BLOCK)]


def test_nothing_is_verified_when_hashes_are_not_checked(world):
    node, torrent, wire, _content = believed(world)
    node.session.apply_settings({"disable_hash_checks": True})
    wire.say(request(1, 0))
    assert wire.heard("piece") == [("piece", 1, 0, BLOCK)]
    assert torrent.seed_mode is not None
    assert not torrent.seed_mode.verified.any()


def test_it_ends_when_everything_is_verified(world):
    node, torrent, wire, _content = believed(world)
    torrent.flags &= ~TorrentFlags.need_save_resume
    wire.say(*[request(piece, 0) for piece in range(4)])
    release(node)
    assert torrent.seed_mode is None
    assert not torrent.flags & SEED_MODE
    assert torrent.flags & TorrentFlags.need_save_resume
    assert len(wire.heard("piece")) == 4


def test_a_piece_that_does_not_match_ends_it_with_a_full_check(world):
    node, torrent, wire, _content = believed(world)
    data = node.backend._pieces[2]
    data[5] ^= 1
    wire.say(request(2, 0), request(0, 0))
    release(node)
    assert wire.is_closed
    assert wire.heard("piece") in ([], [("piece", 0, 0, BLOCK)])
    assert torrent.seed_mode is None
    assert not torrent.flags & SEED_MODE
    assert torrent.phase is Phase.ACTIVE
    assert list(torrent.have.indices()) == [0, 1, 3]
    world.check()


def test_a_disk_that_fails_stops_the_torrent(world):
    node, torrent, wire, _content = believed(world)
    node.backend.fail_read = 5
    wire.say(request(2, 0))
    release(node)
    assert torrent.error.value == 5
    assert len(node.alerts(TorrentErrorAlert)) == 1
    assert wire.is_closed


def test_a_check_that_ends_after_seed_mode_did(world):
    node, torrent, wire, _content = believed(world)
    wire.say(request(2, 0))
    torrent.recheck()
    node.backend.fail_read = 0
    release(node)
    assert torrent.seed_mode is None
    assert torrent.is_seed
    world.check()


def test_a_failure_after_seed_mode_ended_concerns_nobody(world):
    _node, torrent, _wire, _content = believed(world)
    seed_mode = torrent.seed_mode
    torrent.seed_mode = None
    from evtorrent.session.disk.errors import StorageError

    seed_mode._on_done(StorageError("read", "/disk/t", OSError(5, "bad")))
    seed_mode._on_checked([(0, True)])
    assert not torrent.error
    assert not seed_mode.verified.any()


def test_a_peer_that_went_is_not_served(world):
    node, torrent, wire, _content = believed(world)
    wire.say(request(2, 0))
    wire.hang_up()
    release(node)
    assert list(torrent.seed_mode.verified.indices()) == [2]
    world.check()


def test_a_peer_choked_meanwhile_is_told(world):
    node, torrent, wire, _content = believed(world)
    wire.say(request(2, 0))
    (link,) = torrent.swarm.links
    link.choke(True, world.now)
    release(node)
    assert wire.heard("choke", "piece", "reject") == [("choke",), ("reject", 2, 0, BLOCK)]


def test_requests_that_wait_are_bounded(world):
    node, _torrent, wire, _content = believed(world, max_allowed_in_request_queue=3)
    wire.say(*[request(2, number) for number in range(5)])
    assert wire.heard("reject") == [("reject", 2, 3, BLOCK), ("reject", 2, 4, BLOCK)]
    assert node.core.statistics()["peer.max_piece_requests"] == 2
    release(node)
    assert len(wire.heard("piece")) == 3
    node.platform.holds_disk = True
    wire.say(*[request(3, number) for number in range(5)])
    assert len(wire.heard("reject")) == 2


def test_files_that_are_gone_end_it_at_the_start(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, content, pieces=[0], flags=SEED_MODE)
    world.pump()
    assert torrent.seed_mode is None
    assert list(torrent.have.indices()) == [0]


def test_what_was_verified_before_is_remembered(world):
    node, torrent, wire, _content = believed(world)
    wire.say(request(2, 0))
    release(node)
    params = torrent.handle.get_resume_params()
    assert list(params.verified_pieces.indices()) == [2]
    assert params.flags & SEED_MODE
    other = world.node()
    params.flags &= ~(TorrentFlags.paused | TorrentFlags.auto_managed)
    params.flags |= TorrentFlags.no_verify_files
    params.save_path = "/disk"
    again = other.session.add_torrent(params)._torrent
    world.pump()
    assert list(again.seed_mode.verified.indices()) == [2]
