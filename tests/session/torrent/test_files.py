from __future__ import annotations

import pytest
from evtorrent.session import PeerSource, TorrentFlags
from evtorrent.session.alerts import FileCompletedAlert
from support.disk import make_torrent
from support.world import HAVE_ALL, UNCHOKE, Wire, World, answer, fill, torrent_of

BLOCK = 16384


@pytest.fixture
def world():
    return World()


FILES = [("a", BLOCK + 100), ("pad", BLOCK - 100, "p"), ("b", 3 * BLOCK), ("empty", 0), ("c", 10)]
"""Pieces of two blocks: a and its padding are piece 0, b is piece 1 and half of 2, c the rest of 2."""


def several(world, files=FILES, **fields):
    node = world.node()
    info, content = make_torrent(files, 2 * BLOCK)
    return node, node.add(info, **fields), info, content


def test_priorities_as_given_padding_never_wanted(world):
    _node, torrent, _info, _content = several(world, file_priorities=[7, 7])
    assert torrent.files.priorities == [7, 0, 4, 4, 4]
    _node, torrent, _info, _content = several(world, flags=TorrentFlags.default_dont_download)
    assert torrent.files.priorities == [0, 0, 0, 0, 0]


def test_more_priorities_than_files_are_cut(world):
    _node, torrent, _info, _content = several(world, file_priorities=[1] * 50)
    assert len(torrent.files.priorities) == 5


def test_a_piece_is_as_wanted_as_its_most_wanted_file(world):
    _node, torrent, _info, _content = several(world)
    handle = torrent.handle
    handle.prioritize_files([1, 7, 0, 4, 6])
    assert handle.get_piece_priorities() == [1, 0, 6], "padding counts for nothing"
    handle.prioritize_files([0, 0, 2])
    assert handle.get_file_priorities() == [0, 0, 2, 4, 4]
    assert handle.get_piece_priorities() == [0, 2, 4]


def test_priorities_reach_picker_and_disk(world):
    node, torrent, _info, _content = several(world)
    world.pump()
    torrent.handle.prioritize_files([0, 0, 7, 4, 4])
    world.pump()
    assert [torrent.download.picker.priority(piece) for piece in range(3)] == [0, 7, 7]
    assert node.backend.priorities == [0, 0, 7, 4, 4]
    assert torrent.handle.file_priority(2) == 7
    assert torrent.handle.file_priority(2, 3) == 3
    assert [torrent.download.picker.priority(piece) for piece in range(3)] == [0, 3, 4]


def test_priorities_before_the_first_start_hold(world):
    _node, torrent, _info, _content = several(world, start=False)
    torrent.handle.prioritize_files([4, 4, 0, 4, 4])
    torrent.handle.resume()
    world.pump()
    assert torrent.download.picker.priority(1) == 0


@pytest.mark.parametrize("priority", [-1, 8])
def test_wrong_priorities_change_nothing(world, priority):
    _node, torrent, _info, _content = several(world)
    before = torrent.handle.get_file_priorities()
    for call in (
        lambda: torrent.handle.prioritize_files([1, priority]),
        lambda: torrent.handle.file_priority(0, priority),
        lambda: torrent.handle.piece_priority(0, priority),
        lambda: torrent.handle.prioritize_pieces([1, priority]),
        lambda: torrent.handle.prioritize_pieces([1] * 4),
    ):
        with pytest.raises(ValueError):
            call()
    assert torrent.handle.get_file_priorities() == before
    assert torrent.handle.get_piece_priorities() == [4, 4, 4]


@pytest.mark.parametrize("index", [-1, 5])
def test_files_and_pieces_there_are_not(world, index):
    _node, torrent, _info, _content = several(world)
    for call in (
        lambda: torrent.handle.file_priority(index),
        lambda: torrent.handle.file_priority(index, 1),
        lambda: torrent.handle.piece_priority(index),
        lambda: torrent.handle.piece_priority(index, 1),
    ):
        with pytest.raises(IndexError):
            call()


