from __future__ import annotations

from typing import Any

import pytest
from evtorrent.listener.interfaces import Interface
from evtorrent.protocols.lsd import LSD_PORT, LsdAnnounce, pack_announce, parse_announce
from evtorrent.session import AddTorrentParams, PeerSource, TorrentFlags
from evtorrent.session.alerts import LsdErrorAlert, LsdPeerAlert
from evtorrent.session.core.core import Core
from support.disk import make_torrent
from support.multicast import GroupSocket, Multicast
from support.sessions import Content, Member
from support.world import Node, World, torrent_of

HOST = "239.192.152.143:6771"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(Core, "listen_addresses", property(lambda core: [(core.platform.host, 6881)]))
    return World()


@pytest.fixture
def group(world: World) -> Multicast:
    return Multicast(world)


def node_in(world: World, group: Multicast, *interfaces: Interface, **settings: Any) -> Node:
    node = world.node(**{**settings, "enable_lsd": False})
    group.join(node, *interfaces)
    node.session.apply_settings({"enable_lsd": settings.get("enable_lsd", True)})
    return node


def announced(member: GroupSocket) -> list[tuple[bytes, ...]]:
    return [parse_announce(data).info_hashes for data, _ in member.sent]


def announce_of(info: Any, port: int = 6881) -> bytes:
    return pack_announce(LsdAnnounce(port, info.info_hashes.wire_names()), host=HOST)


def test_two_sessions_find_each_other(world: World, group: Multicast) -> None:
    info, content = torrent_of(3)
    one, two = node_in(world, group), node_in(world, group)
    one.seed(info, content)
    torrent = two.add(info)
    world.advance(3)
    assert torrent.is_seed
    (alert,) = two.alerts(LsdPeerAlert)
    assert alert.endpoint == one.address and alert.torrent_name == "t"
    assert torrent.peers is not None
    (peer,) = [peer for peer in torrent.peers if peer.address[0] == one.host]
    assert peer.source & PeerSource.lsd
    assert torrent.handle.status().announcing_to_lsd
    assert two.core.statistics()["net.on_lsd_peer_counter"] == 1
    assert one.core.statistics()["net.on_lsd_counter"] >= 1
    world.check()


def test_only_so_many_managed_torrents_are_announced(world: World, group: Multicast) -> None:
    """`active_lsd_limit`: the first of the queue."""
    node = node_in(world, group, active_lsd_limit=1, active_downloads=-1, local_service_announce_interval=60)
    torrents = []
    for name in "ab":
        torrents.append(node.add(torrent_of(2, name=name)[0], start=False))
        torrents[-1].handle.set_flags(TorrentFlags.auto_managed)
    world.advance(5)
    (member,) = group.members
    one, two = ({*torrent.info_hashes.wire_names()} for torrent in torrents)

    def heard() -> set[bytes]:
        found = {name for names in announced(member) for name in names}
        member.sent.clear()
        return found

    def shown() -> list[bool]:
        return [torrent.handle.status().announcing_to_lsd for torrent in torrents]

    assert all(torrent.swarm is not None for torrent in torrents)
    assert heard() == one
    assert shown() == [True, False]
    torrents[1].handle.queue_position_top()
    world.advance(70)
    assert heard() == two
    assert shown() == [False, True]
    node.session.apply_settings({"active_lsd_limit": -1})
    world.advance(70)
    assert heard() == one | two
    assert shown() == [True, True]
    torrents[0].handle.unset_flags(TorrentFlags.auto_managed)
    node.session.apply_settings({"active_lsd_limit": 0})
    world.advance(70)
    assert shown() == [True, False], "nobody counts it any more"


