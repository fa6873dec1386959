from __future__ import annotations

import pytest
from evtorrent.session import IpFilter, PeerClassInfo, PeerClassTypeFilter, SocketType
from evtorrent.session.core.peer_class_filter import default_peer_class_filter
from support.world import INTERESTED, NOT_INTERESTED, Wire, World, request, torrent_of


class Stage:
    """A seed, and guests from addresses."""

    def __init__(self, **settings):
        self.world = World()
        self.node = self.world.node(**settings)
        self.session = self.node.session
        self.session.set_peer_class_filter(default_peer_class_filter())
        self.info, self.content = torrent_of(40)
        self.torrent = self.node.seed(self.info, self.content)
        self.num_guests = 0

    def guest(self, host, *messages):
        self.num_guests += 1
        wire = Wire(
            self.world, self.info.info_hashes.best(), host=host, peer_id=b"-XX0000-%012d" % self.num_guests
        )
        wire.call(self.node)
        return wire if wire.is_closed else wire.say(*messages)

    def link(self, host):
        return next(link for link in self.torrent.swarm.links if link.address[0] == host)

    def classes(self, host):
        return self.node.core.classes.classes_of(self.link(host))


def is_unchoked(wire):
    said = getattr(wire, "log", []) + wire.heard("choke", "unchoke")
    wire.log = said
    return bool(said) and said[-1] == ("unchoke",)


def test_peers_are_in_classes_by_address_and_kind():
    stage = Stage()
    stage.guest("1.2.3.4")
    stage.guest("192.168.1.2")
    assert stage.classes("1.2.3.4") == (0, 1)
    assert stage.classes("192.168.1.2") == (1, 2)
    stage.session.set_peer_class_type_filter(PeerClassTypeFilter())
    mine = stage.session.create_peer_class("mine")
    peers = stage.session.get_peer_class_filter()
    peers.add_rule("5.0.0.0", "5.255.255.255", 1 << mine | 1 << 20)
    stage.session.set_peer_class_filter(peers)
    stage.guest("5.1.1.1")
    assert stage.classes("5.1.1.1") == (mine,)
    assert stage.classes("1.2.3.4") == (0, 1), "who was there stays where they are"


def test_a_deleted_class_goes_with_its_last_peer():
    stage = Stage()
    mine = stage.session.create_peer_class("mine")
    everybody = IpFilter()
    everybody.add_rule("0.0.0.0", "255.255.255.255", 1 << mine)
    stage.session.set_peer_class_filter(everybody)
    first, second = stage.guest("1.1.1.1"), stage.guest("1.1.1.2")
    stage.session.delete_peer_class(mine)
    first.hang_up()
    assert stage.session.get_peer_class(mine).label == "mine"
    second.hang_up()
    with pytest.raises(ValueError):
        stage.session.get_peer_class(mine)
    assert stage.session.create_peer_class("other") == mine


def test_settings_and_the_global_class_are_one():
    stage = Stage(download_rate_limit=1000)
    assert stage.session.get_peer_class(0).download_limit == 1000
    stage.session.apply_settings({"upload_rate_limit": 2000})
    assert stage.session.get_peer_class(0).upload_limit == 2000
    stage.session.set_peer_class(0, {"label": "all", "upload_limit": 3000})
    settings = stage.session.get_settings()
    assert (settings["upload_rate_limit"], settings["download_rate_limit"]) == (3000, 0)


def test_what_a_class_is_set_to_is_whole_or_refused():
    stage = Stage()
    mine = stage.session.create_peer_class("mine")
    info = PeerClassInfo("x", True, 300, 1, 2, 3, 4)
    stage.session.set_peer_class(mine, info)
    assert stage.session.get_peer_class(mine) == info
    for wrong in ({"colour": 1}, {"upload_priority": 0}):
        with pytest.raises(ValueError):
            stage.session.set_peer_class(mine, wrong)
    assert stage.session.get_peer_class(mine) == info
    with pytest.raises(ValueError):
        stage.session.set_peer_class(77, info)


