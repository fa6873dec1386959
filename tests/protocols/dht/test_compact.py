"""Compact addresses."""

from __future__ import annotations

import pytest
from evtorrent.protocols.dht.compact import (
    host_prefix,
    is_loopback,
    is_name,
    is_usable,
    pack_address,
    unpack_address,
    unpack_host,
    unpack_nodes,
)
from evtorrent.protocols.dht.hosts import pack_host
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("address", [("1.2.3.4", 5), ("255.1.0.1", 65535), ("2600::1", 6881)])
def test_round_trip(address: tuple[str, int]) -> None:
    packed = pack_address(address)
    assert len(packed) == (18 if ":" in address[0] else 6)
    assert unpack_host(packed[:-2]) == address[0]


@pytest.mark.parametrize("host", ["router.example", "a1", "1.2.3.4.example", "x"])
def test_names(host: str) -> None:
    assert is_name(host)
    assert not any(map(is_name, ("1.2.3.4", "::1", "fe80::1%eth0")))


@pytest.mark.parametrize(
    ("host", "port", "usable"),
    [
        ("1.2.3.4", 1, True),
        ("1.2.3.4", 0, False),
        ("0.1.2.3", 1, False),
        ("224.0.0.1", 1, False),
        ("255.255.255.255", 1, False),
        ("2600::1", 1, True),
        ("::", 1, False),
        ("ff02::1", 1, False),
    ],
)
def test_usable(host: str, port: int, usable: bool) -> None:
    assert is_usable(pack_host(host), port) is usable
    assert (unpack_address(pack_address((host, port))) is not None) is usable


@given(st.binary(max_size=60))
def test_unpacking_garbage(data: bytes) -> None:
    address = unpack_address(data)
    assert address is None or pack_address(address) == data
    for is_ipv6 in (False, True):
        for node_id, (host, port) in unpack_nodes(data, is_ipv6=is_ipv6, limit=8):
            assert len(node_id) == 20
            assert is_usable(pack_host(host), port)


def test_nodes() -> None:
    one = b"a" * 20 + pack_address(("1.2.3.4", 5))
    two = b"b" * 20 + pack_address(("1.2.3.5", 0))
    three = b"c" * 20 + pack_address(("1.2.3.6", 7))
    found = list(unpack_nodes(one + two + three + b"cut", is_ipv6=False, limit=8))
    assert found == [(b"a" * 20, ("1.2.3.4", 5)), (b"c" * 20, ("1.2.3.6", 7))]
    assert list(unpack_nodes(one + three, is_ipv6=False, limit=1)) == found[:1]
    six = b"d" * 20 + pack_address(("2600::1", 9))
    assert list(unpack_nodes(six, is_ipv6=True, limit=8)) == [(b"d" * 20, ("2600::1", 9))]


def test_prefixes() -> None:
    assert host_prefix(pack_host("1.2.3.4")) == bytes((1, 2, 3))
    assert host_prefix(pack_host("2600:1:2:3::1")) == pack_host("2600:1:2:3::")[:8]


def test_loopback() -> None:
    assert is_loopback("127.9.9.9")
    assert is_loopback("::1")
    assert not is_loopback("128.0.0.1")
