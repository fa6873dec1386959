from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.proxy import ProxyError
from evtorrent.protocols.proxy.socks5_address import MAX_NAME, pack_address, parse_address
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("host", "packed"),
    [
        ("1.2.3.4", b"\x01\x01\x02\x03\x04"),
        ("::1", b"\x04" + bytes(15) + b"\x01"),
        ("a.example", b"\x03\x09a.example"),
    ],
)
def test_round_trip(host: str, packed: bytes) -> None:
    data = pack_address((host, 0x1234))
    assert data == packed + b"\x12\x34"
    assert parse_address(memoryview(data + b"more")) == ((host, 0x1234), len(data))


def test_a_scope_stays_at_home() -> None:
    assert pack_address(("fe80::1%2", 1)) == pack_address(("fe80::1", 1))


def test_names_have_a_limit() -> None:
    longest = pack_address(("x" * MAX_NAME, 1))
    assert parse_address(longest).address[0] == "x" * MAX_NAME
    for name in ("", "x" * (MAX_NAME + 1)):
        with pytest.raises(LocalProtocolError, match="name"):
            pack_address((name, 1))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "nothing"),
        (b"\x01", "nothing"),
        (b"\x02\x00\x00\x00", "kind 2"),
        (b"\x01\x01\x02\x03\x04\x00", "cut short"),
        (b"\x03\x05abc\x00\x00", "cut short"),
    ],
)
def test_garbage(data: bytes, text: str) -> None:
    with pytest.raises(ProxyError, match=text):
        parse_address(data)


@given(st.binary(max_size=300))
def test_whatever_comes(data: bytes) -> None:
    try:
        found = parse_address(data)
    except ProxyError:
        return
    assert found.size <= len(data)
    assert 0 <= found.address[1] <= 0xFFFF
