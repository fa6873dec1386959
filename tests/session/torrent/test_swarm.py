from __future__ import annotations

import pytest
from evtorrent.protocols.peer.fast import allowed_fast_set
from evtorrent.protocols.peer.handshake import Capability
from evtorrent.protocols.types import InfoHashes, Sha256Hash
from evtorrent.session import AddTorrentParams, IpFilter, PeerSource, TorrentFlags
from evtorrent.session.alerts import (
    PeerBanAlert,
    PeerConnectAlert,
    PeerDisconnectedAlert,
    PeerErrorAlert,
    PeerSnubbedAlert,
    PeerUnsnubbedAlert,
)
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.torrent.link_end import LinkEnded
from evtorrent.session.torrent.peer_link import ReadBlock
from evtorrent.session.torrent.picker_modes import PickMode
from support.world import (
    BLOCK,
    CHOKE,
    HAVE_ALL,
    HAVE_NONE,
    INTERESTED,
    PORT,
    UNCHOKE,
    Wire,
    World,
    answer,
    bitfield,
    block,
    fill,
    numbers,
    request,
    torrent_of,
)

HAVE, CANCEL, REJECT = 4, 8, 16
PLAIN = Capability(0)


@pytest.fixture
def world():
    return World()


def leech(world, pieces=4, **settings):
    node = world.node(**settings)
    info, content = torrent_of(pieces)
    torrent = node.add(info)
    world.pump()
    return node, torrent, info, content


def seed(world, pieces=4, flags=TorrentFlags(0), **settings):
    node = world.node(**settings)
    info, content = torrent_of(pieces)
    return node, node.seed(info, content, flags=flags), info, content


def guest(world, node, info, number=1, **more):
    return Wire(
        world, info.info_hashes.best(), host=f"10.9.9.{number}", peer_id=b"-XX0000-%012d" % number, **more
    ).call(node)


def reasons(node):
    return [alert.reason for alert in node.alerts(PeerDisconnectedAlert)]


# -- conversations


def test_a_download_from_a_peer_by_hand(world):
    node, torrent, info, content = leech(world)
    wire = guest(world, node, info).say(HAVE_ALL)
    assert wire.heard() == [("have_none",), ("interested",)]
    wire.say(UNCHOKE)
    while answer(wire, content, info.piece_length):
        pass
    assert torrent.is_seed
    assert wire.is_closed
    assert reasons(node) == [CloseReason.upload_to_upload]
    world.check()


def test_a_peer_that_has_some_is_told_of_new_pieces(world):
    node, torrent, info, content = leech(world)
    first = guest(world, node, info, 1).say(HAVE_ALL, UNCHOKE)
    second = guest(world, node, info, 2).say(bitfield(0b0001, 4))
    first.heard("x")
    second.heard()
    (link,) = [link for link in torrent.swarm.links if link.is_seed]
    first.say(*[block(2, begin, content[2 * info.piece_length + begin :][:BLOCK]) for begin in (0, BLOCK)])
    assert ("have", 2) in second.heard()
    world.advance(0.5)  # Blocks are on order there: it leaves with what is sent next.
    assert ("have", 2) in first.heard()
    assert link.is_seed


def test_who_has_a_piece_need_not_hear_of_it(world):
    """`send_redundant_have`."""
    node, torrent, info, content = leech(world, send_redundant_have=False)
    first = guest(world, node, info, 1).say(HAVE_ALL, UNCHOKE)
    some = guest(world, node, info, 2).say(bitfield(0b0100, 4))
    others = guest(world, node, info, 3).say(bitfield(0b0011, 4))
    for piece in (2, 1):
        start = piece * info.piece_length
        first.say(*[block(piece, begin, content[start + begin :][:BLOCK]) for begin in (0, BLOCK)])
        assert torrent.has_piece(piece)
    world.advance(0.5)
    assert first.heard("have") == []
    assert some.heard("have") == [("have", 1)]
    assert others.heard("have") == [("have", 2)]
    node.session.apply_settings({"send_redundant_have": True})
    first.say(*[block(0, begin, content[begin:][:BLOCK]) for begin in (0, BLOCK)])
    world.advance(0.5)
    assert first.heard("have") == others.heard("have") == [("have", 0)]


