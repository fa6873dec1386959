from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.portmap import PortmapProtocol
from evtorrent.protocols.tracker.announce import AnnounceRequest
from evtorrent.session.alerts import TrackerReplyAlert
from evtorrent.session.core.identity import GENERIC_AGENT, Identity
from evtorrent.session.settings import SettingsPack
from support.disk import make_torrent
from support.extension_wire import ExtensionWire
from support.mapping_world import MappingWorld
from support.sessions import Content, Member
from support.trackers import LocalTracker
from support.waiting import wait_for
from support.web_server import WebServer
from support.world import World, torrent_of

TCP = PortmapProtocol.tcp
US = "shy client/1"


def version_heard(**settings: Any) -> object:
    world = World()
    node = world.node(user_agent=US, **settings)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    return ExtensionWire(world, torrent).meet(node).fields.get(b"v")


def test_peers_are_told_a_version() -> None:
    assert version_heard() == US.encode()
    assert version_heard(handshake_client_version="other ü") == "other ü".encode()
    assert version_heard(anonymous_mode=True) is None
    assert version_heard(anonymous_mode=True, handshake_client_version="other") is None


def test_a_change_counts_from_the_next_connection_on() -> None:
    world = World()
    node = world.node(user_agent=US)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    node.session.apply_settings({"anonymous_mode": True})
    assert b"v" not in ExtensionWire(world, torrent, host="10.9.9.1").meet(node).fields
    node.session.apply_settings({"anonymous_mode": False})
    assert ExtensionWire(world, torrent, host="10.9.9.2").meet(node).fields[b"v"] == US.encode()


@pytest.mark.parametrize(
    ("is_private", "is_anonymous", "expected"),
    [(False, False, US), (True, False, US), (False, True, GENERIC_AGENT), (True, True, US)],
)
def test_trackers_of_private_torrents_know_who_asks(
    tmp_path: Path, is_private: bool, is_anonymous: bool, expected: str
) -> None:
    content = Content(1000)
    if is_private:
        content.info, content.data = make_torrent(1000, 32_768, private=True)
    settings = {"user_agent": US, "anonymous_mode": is_anonymous}
    with LocalTracker() as tracker, Member(settings) as member:
        handle = member.add(content, tmp_path)
        handle.add_tracker(tracker.http_url)
        member.wait(TrackerReplyAlert)
        handle.scrape_tracker()
        wait_for(lambda: len(tracker.requests) == 2)
        assert tracker.agents == [expected, expected]


def test_announces_tell_no_address() -> None:
    request = AnnounceRequest(bytes(20), bytes(20), 6881, ip="192.0.2.1", ipv4=("192.0.2.2",), ipv6=("::2",))
    settings = SettingsPack()
    identity = Identity(settings)
    assert identity.announced(request) is request
    settings["anonymous_mode"] = True
    announced = identity.announced(request)
    assert (announced.ip, announced.ipv4, announced.ipv6, announced.port) == ("", (), (), 6881)
    plain = AnnounceRequest(bytes(20), bytes(20), 6881)
    assert identity.announced(plain) is plain


@pytest.mark.parametrize("is_anonymous", [False, True])
def test_web_seeds_hear_no_name(tmp_path: Path, is_anonymous: bool) -> None:
    content = Content(50_000)
    settings = {"user_agent": US, "anonymous_mode": is_anonymous}
    with WebServer() as server, Member(settings) as member:
        server.offer(content.info, content.data)
        handle = member.add(content, tmp_path, url_seeds=[server.url])
        member.finish(handle)
        assert set(server.agents) == {None if is_anonymous else US}


def test_gateways_are_shown_no_name() -> None:
    world = MappingWorld(user_agent=US)
    world.refresh()
    world.mapping.add(TCP, 7000, 7000)
    world.settle()
    world.settings.apply({"anonymous_mode": True})
    world.mapping.settings_changed({"anonymous_mode"})
    world.mapping.add(TCP, 7001, 7001)
    world.settle()
    shown = {
        arguments["NewInternalPort"]: arguments["NewPortMappingDescription"]
        for _, arguments in world.igd.calls
        if "NewPortMappingDescription" in arguments
    }
    assert (shown["7000"], shown["7001"]) == (US, "")
