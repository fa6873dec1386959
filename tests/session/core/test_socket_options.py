"""Real sockets where the system's answer matters, those of the world elsewhere."""

from __future__ import annotations

import contextlib
import socket

import pytest
from evtorrent.session import PeerSource
from support.world import Wire, World, torrent_of

TOS = (socket.IPPROTO_IP, socket.IP_TOS)
TCLASS = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
NOT_SENT = (socket.IPPROTO_TCP, getattr(socket, "TCP_NOTSENT_LOWAT", 25))


@pytest.fixture
def world():
    return World()


def dial(world, node, host="10.9.9.7", port=6881):
    """The socket of a connection that node makes."""
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    wire = Wire(world, torrent.info_hashes.best(), host=host).listen(port)
    torrent.connect_peer((host, port), PeerSource.tracker)
    world.pump()
    (link,) = torrent.swarm.links
    sock = link.transport.query("socket")
    assert wire.sock.peer is sock
    return {(level, option): value for level, option, value in sock.options}


@pytest.mark.parametrize(
    ("settings", "expected"), [({}, 1 << 2), ({"peer_dscp": 46}, 46 << 2), ({"peer_dscp": 0}, None)]
)
def test_connections_we_make_are_marked(world, settings, expected):
    assert dial(world, world.node(**settings)).get(TOS) == expected


def test_ipv6_has_a_field_of_its_own(world):
    assert dial(world, world.node(), "2001:db8::7").get(TCLASS) == 1 << 2


@pytest.mark.parametrize(("settings", "expected"), [({}, 16_384), ({"send_not_sent_low_watermark": 0}, None)])
def test_a_low_watermark_of_what_is_unsent(world, settings, expected):
    assert dial(world, world.node(**settings)).get(NOT_SENT) == expected


def test_an_option_the_system_does_not_know_is_left_out(world, monkeypatch):
    def refuse(self, level, option, value):
        raise OSError(92, "Protocol not available")

    monkeypatch.setattr("support.world.FakeSocket.setsockopt", refuse)
    assert dial(world, world.node()) == {}
    world.check()


def poke(node):
    for fd, _ in node.multi._sockets.wanted():
        if fd < 1000:  # Those of the world have higher numbers.
            node.multi.socket_action(fd, 1)


def marks(sockets):
    return [sock.getsockopt(*TOS) for sock in sockets]


def test_what_comes_in_is_marked_and_follows_the_setting(world, no_fd_survives):
    node = world.node(listen_interfaces="127.0.0.1:0")
    (opened,) = node.core._listeners.endpoints
    assert marks(opened.sockets) == [4, 4]
    with contextlib.ExitStack() as stack:
        for dscp in (1, 8):
            node.session.apply_settings({"peer_dscp": dscp})
            stack.enter_context(socket.create_connection(("127.0.0.1", node.core.listen_port), 5))
            for _ in range(100):
                poke(node)
                if len(node.core.lobby.links) == (1 if dscp == 1 else 2):
                    break
        assert marks(opened.sockets) == [32, 32]
        assert marks(link.transport.query("socket") for link in node.core.lobby.links) == [4, 32]
        node.session.apply_settings({"peer_dscp": 0})
        assert marks(opened.sockets) == [0, 0]
        node.session.close()
        world.pump()


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="the system has no such option")
def test_real_sockets_take_the_watermark():
    with socket.socket() as sock:
        sock.setsockopt(*NOT_SENT, 16_384)
        assert sock.getsockopt(*NOT_SENT) == 16_384
