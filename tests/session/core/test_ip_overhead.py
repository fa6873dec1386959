from __future__ import annotations

import pytest
from evtorrent.session import PeerSource
from evtorrent.session.alerts import PerformanceAlert, PerformanceWarning
from evtorrent.session.core.ip_overhead import IpOverhead, header_bytes
from support.sessions import Content, Member
from support.web_server import WebServer
from support.world import HAVE_NONE, INTERESTED, Wire, World, request, torrent_of


@pytest.mark.parametrize(
    ("down", "up", "is_ipv6", "expected"),
    [
        (0, 0, False, 0),
        (1, 0, False, 40),
        (0, 1, False, 40),
        (1460, 0, False, 40),
        (1461, 0, False, 80),
        (14_600, 1460, False, 440),
        (1440, 0, True, 60),
        (1441, 1, True, 180),
    ],
)
def test_headers_of_full_packets_and_their_answers(down, up, is_ipv6, expected):
    assert header_bytes(down, up, is_ipv6=is_ipv6) == expected


def rate(seconds=20, **settings):
    """Bytes per second that a peer gets of a seed under a limit."""
    world = World()
    node = world.node(upload_rate_limit=50_000, **settings)
    info, content = torrent_of(100)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_NONE, INTERESTED)
    wire.sock.limit = 1 << 30
    wire.say(*[request(piece, begin) for piece in range(100) for begin in (0, 16_384)])
    world.advance(4, step=0.1)
    (link,) = torrent.swarm.links
    start = link.meters.up.total
    world.advance(seconds, step=0.1)
    return (link.meters.up.total - start) / seconds


def test_a_limit_holds_for_headers_too():
    without, with_headers = rate(rate_limit_ip_overhead=False), rate()
    assert without == pytest.approx(50_000, rel=0.02)
    assert with_headers == pytest.approx(50_000 / (1 + 40 / 1460), rel=0.005)


def test_what_was_moved_while_it_was_off_is_not_made_up_for():
    world = World()
    node = world.node(upload_rate_limit=50_000, rate_limit_ip_overhead=False)
    info, content = torrent_of(100)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_NONE, INTERESTED)
    wire.sock.limit = 1 << 30
    wire.say(*[request(piece, begin) for piece in range(100) for begin in (0, 16_384)])
    world.advance(30, step=0.1)
    (link,) = torrent.swarm.links
    before = link.meters.up.total
    node.session.apply_settings({"rate_limit_ip_overhead": True})
    world.advance(2, step=0.1)
    assert link.meters.up.total - before > 80_000


def test_a_limit_lower_than_the_headers_is_told():
    world = World()
    seed, leech = world.node(), world.node(download_rate_limit=200_000, upload_rate_limit=50)
    info, content = torrent_of(40)
    seed.seed(info, content)
    torrent = leech.add(info)
    world.pump()
    torrent.connect_peer(seed.address, PeerSource.tracker)
    world.advance(60)
    told = {alert.warning_code for alert in leech.alerts(PerformanceAlert)}
    assert told == {PerformanceWarning.upload_limit_too_low}
    world.check()


@pytest.mark.slow
def test_links_of_web_seeds_are_counted(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(IpOverhead, "_use", lambda self, link, limited, count, elapsed: used.append(count))
    content = Content(100_000)
    with WebServer() as server, Member({"download_rate_limit": 300_000}) as member:
        server.offer(content.info, content.data)
        member.finish(member.add(content, tmp_path, url_seeds=[server.url]))
    assert sum(used) > 100_000 / 1460 * 40 / 2
