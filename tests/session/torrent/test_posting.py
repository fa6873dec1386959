from __future__ import annotations

import pytest
from evtorrent.session import FileProgressFlags, StatusFlags
from evtorrent.session.alerts import (
    FilePrioritiesAlert,
    FileProgressAlert,
    FileStatusAlert,
    PeerInfoAlert,
    PieceAvailabilityAlert,
    PieceInfoAlert,
    StateUpdateAlert,
    TrackerListAlert,
)
from support.world import BLOCK, HAVE_ALL, UNCHOKE, Wire, World, block, torrent_of


@pytest.fixture
def scene():
    """(node, torrent) of a leech with one block of a piece, from a seed."""
    world = World()
    node = world.node(alert_mask=0)
    info, content = torrent_of(4)
    torrent = node.add(info, trackers=["http://127.0.0.1/announce"])
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    _, piece, begin, length = wire.heard("request")[0]
    start = piece * info.piece_length + begin
    wire.say(block(piece, begin, content[start : start + length]))
    node.forget_alerts()
    return node, torrent, piece


def only(node, kind):
    (alert,) = node.alerts(kind)
    return alert


def test_answers_are_those_of_the_calls_that_wait(scene):
    """Whatever the alert mask says: they were asked for."""
    node, torrent, piece = scene
    handle = torrent.handle
    handle.post_peer_info()
    handle.post_trackers()
    handle.post_download_queue()
    handle.post_piece_availability()
    handle.post_file_priorities()
    assert [peer.ip for peer in only(node, PeerInfoAlert).peer_info] == [p.ip for p in handle.get_peer_info()]
    assert [each.url for each in only(node, TrackerListAlert).trackers] == ["http://127.0.0.1/announce"]
    assert piece in [each.piece_index for each in only(node, PieceInfoAlert).piece_info]
    assert only(node, PieceAvailabilityAlert).piece_availability == [1] * 4
    assert only(node, FilePrioritiesAlert).priorities == [4]
    for kind in (PeerInfoAlert, TrackerListAlert, PieceInfoAlert, FilePrioritiesAlert):
        assert only(node, kind).handle == handle
        assert torrent.name in only(node, kind).message()


def test_status(scene):
    node, torrent, _ = scene
    torrent.handle.post_status(StatusFlags.query_name)
    (status,) = only(node, StateUpdateAlert).status
    assert (status.handle, status.name, status.save_path) == (torrent.handle, torrent.name, "")


def test_file_progress_counts_blocks_or_pieces(scene):
    node, torrent, _ = scene
    torrent.handle.post_file_progress(FileProgressFlags.piece_granularity)
    assert only(node, FileProgressAlert).files == [0]
    node.forget_alerts()
    torrent.handle.post_file_progress()
    assert only(node, FileProgressAlert).files == [BLOCK]


def test_file_status_of_a_storage_without_files(scene):
    node, torrent, _ = scene
    torrent.handle.post_file_status()
    assert only(node, FileStatusAlert).state == []
    assert "0 open files" in only(node, FileStatusAlert).message()