def test_each_torrent_is_announced_again_after_the_interval(world: World, group: Multicast) -> None:
    node = node_in(world, group, local_service_announce_interval=100)
    torrent = node.add(torrent_of(2)[0])
    world.advance(90)
    (member,) = group.members
    name = torrent.info_hashes.wire_names()
    assert announced(member) == [name]
    assert member.sent[0][1] == ("239.192.152.143", LSD_PORT)
    assert b"Port: 6881\r\n" in member.sent[0][0]
    world.advance(20)
    assert announced(member) == [name] * 2
    node.session.apply_settings({"local_service_announce_interval": 200})
    world.advance(300)
    assert announced(member) == [name] * 4
    torrent.pause()
    world.advance(500)
    assert announced(member) == [name] * 4


def test_private_and_disabled_torrents_are_not_announced_and_not_found(
    world: World, group: Multicast
) -> None:
    node = node_in(world, group)
    private = node.add(make_torrent(100_000, 16384, private=True)[0])
    disabled = node.add(torrent_of(2)[0], flags=TorrentFlags.disable_lsd)
    world.advance(5)
    (member,) = group.members
    assert member.sent == []
    for torrent in (private, disabled):
        assert not torrent.handle.status().announcing_to_lsd
        group.deliver(announce_of(torrent.info), ("10.0.0.77", 6771))
        world.advance(1)
        assert torrent.peers is not None and len(torrent.peers) == 0
    assert node.alerts(LsdPeerAlert) == []
    disabled.handle.unset_flags(TorrentFlags.disable_lsd)
    world.advance(5)
    assert announced(member) == [disabled.info_hashes.wire_names()]
    disabled.handle.set_flags(TorrentFlags.disable_lsd)
    world.advance(400)
    assert len(member.sent) == 1


def test_a_magnet_link_that_turns_out_private_falls_silent(world: World, group: Multicast) -> None:
    node = node_in(world, group)
    info, _ = make_torrent(100_000, 16384, private=True)
    params = AddTorrentParams(info_hashes=info.info_hashes, save_path="/disk", flags=TorrentFlags(0))
    torrent = node.session.add_torrent(params)._torrent
    assert torrent is not None
    world.advance(2)
    (member,) = group.members
    assert len(member.sent) == 1
    torrent.metadata_received(info)
    world.advance(700)
    assert len(member.sent) == 1


def test_one_datagram_for_all_torrents_of_a_late_interface(world: World, group: Multicast) -> None:
    node = node_in(world, group, enable_lsd=False)
    torrents = [node.add(torrent_of(2, name=name)[0]) for name in "abc"]
    world.advance(5)
    assert group.members == []
    node.session.apply_settings({"enable_lsd": True})
    world.advance(5)
    (member,) = group.members
    assert announced(member) == [tuple(torrent.info_hashes.wire_names()[0] for torrent in torrents)]
    node.core.local_discovery.update()
    assert group.members == [member]
    node.session.apply_settings({"enable_lsd": False})
    assert member.is_closed and group.members == []


def test_an_announce_may_be_asked_for(world: World, group: Multicast) -> None:
    node = node_in(world, group)
    torrent, other = node.add(torrent_of(2)[0]), node.add(torrent_of(2, name="other")[0])
    world.advance(5)
    torrent.handle.force_lsd_announce()
    world.advance(2)
    (member,) = group.members
    assert announced(member)[1:] == [torrent.info_hashes.wire_names()]
    other.handle.set_flags(TorrentFlags.disable_lsd)
    other.handle.force_lsd_announce()
    world.advance(5)
    assert len(member.sent) == 2


def test_a_session_that_closes_leaves(world: World, group: Multicast) -> None:
    node = node_in(world, group)
    node.add(torrent_of(2)[0])
    world.pump()
    node.session.close()
    world.pump()
    assert group.members == []


def test_only_neighbours_are_heard(world: World, group: Multicast) -> None:
    node = node_in(world, group)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    group.deliver(announce_of(torrent.info), ("198.51.100.7", 6771))
    world.pump()
    assert len(torrent.peers) == 0  # type: ignore[arg-type]


