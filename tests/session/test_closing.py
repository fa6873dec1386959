from __future__ import annotations

import threading

import pytest
from evtorrent.session import InvalidSessionHandle, Session
from evtorrent.session.alerts import TorrentResumedAlert
from support.world import FakeSocket, Wire, World, torrent_of

URL = "http://10.1.1.1:80/announce"


@pytest.fixture
def world():
    return World()


def tracked(world, **settings):
    """A session with a torrent that announced to a tracker, which answers nothing more."""
    sockets: list[FakeSocket] = []
    world.listening["10.1.1.1", 80] = lambda sock, address: sockets.append(sock)
    node = world.node(ssrf_mitigation=False, **settings)
    info, content = torrent_of(2)
    torrent = node.add(info, content, trackers=[URL])
    world.pump()
    for sock in sockets:
        sock.inbox.clear()
        sock.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 27\r\nConnection: close\r\n\r\nd8:intervali1800e5:peers0:e"
        )
        sock.close()
    world.pump()
    sockets.clear()
    return node, torrent, sockets


def reply(sockets):
    for sock in sockets:
        sock.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 27\r\nConnection: close\r\n\r\nd8:intervali1800e5:peers0:e"
        )
        sock.close()


def test_trackers_are_told_before_it_ends(world):
    node, _torrent, sockets = tracked(world)
    ended = []
    assert node.session.close(on_closed=lambda: ended.append(1)) is False
    world.pump()
    assert b"event=stopped" in bytes(sockets[0].inbox)
    assert not node.session.is_closed
    assert not ended
    reply(sockets)
    world.pump()
    assert node.session.is_closed
    assert ended == [1]
    assert node.session.close() is True
    assert node.multi.timeout() == -1


def test_trackers_that_do_not_answer_have_their_time(world):
    node, _torrent, _sockets = tracked(world, stop_tracker_timeout=3)
    start = world.now
    node.session.close()
    while not node.session.is_closed and world.now < start + 20:
        world.advance(0.25, step=0.25)
    assert world.now - start == pytest.approx(3, abs=0.5)


def test_without_time_for_trackers_it_ends_at_once(world):
    node, _torrent, sockets = tracked(world, stop_tracker_timeout=0)
    node.session.close()
    world.pump()
    assert node.session.is_closed
    assert not sockets


def test_connections_end_at_once(world):
    node, torrent, _sockets = tracked(world)
    wire = Wire(world, torrent.info_hashes.best()).call(node)
    node.session.close()
    world.pump()
    assert wire.is_closed
    assert Wire(world, torrent.info_hashes.best(), host="10.9.9.2").call(node).is_closed
    assert node.core.gate.num_open == 0


def test_a_closed_session_refuses_calls(world):
    node, _torrent, _sockets = tracked(world)
    node.session.close()
    assert not node.session.is_valid()
    for call in (
        node.session.get_torrents,
        node.session.pause,
        node.session.listen_port,
        lambda: node.session.apply_settings({}),
    ):
        with pytest.raises(InvalidSessionHandle):
            call()
    assert "closed" in repr(node.session)


def test_closing_while_a_torrent_is_checked(world):
    node = world.node()
    node.platform.holds_disk = True
    info, content = torrent_of(2)
    node.add(info, content)
    world.pump()
    node.session.close()
    node.platform.holds_disk = False
    world.pump()
    assert node.session.is_closed
    world.check()


def test_the_proxy_of_abort(world):
    node, _torrent, _sockets = tracked(world, stop_tracker_timeout=0)
    proxy = node.session.abort()
    assert not node.session.is_valid()
    world.pump()
    assert proxy.wait(1) is True


@pytest.mark.slow
def test_with_a_thread_of_its_own_close_waits():
    before = threading.active_count()
    with Session({"listen_interfaces": ""}) as session:
        assert threading.active_count() > before
        assert session.close(5) is True
        assert session.is_closed
        assert session.close() is True


@pytest.mark.slow
def test_closed_on_its_own_thread():
    session = Session({"listen_interfaces": ""})
    ended = threading.Event()
    session.runtime.call(session.close, None, on_closed=ended.set)
    assert ended.wait(5)
    assert session.abort().wait(5)


def test_a_torrent_checked_again_tells_its_tracker_and_the_session_ends(world):
    node, torrent, sockets = tracked(world)
    node.platform.holds_disk = True
    torrent.recheck()
    world.pump()
    assert b"event=stopped" in bytes(sockets[0].inbox)
    node.session.close()
    world.pump()
    assert not sockets[0].is_ended  # What is under way is not cut off.
    reply(sockets)
    node.platform.holds_disk = False
    world.pump()
    assert node.session.is_closed
    assert len(sockets) == 1
    world.check()


def test_a_core_closed_at_once_while_torrents_announce(world):
    node, torrent, sockets = tracked(world)
    node.platform.holds_disk = True
    torrent.recheck()
    other = node.add(torrent_of(2, name="other")[0], trackers=[URL])
    node.platform.holds_disk = False
    world.pump()
    assert other in node.core.active
    del sockets[:]
    node.core.close()
    world.pump()
    assert node.core.closed
    assert not sockets
    assert node.multi.timeout() == -1
    world.check()


@pytest.mark.parametrize("how", ["resume", "start", "check ends"])
def test_nothing_comes_online_while_trackers_are_told(world, how):
    node, _torrent, sockets = tracked(world)
    late = node.add(torrent_of(2, name="late")[0], start=False, trackers=[URL])
    if how == "check ends":
        node.platform.holds_disk = True
        late.resume()
        world.pump()
    node.session.close()
    if how == "start":
        late.start()
    if how == "resume":
        late.resume()
    node.platform.holds_disk = False
    world.pump()
    assert late.swarm is None
    assert late not in node.core.active
    assert [alert.torrent_name for alert in node.alerts(TorrentResumedAlert)].count("late") == (
        how == "check ends"  # Resumed before.
    )
    assert len(sockets) == 1
    reply(sockets)
    world.pump()
    assert node.session.is_closed
    world.check()


@pytest.mark.parametrize("how", ["paused", "removed"])
def test_trackers_of_torrents_stopped_just_before_are_told(world, how):
    node, torrent, sockets = tracked(world)
    if how == "paused":
        torrent.pause()
    else:
        node.session.remove_torrent(torrent.handle)
    node.session.close()
    world.pump()
    assert not node.session.is_closed
    assert b"event=stopped" in bytes(sockets[0].inbox)
    reply(sockets)
    world.pump()
    assert node.session.is_closed
    assert node.multi.timeout() == -1
    world.check()


def test_trackers_of_torrents_stopped_before_have_no_more_than_their_time(world):
    node, torrent, _sockets = tracked(world, stop_tracker_timeout=3)
    node.session.remove_torrent(torrent.handle)
    node.session.close()
    world.advance(4)
    assert node.session.is_closed
    assert node.multi.timeout() == -1
    world.check()
