"""Policies of encryption, seen from outside: two sessions and peers by hand in a world of fake sockets."""

from __future__ import annotations

import pytest
from evtorrent.session import EncLevel, EncPolicy, Operation, PeerFlags, TorrentErrc
from evtorrent.session.alerts import PeerDisconnectedAlert
from support.world import Wire, World, torrent_of

F, E, D = EncPolicy.forced, EncPolicy.enabled, EncPolicy.disabled
PLAIN = PeerFlags(0)
HIDDEN = PeerFlags.rc4_encrypted | PeerFlags.plaintext_encrypted


@pytest.fixture
def world():
    return World()


def two_nodes(world, dialler, called):
    """A leech that dials a seed; gives the leech's torrent after a while."""
    info, content = torrent_of(2)
    keep = {"close_redundant_connections": False}
    seed = world.node(**keep, **called)
    seed.seed(info, content)
    leech = world.node(**keep, **dialler)
    torrent = leech.add(info)
    world.pump()
    torrent.swarm.add_peers([seed.address], 1)
    world.advance(4)
    world.check()
    return leech, seed, torrent


def flags_of(torrent):
    return [info.flags & HIDDEN for info in torrent_peers(torrent)]


def torrent_peers(torrent):
    from evtorrent.session.torrent.report import peer_info

    return peer_info(torrent)


@pytest.mark.parametrize(
    ("outgoing", "incoming", "outcome"),
    [
        (E, E, PeerFlags.plaintext_encrypted),
        (E, F, PeerFlags.plaintext_encrypted),
        (E, D, PLAIN),
        (F, E, PeerFlags.plaintext_encrypted),
        (F, F, PeerFlags.plaintext_encrypted),
        (F, D, None),
        (D, E, PLAIN),
        (D, F, None),
        (D, D, PLAIN),
    ],
)
def test_policies(world, outgoing, incoming, outcome):
    _leech, _, torrent = two_nodes(world, {"out_enc_policy": outgoing}, {"in_enc_policy": incoming})
    if outcome is None:
        assert not torrent.is_finished
        assert flags_of(torrent) == []
    else:
        assert torrent.is_finished
        assert flags_of(torrent) == [outcome]
        (peer,) = torrent.peers
        assert peer.encrypts == (outgoing == F or outcome != PLAIN)
        assert peer.fails == 0


@pytest.mark.parametrize(
    ("offered", "accepted", "prefer_rc4", "outcome"),
    [
        (EncLevel.both, EncLevel.both, False, PeerFlags.plaintext_encrypted),
        (EncLevel.both, EncLevel.both, True, PeerFlags.rc4_encrypted),
        (EncLevel.rc4, EncLevel.both, False, PeerFlags.rc4_encrypted),
        (EncLevel.both, EncLevel.rc4, False, PeerFlags.rc4_encrypted),
        (EncLevel.plaintext, EncLevel.both, True, PeerFlags.plaintext_encrypted),
        (EncLevel.plaintext, EncLevel.rc4, False, None),
    ],
)
def test_levels(world, offered, accepted, prefer_rc4, outcome):
    _leech, _seed, torrent = two_nodes(
        world,
        {"out_enc_policy": F, "allowed_enc_level": offered},
        {"in_enc_policy": E, "allowed_enc_level": accepted, "prefer_rc4": prefer_rc4},
    )
    assert torrent.is_finished == (outcome is not None)
    assert flags_of(torrent) == ([] if outcome is None else [outcome])


def test_why_an_encrypted_attempt_failed_is_told(world):
    info, _ = torrent_of(2)
    leech = world.node(out_enc_policy=F, min_reconnect_time=1000)
    torrent = leech.add(info)
    world.pump()
    world.listening["10.9.9.1", 6881] = lambda sock, address: sock.send(bytes(100))
    torrent.swarm.add_peers([("10.9.9.1", 6881)], 1)
    world.advance(1)
    (alert,) = leech.alerts(PeerDisconnectedAlert)
    assert alert.op is Operation.encryption
    assert alert.error.value == TorrentErrc.invalid_encrypt_handshake


def test_a_peer_that_hangs_up_on_encryption_is_dialled_again_without(world):
    info, _ = torrent_of(2)
    leech = world.node(out_enc_policy=E, min_reconnect_time=1000)
    torrent = leech.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best())
    calls = []

    def accept(sock, address):
        calls.append(sock)
        wire.sock = sock
        if len(calls) > 1:
            wire.send(wire.handshake.pack())

    world.listening[wire.host, 6881] = accept
    torrent.swarm.add_peers([(wire.host, 6881)], 1)
    world.advance(1)
    assert len(calls) == 1
    assert not bytes(calls[0].inbox).startswith(b"\x13Bit")
    assert len(calls[0].inbox) >= 96
    wire.hang_up()
    world.advance(1)
    assert len(calls) == 2
    assert bytes(calls[1].inbox).startswith(b"\x13BitTorrent protocol")
    (link,) = torrent.swarm.links
    assert link.peer_id is not None
    assert link.peer.encrypts is False
    assert link.peer.fails == 0


def test_one_that_takes_neither_is_left_alone(world):
    info, _ = torrent_of(2)
    leech = world.node(out_enc_policy=E, min_reconnect_time=1000)
    torrent = leech.add(info)
    world.pump()
    calls = []

    def refuse(sock, address):
        calls.append(sock)
        sock.close()

    world.listening["10.9.9.1", 6881] = refuse
    torrent.swarm.add_peers([("10.9.9.1", 6881)], 1)
    world.advance(100)
    assert len(calls) == 2
    (peer,) = torrent.peers
    assert (peer.fails, peer.encrypts) == (1, True)


def test_a_peer_that_cannot_be_reached_keeps_its_turn(world):
    info, _ = torrent_of(2)
    leech = world.node(out_enc_policy=E, min_reconnect_time=1000)
    torrent = leech.add(info)
    world.pump()
    torrent.swarm.add_peers([("10.9.9.1", 6881)], 1)
    world.advance(5)
    (peer,) = torrent.peers
    assert (peer.fails, peer.encrypts) == (1, True)


def test_silence_is_ended_in_time_and_tried_without(world):
    info, _ = torrent_of(2)
    leech = world.node(out_enc_policy=E, handshake_timeout=5)
    torrent = leech.add(info)
    world.pump()
    calls = []
    world.listening["10.9.9.1", 6881] = lambda sock, address: calls.append(sock)
    torrent.swarm.add_peers([("10.9.9.1", 6881)], 1)
    world.advance(4)
    assert len(calls) == 1
    world.advance(3)
    assert len(calls) == 2


@pytest.mark.parametrize("policy", [E, F])
def test_strangers_to_a_listener(world, policy):
    info, content = torrent_of(2)
    node = world.node(in_enc_policy=policy, handshake_timeout=5)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node)
    assert wire.is_closed == (policy == F)
    assert len(torrent.swarm.links) == (policy == E)
    noise = Wire(world, bytes(20), host="10.9.9.2").call(node, handshake=False).say(b"GET / HTTP/1.1\r\n")
    assert not noise.is_closed
    world.advance(6)
    assert noise.is_closed
    assert not node.core.lobby.links
    assert node.core.statistics()["peer.connect_timeouts"] == 1


def test_a_removed_torrent_is_not_found_any_more(world):
    _info, _content = torrent_of(2)
    _leech, seed, torrent = two_nodes(world, {"out_enc_policy": F}, {"in_enc_policy": E})
    assert torrent.is_finished
    seed.session.remove_torrent(seed.session.get_torrents()[0])
    world.advance(1)
    assert seed.core.encryption._names == {}
