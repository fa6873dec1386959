from __future__ import annotations

from typing import Any

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.core.auto_scrape import AutoScrape
from support.world import Node, World, torrent_of

AUTO = TorrentFlags.auto_managed


class Asked:
    """Stands in for the tracker lists of torrents: who was scraped when."""

    def __init__(self, world: World, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.node = world, node
        self.times: list[tuple[str, float]] = []
        from evtorrent.session.torrent.tracking import Tracking

        def scrape(tracking: Any, index: int) -> None:
            assert index == -1
            self.times.append((tracking._torrent.name, world.now))

        monkeypatch.setattr(Tracking, "scrape", scrape)

    def names(self) -> list[str]:
        return [name for name, _ in self.times]


@pytest.fixture
def world() -> World:
    return World()


def queued(node: Node, name: str, **fields: Any) -> Any:
    """A torrent that waits for its turn."""
    fields = {"trackers": ["http://10.1.1.1/announce"], **fields}
    torrent = node.add(torrent_of(2, name=name)[0], start=False, **fields)
    torrent.handle.set_flags(AUTO)
    return torrent


def session(world: World, **settings: Any) -> Node:
    return world.node(active_downloads=0, active_seeds=0, active_limit=0, **settings)


def test_they_take_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node = session(world, auto_scrape_interval=1000, auto_scrape_min_interval=100)
    asked = Asked(world, node, monkeypatch)
    for name in ("one", "two"):
        queued(node, name)
    world.advance(2100, step=5)
    assert asked.names() == ["one", "two", "one", "two"]
    (first, second) = (when for _, when in asked.times[:2])
    assert second - first == pytest.approx(500, abs=10)


def test_no_two_are_closer_than_the_least_interval(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node = session(world, auto_scrape_interval=1000, auto_scrape_min_interval=400)
    asked = Asked(world, node, monkeypatch)
    for number in range(10):
        queued(node, f"t{number}")
    world.advance(2050, step=5)
    assert asked.names() == ["t0", "t1", "t2", "t3", "t4"]


def test_only_who_waits_and_has_a_tracker(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node = session(world, auto_scrape_interval=100, auto_scrape_min_interval=10)
    asked = Asked(world, node, monkeypatch)
    queued(node, "no tracker", trackers=[])
    node.add(torrent_of(2, name="paused by hand")[0], start=False, trackers=["http://10.1.1.1/announce"])
    failed = queued(node, "failed")
    failed.error = failed.error.__class__(5, "system", "broken")
    queued(node, "waits")
    world.advance(500, step=5)
    assert set(asked.names()) == {"waits"}
    node.session.pause()
    before = len(asked.times)
    world.advance(500, step=5)
    assert len(asked.times) == before


def test_shorter_intervals_count_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node = session(world)
    asked = Asked(world, node, monkeypatch)
    queued(node, "waits")
    world.advance(250, step=5)
    assert asked.times == []
    node.session.apply_settings({"auto_scrape_interval": 50, "auto_scrape_min_interval": 20})
    world.advance(60, step=5)
    assert asked.names() == ["waits"]


def test_nobody_waits(world: World) -> None:
    node = session(world, auto_scrape_interval=10, auto_scrape_min_interval=10)
    scrape = AutoScrape(node.core)
    for now in range(0, 100, 5):
        scrape.tick(now)