def test_interest_follows_what_peers_have(world):
    node, torrent, info, content = leech(world)
    wire = guest(world, node, info).say(HAVE_NONE)
    assert wire.heard("interested", "not_interested") == []
    wire.say(numbers(HAVE, 1))
    assert wire.heard("interested", "not_interested") == [("interested",)]
    wire.say(UNCHOKE)
    assert [message[1:3] for message in wire.heard("request")] == [(1, 0), (1, BLOCK)]
    wire.say(*[block(1, begin, content[info.piece_length + begin :][:BLOCK]) for begin in (0, BLOCK)])
    assert torrent.has_piece(1)
    assert wire.heard("not_interested") == [("not_interested",)]
    wire.say(numbers(HAVE, 3))
    assert [message[0] for message in wire.heard("interested", "request")] == [
        "interested",
        "request",
        "request",
    ]


def test_a_piece_told_while_nothing_is_on_order_is_asked_for(world):
    node, torrent, info, content = leech(world)
    wire = guest(world, node, info).say(bitfield(0b0011, 4)).say(UNCHOKE)
    asked = wire.heard("request")
    for _, piece, begin, length in asked[:-1]:
        wire.say(block(piece, begin, content[piece * info.piece_length + begin :][:length]))
    wire.say(numbers(REJECT, *asked[-1][1:]))
    wire.heard()
    wire.say(numbers(HAVE, 3))
    assert {message[1] for message in wire.heard("request")} & {3} or torrent.swarm


def test_requests_are_served(world):
    node, _torrent, info, content = seed(world)
    wire = guest(world, node, info).say(HAVE_NONE, INTERESTED)
    assert ("unchoke",) in wire.heard()
    wire.say(request(1, 0), request(1, BLOCK), request(3, 100, 50))
    assert wire.heard("piece") == [("piece", 1, 0, BLOCK), ("piece", 1, BLOCK, BLOCK), ("piece", 3, 100, 50)]
    assert wire.blocks[3, 100] == content[3 * info.piece_length + 100 :][:50]


def test_requests_beyond_a_piece_end_the_peer(world):
    node, _torrent, info, _content = seed(world)
    wire = guest(world, node, info).say(INTERESTED, request(0, info.piece_length, 1))
    assert wire.is_closed
    (alert,) = node.alerts(PeerErrorAlert)
    assert alert.endpoint == wire.sock.name


@pytest.mark.parametrize("capabilities", [Capability.FAST, PLAIN])
def test_requests_of_choked_peers_are_rejected_or_dropped(world, capabilities):
    node, _torrent, info, _content = seed(world, allowed_fast_set_size=0)
    wire = guest(world, node, info, capabilities=capabilities).say(request(1, 0))
    expected = [("reject", 1, 0, BLOCK)] if capabilities else []
    assert wire.heard("reject", "piece") == expected


def test_requests_before_there_is_a_disk_are_rejected(world):
    node, torrent, info, _content = seed(world)
    wire = guest(world, node, info)
    (link,) = torrent.swarm.links
    link.uploader = None
    wire.say(INTERESTED, request(1, 0))
    assert wire.heard("reject", "piece") == [("reject", 1, 0, BLOCK)]
    assert node.core.statistics()["peer.piece_rejects"] == 1


# -- BEP 6


