from __future__ import annotations

import pytest
from evtorrent.session.torrent.rates import RateMeter, Totals, TransferMeters


def test_a_steady_rate_is_found():
    meter = RateMeter(total=1000)
    for _ in range(200):
        meter.add(500)
        meter.tick(0.5)
    assert meter.rate == pytest.approx(1000, rel=0.01)
    assert meter.total == 101_000


def test_it_fades_and_ends_at_nothing():
    meter = RateMeter()
    meter.add(5000)
    meter.tick(1)
    assert meter.rate == 1000
    meter.tick(1)
    assert meter.rate == 800
    for _ in range(60):
        meter.tick(1)
    assert meter.rate == 0


def test_a_trickle_is_not_rounded_away():
    meter = RateMeter()
    meter.add(1)
    meter.tick(4)
    assert 0 < meter.rate < 1


def test_a_long_pause_is_one_average():
    meter = RateMeter()
    meter.add(1000)
    meter.tick(100)
    assert meter.rate == 10


def test_what_came_goes_to_the_meter_above_once():
    meter, above = RateMeter(), RateMeter()
    meter.add(10)
    meter.tick(0, above)
    meter.tick(1, above)
    assert above.total == 10
    meter.add(5)
    meter.tick(1, above)
    assert above.total == 15


def test_four_meters_at_once():
    peer, torrent, session = TransferMeters(), TransferMeters(), TransferMeters()
    peer.down.add(1)
    peer.up.add(2)
    peer.payload_down.add(3)
    peer.payload_up.add(4)
    peer.tick(1, torrent)
    torrent.tick(1, session)
    session.tick(1)
    assert [
        meter.total for meter in (session.down, session.up, session.payload_down, session.payload_up)
    ] == [
        1,
        2,
        3,
        4,
    ]
    assert session.payload_up.rate > 0


def test_a_side_that_ends_hands_over_and_rests():
    peer, torrent = TransferMeters(), TransferMeters()
    peer.down.add(1000)
    peer.tick(1, torrent)
    peer.down.add(7)
    peer.drain(torrent)
    assert torrent.down.total == 1007
    assert peer.down.rate == 0
    assert peer.down.total == 1007


def test_it_moves_until_the_rate_is_nothing():
    meters = TransferMeters()
    assert meters.is_quiet
    meters.up.add(1)
    assert not meters.is_quiet
    for _ in range(40):
        assert not meters.is_quiet
        meters.tick(1.0)
        if not meters.up.rate:
            break
    assert meters.is_quiet


def test_a_total_knows_what_its_parts_have_not_handed_over():
    torrent, peer = TransferMeters(), TransferMeters()
    torrent.payload_down.add(10)
    peer.payload_down.add(5)
    peer.up.add(2)
    assert torrent.totals([peer]) == Totals(0, 2, 15, 0)
    peer.tick(1, torrent)
    assert torrent.totals([peer]) == Totals(0, 2, 15, 0)
    assert torrent.totals() == Totals(0, 2, 15, 0)
