"""One connection to a web seed, in a world by hand: what is asked for, in what order, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from evtorrent.session.alerts import UrlSeedAlert
from evtorrent.session.torrent.torrent import Torrent
from support.world import BLOCK, FakeSocket, Node, World, torrent_of

HOST = "10.0.0.80"
URL = f"http://{HOST}:8080/file"
INFO, CONTENT = torrent_of(8)
RANGE = re.compile(rb"Range: bytes=(\d+)-(\d+)\r\n")


@pytest.fixture
def world() -> World:
    return World()


class Server:
    """A server by hand: requests are collected, answers are sent when a test says so."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.socks: list[FakeSocket] = []
        world.listening[HOST, 8080] = lambda sock, address: self.socks.append(sock)

    def take(self) -> list[tuple[int, int]]:
        """The ranges asked for since the last call, on the last connection."""
        data = bytes(self.socks[-1].inbox)
        self.socks[-1].inbox.clear()
        return [(int(first), int(last) + 1) for first, last in RANGE.findall(data)]

    def send(self, data: bytes) -> None:
        peer = self.socks[-1].peer
        assert peer is not None
        for at in range(0, len(data), 100_000):
            peer.under_way += data[at : at + 100_000]
            self.world.pump()

    def answer(self, first: int, end: int) -> None:
        body = CONTENT[first:end]
        head = f"HTTP/1.1 206 OK\r\nContent-Length: {len(body)}\r\nContent-Range: bytes {first}-{end - 1}/{len(CONTENT)}\r\n\r\n"
        self.send(head.encode() + body)


def begin(world: World, **settings: Any) -> tuple[Node, Torrent, Server]:
    server = Server(world)
    node = world.node(**settings)
    torrent = node.add(INFO, url_seeds=[URL])
    world.pump()
    return node, torrent, server


def test_one_request_until_the_server_proved_that_it_stays(world: World) -> None:
    node, torrent, server = begin(world, urlseed_max_request_bytes=2 * BLOCK, urlseed_pipeline_size=3)
    first = server.take()
    assert len(first) == 1
    server.answer(*first[0])
    following = server.take()
    assert len(following) == 3
    for each in following:
        server.answer(*each)
    while asked := server.take():
        for each in asked:
            server.answer(*each)
    assert torrent.is_seed
    world.advance(1)
    assert server.socks[-1].is_ended, "nothing is wanted any more"
    assert node.alerts(UrlSeedAlert) == []
    world.check()


def test_the_client_is_named_once_a_connection_unless_always(world: World) -> None:
    node, _, server = begin(
        world, urlseed_max_request_bytes=2 * BLOCK, urlseed_pipeline_size=1, user_agent="me/1"
    )

    def named() -> int:
        return bytes(server.socks[-1].inbox).count(b"User-Agent: me/1\r\n")

    assert named() == 1
    server.answer(*server.take()[0])
    assert named() == 0
    node.session.apply_settings({"always_send_user_agent": True})
    server.answer(*server.take()[0])
    assert named() == 1
    node.session.apply_settings({"always_send_user_agent": False})
    server.socks[-1].close()
    world.pump()
    assert len(server.socks) == 2
    assert named() == 1, "another connection"


def test_the_picker_keeps_its_laws(world: World) -> None:
    _, torrent, server = begin(world, urlseed_max_request_bytes=2 * BLOCK)
    assert torrent.download is not None
    picker = torrent.download.picker
    picker.check_invariant()
    assert set(picker.piece_availability()) == {1}
    for each in server.take():
        server.answer(*each)
    picker.check_invariant()
    torrent.handle.remove_url_seed(URL)
    picker.check_invariant()
    assert set(picker.piece_availability()) == {0}
    assert picker.num_downloading() == 0


def test_a_connection_that_ends_between_answers_is_made_anew(world: World) -> None:
    node, torrent, server = begin(world, urlseed_max_request_bytes=2 * BLOCK)
    server.answer(*server.take()[0])
    unanswered = server.take()
    server.socks[-1].close()
    world.pump()
    assert len(server.socks) == 2
    assert server.take()[0] == unanswered[0], "what was on order is asked for again, first"
    assert node.alerts(UrlSeedAlert) == []
    assert torrent.download is not None
    torrent.download.picker.check_invariant()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 206 OK\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 OK\r\nContent-Encoding: gzip\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
    ],
    ids=["whole file", "no range", "status", "encoded", "garbage"],
)
def test_answers_that_end_it(world: World, answer: bytes) -> None:
    node, torrent, server = begin(world, urlseed_max_request_bytes=2 * BLOCK)
    server.send(answer)
    assert server.socks[-1].is_ended
    assert len(node.alerts(UrlSeedAlert)) == 1
    assert torrent.download is not None
    assert torrent.download.picker.num_downloading() == 0
    world.advance(29)
    assert len(server.socks) == 1
    world.advance(2)
    assert len(server.socks) == 2, "and it is asked again"
    world.check()


@pytest.mark.parametrize("surplus", [1, -1])
def test_chunks_of_another_length_than_asked_for(world: World, surplus: int) -> None:
    node, _, server = begin(world, urlseed_max_request_bytes=2 * BLOCK)
    ((first, end),) = server.take()
    body = bytes(end - first + surplus)
    head = (
        f"HTTP/1.1 206 OK\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes {first}-{end - 1}/*\r\n\r\n"
    )
    server.send(head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert server.socks[-1].is_ended
    assert len(node.alerts(UrlSeedAlert)) == 1


def test_requests_grow_while_the_server_is_quick_and_shrink_when_it_is_slow(world: World) -> None:
    info, content = torrent_of(400)
    server = Server(world)
    node = world.node(urlseed_pipeline_size=1)
    node.add(info, url_seeds=[URL])
    world.pump()
    sizes = []
    for wait in (0, 0, 5, 5):
        ((first, end),) = server.take()
        sizes.append(end - first)
        world.advance(wait)
        head = f"HTTP/1.1 206 OK\r\nContent-Length: {end - first}\r\nContent-Range: bytes {first}-{end - 1}/{len(content)}\r\n\r\n"
        server.send(head.encode() + content[first:end])
    one = 1 << 20
    assert sizes[:3] == [one, 2 * one, 4 * one]
    assert sizes[3] <= 2 * one


def test_a_silent_server_is_given_up(world: World) -> None:
    node, _, server = begin(world, urlseed_timeout=20)
    world.advance(19)
    assert not server.socks[-1].is_ended
    world.advance(2)
    assert server.socks[-1].is_ended
    assert "timed out" in node.alerts(UrlSeedAlert)[0].message()


def test_names_nobody_knows_are_asked_for_rarely(world: World) -> None:
    node = world.node(web_seed_name_lookup_retry=100, urlseed_wait_retry=1)
    node.add(INFO, url_seeds=["http://nowhere.example/file"])
    world.advance(99)
    assert len(node.alerts(UrlSeedAlert)) == 1
    world.advance(3)
    assert len(node.alerts(UrlSeedAlert)) == 2


def test_a_slow_disk_stops_it(world: World) -> None:
    node, torrent, server = begin(world, max_queued_disk_bytes=2 * BLOCK)
    node.platform.holds_disk = True
    ((first, end),) = server.take()
    server.answer(first, end)
    assert torrent.web is not None
    (link,) = torrent.web.links
    assert link.transport is not None
    assert link.transport.read_suspended
    world.advance(60)
    assert torrent.web.links == [link], "it is we who do not read"
    node.platform.holds_disk = False
    world.pump()
    assert torrent.is_seed
