from __future__ import annotations

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.peer.handshake import Capability
from evtorrent.session import (
    AddTorrentParams,
    BandwidthState,
    PeerFlags,
    PeerSource,
    PieceState,
    ResumeDataFlags,
    StatusFlags,
    TorrentFlags,
    TorrentState,
)
from evtorrent.session.torrent.report import download_queue, peer_info, resume_params, status_of
from support.world import (
    BLOCK,
    HAVE_ALL,
    INTERESTED,
    UNCHOKE,
    Wire,
    World,
    bitfield,
    block,
    request,
    torrent_of,
)

ALL = StatusFlags(0xFFFF)


@pytest.fixture
def world():
    return World()


def leech(world, pieces=4, tail=0, **fields):
    node = world.node()
    info, content = torrent_of(pieces, tail=tail)
    torrent = node.add(info, **fields)
    world.pump()
    return node, torrent, info, content


def guest(world, node, info, **more):
    return Wire(world, info.info_hashes.best(), **more).call(node)


def test_the_status_of_a_torrent_that_never_started(world):
    _node, torrent, info, content = leech(world, start=False)
    status = status_of(torrent, ALL)
    assert status.name == "t"
    assert status.save_path == "/disk"
    assert status.torrent_file is info
    assert status.state is TorrentState.checking_resume_data
    assert status.has_metadata
    assert status.progress == 0
    assert status.total == status.total_wanted == len(content)
    assert status.num_connections == 0
    assert status.pieces.count() == 0
    assert status.flags & TorrentFlags.paused


def test_costly_parts_are_left_out(world):
    _node, torrent, _info, _content = leech(world)
    status = status_of(torrent, StatusFlags(0))
    assert status.name == status.save_path == ""
    assert status.torrent_file is None
    assert not status.pieces
    assert status_of(torrent, StatusFlags.query_distributed_copies).distributed_copies == 0


def test_progress_counts_blocks_that_came(world):
    node, torrent, info, content = leech(world, tail=100)
    wire = guest(world, node, info).say(HAVE_ALL).say(UNCHOKE)
    wire.say(block(4, 0, content[-100:]), block(0, 0, content[:BLOCK]))
    status = status_of(torrent, ALL)
    assert status.num_pieces == 1
    assert status.total_done == status.total_wanted_done == 100 + BLOCK
    assert status.progress == pytest.approx((100 + BLOCK) / len(content))
    assert status.progress_ppm == int(status.progress * 1e6)
    assert status.total_payload_download == 100 + BLOCK, "known before the next tick"
    assert status.distributed_copies == pytest.approx(1.2)
    assert status.distributed_full_copies == 1
    assert status.distributed_fraction == 200
    assert (status.num_peers, status.num_seeds, status.num_connections) == (1, 1, 1)
    assert status.has_incoming
    assert status.num_uploads == 0
    assert status.list_peers == status.list_seeds == 1


def test_what_is_wanted_and_what_is_not(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, content, pieces=[0, 1], piece_priorities=[4, 0, 4, 0])
    world.pump()
    status = status_of(torrent, ALL)
    assert status.total_done == len(content) // 2
    assert status.total_wanted == len(content) // 2
    assert status.total_wanted_done == len(content) // 4
    assert status.progress == 0.5
    torrent.handle.prioritize_pieces([0, 0, 0, 0])
    status = status_of(torrent, ALL)
    assert status.progress == 1.0
    assert status.is_finished
    assert not status.is_seeding
    assert status.queue_position == -1


def test_a_magnet_link_has_no_progress(world):
    node = world.node()
    params = AddTorrentParams(save_path="/d", info_hashes=torrent_of(2)[0].info_hashes)
    status = node.session.add_torrent(params).status()
    assert not status.has_metadata
    assert status.total == 0


def test_transfers_and_times(world):
    _node, torrent, info, content = leech(world, total_downloaded=1000, added_time=77, completed_time=78)
    seed = world.node()
    seed.seed(info, content)
    torrent.connect_peer(seed.address, PeerSource.tracker)
    world.advance(2)
    status = status_of(torrent, ALL)
    assert status.total_payload_download == len(content)
    assert status.all_time_download == len(content) + 1000
    assert status.total_download > len(content)
    assert status.download_rate > 0
    assert status.total_failed_bytes == status.total_redundant_bytes == 0
    assert (status.added_time, status.completed_time) == (77, 78)
    assert status.active_duration == 2
    assert status.seeding_duration >= 1
    torrent_b = world.node().add(info, start=False, added_time=5)
    assert status_of(torrent_b, ALL).added_time == 5


