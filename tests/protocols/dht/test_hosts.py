"""Hosts as bytes, against the standard library."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from evtorrent.protocols.dht.hosts import pack_host
from hypothesis import given
from hypothesis import strategies as st


@given(st.ip_addresses())
def test_it_is_what_the_library_says(address: IPv4Address) -> None:
    assert pack_host(str(address)) == address.packed


@given(st.text("0123456789.٣ +-_", max_size=16))
def test_what_is_no_address_is_refused(text: str) -> None:
    try:
        packed = ip_address(text).packed
    except ValueError:
        with pytest.raises(ValueError, match="does not appear to be"):
            pack_host(text)
    else:
        assert pack_host(text) == packed


@pytest.mark.parametrize(
    "text", ["1.2.3", "1.2.3.4.5", "256.2.3.4", "01.2.3.4", "1.2.3.4\n", "", "router.example"]
)
def test_nearly(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        pack_host(text)


def test_a_scope_is_no_part_of_it() -> None:
    assert pack_host("fe80::1%eth0") == pack_host("fe80::1")
