"""The queue of whole sessions, in a world by hand: every setting's effect, positions, and who goes online when."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.session import AddTorrentParams, TorrentFlags
from evtorrent.session.alerts import (
    StateUpdateAlert,
    TorrentFinishedAlert,
    TorrentPausedAlert,
    TorrentResumedAlert,
)
from evtorrent.session.torrent.torrent import Torrent
from support.world import HAVE_ALL, INTERESTED, UNCHOKE, Node, Wire, World, answer, torrent_of


@pytest.fixture
def world() -> World:
    return World()


def managed(node: Node, name: str, *, seed: bool = False, pieces: int = 2) -> Torrent:
    """An auto-managed torrent as `add_torrent` makes it by default."""
    info, content = torrent_of(pieces, name=name)
    torrent = node.add(info, content if seed else None, start=False)
    torrent.handle.set_flags(TorrentFlags.auto_managed)
    return torrent


def several(node: Node, names: str, *, seed: bool = False) -> list[Torrent]:
    """One for each letter, checked and decided on."""
    torrents = [managed(node, name, seed=seed) for name in names]
    node.world.advance(1)
    return torrents


def running(torrents: list[Torrent]) -> str:
    """The names of those that run; what is shown agrees with what is so."""
    for torrent in torrents:
        assert (torrent.swarm is not None) == (not torrent.flags & TorrentFlags.paused), torrent.name
    return "".join(torrent.name for torrent in torrents if torrent.swarm is not None)


def call(world: World, node: Node, torrent: Torrent, number: int = 1) -> Wire:
    wire = Wire(world, torrent.info_hashes.best(), host=f"10.9.9.{number}", peer_id=b"-XX0000-%012d" % number)
    return wire.call(node)


# ----------------------------------------------------------------------------------------------------------- who runs


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "abc"),
        ({"active_downloads": 1}, "a"),
        ({"active_downloads": 0}, ""),
        ({"active_downloads": -1}, "abcde"),
        ({"active_downloads": -1, "active_limit": 2}, "ab"),
    ],
)
def test_downloads_in_order(world: World, settings: dict[str, Any], expected: str) -> None:
    torrents = several(world.node(**settings), "abcde")
    assert running(torrents) == expected
    assert [torrent.queue_position for torrent in torrents] == [0, 1, 2, 3, 4]
    world.check()


@pytest.mark.parametrize(("limit", "count"), [(2, 2), (0, 0), (-1, 4)])
def test_active_seeds(world: World, limit: int, count: int) -> None:
    torrents = several(world.node(active_seeds=limit), "wxyz", seed=True)
    assert len(running(torrents)) == count
    assert {torrent.queue_position for torrent in torrents} == {-1}


def test_auto_manage_prefer_seeds(world: World) -> None:
    for prefer, expected in ((False, "ab"), (True, "yz")):
        node = world.node(active_limit=2, auto_manage_prefer_seeds=prefer)
        torrents = [*several(node, "ab"), *several(node, "yz", seed=True)]
        world.advance(1)
        assert running(torrents) == expected


def test_settings_change_who_runs(world: World) -> None:
    node = world.node(active_downloads=1)
    torrents = several(node, "abc")
    node.session.apply_settings({"active_downloads": 2})
    world.advance(1)
    assert running(torrents) == "ab"
    node.session.apply_settings({"active_downloads": 0})
    world.advance(1)
    assert running(torrents) == ""
    assert [alert.handle for alert in node.alerts(TorrentPausedAlert)] == [t.handle for t in torrents[:2]]
    assert [alert.handle for alert in node.alerts(TorrentResumedAlert)] == [t.handle for t in torrents[:2]]


def test_the_next_one_starts_when_one_finishes(world: World) -> None:
    node = world.node(active_downloads=1, active_seeds=0)
    first, second = several(node, "ab")
    assert running([first, second]) == "a"
    assert first.info is not None
    wire = call(world, node, first)
    wire.say(HAVE_ALL, UNCHOKE)
    answer(wire, torrent_of(2, name="a")[1], first.info.piece_length)
    world.advance(1)
    assert node.alerts(TorrentFinishedAlert)
    assert running([first, second]) == "b", "and the finished one has no place among the seeds"
    assert (first.queue_position, second.queue_position) == (-1, 0)


def test_the_next_one_starts_when_one_is_removed_or_fails(world: World) -> None:
    node = world.node(active_downloads=1)
    torrents = several(node, "abc")
    node.session.remove_torrent(torrents[0].handle)
    world.advance(1)
    assert running(torrents[1:]) == "b"
    torrents[1].handle.unset_flags(TorrentFlags.auto_managed)
    torrents[1].handle.pause()
    world.advance(1)
    assert running(torrents[1:]) == "c"


def test_a_magnet_link_counts_as_a_download(world: World) -> None:
    node = world.node(active_downloads=1)
    info, _ = torrent_of(2, name="m")
    handle = node.session.add_torrent(AddTorrentParams(save_path="/disk", info_hashes=info.info_hashes))
    magnet = handle._torrent
    assert magnet is not None
    assert magnet.swarm is not None, "there is nothing to check: it starts at once"
    (other,) = several(node, "b")
    assert other.swarm is None
    handle.queue_position_down()
    world.advance(1)
    assert magnet.swarm is None
    assert other.swarm is not None


def test_what_nobody_manages_is_not_counted(world: World) -> None:
    node = world.node(active_downloads=1)
    own = node.add(torrent_of(2, name="own")[0])
    torrents = several(node, "ab")
    assert running(torrents) == "a"
    assert own.swarm is not None
    own.handle.set_flags(TorrentFlags.auto_managed)
    world.advance(1)
    assert own.swarm is not None, "it is the first in the queue"
    assert running(torrents) == ""


def test_a_queued_torrent_is_checked_and_stays_offline(world: World) -> None:
    node = world.node(active_downloads=0)
    info, content = torrent_of(4)
    torrent = node.add(info, content, pieces=[1], start=False, trackers=["http://10.0.0.99/announce"])
    torrent.handle.set_flags(TorrentFlags.auto_managed)
    world.advance(1)
    assert torrent.is_checked
    assert torrent.have.count() == 1
    assert torrent.swarm is None
    assert not node.alerts(TorrentPausedAlert)
    assert not node.alerts(TorrentResumedAlert)
    assert torrent.tracking is not None
    assert not torrent.tracking.trackers.list.is_announcing
    torrent.handle.force_recheck()
    world.advance(1)
    assert torrent.is_checked, "a recheck does not need a place"
    assert torrent.have.count() == 1


def test_files_are_let_go_when_it_has_to_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not between the check and the start of one that may run: they would be opened again at once."""
    node = world.node(active_seeds=1)
    released = []
    release = node.core.disk.submit_release
    monkeypatch.setattr(
        node.core.disk,
        "submit_release",
        lambda storage, done: (released.append(storage), release(storage, done)),
    )
    torrents = several(node, "xy", seed=True)
    assert len(running(torrents)) == 1
    (waiting,) = [torrent for torrent in torrents if torrent.swarm is None]
    assert waiting.block_source is not None
    assert released == [waiting.block_source.storage]
    node.session.apply_settings({"active_seeds": 0})
    world.advance(100)
    assert len(released) == 2