def test_local_peers_have_no_limit_and_need_no_slot():
    stage = Stage(upload_rate_limit=10_000, unchoke_slots_limit=1)
    far, near, nearer = (stage.guest(host, INTERESTED) for host in ("1.2.3.4", "10.0.0.9", "127.0.0.9"))
    assert [is_unchoked(wire) for wire in (far, near, nearer)] == [True, True, True]
    assert not is_unchoked(stage.guest("1.2.3.5", INTERESTED)), "the one slot is taken"
    assert stage.link("1.2.3.4").quota is not None
    assert stage.link("10.0.0.9").quota is None
    stage.world.advance(40)
    assert is_unchoked(near)
    near.say(NOT_INTERESTED)
    assert not is_unchoked(near)
    stage.world.check()


def test_a_class_begins_and_ends_to_need_no_slots():
    stage = Stage(unchoke_slots_limit=1)
    wires = [stage.guest(f"1.2.3.{number}", INTERESTED) for number in range(1, 4)]
    assert [is_unchoked(wire) for wire in wires] == [True, False, False]
    stage.session.set_peer_class(0, PeerClassInfo("global", ignore_unchoke_slots=True))
    stage.world.pump()
    assert [is_unchoked(wire) for wire in wires] == [True, True, True]
    stage.session.set_peer_class(0, PeerClassInfo("global"))
    stage.world.pump()
    assert sum(is_unchoked(wire) for wire in wires) == 1
    stage.world.check()


def test_a_limit_of_a_class_holds_at_once_and_for_its_peers_only():
    stage = Stage()
    mine = stage.session.create_peer_class("slow")
    peers = stage.session.get_peer_class_filter()
    peers.add_rule("5.0.0.0", "5.255.255.255", 1 << mine)
    stage.session.set_peer_class_filter(peers)
    slow, free = stage.guest("5.1.1.1", INTERESTED), stage.guest("1.1.1.1", INTERESTED)
    assert stage.link("5.1.1.1").quota is None
    stage.session.set_peer_class(mine, PeerClassInfo("slow", upload_limit=16_384))
    wanted = [request(piece, begin) for piece in range(10) for begin in (0, 16_384)]
    slow.say(*wanted)
    free.say(*wanted)
    assert len(free.heard("piece")) == 20
    assert len(slow.heard("piece")) < 2
    stage.world.advance(10, step=0.1)
    assert len(slow.heard("piece")) == pytest.approx(10, abs=1.5)
    stage.session.set_peer_class(mine, PeerClassInfo("slow"))
    stage.world.pump()
    assert stage.link("5.1.1.1").quota is None
    assert len(slow.heard("piece")) + 10 >= 19


def test_priority_shares_what_there_is():
    stage = Stage(upload_rate_limit=40_000)
    favoured = stage.session.create_peer_class("favoured")
    peers = stage.session.get_peer_class_filter()
    peers.add_rule("5.0.0.0", "5.255.255.255", 1 << favoured | 1)
    stage.session.set_peer_class_filter(peers)
    stage.session.set_peer_class(favoured, PeerClassInfo("favoured", upload_priority=3))
    one, other = stage.guest("5.1.1.1", INTERESTED), stage.guest("1.1.1.1", INTERESTED)
    wanted = [request(piece, begin) for piece in range(40) for begin in (0, 16_384)]
    one.say(*wanted)
    other.say(*wanted)
    stage.world.advance(20, step=0.1)
    ratio = stage.link("5.1.1.1").meters.up.total / stage.link("1.1.1.1").meters.up.total
    assert ratio == pytest.approx(3, rel=0.1)


def test_some_may_exceed_the_number_of_connections():
    stage = Stage(connections_limit=2)
    stage.guest("1.1.1.1")
    stage.guest("1.1.1.2")
    assert stage.guest("1.1.1.3").is_closed
    assert not stage.guest("10.1.1.3").is_closed, "half as many again, from the local network"
    assert stage.guest("10.1.1.4").is_closed
    classes = stage.node.core.classes
    assert classes.has_room("10.1.1.4", SocketType.tcp, 2)
    assert not classes.has_room("10.1.1.4", SocketType.tcp, 3)


def test_the_same_of_a_torrent():
    stage = Stage()
    stage.torrent.handle.set_max_connections(2)
    for host in ("1.1.1.1", "1.1.1.2"):
        assert not stage.guest(host).is_closed
    assert stage.guest("1.1.1.3").is_closed
    assert not stage.guest("10.1.1.3").is_closed
    assert stage.guest("10.1.1.4").is_closed
    stage.torrent.handle.set_max_connections(-1)
    assert not stage.guest("1.1.1.4").is_closed
