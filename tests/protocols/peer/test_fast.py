"""The allowed-fast set (BEP 6)."""

from __future__ import annotations

import pytest
from evtorrent.protocols.peer.fast import allowed_fast_set
from evtorrent.protocols.types import Sha1Hash
from hypothesis import given
from hypothesis import strategies as st

INFO_HASH = Sha1Hash(b"\xaa" * 20)
SEVEN = [1059, 431, 808, 1217, 287, 376, 1188]


def test_vectors_of_the_standard() -> None:
    assert allowed_fast_set("80.4.4.200", INFO_HASH, 1313, 7) == SEVEN
    assert allowed_fast_set("80.4.4.200", INFO_HASH, 1313, 9) == [*SEVEN, 353, 508]


def test_neighbours_share_a_set() -> None:
    assert allowed_fast_set("80.4.4.1", INFO_HASH, 1313, 7) == SEVEN
    assert allowed_fast_set("80.4.5.200", INFO_HASH, 1313, 7) != SEVEN


def test_an_ipv4_address_written_as_ipv6_is_the_ipv4_address() -> None:
    assert allowed_fast_set("::ffff:80.4.4.200", INFO_HASH, 1313, 7) == SEVEN


def test_ipv6_neighbours_share_a_set() -> None:
    first = allowed_fast_set("2001:db8:1:2::3", INFO_HASH, 1313, 7)
    assert first == allowed_fast_set("2001:db8:1:ffff::4", INFO_HASH, 1313, 7)
    assert first != allowed_fast_set("2001:db8:2:2::3", INFO_HASH, 1313, 7)


@pytest.mark.parametrize(("num_pieces", "size"), [(0, 10), (3, 10), (10, 10)])
def test_a_small_torrent_is_allowed_as_a_whole(num_pieces: int, size: int) -> None:
    assert allowed_fast_set("80.4.4.200", INFO_HASH, num_pieces, size) == list(range(num_pieces))


def test_a_set_of_none() -> None:
    assert allowed_fast_set("80.4.4.200", INFO_HASH, 1313, 0) == []


def test_a_name_is_no_address() -> None:
    with pytest.raises(ValueError, match="localhost"):
        allowed_fast_set("localhost", INFO_HASH, 1313, 7)


@given(st.ip_addresses().map(str), st.integers(1, 500), st.integers(0, 20))
def test_a_set_holds_different_pieces_of_the_torrent(host: str, num_pieces: int, size: int) -> None:
    pieces = allowed_fast_set(host, INFO_HASH, num_pieces, size)
    assert len(pieces) == len(set(pieces)) == min(size, num_pieces)
    assert all(0 <= piece < num_pieces for piece in pieces)