@pytest.mark.parametrize("end", ["unmanaged", "session paused", "removed"])
def test_files_are_let_go_when_nobody_decides_any_more(world: World, end: str) -> None:
    node = world.node()
    torrent = managed(node, "x", seed=True)
    node.platform.holds_disk = True
    world.advance(1)
    node.platform.holds_disk = False
    node.platform.run_jobs(1)
    node.multi.perform()
    if end == "unmanaged":
        torrent.handle.unset_flags(TorrentFlags.auto_managed)
    elif end == "session paused":
        node.session.pause()
    else:
        node.session.remove_torrent(torrent.handle)
    world.advance(1)
    assert torrent.swarm is None
    assert not torrent.is_parked
    world.check()


def test_a_paused_session_decides_nothing(world: World) -> None:
    node = world.node()
    torrents = several(node, "ab")
    node.session.pause()
    assert len(node.alerts(TorrentPausedAlert)) == 2
    world.advance(60)
    assert all(torrent.swarm is None for torrent in torrents)
    node.forget_alerts()
    node.session.resume()
    world.advance(1)
    assert running(torrents) == "ab"
    assert len(node.alerts(TorrentResumedAlert)) == 2


def test_auto_manage_interval(world: World) -> None:
    """A managed torrent that was paused by hand is started again when the queue is looked at."""
    node = world.node(auto_manage_interval=100)
    (torrent,) = several(node, "a")
    torrent.handle.pause()
    world.advance(90)
    assert running([torrent]) == ""
    world.advance(15)
    assert running([torrent]) == "a"


