from __future__ import annotations

import pytest
from evtorrent.session import TorrentState, TorrentStatus
from evtorrent.session.cli.views import RateMeter, view_of
from support.torrents import v1_info


def test_a_rate_is_smoothed():
    meter = RateMeter()
    assert meter.update(1000, 10.0) == 0  # what came before counts for nothing
    assert meter.update(1000, 11.0) == 0
    assert meter.update(3000, 12.0) == 2000
    assert 0 < meter.update(3000, 13.0) < 2000
    for second in range(14, 40):
        meter.update(3000, second)
    assert meter.rate < 1


def test_a_rate_begins_with_the_first_bytes():
    meter = RateMeter()
    for moment in (0.0, 5.0, 9.9):
        assert meter.update(0, moment) == 0
    assert meter.update(500, 9.9375) == 5000, "a burst is taken for a tenth of a second's worth"
    assert meter.update(1000, 10.025) == pytest.approx(8000), "from when there was nothing"
    assert meter.update(3000, 10.2) == pytest.approx(10_000)
    assert meter.update(3000, 10.25) == pytest.approx(10_000), "kept until there is another sample"
    assert meter.update(3000, 10.5) < 9000


def status(**fields) -> TorrentStatus:
    return TorrentStatus(name="x", info_hashes=v1_info().info_hashes, **fields)


def test_the_end_is_predicted_while_downloading():
    now = status(state=TorrentState.downloading, total_wanted=1000, total_wanted_done=400)
    assert view_of(now, down_rate=100.0, up_rate=0.0).eta == 6.0
    assert view_of(now, down_rate=0.5, up_rate=0.0).eta is None
    checking = status(state=TorrentState.checking_files, total_wanted=1000)
    assert view_of(checking, down_rate=100.0, up_rate=0.0).eta is None


@pytest.mark.parametrize("state", list(TorrentState))
def test_every_state_has_a_word(state):
    view = view_of(status(state=state, torrent_file=v1_info()), down_rate=0, up_rate=0)
    assert view.state
    assert view.total_pieces == v1_info().num_pieces
    assert view_of(status(state=state), down_rate=0, up_rate=0, state="failed").state == "failed"


def test_machines_get_every_number():
    fields = view_of(status(state=TorrentState.downloading), down_rate=1.6, up_rate=0.4).as_fields()
    assert fields["info_hash"] == str(v1_info().info_hashes.v1)
    assert (fields["download_rate"], fields["upload_rate"], fields["eta"]) == (2, 0, None)
    assert fields["average_rate"] is None
    over = view_of(status(state=TorrentState.seeding), down_rate=0, up_rate=0, average=7.6)
    assert over.as_fields()["average_rate"] == 8