def test_peers(world):
    node, torrent, info, _content = leech(world)
    capabilities = Capability.FAST | Capability.EXTENSION
    wire = guest(world, node, info, peer_id=b"-qB4500-123456789012", capabilities=capabilities)
    wire.say(bitfield(0b0011, 4), UNCHOKE, INTERESTED)
    (peer,) = peer_info(torrent)
    assert peer.ip == wire.sock.name
    assert peer.pid == b"-qB4500-123456789012"
    assert "qBittorrent" in peer.client
    assert peer.num_pieces == 2
    assert peer.progress == 0.5
    assert peer.progress_ppm == 500_000
    assert peer.source == PeerSource.incoming
    assert peer.download_queue_length == 4
    assert peer.queue_bytes == 4 * BLOCK
    assert peer.target_dl_queue_length >= 4
    assert peer.write_state is BandwidthState.bw_idle
    assert peer.flags & PeerFlags.interesting
    assert peer.flags & PeerFlags.remote_interested
    assert peer.flags & PeerFlags.supports_extensions
    assert not peer.flags & (PeerFlags.remote_choked | PeerFlags.outgoing_connection | PeerFlags.seed)
    body = encode({"v": "Somebody 1.0"})
    wire.say((2 + len(body)).to_bytes(4, "big") + b"\x14\0" + body)
    assert peer_info(torrent)[0].client == "Somebody 1.0"
    torrent.pause()
    assert peer_info(torrent) == []


def test_a_peer_that_waits_for_the_disk(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.seed(info, content)
    wire = guest(world, node, info).say(INTERESTED)
    node.platform.holds_disk = True
    node.backend.is_cold = True
    wire.say(request(0, 0)).say(request(1, 0))
    (peer,) = peer_info(torrent)
    assert peer.write_state is BandwidthState.bw_network
    assert peer.upload_queue_length == 1


def test_peers_on_the_way(world):
    _node, torrent, _info, _content = leech(world)
    world.black_holes.add("10.8.8.8")
    world.listening["10.8.8.9", 6881] = lambda sock, address: None
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.pex)
    torrent.connect_peer(("10.8.8.9", 6881), PeerSource.pex)
    world.pump()
    by_host = {peer.ip[0]: peer for peer in peer_info(torrent)}
    assert by_host["10.8.8.8"].flags & PeerFlags.connecting
    assert by_host["10.8.8.9"].flags & PeerFlags.handshake
    assert by_host["10.8.8.9"].client == ""
    status = status_of(torrent, ALL)
    assert (status.num_connections, status.num_peers) == (2, 0)


def test_peers_of_a_magnet_link_and_of_links_without_pipelines(world):
    node = world.node()
    info, _ = torrent_of(2)
    params = AddTorrentParams(save_path="/d", info_hashes=info.info_hashes)
    torrent = node.session.add_torrent(params)._torrent
    guest(world, node, info)
    (peer,) = peer_info(torrent)
    assert peer.num_pieces == 0
    assert peer.download_queue_length == 0


def test_partial_pieces(world):
    node, torrent, info, content = leech(world, pieces=1, tail=100)
    assert download_queue(torrent) == []
    wire = guest(world, node, info).say(HAVE_ALL).say(UNCHOKE)
    wire.say(block(0, 0, content[:BLOCK]))
    by_piece = {piece.piece_index: piece for piece in download_queue(torrent)}
    assert [entry.state for entry in by_piece[0].blocks] == [PieceState.finished, PieceState.requested]
    assert [entry.num_peers for entry in by_piece[0].blocks] == [0, 1]
    assert [entry.block_size for entry in by_piece[1].blocks] == [100]
    other = world.node().add(info, start=False)
    assert download_queue(other) == []


def test_resume_parameters_say_how_it_is(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(
        info,
        content,
        pieces=[1],
        upload_limit=5,
        max_connections=6,
        total_uploaded=100,
        trackers=["udp://10.1.1.1:1"],
    )
    world.pump()
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.pex)
    torrent.peers.ban(("10.8.8.9", 1))
    torrent.handle.piece_priority(2, 7)
    world.advance(3)
    params = resume_params(torrent)
    assert params.ti is info
    assert list(params.have_pieces.indices()) == [1]
    assert params.have_pieces is not torrent.have
    assert (params.upload_limit, params.max_connections) == (5, 6)
    assert params.total_uploaded == 100
    assert params.peers == [("10.8.8.8", 6881)]
    assert params.banned_peers == [("10.8.8.9", 1)]
    assert params.piece_priorities == [4, 4, 7, 4]
    assert params.active_time >= 2
    assert params.trackers == ["udp://10.1.1.1:1"]
    assert not params.flags & TorrentFlags.need_save_resume
    assert params.verified_pieces is None


def test_resume_parameters_claim_nothing_that_was_not_checked(world):
    node = world.node()
    node.platform.holds_disk = True
    info, content = torrent_of(4)
    torrent = node.add(info, content)
    world.pump()
    assert resume_params(torrent).have_pieces is None
    torrent.recheck()
    assert resume_params(torrent).have_pieces is None
    other = world.node().add(info, start=False, added_time=9)
    assert resume_params(other).added_time == 9


def test_need_to_save_is_shown(world):
    _node, torrent, _info, _content = leech(world)
    assert status_of(torrent, ALL).need_save_resume_data
    torrent.handle.save_resume_data()
    assert status_of(torrent, ALL).need_save_resume_data == ResumeDataFlags(0)


def test_an_error_is_shown(world):
    from evtorrent.session.disk.errors import StorageError

    _node, torrent, _info, _content = leech(world)
    torrent.disk_done(StorageError("write", "/disk/x", OSError(28, "full")))
    assert status_of(torrent, ALL).errc.value == 28
