from __future__ import annotations

import struct

import pytest
from evtorrent.protocols.bencode import decode, encode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.handshake import Capability
from support.world import Wire, World, torrent_of


class Notes:
    """An extension that writes down what it hears."""

    name = "xx_notes"

    def __init__(self):
        self.heard = []

    def on_handshake(self, torrent, link):
        self.heard.append(("handshake", link.connection.extensions.id_of(self.name)))

    def on_message(self, torrent, link, payload):
        if payload == b"bad":
            raise RemoteProtocolError("bad notes")
        self.heard.append((torrent.name, payload))
        link.connection.send_extension(self.name, payload[::-1])


def extended(number: int, payload: bytes) -> bytes:
    return struct.pack(">IBB", 2 + len(payload), 20, number) + payload


def conversation():
    world = World()
    node = world.node()
    notes = Notes()
    node.core.extensions.add(notes)
    info, content = torrent_of(2)
    node.seed(info, content)
    wire = Wire(world, info.info_hashes.best(), capabilities=Capability.EXTENSION).call(node)
    return node, notes, wire


def test_an_extension_is_announced_heard_and_answers():
    _node, notes, wire = conversation()
    ((_, body),) = wire.heard("extended")
    ours = decode(body[1:])
    assert body[0] == 0
    assert ours[b"metadata_size"] > 0
    assert ours[b"upload_only"] == 1
    assert ours[b"yourip"] == bytes([10, 9, 9, 1])
    assert ours[b"reqq"] == 2000
    number = ours[b"m"][b"xx_notes"]
    wire.say(extended(0, encode({"m": {"xx_notes": 9}, "reqq": 3})))
    wire.say(extended(number, b"hello"))
    assert notes.heard == [("handshake", 9), ("t", b"hello")]
    assert wire.heard("extended") == [("extended", b"\x09olleh")]


def test_a_message_with_an_id_of_nobody_is_skipped():
    _node, notes, wire = conversation()
    wire.say(extended(77, b"hello"))
    assert not notes.heard
    assert not wire.is_closed


def test_what_an_extension_refuses_ends_the_peer_and_nothing_else():
    node, _notes, wire = conversation()
    number = decode(wire.heard("extended")[0][1][1:])[b"m"][b"xx_notes"]
    wire.say(extended(number, b"bad"))
    assert wire.is_closed
    assert not node.errors


def test_names_are_taken_once():
    world = World()
    node = world.node()
    node.core.extensions.add(Notes())
    with pytest.raises(ValueError):
        node.core.extensions.add(Notes())


def test_messages_of_an_extension_that_is_only_registered_are_dropped():
    world = World()
    node = world.node()
    node.core.registry.add("xx_other")
    info, content = torrent_of(2)
    node.seed(info, content)
    wire = Wire(world, info.info_hashes.best(), capabilities=Capability.EXTENSION).call(node)
    number = decode(wire.heard("extended")[0][1][1:])[b"m"][b"xx_other"]
    wire.say(extended(number, b"hello"))
    assert not wire.is_closed
    assert not node.errors