def test_the_allowed_fast_set_is_offered_and_served_while_choked(world):
    node, _torrent, info, _content = seed(world, pieces=20, allowed_fast_set_size=3)
    wire = guest(world, node, info)
    offered = [message[1] for message in wire.heard("allowed_fast")]
    assert sorted(offered) == sorted(allowed_fast_set("10.9.9.1", info.info_hashes.best(), 20, 3))
    other = next(piece for piece in range(20) if piece not in offered)
    wire.say(request(offered[0], 0), request(other, 0))
    assert wire.heard("piece", "reject") == [("reject", other, 0, BLOCK), ("piece", offered[0], 0, BLOCK)]


def test_only_pieces_we_have_are_offered(world):
    node = world.node(allowed_fast_set_size=4)
    info, content = torrent_of(4)
    node.add(info, content, pieces=[2])
    world.pump()
    assert guest(world, node, info).heard("allowed_fast") == [("allowed_fast", 2)]


def test_nothing_is_offered_without_bep6_or_with_size_0(world):
    node, _torrent, info, _content = seed(world)
    assert guest(world, node, info, capabilities=PLAIN).heard() == [("bitfield", b"\xf0")]
    node.session.apply_settings({"allowed_fast_set_size": 0})
    assert guest(world, node, info, 2).heard() == [("have_all",)]


def test_a_choke_keeps_orders_with_bep6_and_loses_them_without(world):
    node, torrent, info, _content = leech(world)
    fast = guest(world, node, info, 1).say(HAVE_ALL, UNCHOKE, CHOKE)
    (link,) = torrent.swarm.links
    assert len(link.requester.on_order) in (0, 8)
    fast.hang_up()
    plain = guest(world, node, info, 2, capabilities=PLAIN).say(bitfield(15, 4), UNCHOKE)
    plain.say(CHOKE)
    (link,) = torrent.swarm.links
    assert not link.requester.on_order
    assert not any(status.num_requested for status in torrent.download.picker.downloading())


# -- end game, snubs


def test_in_end_game_the_second_is_told_to_keep_its_block(world):
    node, torrent, info, content = leech(world, pieces=1)
    one = guest(world, node, info, 1).say(HAVE_ALL, UNCHOKE)
    two = guest(world, node, info, 2).say(HAVE_ALL, UNCHOKE)
    assert len(one.heard("request")) == len(two.heard("request")) == 2
    one.say(block(0, 0, content[:BLOCK]))
    assert two.heard("cancel") == [("cancel", 0, 0, BLOCK)]
    two.say(block(0, 0, content[:BLOCK]))
    assert torrent.download.num_waste_bytes == BLOCK
    two.say(block(0, BLOCK, content[BLOCK:]))
    assert torrent.is_seed
    world.check()


def test_a_peer_that_sends_nothing_is_snubbed_until_it_does(world):
    node, _torrent, info, content = leech(world, piece_timeout=5)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    wire.heard()
    world.advance(7)
    assert len(node.alerts(PeerSnubbedAlert)) == 1
    ((_, piece, begin, length),) = wire.heard("request")
    wire.say(block(piece, begin, content[piece * info.piece_length + begin :][:length]))
    assert len(node.alerts(PeerUnsnubbedAlert)) == 1
    assert len(wire.heard("request")) >= 1


def test_the_blocks_of_a_snubbed_peer_are_asked_of_others(world):
    node, torrent, info, content = leech(world, pieces=2, piece_timeout=5)
    guest(world, node, info, 1).say(HAVE_ALL, UNCHOKE)
    world.advance(7)
    other = guest(world, node, info, 2).say(HAVE_ALL, UNCHOKE)
    while answer(other, content, info.piece_length):
        pass
    assert torrent.is_seed


# -- blame


def test_one_sender_of_a_bad_piece_is_banned_for_good(world):
    node, torrent, info, content = leech(world)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    answer(wire, content, info.piece_length, spoil=lambda piece: piece == 2)
    assert wire.is_closed
    assert [alert.endpoint for alert in node.alerts(PeerBanAlert)] == [wire.sock.name]
    assert CloseReason.corrupt_pieces in reasons(node)
    assert not torrent.has_piece(2)
    again = guest(world, node, info)
    assert again.is_closed
    assert reasons(node)[-1] is CloseReason.blocked
    torrent.connect_peer(("10.9.9.1", 6881), PeerSource.tracker)
    assert not torrent.swarm.links
    assert len(torrent.swarm.peers.banned()) == 1


