from __future__ import annotations

from types import SimpleNamespace

import pytest
from evtorrent.session.torrent.send_window import LIMITED_SLAB, send_window
from evtorrent.session.torrent.uploader import Uploader
from support.world import BLOCK, HAVE_NONE, INTERESTED, Wire, World, request, torrent_of

KIB = 1024


def limits(low=10 * KIB, high=500 * KIB, factor=50):
    return SimpleNamespace(
        send_buffer_low_watermark=low, send_buffer_watermark=high, send_buffer_watermark_factor=factor
    )


@pytest.mark.parametrize(
    ("rate", "bounds", "expected"),
    [
        (0, {}, 500 * KIB),
        (200_000, {}, 100_000),
        (200_000, {"factor": 150}, 300_000),
        (100, {}, 10 * KIB),
        (10**9, {}, 500 * KIB),
        (0, {"low": 20, "high": 9}, 20),
        (10**9, {"factor": 0}, 10 * KIB),
    ],
)
def test_bounds(rate, bounds, expected):
    expected_first = bounds.get("low", 10 * KIB)
    assert send_window(rate, limits(**bounds), is_limited=False) == (expected_first, expected)


def test_under_a_rate_limit_slabs_are_not_small():
    assert send_window(1000, limits(), is_limited=True) == (LIMITED_SLAB, LIMITED_SLAB)
    assert send_window(10**6, limits(), is_limited=True) == (LIMITED_SLAB, 500_000)
    assert send_window(1000, limits(low=100, high=9), is_limited=True) == (100, 100)


@pytest.fixture
def sizes(monkeypatch):
    """Blocks of each slab read so far."""
    found = []
    plain = Uploader.next_slab

    def next_slab(self, max_bytes):
        slab = plain(self, max_bytes)
        if slab is not None:
            found.append(slab.num_blocks)
        return slab

    monkeypatch.setattr(Uploader, "next_slab", next_slab)
    return found


def served(**settings):
    """(node, a peer that may ask)."""
    world = World()
    node = world.node(**settings)
    info, content = torrent_of(64)
    node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_NONE, INTERESTED)
    return node, wire


def ask(wire, count=32):
    wire.say(*[request(piece, begin) for piece in range(count // 2) for begin in (0, BLOCK)])
    assert len(wire.heard("piece")) == count


@pytest.mark.parametrize(("low", "expected"), [(10 * KIB, [1, 2, 4, 8, 16, 1]), (8 * BLOCK, [8, 16, 8])])
def test_a_peer_begins_with_the_low_watermark(sizes, low, expected):
    _node, wire = served(send_buffer_low_watermark=low)
    ask(wire)
    assert sizes == expected


def test_the_measured_rate_bounds_what_is_read_ahead(sizes):
    node, wire = served(send_buffer_watermark=4 * BLOCK)
    ask(wire)
    assert max(sizes) == 4
    node.session.apply_settings({"send_buffer_watermark_factor": 1, "send_buffer_watermark": 500 * KIB})
    wire.world.advance(0.5)
    sizes.clear()
    ask(wire)
    assert max(sizes) == 1
    node.session.apply_settings({"send_buffer_watermark_factor": 1000})
    wire.world.advance(0.5)
    sizes.clear()
    ask(wire)
    assert max(sizes) > 8
