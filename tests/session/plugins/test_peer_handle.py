from __future__ import annotations

import struct

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.session import CloseReason, PeerPlugin, PeerSource, PluginError, SocketType
from evtorrent.session.alerts import PeerDisconnectedAlert
from evtorrent.session.plugins.peer_handle import MAX_EXTENDED
from support.plugins import Stage, extended
from support.world import HAVE_ALL, INTERESTED, UNCHOKE, request


def caught(**settings):
    """A stage whose guest has called, and the handle of its connection."""
    stage = Stage(close_redundant_connections=False, **settings)
    handles = []

    def make(peer):
        handles.append(peer)
        return PeerPlugin()

    stage.extend(make)
    stage.call()
    return stage, handles[-1]


def test_what_it_is_and_how_it_stands():
    stage, peer = caught()
    stage.wire.say(extended(0, encode({"v": "guest 1.0", "upload_only": 1, "m": {"xx_note": 8}})))
    assert peer.torrent() == stage.torrent.handle
    assert peer.remote == stage.wire.sock.name
    assert peer.peer_id == b"-XX0000-000000000001"
    assert peer.client == "guest 1.0"
    assert (peer.is_outgoing, peer.is_connecting, peer.is_disconnecting) == (False, False, False)
    assert (peer.source, peer.socket_type) == (PeerSource.incoming, SocketType.tcp)
    assert (peer.is_seed, peer.is_upload_only, peer.has_piece(3), peer.has_piece(-1)) == (
        False,
        True,
        False,
        False,
    )
    assert (peer.is_interesting, peer.is_peer_interested) == (False, False)
    assert (peer.is_choked, peer.has_peer_choked) == (True, True)
    assert peer.supports("xx_note")
    assert not peer.supports("xx_other")
    stage.wire.say(HAVE_ALL, INTERESTED, UNCHOKE, request(0, 0))
    assert (peer.is_seed, peer.has_piece(3), peer.is_interesting, peer.is_peer_interested) == (
        True,
        True,
        True,
        True,
    )
    assert (peer.is_choked, peer.has_peer_choked) == (False, False)
    assert (peer.downloaded, peer.uploaded) == (0, 16384)
    assert repr(peer).startswith("PeerConnectionHandle(10.9.9.1:")


def test_a_stranger_has_no_torrent():
    from evtorrent.session import SessionPlugin

    found = []

    class Looker(SessionPlugin):
        def on_unknown_torrent(self, info_hashes, peer, params):
            found.append(peer)
            return False

    stage = Stage(parts={"extensions": [Looker]})
    stage.node.session.remove_torrent(stage.torrent.handle)
    stage.wire.call(stage.node)
    assert found[0].torrent() is None
    assert found[0].is_disconnecting


def test_messages_leave():
    stage, peer = caught()
    assert peer.send_extended("xx_note", b"hello")
    assert not peer.send_extended("xx_other", b"hello")
    peer.send_message(200, b"custom")
    stage.world.pump()
    data = bytes(stage.wire.sock.inbox)
    assert data.endswith(struct.pack(">IBB", 7, 20, 8) + b"hello" + struct.pack(">IB", 7, 200) + b"custom")


@pytest.mark.parametrize("number", [0, 6, 7, 20, -1, 256])
def test_messages_of_the_session_are_not_a_plugins(number):
    _, peer = caught()
    with pytest.raises(PluginError):
        peer.send_message(number, b"")


def test_what_peers_would_refuse_is_not_sent():
    _, peer = caught()
    assert peer.send_extended("xx_note", bytes(MAX_EXTENDED))
    with pytest.raises(PluginError):
        peer.send_extended("xx_note", bytes(MAX_EXTENDED + 1))
    with pytest.raises(PluginError):
        peer.send_message(200, bytes(MAX_EXTENDED + 2))


def test_nothing_is_sent_before_the_handshakes():
    stage = Stage()
    handles = []
    stage.extend(handles.append)
    stage.world.black_holes.add(stage.HOST)
    stage.torrent.handle.connect_peer((stage.HOST, 6881))
    stage.world.pump()
    (peer,) = handles
    assert (peer.is_connecting, peer.is_outgoing, peer.peer_id) == (True, True, None)
    assert not peer.send_extended("xx_note", b"")
    with pytest.raises(PluginError, match="before the handshakes"):
        peer.send_message(200)


def test_an_end_comes_when_the_hook_is_through_and_the_handle_outlives_it():
    stage, peer = caught()
    peer.disconnect(CloseReason.blocked, "go away")
    peer.disconnect()
    assert not peer.is_disconnecting
    stage.world.pump()
    assert peer.is_disconnecting
    assert stage.wire.is_closed
    (end,) = stage.node.alerts(PeerDisconnectedAlert)
    assert (end.reason, str(end.error)) == (CloseReason.blocked, "go away")
    assert not peer.send_extended("xx_note", b"")
    peer.send_message(200)
    peer.choke_this_peer()
    stage.world.pump()
    assert not stage.node.errors


def test_a_peer_may_be_choked():
    stage, peer = caught()
    stage.wire.say(INTERESTED)
    assert not peer.is_choked
    peer.choke_this_peer()
    stage.world.pump()
    assert peer.is_choked


def test_handles_of_one_connection_are_equal():
    stage = Stage()
    handles = []
    stage.extend(handles.append)
    stage.extend(handles.append)
    stage.call()
    assert handles[0] == handles[1]
    assert len(set(handles)) == 1
    assert handles[0] != stage.torrent.handle