def test_of_two_senders_the_good_copy_convicts_the_bad_one(world):
    node, torrent, info, content = leech(world, pieces=1)
    bad = guest(world, node, info, 1).say(HAVE_ALL).say(UNCHOKE)
    bad.say(block(0, 0, bytes(BLOCK)))
    good = guest(world, node, info, 2).say(HAVE_ALL).say(UNCHOKE)
    good.say(block(0, BLOCK, content[BLOCK:]))
    assert not torrent.is_seed
    assert not node.alerts(PeerBanAlert)
    assert all(link.pick_mode & PickMode.ON_PAROLE for link in torrent.swarm.links)
    bad.heard()
    good.heard()
    third = guest(world, node, info, 3).say(HAVE_ALL).say(UNCHOKE)
    third.heard()
    good.say(block(0, 0, content[:BLOCK]), block(0, BLOCK, content[BLOCK:]))
    third.say(block(0, 0, content[:BLOCK]), block(0, BLOCK, content[BLOCK:]))
    world.advance(1)
    answer(good, content, info.piece_length)
    assert torrent.is_seed
    assert [alert.endpoint[0] for alert in node.alerts(PeerBanAlert)] == ["10.9.9.1"]
    assert torrent.swarm.peers.find(("10.9.9.1", 1)).banned
    world.check()


def test_parole_can_be_turned_off(world):
    node, torrent, info, content = leech(world, pieces=1, use_parole_mode=False)
    one = guest(world, node, info, 1).say(HAVE_ALL).say(UNCHOKE)
    one.say(block(0, 0, bytes(BLOCK)))
    two = guest(world, node, info, 2).say(HAVE_ALL).say(UNCHOKE)
    two.say(block(0, BLOCK, content[BLOCK:]))
    assert torrent.swarm.links
    assert not any(link.pick_mode & PickMode.ON_PAROLE for link in torrent.swarm.links)


# -- who is connected to whom


def test_both_dial_at_once_and_one_connection_stays(world):
    a, torrent_a, info, _content = seed(world)
    b = world.node()
    torrent_b = b.add(info)
    world.pump()
    torrent_a.connect_peer(b.address, PeerSource.tracker)
    torrent_b.connect_peer(a.address, PeerSource.tracker)
    world.pump()
    assert torrent_b.is_seed
    counted = [node.core.statistics() for node in (a, b)]
    assert [count["peer.incoming_connections"] for count in counted] == [1, 1]
    assert a.core.gate.num_open == b.core.gate.num_open == 0
    assert a.core.connector.num_links == b.core.connector.num_links == 0
    for torrent in (torrent_a, torrent_b):
        torrent.peers.check_invariant()
        assert torrent.swarm.num_half_open == 0
    world.check()


@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_peer_id_may_have_several_connections(world, is_allowed):
    """`allow_multiple_connections_per_pid`."""
    node, torrent, info, _content = seed(world, allow_multiple_connections_per_pid=is_allowed)
    name = b"-XX0000-of_two_homes"
    wires = [
        Wire(world, info.info_hashes.best(), host=host, peer_id=name).call(node)
        for host in ("10.9.9.1", "10.8.8.1")
    ]
    assert len(torrent.swarm.links) == (2 if is_allowed else 1)
    assert [wire.is_closed for wire in wires].count(True) == (0 if is_allowed else 1)
    assert reasons(node) == ([] if is_allowed else [CloseReason.duplicate_peer_id])


