"""Peer ids (BEP 20)."""

from __future__ import annotations

import pytest
from evtorrent.protocols.peer.client_id import client_name, make_peer_id
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("peer_id", "name"),
    [
        pytest.param(b"-qB4620-123456789012", "qBittorrent 4.6.2", id="zero at the end left out"),
        pytest.param(b"-lt0D60-123456789012", "rTorrent 0.13.6", id="digits beyond nine"),
        pytest.param(b"-EV0100-123456789012", "evtorrent 0.1", id="ours"),
        pytest.param(b"-TR0000-123456789012", "Transmission 0.0", id="two digits stay"),
        pytest.param(b"-x41234-123456789012", "x4 1.2.3.4", id="code of nobody"),
        pytest.param(b"M4-3-6--123456789012", "Mainline 4.3.6", id="mainline"),
        pytest.param(b"M4-20-8-123456789012", "Mainline 4.20.8", id="mainline, two digits"),
        pytest.param(b"S58B-----12345678901", "Shadow 5.8.11", id="shadow"),
        pytest.param(b"T03I--00123456789012", "BitTornado 0.3.18", id="bittornado"),
        pytest.param(b"A310--00123456789012", "ABC 3.1.0", id="abc"),
        pytest.param(b"-\xe9\xe91234-12345678901", "unknown [-..1234-]", id="code not ASCII"),
        pytest.param(b"-qB46 0-123456789012", "unknown [-qB46 0-]", id="version without digits"),
        pytest.param(b"M4-x-6--123456789012", "unknown [M4-x-6--]", id="mainline without digits"),
        pytest.param(b"M-------123456789012", "unknown [M-------]", id="mainline without version"),
        pytest.param(b"S-----", "unknown [S-----]", id="shadow without version"),
        pytest.param(b"S5 8--------", "unknown [S5 8----]", id="shadow version without digits"),
        pytest.param(b"\x00\x1b[31m\xff\n...", "unknown [..[31m..]", id="control characters"),
        pytest.param(b"", "unknown []", id="nothing"),
    ],
)
def test_client_name(peer_id: bytes, name: str) -> None:
    assert client_name(peer_id) == name


@given(st.binary(max_size=20))
def test_a_name_is_always_short_and_printable(peer_id: bytes) -> None:
    name = client_name(peer_id)
    assert name.isprintable() and len(name) <= 40


@given(st.sampled_from(["-EV0100-", "-LT2110-", ""]), st.binary(min_size=20, max_size=30))
def test_a_made_id_begins_with_its_fingerprint(fingerprint: str, random_bytes: bytes) -> None:
    peer_id = make_peer_id(fingerprint, random_bytes)
    assert len(peer_id) == 20
    assert peer_id.startswith(fingerprint.encode())
    assert peer_id.decode("ascii").isprintable()
    assert make_peer_id(fingerprint, random_bytes) == peer_id


def test_a_fingerprint_may_be_the_whole_id() -> None:
    assert make_peer_id("-EV0100-123456789012", b"") == b"-EV0100-123456789012"


@pytest.mark.parametrize(
    ("fingerprint", "random_bytes"),
    [
        pytest.param("x" * 21, b"", id="too long"),
        pytest.param("-EV0100-", bytes(11), id="too few random bytes"),
        pytest.param("-EVé100-", bytes(20), id="not ASCII"),
    ],
)
def test_what_makes_no_id_is_refused(fingerprint: str, random_bytes: bytes) -> None:
    with pytest.raises(ValueError, match=r"peer id|ascii"):
        make_peer_id(fingerprint, random_bytes)
