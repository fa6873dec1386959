from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim.address import (
    canonical_host,
    family_of,
    host_address,
    is_loopback,
    is_multicast,
    mapped,
    socket_name,
    unmapped,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def test_one_spelling() -> None:
    assert canonical_host("FD00:0::0001") == "fd00::1"
    assert canonical_host("fe80::1%eth0") == "fe80::1"
    with pytest.raises(OSError) as caught:
        canonical_host("example.org")
    assert caught.value.errno == errno.EINVAL


@settings(deadline=None)
@given(st.ip_addresses())
def test_canonical_is_a_fixed_point(address: Any) -> None:
    host = canonical_host(address.exploded)
    assert ipaddress.ip_address(host) == address
    assert canonical_host(host) == host
    assert family_of(host) == (socket.AF_INET if address.version == 4 else socket.AF_INET6)


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_mapped_and_back(address: Any) -> None:
    assert unmapped(canonical_host(mapped(str(address)))) == str(address)
    assert unmapped(str(address)) == ""


@pytest.mark.parametrize(
    "text", ["", "x", "0.0.0.0", "::", "127.0.0.1", "::1", "224.0.0.1", "::ffff:1.2.3.4", None, 5]
)
def test_what_no_host_can_have(text: Any) -> None:
    with pytest.raises(ReactorUsageError, match="address must be"):
        host_address(text)


def test_kinds_of_addresses() -> None:
    assert is_loopback("127.3.2.1") and is_loopback("::1") and not is_loopback("10.0.0.1")
    assert is_multicast("ff02::1") and not is_multicast("10.0.0.1")


def test_names_of_sockets() -> None:
    assert socket_name(socket.AF_INET, "10.0.0.1", 5) == ("10.0.0.1", 5)
    assert socket_name(socket.AF_INET6, "10.0.0.1", 5) == ("::ffff:10.0.0.1", 5, 0, 0)