def test_a_second_connection_from_the_same_host_is_refused(world):
    node, torrent, info, _content = seed(world)
    first = guest(world, node, info)
    second = Wire(world, info.info_hashes.best(), peer_id=b"-XX0000-another-one-").call(node)
    assert second.is_closed
    assert not first.is_closed
    assert reasons(node) == [CloseReason.duplicate_peer_id]
    torrent.peers.check_invariant()


def test_several_connections_from_one_host_if_allowed(world):
    node, torrent, info, _content = seed(world, allow_multiple_connections_per_ip=True)
    first = guest(world, node, info)
    second = Wire(world, info.info_hashes.best(), host="10.9.9.1", peer_id=b"-XX0000-another-one-").call(node)
    assert not first.is_closed
    assert not second.is_closed
    assert len(torrent.swarm.links) == 2
    torrent.peers.check_invariant()


def test_the_same_peer_from_two_hosts_is_one_too_many(world):
    node, _torrent, info, _content = seed(world)
    first = guest(world, node, info)
    second = Wire(world, info.info_hashes.best(), host="10.8.8.8", peer_id=b"-XX0000-%012d" % 1).call(node)
    assert [first.is_closed, second.is_closed] == [False, True]


@pytest.mark.parametrize("is_lower", [True, False])
def test_of_two_directions_the_one_of_the_lower_id_stays(world, is_lower):
    node, torrent, info, _content = seed(world)
    peer_id = b"\x00" * 20 if is_lower else b"\xff" * 20
    called = Wire(world, info.info_hashes.best(), host="10.8.8.8", peer_id=peer_id).listen()
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.tracker)
    world.pump()
    calling = Wire(world, info.info_hashes.best(), host="10.7.7.7", peer_id=peer_id).call(node)
    assert len(torrent.swarm.links) == 1
    assert [called.is_closed, calling.is_closed] == [is_lower, not is_lower]
    torrent.peers.check_invariant()


def test_we_do_not_talk_to_ourselves(world):
    node, torrent, _info, _content = seed(world)
    torrent.connect_peer(node.address, PeerSource.tracker)
    world.pump()
    assert not torrent.swarm.links
    assert reasons(node) == [CloseReason.self_connection] * 2
    assert torrent.peers.find(node.address).banned
    assert node.core.gate.num_open == node.core.connector.num_links == torrent.swarm.num_half_open == 0
    torrent.connect_peer(node.address, PeerSource.tracker)
    world.advance(300)
    assert node.core.counters["peer.connection_attempts"] == 1
    torrent.peers.check_invariant()
    world.check()


def test_we_do_not_talk_to_ourselves_with_many_a_host(world):
    node, torrent, _info, _content = seed(world, allow_multiple_connections_per_ip=True)
    torrent.connect_peer(node.address, PeerSource.tracker)
    world.advance(300)
    assert node.core.counters["peer.connection_attempts"] == 1
    assert node.core.gate.num_open == node.core.connector.num_links == 0
    torrent.peers.check_invariant()


def test_a_full_list_of_peers_takes_no_more(world):
    node, _torrent, info, _content = seed(world, max_peerlist_size=1)
    assert not guest(world, node, info, 1).is_closed
    assert guest(world, node, info, 2).is_closed
    assert reasons(node) == [CloseReason.blocked]
    assert node.core.gate.num_open == 1


def test_a_call_that_nobody_takes_is_a_failure(world):
    node, torrent, _info, _content = leech(world)
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.tracker)
    world.pump()
    assert not torrent.swarm.links
    assert torrent.peers.find(("10.8.8.8", 6881)).fails == 1
    (alert,) = node.alerts(PeerDisconnectedAlert)
    assert alert.error.value == 111
    assert node.core.statistics()["peer.connrefused_peers"] == 1


def test_a_call_answered_for_another_torrent(world):
    node, torrent, _info, _content = leech(world)
    Wire(world, bytes(20), host="10.8.8.8").listen()
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.tracker)
    world.pump()
    assert not torrent.swarm.links
    assert len(node.alerts(PeerErrorAlert)) == 1
    assert torrent.swarm.num_half_open == 0


