"""Canonical peer priority (BEP 40)."""

from __future__ import annotations

import pytest
from evtorrent.protocols.peer.priority import crc32c, peer_priority
from hypothesis import given
from hypothesis import strategies as st

FULL = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
addresses = st.one_of(
    st.tuples(st.ip_addresses(v=4).map(str), st.integers(0, 65535)),
    st.tuples(st.ip_addresses(v=6).map(str), st.integers(0, 65535)),
)


def test_crc_check_value() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0


def test_vectors_of_the_standard() -> None:
    assert peer_priority(("123.213.32.10", 0), ("98.76.54.32", 0)) == 0xEC2D7224
    assert peer_priority(("123.213.32.10", 0), ("123.213.32.234", 0)) == 0x99568189


@pytest.mark.parametrize(
    ("first", "second", "hashed"),
    [
        pytest.param(("230.12.123.3", 1234), ("230.12.123.3", 300), "012c04d2", id="same address: ports"),
        pytest.param(("230.12.123.1", 1), ("230.12.123.3", 2), "e60c7b01e60c7b03", id="same /24"),
        pytest.param(("230.12.23.1", 1), ("230.12.123.3", 2), "e60c1701e60c7b01", id="same /16"),
        pytest.param(("230.120.23.1", 1), ("230.12.123.3", 2), "e60c5101e6781501", id="apart"),
        pytest.param((FULL, 300), (FULL, 1234), "012c04d2", id="same IPv6 address: ports"),
        pytest.param(
            (FULL, 1),
            ("ffff:0fff:ffff:ffff:ffff:ffff:ffff:ffff", 2),
            "ffff0fffffff55555555555555555555ffffffffffff55555555555555555555",
            id="IPv6 apart",
        ),
        pytest.param(
            (FULL, 1),
            ("ffff:ffff:ff0f:ffff:ffff:ffff:ffff:ffff", 2),
            "ffffffffff0fff555555555555555555ffffffffffffff555555555555555555",
            id="same /40",
        ),
        pytest.param(
            (FULL, 1),
            ("ffff:ffff:ffff:0fff:ffff:ffff:ffff:ffff", 2),
            "ffffffffffff0fff5555555555555555ffffffffffffffff5555555555555555",
            id="same /48",
        ),
    ],
)
def test_what_is_hashed(first: tuple[str, int], second: tuple[str, int], hashed: str) -> None:
    assert peer_priority(first, second) == crc32c(bytes.fromhex(hashed))
    assert peer_priority(second, first) == peer_priority(first, second)


@given(addresses, addresses)
def test_both_ends_agree(first: tuple[str, int], second: tuple[str, int]) -> None:
    if (":" in first[0]) != (":" in second[0]):
        with pytest.raises(ValueError, match="family"):
            peer_priority(first, second)
    else:
        assert peer_priority(first, second) == peer_priority(second, first)
        assert 0 <= peer_priority(first, second) < 1 << 32


def test_names_have_no_priority() -> None:
    with pytest.raises(ValueError):
        peer_priority(("example.com", 1), ("10.0.0.1", 1))