def test_priorities_of_pieces_hold_until_those_of_files_are_set(world):
    _node, torrent, _info, _content = several(world)
    world.pump()
    handle = torrent.handle
    assert handle.piece_priority(1, 7) == 7
    handle.prioritize_pieces([1])
    assert handle.get_piece_priorities() == [1, 7, 4]
    assert torrent.download.picker.priority(0) == 1
    handle.file_priority(0, 4)
    assert handle.get_piece_priorities() == [4, 4, 4]


def test_priorities_of_pieces_that_are_added_with_the_torrent(world):
    _node, torrent, _info, _content = several(world, piece_priorities=[0, 0, 1])
    world.pump()
    assert torrent.handle.get_piece_priorities() == [0, 0, 1]
    assert torrent.wanted_bits == 0b100
    torrent.files.piece_overrides[99] = 7
    assert torrent.handle.get_piece_priorities() == [0, 0, 1]


def test_progress_by_file(world):
    node = world.node()
    info, content = make_torrent(FILES, 2 * BLOCK)
    torrent = node.add(info, content, pieces=[0, 2])
    world.pump()
    assert torrent.handle.file_progress() == [BLOCK + 100, BLOCK - 100, BLOCK, 0, 10]
    other = world.node()
    whole = other.seed(info, content)
    assert whole.handle.file_progress() == [BLOCK + 100, BLOCK - 100, 3 * BLOCK, 0, 10]


def test_files_are_reported_as_their_last_piece_comes(world):
    node, _torrent, info, content = several(world)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    while answer(wire, content, info.piece_length):
        pass
    assert sorted(alert.index for alert in node.alerts(FileCompletedAlert)) == [0, 2, 4]


def test_files_are_reported_once_when_the_alert_is_wanted_late(world):
    node, torrent, info, content = several(world)
    node.session.apply_settings({"alert_mask": 0})
    world.pump()
    for piece in range(3):
        if piece == 1:
            node.session.apply_settings({"alert_mask": -1})
        start = piece * info.piece_length
        torrent.handle.add_piece(piece, content[start : start + info.piece_size(piece)])
        world.pump()
    assert sorted(alert.index for alert in node.alerts(FileCompletedAlert)) == [2, 4]


def test_the_first_piece_seen_may_complete_a_file(world):
    node, torrent, _info, content = several(world)
    world.pump()
    torrent.files.reset_progress()
    torrent.handle.add_piece(0, content[: 2 * BLOCK])
    world.pump()
    assert [alert.index for alert in node.alerts(FileCompletedAlert)] == [0]


def test_what_the_disk_is_told(world):
    _node, torrent, _info, _content = several(world, renamed_files={0: "other"}, part_file_dir="parts")
    params = torrent.files.storage_params()
    assert params.renamed_files == {0: "other"}
    assert tuple(params.file_priorities) == (4, 0, 4, 4, 4)
    assert params.save_path == "/disk"
    assert params.part_file_name == f"parts/.{torrent.info_hashes.best().hex()}.parts"


def test_finished_means_what_is_wanted_and_more_may_be_wanted_later(world):
    _node, torrent, info, content = several(world, file_priorities=[4, 0, 0, 0, 0])
    world.pump()
    seed = world.node()
    seed.seed(info, content)
    torrent.connect_peer(seed.address, PeerSource.tracker)
    world.pump()
    assert torrent.is_finished
    assert not torrent.is_seed
    assert list(torrent.have.indices()) == [0]
    torrent.handle.prioritize_files([4, 4, 4, 4, 4])
    world.pump()
    assert not torrent.is_finished
    world.advance(70)
    torrent.connect_peer(seed.address, PeerSource.tracker)
    world.pump()
    assert torrent.is_seed
    torrent.handle.prioritize_files([0, 0, 0, 0, 0])
    world.pump()
    assert torrent.is_seed
    world.check()


def test_files_complete_again_after_a_recheck(world):
    node = world.node()
    info, content = torrent_of(3)
    torrent = node.seed(info, content)
    fill(node.backend, info, bytes(len(content)), [1])
    torrent.handle.force_recheck()
    world.pump()
    assert torrent.have.count() == 2
    node.forget_alerts()
    torrent.handle.add_piece(1, content[info.piece_length : 2 * info.piece_length])
    world.pump()
    assert [alert.index for alert in node.alerts(FileCompletedAlert)] == [0]