def test_connecting_twice_or_to_an_unknown_peer_does_nothing(world):
    _node, torrent, _info, _content = leech(world)
    world.black_holes.add("10.8.8.8")
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.tracker)
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.tracker)
    torrent.swarm.connect_now(("10.8.8.9", 6881), world.now)
    assert len(torrent.swarm.links) == 1


def test_connections_are_reported_with_their_direction(world):
    node, torrent, info, _content = seed(world)
    Wire(world, info.info_hashes.best(), host="10.8.8.8").listen()
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.tracker)
    world.pump()
    guest(world, node, info)
    assert [alert.direction.name for alert in node.alerts(PeerConnectAlert)] == ["outgoing", "incoming"]


# -- time


def test_one_that_connects_and_says_nothing(world):
    node, torrent, _info, _content = leech(world, handshake_timeout=10)
    world.listening["10.8.8.8", 6881] = lambda sock, address: None
    torrent.connect_peer(("10.8.8.8", 6881), PeerSource.tracker)
    world.advance(9)
    assert torrent.swarm.links
    world.advance(3)
    assert not torrent.swarm.links
    assert reasons(node) == [CloseReason.timed_out_handshake]
    assert torrent.swarm.num_half_open == 0


def test_a_silent_peer_times_out_and_keep_alives_count(world):
    node, _torrent, info, _content = leech(world, peer_timeout=60)
    wire = guest(world, node, info).say(HAVE_NONE)
    world.advance(50, step=5)
    wire.say(bytes(4))
    world.advance(50, step=5)
    assert not wire.is_closed
    world.advance(20, step=5)
    assert wire.is_closed
    assert reasons(node) == [CloseReason.timed_out_activity]


@pytest.mark.parametrize("reason", [ReadBlock.DISK, ReadBlock.BANDWIDTH])
def test_a_peer_we_do_not_read_from_is_neither_silent_nor_late(world, reason):
    node, torrent, info, _content = leech(world, peer_timeout=60, piece_timeout=10, request_timeout=20)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    (link,) = torrent.swarm.links
    link.transport.suspend_reading(reason)
    world.advance(200)
    assert not wire.is_closed
    assert not link.requester.snubbed
    assert len(link.requester.on_order) == 8
    link.transport.resume_reading(reason)
    world.advance(15)
    assert link.requester.snubbed
    assert node.alerts(PeerSnubbedAlert)
    world.advance(60)
    assert wire.is_closed


def test_a_peer_that_takes_nothing_is_silent_though_we_do_not_read(world):
    node, torrent, info, _content = leech(world, peer_timeout=60)
    wire = guest(world, node, info).say(HAVE_NONE)
    (link,) = torrent.swarm.links
    link.transport.suspend_reading(ReadBlock.BACKLOG)
    world.advance(50)
    assert not wire.is_closed
    link.last_sent = world.now
    world.advance(50)
    assert not wire.is_closed
    world.advance(20)
    assert wire.is_closed


def test_an_idle_peer_makes_room_when_room_is_short(world):
    node, _torrent, info, _content = leech(world, inactivity_timeout=30, connections_limit=2)
    idle = guest(world, node, info, 1).say(HAVE_NONE)
    world.advance(40, step=5)
    assert not idle.is_closed
    useful = guest(world, node, info, 2).say(HAVE_ALL)
    world.advance(2)
    assert idle.is_closed
    assert not useful.is_closed
    assert reasons(node) == [CloseReason.timed_out_interest]


def test_a_fast_peer_gets_whole_pieces(world):
    node, torrent, info, content = leech(world, pieces=200)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    (link,) = torrent.swarm.links
    for _ in range(4):
        answer(wire, content, info.piece_length)
    world.advance(1)
    assert link.pick_mode & PickMode.WHOLE_PIECES
    world.advance(60)
    assert not link.pick_mode & PickMode.WHOLE_PIECES


