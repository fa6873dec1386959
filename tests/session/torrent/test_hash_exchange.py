"""Hash trees between a session and peers by hand (BEP 52)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.metainfo import parse_torrent
from evtorrent.protocols.metainfo.hash_request import HashRequest
from evtorrent.protocols.metainfo.merkle import block_hashes
from evtorrent.protocols.metainfo.torrent_hashes import TorrentHashes
from evtorrent.protocols.peer.hash_messages import pack_hash_message, pack_hashes
from evtorrent.protocols.peer.messages import MessageId
from evtorrent.protocols.types import InfoHashes, Sha256Hash
from evtorrent.session import AddTorrentParams, TorrentFlags, load_torrent_buffer, write_torrent_file_buf
from evtorrent.session.alerts import FileErrorAlert, PeerBanAlert, PeerErrorAlert
from evtorrent.session.hash_trees import known_layers
from evtorrent.session.torrent import hash_exchange
from evtorrent.session.torrent.hash_exchange import MAX_QUEUED_REQUESTS
from evtorrent.session.torrent.phase import Phase
from evtorrent.session.torrent.report import resume_params
from evtorrent.session.torrent.torrent import Torrent
from support.v2_content import V2Content
from support.world import HAVE_ALL, HAVE_NONE, INTERESTED, UNCHOKE, Node, Wire, World, answer, block, request

BLOCK = 16384
CONTENT = V2Content([("large", 9 * BLOCK + 1), ("small", 7), ("two", 3 * BLOCK)], 2 * BLOCK)
"""Pieces of two blocks: five of the first file, the last of them short; then one, and two."""
INFO = CONTENT.info
LARGE, SMALL, TWO = (root for index in INFO.files if (root := INFO.files.root(index)) is not None)


@pytest.fixture
def world() -> World:
    return World()


def trees(content: V2Content = CONTENT) -> TorrentHashes:
    """Everything about a torrent."""
    hashes = TorrentHashes(content.info.files)
    hashes.set_layers(known_layers(load_torrent_buffer(content.torrent), content.info.files))
    assert hashes.is_complete
    return hashes


def with_layers(content: V2Content = CONTENT) -> dict[str, Any]:
    """The fields of parameters that have the piece layers."""
    params = load_torrent_buffer(content.torrent)
    return {"merkle_trees": params.merkle_trees, "merkle_tree_mask": params.merkle_tree_mask}


def wire(world: World, number: int = 1, content: V2Content = CONTENT) -> Wire:
    peer_id = f"-XX0000-{number:012}".encode()
    name = content.info.info_hashes.best()
    return Wire(world, name, host=f"10.9.9.{number}", peer_id=peer_id)


def seed(node: Node) -> Torrent:
    return node.seed(INFO, CONTENT.data, **with_layers())


def right(request: HashRequest, content: V2Content = CONTENT) -> bytes:
    tree = trees(content).file(request.root)
    assert tree is not None
    found = tree.answer(request)
    assert found is not None
    return found


def serve(peer: Wire, make: Callable[[HashRequest], bytes] = right) -> list[HashRequest]:
    """Answer what a wire was asked for."""
    asked = requests_to(peer)
    peer.say(*[pack_hashes(request, make(request)) for request in asked])
    return asked


def requests_to(peer: Wire) -> list[HashRequest]:
    return [request for _, request, _ in peer.heard("hash_request")]


def ask(peer: Wire, *requests: HashRequest) -> list[tuple[str, bytes]]:
    """Ask, and give what came back."""
    peer.say(*[pack_hash_message(MessageId.HASH_REQUEST, request) for request in requests])
    return [(kind, hashes) for kind, _, hashes in peer.heard("hashes", "hash_reject")]


def leaves(index: int = 0, count: int = 2, root: Sha256Hash = LARGE) -> HashRequest:
    return HashRequest(root, 0, index, count, 3 if root == LARGE else 1)


# ---------------------------------------------------------------------------------------------------------- fetching


def test_hashes_are_fetched_and_then_pieces(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    assert torrent.phase is Phase.METADATA
    peer = wire(world).call(node).say(HAVE_ALL)
    assert peer.heard("hash_request", "interested") == []
    world.advance(1)
    assert {request.root for request in serve(peer)} == {LARGE, TWO}
    assert torrent.phase is Phase.ACTIVE
    assert peer.say(UNCHOKE).heard("request", "interested")[0] == ("interested",)
    world.advance(70)  # What was just overheard is asked for again.
    for _ in range(10):
        answer(peer, CONTENT.data, INFO.piece_length)
    assert torrent.is_seed
    world.check()


def test_requests_end_with_the_file(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO, **with_layers())
    world.pump()
    peer = wire(world).call(node).say(HAVE_ALL, UNCHOKE)
    sizes: dict[tuple[int, int], int] = {}
    while requests := peer.heard("request"):
        for _, piece, begin, length in requests:
            sizes[piece, begin] = length
            start = piece * INFO.piece_length + begin
            peer.send(block(piece, begin, CONTENT.data[start : start + length]))
        world.pump()
    assert torrent.is_seed
    assert (sizes[4, BLOCK], sizes[5, 0], sizes[7, 0]) == (1, 7, BLOCK)
    assert len(sizes) == 10 + 1 + 3
    world.check()


def test_who_has_no_metadata_is_not_asked(world: World) -> None:
    node = world.node()
    node.add(INFO)
    world.pump()
    peer = wire(world).call(node).say(HAVE_NONE)
    world.advance(5)
    assert requests_to(peer) == []


def test_files_of_one_piece_need_no_hashes(world: World) -> None:
    content = V2Content([("a", 5), ("b", 2 * BLOCK)], 2 * BLOCK)
    node = world.node()
    assert node.seed(content.info, content.data).is_seed


def test_a_peer_is_asked_a_few_at_a_time(world: World) -> None:
    content = V2Content([(str(number), 2 * BLOCK) for number in range(6)], BLOCK)
    node = world.node()
    torrent = node.add(content.info)
    world.pump()
    peer, other = (wire(world, number, content).call(node).say(HAVE_ALL) for number in (1, 2))
    world.advance(1)
    asked = requests_to(peer) + requests_to(other)
    assert len(asked) == 6 == len(set(asked))
    for each in (peer, other):
        each.say(*[pack_hashes(request, right(request, content)) for request in asked if each is peer][:4])
    world.advance(1)
    assert torrent.phase is Phase.METADATA
    world.advance(11)  # The other one is silent.
    serve(peer, lambda request: right(request, content))
    assert torrent.phase is Phase.ACTIVE
    world.check()


def test_a_reject_is_no_crime(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    peer = wire(world).call(node).say(HAVE_ALL)
    world.advance(1)
    peer.say(*[pack_hash_message(MessageId.HASH_REJECT, request) for request in requests_to(peer)])
    world.advance(2)
    assert requests_to(peer) == []
    world.advance(2)
    assert len(serve(peer)) == 2
    assert torrent.can_verify and not peer.is_closed


def test_wrong_hashes_are_proof(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    liar = wire(world).call(node).say(HAVE_ALL)
    world.advance(1)
    serve(liar, lambda request: bytes(len(right(request))))
    assert liar.is_closed
    assert [alert.endpoint[0] for alert in node.alerts(PeerBanAlert)] == [liar.host]
    assert torrent.phase is Phase.METADATA
    honest = wire(world, 2).call(node).say(HAVE_ALL)
    world.advance(11)
    serve(honest)
    assert torrent.phase is Phase.ACTIVE
    world.check()


@pytest.mark.parametrize("kind", ["hashes", "reject"])
def test_what_was_not_asked_for_ends_the_peer(world: World, kind: str) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    request = HashRequest(LARGE, 1, 0, 8, 2)
    peer = wire(world).call(node).say(HAVE_ALL)
    reject = pack_hash_message(MessageId.HASH_REJECT, request)
    peer.say(pack_hashes(request, right(request)) if kind == "hashes" else reject)
    assert peer.is_closed
    assert len(node.alerts(PeerErrorAlert)) == 1
    assert not torrent.can_verify, "nothing was taken from it"


def test_a_late_answer_is_taken(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    slow, other = wire(world).call(node).say(HAVE_ALL), wire(world, 2).call(node).say(HAVE_ALL)
    world.advance(1)
    late = requests_to(slow) or requests_to(other)
    peer = slow if late else other
    world.advance(11)
    serve(other)
    serve(slow)
    assert torrent.phase is Phase.ACTIVE
    peer.say(*[pack_hashes(request, right(request)) for request in late])
    assert not peer.is_closed
    world.check()


def test_paused_while_it_waits(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    peer = wire(world).call(node).say(HAVE_ALL)
    world.advance(1)
    assert len(requests_to(peer)) == 2
    torrent.pause()
    world.advance(1)
    assert peer.is_closed
    torrent.resume()
    world.pump()
    other = wire(world, 2).call(node).say(HAVE_ALL)
    world.advance(12)
    serve(other)
    assert torrent.phase is Phase.ACTIVE


def test_resume_data_has_what_was_fetched(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    peer = wire(world).call(node).say(HAVE_ALL)
    world.advance(1)
    serve(peer)
    params = resume_params(torrent)
    assert known_layers(params, INFO.files) == trees().layers()
    again = parse_torrent(write_torrent_file_buf(params))
    assert again.info.info_hashes == INFO.info_hashes
    assert again.piece_layers == trees().layers()


def test_wrong_layers_of_resume_data_are_fetched_again(world: World) -> None:
    fields = with_layers()
    fields["merkle_trees"] = [nodes[::-1] for nodes in fields["merkle_trees"]]
    torrent = world.node().add(INFO, **fields)
    world.pump()
    assert torrent.phase is Phase.METADATA


# --------------------------------------------------------------------------------------------------------- answering


def test_the_layer_of_pieces_is_served(world: World) -> None:
    node = world.node()
    seed(node)
    peer = wire(world).call(node)
    request = HashRequest(LARGE, 1, 0, 8, 2)
    assert ask(peer, request, request) == [("hashes", right(request))] * 2


def test_leaves_are_read_for_who_is_unchoked(world: World) -> None:
    node = world.node()
    seed(node)
    peer = wire(world).call(node)
    assert ask(peer, leaves()) == [("hash_reject", b"")]
    peer.say(INTERESTED)
    world.advance(30)
    assert peer.heard("unchoke")
    hashes = block_hashes(CONTENT.data[: 9 * BLOCK + 1])
    ((kind, answered),) = ask(peer, leaves(8))
    assert kind == "hashes"
    assert answered[:64] == hashes[8] + hashes[9]
    ((kind, answered),) = ask(peer, HashRequest(TWO, 0, 0, 4, 1))
    assert answered == b"".join(block_hashes(CONTENT.data[-3 * BLOCK :])) + bytes(32)


def test_what_is_rejected(world: World) -> None:
    node = world.node()
    seed(node)
    peer = wire(world).call(node)
    unknown = [
        HashRequest(Sha256Hash(b"?" * 32), 0, 0, 2, 0),
        HashRequest(LARGE, 1, 8, 8, 0),
        HashRequest(LARGE, 1, 0, 8, 4),
        HashRequest(SMALL, 0, 0, 2, 0),
    ]
    assert ask(peer, *unknown) == [("hash_reject", b"")] * 4
    assert not peer.is_closed


def test_absurd_requests_end_the_peer(world: World) -> None:
    node = world.node()
    seed(node)
    peer = wire(world).call(node)
    peer.say(pack_hash_message(MessageId.HASH_REQUEST, HashRequest(LARGE, 0, 0, 2**31, 0)))
    assert peer.is_closed


def test_leaves_of_what_is_not_here(world: World) -> None:
    node = world.node()
    node.add(INFO, CONTENT.data, pieces=[0], **with_layers())
    world.pump()
    peer = wire(world).call(node).say(INTERESTED)
    world.advance(30)
    assert peer.heard("unchoke")
    assert [kind for kind, _ in ask(peer, leaves(0), leaves(2))] == ["hashes", "hash_reject"]


def test_no_more_wait_than_the_limit(world: World) -> None:
    node = world.node()
    seed(node)
    peer = wire(world).call(node).say(INTERESTED)
    world.advance(30)
    node.platform.holds_disk = True
    assert ask(peer, *[leaves()] * (MAX_QUEUED_REQUESTS + 3)) == [("hash_reject", b"")] * 3
    assert len(node.platform.jobs) == 1, "one is read at a time"
    node.platform.holds_disk = False
    world.pump()
    assert len(peer.heard("hashes")) == MAX_QUEUED_REQUESTS


def test_who_does_not_read_gets_no_more_than_the_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_exchange, "MAX_UNSENT_HASHES", 1000)
    node = world.node()
    seed(node)
    peer = wire(world).call(node)
    assert peer.sock is not None
    peer.heard()
    peer.sock.limit = 0
    request = HashRequest(LARGE, 1, 0, 8, 2)
    assert ask(peer, *[request] * 10) == []
    peer.sock.limit = 1 << 20
    world.pump()
    first = len(peer.heard("hashes"))
    assert first == 4, "256 bytes each"
    world.advance(5)
    assert len(peer.heard("hashes")) == 6


def test_a_disk_that_fails(world: World) -> None:
    node = world.node()
    torrent = seed(node)
    peer = wire(world).call(node).say(INTERESTED)
    world.advance(30)
    node.backend.fail_read = errno.EIO
    assert ask(peer, leaves()) == [("hash_reject", b"")]
    assert torrent.error
    assert len(node.alerts(FileErrorAlert)) == 1


def test_the_peer_goes_while_its_leaves_are_read(world: World) -> None:
    node = world.node()
    seed(node)
    peer = wire(world).call(node).say(INTERESTED)
    world.advance(30)
    node.platform.holds_disk = True
    ask(peer, leaves())
    peer.hang_up()
    node.platform.holds_disk = False
    world.pump()
    world.check()


def test_before_there_is_metadata(world: World) -> None:
    node = world.node()
    params = AddTorrentParams(save_path="/disk", info_hashes=InfoHashes(None, INFO.info_hashes.v2))
    node.session.add_torrent(params).resume()
    world.pump()
    peer = wire(world).call(node)
    request = HashRequest(LARGE, 1, 0, 8, 2)
    assert ask(peer, request) == [("hash_reject", b"")]
    peer.say(pack_hashes(request, right(request)))
    assert peer.is_closed


# ---------------------------------------------------------------------------------------------- whose fault it is


def leaf_hashes(request: HashRequest) -> bytes:
    """Of the large file."""
    tree = trees().file(request.root)
    assert tree is not None
    span = tree.blocks_for(request)
    assert span is not None
    found = tree.answer(request, block_hashes(CONTENT.data[: 9 * BLOCK + 1])[span.start : span.stop])
    assert found is not None
    return found


def spoiled_piece(world: World, node: Node) -> tuple[Torrent, Wire, Wire]:
    """Piece 0 came, one block of each of two peers, the second of them bad."""
    torrent = node.add(INFO, **with_layers(), piece_priorities=[4] + [0] * (INFO.num_pieces - 1))
    world.pump()
    good, bad = (wire(world, number).call(node).say(HAVE_ALL) for number in (1, 2))
    for link in list(torrent.swarm.links if torrent.swarm is not None else ()):
        assert link.requester is not None
        link.requester.snubbed = True  # One block at a time.
    good.say(UNCHOKE)
    bad.say(UNCHOKE)
    ((_, piece, begin, length),) = good.heard("request")
    ((_, other_piece, other_begin, _),) = bad.heard("request")
    assert (piece, other_piece) == (0, 0)
    bad.say(block(0, other_begin, bytes(length)))
    good.say(block(0, begin, CONTENT.data[begin : begin + length]))
    return torrent, good, bad


def test_hashes_of_blocks_tell_whose_block_was_bad(world: World) -> None:
    node = world.node()
    torrent, good, bad = spoiled_piece(world, node)
    asked = requests_to(good)
    asker = good if asked else bad
    asked = asked or requests_to(bad)
    assert asked == [HashRequest(LARGE, 0, 0, 2, 3)]
    asker.say(*[pack_hashes(request, leaf_hashes(request)) for request in asked])
    assert [alert.endpoint[0] for alert in node.alerts(PeerBanAlert)] == [bad.host]
    assert bad.is_closed and not good.is_closed
    assert not torrent.have.any()
    world.check()


def test_a_reject_leaves_it_to_the_good_copy(world: World) -> None:
    node = world.node()
    torrent, good, bad = spoiled_piece(world, node)
    for each in (good, bad):
        each.say(*[pack_hash_message(MessageId.HASH_REJECT, request) for request in requests_to(each)])
    assert node.alerts(PeerBanAlert) == []
    helper = wire(world, 3).call(node)
    assert torrent.download is not None and torrent.download.smart_ban is not None
    assert torrent.download.smart_ban.digests_known(
        0, dict(enumerate(block_hashes(CONTENT.data[: 2 * BLOCK])))
    )
    world.advance(15)
    assert requests_to(helper.say(HAVE_ALL)) == [], "there is nothing left to find out"
    world.check()


def test_wrong_hashes_of_blocks_are_proof_too(world: World) -> None:
    node = world.node()
    _torrent, good, bad = spoiled_piece(world, node)
    asker = good
    asked = requests_to(good)
    if not asked:
        asker, asked = bad, requests_to(bad)
    asker.say(*[pack_hashes(request, bytes(len(leaf_hashes(request)))) for request in asked])
    assert [alert.endpoint[0] for alert in node.alerts(PeerBanAlert)] == [asker.host]
    world.check()


# --------------------------------------------------------------------------------------------------- the rest of a life


def test_checked_again_while_it_waits(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO, have_pieces=Bitfield(INFO.num_pieces, 0b1))
    world.pump()
    torrent.recheck()
    peer = wire(world).call(node).say(HAVE_ALL)
    world.advance(1)
    assert torrent.phase is Phase.METADATA
    serve(peer)
    assert torrent.phase is Phase.ACTIVE
    assert not torrent.have.any(), "nothing was believed"


def test_the_queue_decides_when_hashes_are_fetched(world: World) -> None:
    """As of a magnet link: there is nothing to check before it is online."""
    node = world.node(active_downloads=1, dont_count_slow_torrents=False)
    handles = [
        node.session.add_torrent(AddTorrentParams(save_path=f"/{content.info.name}", ti=content.info))
        for content in (CONTENT, V2Content(5 * BLOCK, BLOCK, name="other"))
    ]
    world.advance(20)
    torrents = [handle._torrent for handle in handles]
    assert [torrent.phase for torrent in torrents if torrent is not None] == [Phase.METADATA, Phase.NEW]
    peer = wire(world).call(node).say(HAVE_ALL)
    world.advance(1)
    serve(peer)
    assert torrents[0] is not None and torrents[0].phase is Phase.ACTIVE
    world.check()


def test_seed_mode(world: World) -> None:
    node = world.node()
    flags = TorrentFlags.default_flags | TorrentFlags.seed_mode | TorrentFlags.no_verify_files
    torrent = node.add(INFO, CONTENT.data, flags=flags, **with_layers())
    world.pump()
    assert torrent.seed_mode is not None
    peer = wire(world).call(node).say(INTERESTED)
    world.advance(30)
    peer.say(*[request(piece, 0, min(BLOCK, INFO.piece_size(piece))) for piece in range(INFO.num_pieces)])
    assert len(peer.heard("piece")) == INFO.num_pieces
    assert torrent.seed_mode is None and torrent.is_seed
    world.check()


def test_status_counts_what_files_have(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO, CONTENT.data, pieces=[0, 4], **with_layers())
    world.pump()
    status = torrent.handle.status()
    assert (status.total, status.total_done) == (9 * BLOCK + 1 + 7 + 3 * BLOCK, 2 * BLOCK + BLOCK + 1)
    assert torrent.bytes_left == status.total - status.total_done
    torrent.handle.prioritize_files([0] * INFO.files.num_files)
    world.pump()
    assert torrent.handle.status().total_wanted == 0
    torrent.handle.prioritize_files([0, 0, 1, 0, 0])
    assert torrent.handle.status().total_wanted == 7
    assert torrent.handle.status().is_finished is False


def test_a_piece_by_the_program(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO, **with_layers())
    world.pump()
    torrent.handle.add_piece(5, CONTENT.data[5 * INFO.piece_length :][:7])
    torrent.handle.add_piece(4, bytes(BLOCK + 1))
    world.pump()
    assert list(torrent.have.indices()) == [5]
    with pytest.raises(ValueError, match="piece 5 has 7 bytes"):
        torrent.handle.add_piece(5, bytes(INFO.piece_length))


def test_what_a_peer_that_goes_was_asked_others_are_asked_at_once(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    peer = wire(world).call(node).say(HAVE_ALL)
    world.advance(1)
    assert len(requests_to(peer)) == 2
    peer.hang_up()
    other = wire(world, 2).call(node).say(HAVE_ALL)
    world.advance(1)
    serve(other)
    assert torrent.phase is Phase.ACTIVE