def test_active_checking(world: World) -> None:
    for limit, expected in ((1, 1), (2, 2), (-1, 3), (0, 0)):
        node = world.node(active_checking=limit)
        node.platform.holds_disk = True
        torrents = [managed(node, name) for name in "abc"]
        for _ in range(20):
            node.platform.run_jobs(1)
            world.pump()
            if all(torrent.phase.value == "checking" for torrent in torrents):
                break
        assert len(node.core.checks._running) == expected
        node.session.apply_settings({"active_checking": -1})
        node.platform.holds_disk = False
        world.advance(1)
        assert all(torrent.is_checked for torrent in torrents)


# ------------------------------------------------------------------------------------------------------------ slowness


def test_slow_torrents_are_not_counted(world: World) -> None:
    node = world.node(active_downloads=1, auto_manage_startup=10)
    torrents = several(node, "abc")
    world.advance(9)
    assert running(torrents) == "a"
    world.advance(3)
    assert running(torrents) == "ab"
    world.advance(11)
    assert running(torrents) == "abc"
    node.session.apply_settings({"dont_count_slow_torrents": False})
    world.advance(1)
    assert running(torrents) == "a"


def test_slow_torrents_count_when_settings_say_so(world: World) -> None:
    node = world.node(active_downloads=1, auto_manage_startup=1, dont_count_slow_torrents=False)
    torrents = several(node, "abc")
    world.advance(60)
    assert running(torrents) == "a"


@pytest.mark.parametrize(("name", "seed"), [("inactive_down_rate", False), ("inactive_up_rate", True)])
def test_how_slow_is_slow(world: World, name: str, seed: bool) -> None:
    """At 0 bytes/s and above everything is fast enough."""
    settings = {"active_downloads": 1, "active_seeds": 1, "auto_manage_startup": 1, name: 0}
    torrents = several(world.node(**settings), "ab", seed=seed)
    world.advance(30)
    assert len(running(torrents)) == 1


# ---------------------------------------------------------------------------------------------------------- seed ranks


def ranked(world: World, **settings: Any) -> str:
    """Of three seeds the one that runs: one that gave its share, one that gave half, one that seeded for a day."""
    node = world.node(active_seeds=1, dont_count_slow_torrents=False, **settings)
    given = {
        "gave": {"total_uploaded": 300_000, "active_time": 5000, "finished_time": 100},
        "owes": {"total_uploaded": 60_000, "active_time": 5000, "finished_time": 4000},
        "rest": {"total_uploaded": 60_000, "active_time": 100_000, "finished_time": 90_000},
    }
    torrents = []
    for name, fields in given.items():
        info, content = torrent_of(2, name=name)
        torrents.append(node.add(info, content, start=False, **fields))
    for torrent in torrents:
        torrent.handle.set_flags(TorrentFlags.auto_managed)
    world.advance(1)
    return running(torrents)


def test_the_seed_that_owes_most_runs(world: World) -> None:
    assert ranked(world) == "owes"
    assert ranked(world, share_ratio_limit=600, seed_time_limit=1000) == "gave"
    assert ranked(world, seed_time_limit=200_000, seed_time_ratio_limit=1000, share_ratio_limit=50) != "owes"
    assert ranked(world, seed_time_ratio_limit=300, share_ratio_limit=600) == "gave"