# -- seeds and extensions


def test_seeds_stay_when_redundant_connections_may(world):
    node, torrent, info, _content = seed(world, close_redundant_connections=False)
    wire = guest(world, node, info).say(HAVE_ALL)
    assert not wire.is_closed
    assert torrent.peers.num_seeds == 1


def test_a_peer_that_becomes_a_seed_is_of_no_use_to_a_seed(world):
    node, _torrent, info, _content = seed(world)
    wire = guest(world, node, info).say(bitfield(0b0111, 4))
    assert not wire.is_closed
    wire.say(numbers(HAVE, 3))
    assert wire.is_closed
    assert reasons(node) == [CloseReason.upload_to_upload]


def test_an_incoming_peers_listen_port_is_remembered(world):
    from evtorrent.protocols.bencode import encode

    node, torrent, info, _content = seed(world)
    body = encode({"m": {}, "p": 7777})
    guest(world, node, info, capabilities=Capability.EXTENSION).say(
        (2 + len(body)).to_bytes(4, "big") + b"\x14\0" + body
    )
    assert torrent.peers.addresses() == [("10.9.9.1", 7777)]
    torrent.peers.check_invariant()


def test_pieces_of_peers_that_go_are_counted_off(world):
    node, torrent, info, _content = leech(world)
    one = guest(world, node, info, 1).say(bitfield(0b0011, 4))
    two = guest(world, node, info, 2).say(bitfield(0b0110, 4), numbers(HAVE, 3))
    assert torrent.download.picker.piece_availability() == [1, 2, 1, 1]
    one.hang_up()
    assert torrent.download.picker.piece_availability() == [0, 1, 1, 1]
    two.hang_up()
    assert torrent.download.picker.piece_availability() == [0, 0, 0, 0]
    world.check()


def test_a_bitfield_that_comes_again_replaces_the_first(world):
    node, torrent, info, _content = leech(world)
    wire = guest(world, node, info).say(bitfield(0b0001, 4), numbers(HAVE, 3), bitfield(0b0110, 4))
    assert torrent.download.picker.piece_availability() == [0, 1, 1, 0]
    wire.hang_up()
    assert torrent.download.picker.piece_availability() == [0, 0, 0, 0]
    world.check()


def test_peers_of_a_magnet_link_hear_what_was_found_on_disk(world):
    node = world.node()
    info, content = torrent_of(4)
    handle = node.session.add_torrent(
        AddTorrentParams(
            save_path="/disk",
            info_hashes=info.info_hashes,
            flags=TorrentFlags.default_flags & ~(TorrentFlags.paused | TorrentFlags.auto_managed),
        )
    )
    wire = Wire(world, info.info_hashes.best()).call(node)
    assert wire.heard("have_none", "have_all", "have") == [("have_none",)]
    torrent = handle._torrent
    node.platform.holds_disk = True
    torrent.metadata_received(info)
    fill(node.backend, info, content, [1, 3])
    node.platform.holds_disk = False
    world.pump()
    assert torrent.have.count() == 2
    assert wire.heard("have") == [("have", 1), ("have", 3)]


def test_a_hybrid_is_dialled_by_its_v1_name(world):
    node = world.node()
    info, _content = torrent_of(4)
    torrent = node.add(info)
    torrent.info_hashes = InfoHashes(info.info_hashes.v1, Sha256Hash(bytes(range(32))))
    world.pump()
    wire = Wire(world, info.info_hashes.v1).listen()
    torrent.handle.connect_peer((wire.host, PORT))
    world.pump()
    wire.heard()
    assert wire.their_handshake is not None
    assert wire.their_handshake.info_hash == info.info_hashes.v1


# -- the IP filter


