from __future__ import annotations

from evtorrent.session.params import AddTorrentParams
from evtorrent.session.torrent.clocks import ActivityClocks


def test_a_new_torrent():
    clocks = ActivityClocks(AddTorrentParams(), 5000)
    assert clocks.added_time == 5000
    assert clocks.completed_time == 0
    clocks.begin(10, is_seed=False, is_finished=False)
    clocks.settle(12.5, is_seed=False, is_finished=True)
    clocks.settle(13.5, is_seed=True, is_finished=True)
    clocks.end(14)
    clocks.settle(99, is_seed=True, is_finished=True)
    assert (clocks.active, clocks.finished_duration, clocks.seeding) == (4.0, 1.5, 0.5)


def test_it_goes_on_from_an_earlier_session():
    params = AddTorrentParams(active_time=10, finished_time=5, seeding_time=3, added_time=7, last_upload=9)
    clocks = ActivityClocks(params, 5000)
    clocks.begin(1, is_seed=True, is_finished=True)
    clocks.begin(2, is_seed=False, is_finished=False)  # It is online already.
    clocks.settle(2, is_seed=True, is_finished=True)
    assert (clocks.active, clocks.finished_duration, clocks.seeding) == (11, 6, 4)
    assert (clocks.added_time, clocks.last_upload) == (7, 9)


def test_the_first_completion_counts():
    clocks = ActivityClocks(AddTorrentParams(), 5000)
    clocks.finished(6000)
    clocks.finished(7000)
    assert clocks.completed_time == 6000
