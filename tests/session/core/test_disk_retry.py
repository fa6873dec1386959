from __future__ import annotations

from typing import Any

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.alerts import TorrentErrorAlert, TorrentResumedAlert
from evtorrent.session.torrent.torrent import Torrent
from support.world import HAVE_ALL, UNCHOKE, Node, Wire, World, answer, torrent_of

AUTO, UPLOAD = TorrentFlags.auto_managed, TorrentFlags.upload_mode
INFO, CONTENT = torrent_of(4)


@pytest.fixture
def world() -> World:
    return World()


def guest(world: World, node: Node, number: int = 1) -> Wire:
    wire = Wire(world, INFO.info_hashes.best(), host=f"10.9.9.{number}")
    return wire.call(node).say(HAVE_ALL, UNCHOKE)


def stopped(world: World, *, errno: int = 28, managed: bool = True, **settings: Any) -> tuple[Node, Torrent]:
    """A torrent, of the queue or not, that the disk stopped."""
    node = world.node(auto_manage_interval=1, **settings)
    torrent = node.add(INFO)
    if managed:
        torrent.handle.set_flags(AUTO)
    world.pump()
    wire = guest(world, node)
    node.backend.fail_write = errno
    answer(wire, CONTENT, INFO.piece_length)
    assert torrent.error.value == errno
    assert not torrent.flags & AUTO
    return node, torrent


@pytest.mark.parametrize("errno", [28, 30, 13])
def test_a_torrent_of_the_queue_is_tried_again(world: World, errno: int) -> None:
    node, torrent = stopped(world, errno=errno)
    world.advance(598)
    assert torrent.error
    node.backend.fail_write = 0
    world.advance(5)
    assert not torrent.error
    assert torrent.flags & AUTO
    assert len(node.alerts(TorrentResumedAlert)) == 1
    wire = guest(world, node, 2)
    while answer(wire, CONTENT, INFO.piece_length):
        pass
    assert torrent.is_seed
    world.check()


def test_a_disk_that_is_still_full_stops_it_again(world: World) -> None:
    node, torrent = stopped(world, optimistic_disk_retry=100)
    for number in (2, 3):
        world.advance(105)
        assert not torrent.error
        answer(guest(world, node, number), CONTENT, INFO.piece_length)
        assert torrent.error.value == 28
        assert len(node.alerts(TorrentErrorAlert)) == number


def test_another_time_counts_at_once(world: World) -> None:
    node, torrent = stopped(world)
    world.advance(60)
    node.session.apply_settings({"optimistic_disk_retry": 50})
    world.advance(3)
    assert not torrent.error


@pytest.mark.parametrize(("errno", "managed"), [(5, True), (28, False)])
def test_others_stay_as_they_are(world: World, errno: int, managed: bool) -> None:
    """What is broken does not mend itself; and a torrent that the queue does not run is the program's."""
    node, torrent = stopped(world, errno=errno, managed=managed)
    node.backend.fail_write = 0
    world.advance(1000)
    assert torrent.error.value == errno
    assert torrent.flags & TorrentFlags.paused


def test_a_read_that_fails_is_not_tried_again(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO, CONTENT, start=False)
    torrent.handle.set_flags(AUTO)
    world.pump()
    assert torrent.is_seed
    node.backend.fail_read = 13
    node.core.disk.submit_read(torrent.need_storage().storage, [bytearray(1)], 0, torrent.disk_done)
    world.pump()
    assert torrent.error.value == 13
    world.advance(1000)
    assert torrent.error.value == 13


@pytest.mark.parametrize(
    "act",
    [
        lambda torrent: torrent.handle.pause(),
        lambda torrent: torrent.handle.unset_flags(AUTO),
        lambda torrent: torrent.handle.clear_error(),
    ],
)
def test_what_the_program_does_meanwhile_holds(world: World, act: Any) -> None:
    _node, torrent = stopped(world)
    act(torrent)
    error = torrent.error
    world.advance(1000)
    assert torrent.error == error
    assert torrent.flags & TorrentFlags.paused
    assert not torrent.flags & AUTO


def test_a_torrent_that_left_is_forgotten(world: World) -> None:
    node, torrent = stopped(world)
    node.session.remove_torrent(torrent.handle)
    world.advance(1000)
    assert torrent.error
    world.check()


@pytest.mark.parametrize("is_added_so", [True, False])
def test_upload_mode_of_a_torrent_of_the_queue_ends(world: World, is_added_so: bool) -> None:
    node = world.node(optimistic_disk_retry=100)
    torrent = node.add(INFO, flags=UPLOAD if is_added_so else TorrentFlags(0))
    torrent.handle.set_flags(AUTO)
    world.pump()
    if not is_added_so:
        torrent.handle.set_flags(UPLOAD)
    wire = guest(world, node)
    world.advance(98)
    assert torrent.flags & UPLOAD
    assert not wire.heard("request")
    world.advance(4)
    assert not torrent.flags & UPLOAD
    assert wire.heard("request")


def test_upload_mode_of_others_stays(world: World) -> None:
    node = world.node(optimistic_disk_retry=100)
    torrent = node.add(INFO)
    torrent.handle.set_flags(AUTO | UPLOAD)
    torrent.handle.unset_flags(AUTO)
    world.advance(200)
    assert torrent.flags & UPLOAD
