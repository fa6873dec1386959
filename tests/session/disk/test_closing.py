from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from evtorrent.session.disk.io import DiskIo
from evtorrent.session.disk.params import DiskSettings, StorageParams
from support.disk import make_torrent, put_files
from support.world import Node, World

INFO, CONTENT = make_torrent([(name, 100) for name in "abc"], 100)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def disk(world: World, tmp_path: Path) -> Iterator[DiskIo]:
    node = world.node()
    put_files(INFO, CONTENT, tmp_path)
    disk = DiskIo(node.multi, node.platform.submit)
    storage = disk.open(StorageParams(INFO, str(tmp_path)))
    disk.submit_read(storage, [bytearray(300)], 0, lambda error: None)
    world.pump()
    yield disk
    disk.close()
    assert disk.files.num_open == 0


def test_one_after_the_other_as_time_passes(world: World, disk: DiskIo) -> None:
    world.advance(100)
    assert disk.files.num_open == 3
    disk.apply(DiskSettings(close_file_interval=10))
    open_files = []
    for _ in range(5):
        world.advance(10)
        open_files.append(disk.files.num_open)
    assert open_files == [2, 1, 0, 0, 0]


def test_another_interval_counts_at_once_and_none_ends_it(world: World, disk: DiskIo) -> None:
    disk.apply(DiskSettings(close_file_interval=1000))
    disk.apply(DiskSettings(close_file_interval=10))
    world.advance(10)
    assert disk.files.num_open == 2
    disk.apply(DiskSettings())
    world.advance(2000)
    assert disk.files.num_open == 2


def test_nothing_is_left_when_the_disk_is_closed(world: World, disk: DiskIo) -> None:
    disk.apply(DiskSettings(close_file_interval=10))
    disk.close()
    node: Node = world.nodes[0]
    world.advance(1000)
    assert not node.platform.jobs
    world.check()


def test_the_settings_of_a_session_reach_it(world: World) -> None:
    node = world.node(disk_io_write_mode=3, no_atime_storage=False)
    use = node.core.disk.files.cache_use
    assert (use.keeps_read, use.keeps_written, use.writes_through, use.no_atime) == (True, True, True, False)
    node.session.apply_settings({"disk_io_read_mode": 2, "disk_io_write_mode": 2, "no_atime_storage": True})
    assert not node.core.disk.files.cache_use.no_cow
    node.session.apply_settings({"disk_disable_copy_on_write": True})
    assert node.core.disk.files.cache_use.no_cow
    use = node.core.disk.files.cache_use
    assert (use.keeps_read, use.keeps_written, use.writes_through, use.no_atime) == (
        False,
        False,
        False,
        True,
    )
    node.session.apply_settings({"close_file_interval": 30})
    assert node.core.disk.settings.close_file_interval == 30
