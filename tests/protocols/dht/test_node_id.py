"""Ids: BEP 42's vectors, distances, and ids made for a purpose."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.dht.node_id import (
    distance,
    generate_node_id,
    id_near,
    is_exempt,
    random_node_id,
    shared_bits,
    verify_node_id,
)
from hypothesis import given
from hypothesis import strategies as st

VECTORS = [
    ("124.31.75.21", 1, "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
    ("21.75.31.124", 86, "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
    ("65.23.51.170", 22, "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
    ("84.124.73.14", 65, "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
    ("43.213.53.83", 90, "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
]
"""BEP 42: address, last byte, an id."""


@pytest.mark.parametrize(("host", "last", "node_id"), VECTORS)
def test_bep42_vectors(host: str, last: int, node_id: str) -> None:
    expected = bytes.fromhex(node_id)
    assert verify_node_id(expected, host)
    made = generate_node_id(host, Random(1), r=last)
    assert made[:2] == expected[:2]
    assert made[2] & 0xF8 == expected[2] & 0xF8
    assert made[19] == last


@pytest.mark.parametrize(("host", "last", "node_id"), VECTORS)
def test_an_id_fits_no_other_address(host: str, last: int, node_id: str) -> None:
    assert not verify_node_id(bytes.fromhex(node_id), "1.2.3.4")
    wrong = bytearray.fromhex(node_id)
    wrong[2] ^= 0x08
    assert not verify_node_id(bytes(wrong), host)


@pytest.mark.parametrize("host", ["84.124.73.14", "2001:db8::1", "2600:1:2:3::4"])
def test_generated_ids_are_valid(host: str) -> None:
    rng = Random(2)
    for _ in range(50):
        assert verify_node_id(generate_node_id(host, rng), host)


def test_only_the_first_half_of_an_ipv6_address_counts() -> None:
    node_id = generate_node_id("2600:1:2:3::4", Random(1))
    assert verify_node_id(node_id, "2600:1:2:3:ffff::1")
    assert not verify_node_id(node_id, "2600:1:2:ffff::4")


@pytest.mark.parametrize(
    "host",
    ["10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "127.0.0.1", "::1", "fe80::1%2", "fd00::1"],
)
def test_local_addresses_are_exempt(host: str) -> None:
    assert is_exempt(host)
    assert verify_node_id(bytes(20), host)


@pytest.mark.parametrize("host", ["172.32.0.1", "11.0.0.1", "2600::1"])
def test_public_addresses_are_not_exempt(host: str) -> None:
    assert not is_exempt(host)


@given(
    st.binary(min_size=20, max_size=20),
    st.binary(min_size=20, max_size=20),
    st.binary(min_size=20, max_size=20),
)
def test_distance_is_a_metric(a: bytes, b: bytes, c: bytes) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, c) <= distance(a, b) + distance(b, c)


@given(st.binary(min_size=20, max_size=20), st.integers(0, 170), st.integers(0, 2**32))
def test_an_id_near_another_shares_so_many_bits(node_id: bytes, bits: int, seed: int) -> None:
    assert shared_bits(node_id, id_near(node_id, bits, Random(seed))) == min(bits, 160)


def test_random_ids_differ() -> None:
    rng = Random(1)
    assert len({random_node_id(rng) for _ in range(10)}) == 10


@pytest.mark.parametrize("bits", [160, 161])
def test_an_id_that_shares_all_bits_is_the_same(bits: int) -> None:
    own = bytes(range(20))
    assert id_near(own, bits, Random(1)) == own
