from __future__ import annotations

from hashlib import sha256

import pytest
from evtorrent.protocols.sam.destination import (
    MAX_DESTINATION,
    Destination,
    b32_hash,
    b32_name,
    is_i2p_host,
    parse_destination,
    parse_peer,
)
from evtorrent.protocols.sam.errors import SamError
from hypothesis import given
from hypothesis import strategies as st
from support.sam_kit import destination


def of_size(size: int) -> bytes:
    return bytes(384) + b"\x05" + (size - 387).to_bytes(2, "big") + bytes(size - 387)


def test_base64_is_that_of_i2p() -> None:
    dest = Destination(b"\xfb\xff\xbf" * 128 + b"\0\0\0")
    assert str(dest) == "-~-~" * 128 + "AAAA"
    assert parse_destination(str(dest)) == dest
    assert repr(dest) == f"Destination({dest.name})"


def test_the_name() -> None:
    dest = destination(1)
    assert len(dest.raw) == 391
    assert dest.hash == sha256(dest.raw).digest()
    assert len(dest.name) == 52 + len(".b32.i2p")
    assert b32_hash(dest.name) == dest.hash
    assert b32_hash(dest.name.upper()) == dest.hash
    assert b32_name(bytes(32)) == "a" * 52 + ".b32.i2p"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a" * 52,
        "a" * 51 + ".b32.i2p",
        "a" * 53 + ".b32.i2p",
        "a" * 51 + "b.b32.i2p",  # bits that say nothing
        "a" * 51 + "1.b32.i2p",
        "ä" * 52 + ".b32.i2p",
        "tracker.i2p",
        "10.0.0.1",
    ],
)
def test_what_is_no_short_name(host: str) -> None:
    assert b32_hash(host) is None


def test_names_need_a_hash() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        b32_name(bytes(31))


@pytest.mark.parametrize("size", [387, 391, MAX_DESTINATION])
def test_sizes(size: int) -> None:
    dest = Destination(of_size(size))
    assert parse_destination(str(dest)) == dest


@pytest.mark.parametrize(
    "raw", [b"", bytes(386), of_size(MAX_DESTINATION + 1), of_size(391)[:-1], of_size(391) + b"\0"]
)
def test_what_is_no_destination(raw: bytes) -> None:
    with pytest.raises(SamError, match="a destination of"):
        Destination(raw)


@pytest.mark.parametrize(
    "text", ["", "a", "abc", "a b", "+" * 520, "/" * 520, "ä" * 520, "A" * 519, "A" * 3000, "=" * 4]
)
def test_what_is_no_base64_of_one(text: str) -> None:
    with pytest.raises(SamError):
        parse_destination(text)


def test_hosts() -> None:
    assert is_i2p_host("tracker.i2p")
    assert is_i2p_host("Tracker.I2P.")
    assert not is_i2p_host("i2p")
    assert not is_i2p_host("tracker.i2p.example.org")


def test_peers_as_trackers_tell_of_them() -> None:
    dest = destination(2)
    assert parse_peer(str(dest)) == (dest.name, dest)
    assert parse_peer(f"{dest}.i2p") == (dest.name, dest)
    assert parse_peer(dest.name.upper()) == (dest.name, None)
    assert parse_peer("somebody.i2p") is None
    assert parse_peer("10.0.0.1") is None


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    assert parse_peer(text) is None or b32_hash(text) is not None


@given(st.binary(min_size=387, max_size=420))
def test_any_bytes(raw: bytes) -> None:
    try:
        dest = Destination(raw)
    except SamError:
        return
    assert parse_destination(str(dest)) == dest
