"""Bloom filters: BEP 33's vector."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from evtorrent.protocols.dht.scrape import FILTER_SIZE, BloomFilter
from hypothesis import given
from hypothesis import strategies as st

VECTOR = bytes.fromhex(
    "F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAE"
    "FE5EEDB1FBFAFF67F6ABFF5E43DDBCA3FD9B9FFDF4FFD3E9DFF12D1BDF59DB53DBE9FA5B"
    "7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE148246C2BC5DBFF7E7EFDCF24F"
    "D8DC7ADFFD8FFFDFDDFFF7A4BBEEDF5CB95CE81FC7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3"
    "FA1FC77BFE07FFF905B7B7FFC7FEFEFFE0B8370BB0CD3F5B7F2BD93FEB4386CFDD6F7FD5"
    "BFAF2E9EBFFFFEECD67ADBF7C67F17EFD5D75EBA6FFEBA7FFF47A91EB1BFBB53E8ABFB57"
    "62ABE8FF237279BFEFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6"
    "FD8F72EF"
)


def test_bep33_vector() -> None:
    bloom = BloomFilter()
    bloom.update(bytes((192, 0, 2, n)) for n in range(256))
    first = int(IPv6Address("2001:db8::"))
    bloom.update((first + n).to_bytes(16, "big") for n in range(0x3E8))
    assert bytes(bloom) == VECTOR
    assert bloom.estimate() == pytest.approx(1224.9308, abs=1e-4)


def test_from_the_wire() -> None:
    assert bytes(BloomFilter(VECTOR)) == VECTOR
    with pytest.raises(ValueError):
        BloomFilter(bytes(FILTER_SIZE - 1))


def test_a_full_filter_counts_as_far_as_it_can() -> None:
    assert BloomFilter(b"\xff" * FILTER_SIZE).estimate() > 6000


@given(
    st.sets(st.binary(min_size=4, max_size=4), max_size=30),
    st.sets(st.binary(min_size=4, max_size=4), max_size=30),
)
def test_unions(one: set[bytes], other: set[bytes]) -> None:
    both, first, second = BloomFilter(), BloomFilter(), BloomFilter()
    both.update(one | other)
    first.update(one)
    second.update(other)
    first.union(second)
    assert bytes(first) == bytes(both)
    assert all(host in both for host in one)