def test_garbage_and_floods_do_nothing(world: World, group: Multicast) -> None:
    node = node_in(world, group)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    for _ in range(300):
        group.deliver(b"\xff" * 3000, ("10.0.0.77", 6771))
    world.pump()
    (channel,) = node.core.local_discovery._channels.values()
    assert channel.node.num_dropped == 300 and len(torrent.peers) == 0  # type: ignore[arg-type]
    other, _ = make_torrent(50_000, 16384, name="other")
    world.advance(2)
    group.deliver(announce_of(other), ("10.0.0.77", 6771))  # A torrent nobody has here.
    world.check()


def test_an_interface_that_cannot_be_joined_is_told_and_tried_again(world: World, group: Multicast) -> None:
    group.refuses = OSError(19, "No such device")
    node = node_in(world, group)
    (alert,) = node.alerts(LsdErrorAlert)
    assert (alert.error.value, alert.local_address) == (19, node.host)
    assert "No such device" in alert.message()
    group.refuses = None
    node.core.local_discovery.update()
    assert len(group.members) == 1


@pytest.mark.parametrize("kind", ["send", "receive"])
def test_an_interface_that_fails_is_given_up_with_one_alert(
    world: World, group: Multicast, kind: str
) -> None:
    node = node_in(world, group)
    (member,) = group.members
    setattr(member, f"{kind}_error", OSError(101, "Network is unreachable"))
    torrent = node.add(torrent_of(2)[0])
    world.advance(700)
    assert [alert.error.value for alert in node.alerts(LsdErrorAlert)] == [101]
    assert group.members == [] and node.core.local_discovery.interfaces == []
    assert not torrent.handle.status().announcing_to_lsd
    node.core.local_discovery.torrent_changed(torrent)
    world.check()


def test_a_full_buffer_loses_one_announce(world: World, group: Multicast) -> None:
    node = node_in(world, group)
    (member,) = group.members
    member.send_error = BlockingIOError()
    node.add(torrent_of(2)[0])
    world.advance(2)
    member.send_error = None
    world.advance(300)
    assert len(member.sent) == 1 and node.alerts(LsdErrorAlert) == []


def test_ipv6_has_its_own_group_and_device(world: World, group: Multicast, monkeypatch: Any) -> None:
    monkeypatch.setattr(Core, "listen_addresses", property(lambda core: [("::", 7000)]))
    node = node_in(
        world,
        group,
        Interface("eth0", "fd00::2", 64),
        Interface("eth0", "fe80::1%eth0", 64),
        Interface("lo", "::1", 128),
    )
    torrent = node.add(torrent_of(2)[0])
    world.advance(2)
    (member,) = group.members
    assert member.joined == ("ff15::efc0:988f", "eth0")
    ((data, address),) = member.sent
    assert address == ("ff15::efc0:988f", LSD_PORT)
    assert b"Host: [ff15::efc0:988f]:6771\r\nPort: 7000\r\n" in data
    group.deliver(announce_of(torrent.info, 7001), ("fd00::9", 6771, 0, 0))
    world.pump()
    assert [peer.address for peer in torrent.peers] == [("fd00::9", 7001)]  # type: ignore[union-attr]


@pytest.mark.slow
def test_over_real_sockets_on_the_loopback_interface(tmp_path: Any, no_fd_survives: None) -> None:
    content = Content(40_000, name="lsd of one test")
    with (
        Member({"enable_lsd": True}, host="127.0.0.2") as seed,
        Member({"enable_lsd": True}, host="127.0.0.3") as leech,
    ):
        seed.seed(content, tmp_path / "seed")
        handle = leech.add(content, tmp_path / "leech")
        leech.finish(handle)
        found = {alert.endpoint for alert in leech.all(LsdPeerAlert) + seed.all(LsdPeerAlert)}
        assert found & {seed.address, leech.address}
        assert leech.all(LsdErrorAlert) == seed.all(LsdErrorAlert) == []