# ----------------------------------------------------------------------------------------------------------- announces


def test_active_tracker_limit(world: World) -> None:
    node = world.node(active_tracker_limit=1)
    torrents = []
    for name in "ab":
        info, _ = torrent_of(2, name=name)
        torrents.append(node.add(info, start=False, trackers=["http://10.0.0.99/announce"]))
        torrents[-1].handle.set_flags(TorrentFlags.auto_managed)
    world.advance(1)

    def announcing() -> list[bool]:
        return [torrent.handle.status().announcing_to_trackers for torrent in torrents]

    assert running(torrents) == "ab"
    assert announcing() == [True, False]
    torrents[1].handle.queue_position_top()
    world.advance(1)
    assert announcing() == [False, True]
    torrents[0].handle.unset_flags(TorrentFlags.auto_managed)
    world.advance(1)
    assert announcing() == [True, True], "nobody counts it any more"


def test_incoming_starts_queued_torrents(world: World) -> None:
    for wanted in (False, True):
        node = world.node(active_downloads=1, incoming_starts_queued_torrents=wanted)
        torrents = several(node, "ab")
        wire = call(world, node, torrents[1])
        assert bool(wire.heard("bitfield", "have_none", "extended")) == wanted
        assert running(torrents) == ("ab" if wanted else "a")


# ----------------------------------------------------------------------------------------------------------- positions


def test_positions_by_hand(world: World) -> None:
    node = world.node(active_downloads=1)
    a, b, c, d = torrents = several(node, "abcd")

    def order() -> str:
        by_position = sorted(torrents, key=lambda torrent: torrent.handle.queue_position())
        assert [torrent.handle.status().queue_position for torrent in by_position] == [0, 1, 2, 3]
        return "".join(torrent.name for torrent in by_position)

    d.handle.queue_position_top()
    assert order() == "dabc"
    d.handle.queue_position_down()
    assert order() == "adbc"
    c.handle.queue_position_up()
    assert order() == "adcb"
    a.handle.queue_position_bottom()
    assert order() == "dcba"
    b.handle.queue_position_set(1)
    assert order() == "dbca"
    c.handle.queue_position_set(1000)
    assert order() == "dbac"
    with pytest.raises(ValueError, match="0 or above"):
        c.handle.queue_position_set(-1)
    world.advance(1)
    assert running(torrents) == "d"


def test_moved_torrents_are_in_the_next_update(world: World) -> None:
    node = world.node()
    torrents = several(node, "abcd")
    node.session.post_torrent_updates()
    node.forget_alerts()
    torrents[2].handle.queue_position_up()
    node.session.post_torrent_updates()
    (update,) = node.alerts(StateUpdateAlert)
    assert {status.name: status.queue_position for status in update.status} == {"b": 2, "c": 1}


def test_a_finished_torrent_has_no_place(world: World) -> None:
    node = world.node()
    (seed,) = several(node, "s", seed=True)
    (other,) = several(node, "a")
    seed.handle.queue_position_top()
    assert seed.queue_position == -1
    other.handle.prioritize_pieces([0, 0])
    assert other.queue_position == -1
    other.handle.prioritize_pieces([4, 4])
    assert other.queue_position == 0
    node.core.queue.order.check_invariant()


# ------------------------------------------------------------------------------------------------------ stop_when_ready


def test_stop_when_ready(world: World) -> None:
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.add(info, content, start=False)
    torrent.handle.set_flags(TorrentFlags.stop_when_ready | TorrentFlags.auto_managed)
    world.advance(1)
    assert torrent.is_seed
    assert torrent.swarm is None
    assert not torrent.flags & (TorrentFlags.stop_when_ready | TorrentFlags.auto_managed)
    assert torrent.flags & TorrentFlags.paused
    assert node.alerts(TorrentPausedAlert)
    torrent.handle.resume()
    assert torrent.swarm is not None
    torrent.handle.set_flags(TorrentFlags.stop_when_ready)
    assert torrent.swarm is None, "it was ready already"
    wire = call(world, node, torrent)
    wire.say(INTERESTED)
    assert wire.is_closed