def filtered(world, **fields):
    node = world.node()
    rules = IpFilter()
    rules.add_rule("10.9.9.0", "10.9.9.255", 1)
    node.session.set_ip_filter(rules)
    torrent = node.add(torrent_of(4)[0], **fields)
    world.pump()
    return node, torrent


def dialled(torrent):
    return sorted(link.address[0] for link in torrent.swarm.links)


def test_blocked_peers_of_resume_data_are_not_dialled(world):
    world.black_holes |= {"10.9.9.7", "10.8.8.8"}
    node, torrent = filtered(world, peers=[("10.9.9.7", 6881), ("10.8.8.8", 6881)])
    world.advance(2)
    assert dialled(torrent) == ["10.8.8.8"]
    assert node.core.counters["peer.connection_attempts"] == 1


def test_peers_known_before_they_were_blocked_are_not_dialled(world):
    world.black_holes |= {"10.9.9.7", "10.9.9.8", "10.8.8.8"}
    _node, torrent = filtered(world)
    for host in ("10.9.9.7", "10.9.9.8", "10.8.8.8"):
        torrent.peers.add((host, 6881), PeerSource.tracker, world.now)
    while torrent.swarm.connect_next(world.now):
        pass
    assert dialled(torrent) == ["10.8.8.8"]
    torrent.peers.check_invariant()


def test_a_blocked_peer_is_not_dialled_by_hand_unless_the_torrent_has_no_filter(world):
    world.black_holes |= {"10.9.9.7"}
    _node, torrent = filtered(world)
    torrent.connect_peer(("10.9.9.7", 6881), PeerSource.tracker)
    assert not torrent.swarm.links
    torrent.flags &= ~TorrentFlags.apply_ip_filter
    torrent.connect_peer(("10.9.9.7", 6881), PeerSource.tracker)
    assert dialled(torrent) == ["10.9.9.7"]


def test_a_notification_that_ends_the_link_runs_after_the_block_is_dealt_with(world):
    """The application removes a peer when it hears of its block; nothing stays on order from who is gone."""
    node, torrent, info, content = leech(world, pieces=20)
    wire = guest(world, node, info).say(HAVE_ALL, UNCHOKE)
    (link,) = torrent.swarm.links
    node.forget_alerts()
    inside, was_inside = [False], []
    receive = link.on_readable

    def on_readable(now):
        inside[0] = True
        receive(now)
        inside[0] = False

    def end_it():
        was_inside.append(inside[0])
        link.close(LinkEnded(CloseReason.none))

    node.session.set_alert_notify(end_it)
    link.transport.set_user(_Through(link, on_readable))
    (_, piece, begin, length), *_ = wire.heard("request")
    wire.say(block(piece, begin, content[piece * info.piece_length + begin :][:length]))
    assert was_inside == [False]
    assert link.closed
    assert not link.requester.on_order
    assert all(status.num_requested == 0 for status in torrent.download.picker.downloading())


class _Through:
    """A link, with one of its functions replaced."""

    def __init__(self, link, on_readable):
        self._link = link
        self.on_readable = on_readable

    def __getattr__(self, name):
        return getattr(self._link, name)


def test_a_peer_on_parole_is_not_starved_by_one_that_never_sends(world):
    node = world.node()
    info, content = torrent_of(1)
    torrent = node.add(info)
    world.pump()
    silent = Wire(world, info.info_hashes.best(), host="10.9.9.2", peer_id=b"-XX0000-silent000000")
    silent.call(node).say(HAVE_ALL, UNCHOKE)
    assert silent.heard("request")
    good = Wire(world, info.info_hashes.best()).call(node)
    (link,) = [link for link in torrent.swarm.links if link.address[0] == good.host]
    link.pick_mode |= PickMode.ON_PAROLE
    good.say(HAVE_ALL, UNCHOKE)
    while answer(good, content, info.piece_length):
        pass
    assert torrent.is_seed
