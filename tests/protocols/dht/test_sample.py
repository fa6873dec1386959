"""Samples of info-hashes."""

from __future__ import annotations

from random import Random

from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.sample import MAX_INTERVAL, MAX_SAMPLES, InfohashSample, SampleCache, read_sample
from evtorrent.protocols.dht.settings import DhtSettings


def hashes(count: int) -> list[NodeId]:
    return [NodeId(n.to_bytes(20, "big")) for n in range(count)]


def test_a_sample_stays_until_the_interval_is_over() -> None:
    cache, settings = SampleCache(Random(1)), DhtSettings(sample_infohashes_interval=60)
    first = cache.take(hashes(100), settings, now=0.0)
    assert len(set(first.infohashes)) == 20
    assert (first.num_infohashes, first.interval) == (100, 60)
    assert cache.take(hashes(100), settings, now=59.0) == first
    assert cache.take(hashes(100), settings, now=60.0).infohashes != first.infohashes


def test_a_small_sample_grows_at_once() -> None:
    cache, settings = SampleCache(Random(1)), DhtSettings()
    assert len(cache.take(hashes(3), settings, now=0.0).infohashes) == 3
    assert len(cache.take(hashes(5), settings, now=1.0).infohashes) == 5


def test_reading() -> None:
    assert read_sample(
        {b"samples": b"a" * 20 + b"b" * 20 + b"cut", b"num": 7, b"interval": 9}
    ) == InfohashSample((NodeId(b"a" * 20), NodeId(b"b" * 20)), 7, 9)
    assert read_sample({b"samples": b""}) == InfohashSample((), 0, 0)
    assert read_sample({b"num": 7}) is None


def test_reading_is_bounded() -> None:
    sample = read_sample({b"samples": b"a" * 20 * (MAX_SAMPLES + 5), b"num": 2**40, b"interval": 10**9})
    assert sample is not None
    assert len(sample.infohashes) == MAX_SAMPLES
    assert sample.num_infohashes < 2**31
    assert sample.interval == MAX_INTERVAL
    sample = read_sample({b"samples": b"", b"num": -5, b"interval": -5})
    assert sample == InfohashSample((), 0, 0)
