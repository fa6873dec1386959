"""The extension protocol's registry (BEP 10)."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.extensions.registry import (
    MAX_EXTENSION_NAME,
    MAX_HANDSHAKE_SIZE,
    MAX_PEER_EXTENSIONS,
    ExtensionRegistry,
    PeerExtensions,
    parse_handshake,
)
from hypothesis import given
from hypothesis import strategies as st


def test_numbers_are_given_in_order_from_one() -> None:
    registry = ExtensionRegistry(("ut_metadata", "ut_pex"))
    assert registry.add("lt_donthave") == 3
    assert [registry.name_of(number) for number in range(5)] == [
        None,
        "ut_metadata",
        "ut_pex",
        "lt_donthave",
        None,
    ]


def test_a_name_is_taken_once() -> None:
    registry = ExtensionRegistry(("ut_pex",))
    with pytest.raises(ValueError, match="ut_pex is registered already"):
        registry.add("ut_pex")


def test_there_are_255_numbers() -> None:
    registry = ExtensionRegistry(tuple(f"x{number}" for number in range(255)))
    assert registry.name_of(255) == "x254"
    with pytest.raises(ValueError, match="no message id left"):
        registry.add("one too many")


def test_our_handshake() -> None:
    payload = ExtensionRegistry(("ut_pex", "a")).handshake({"v": "evtorrent", "reqq": 500})
    assert payload == b"d1:md1:ai2e6:ut_pexi1ee4:reqqi500e1:v9:evtorrente"


def handshake(**fields: Any) -> dict[bytes, Any]:
    return {key.encode(): value for key, value in fields.items()}


def test_a_peer_that_said_nothing() -> None:
    peer = PeerExtensions()
    assert (peer.client, peer.listen_port, peer.request_queue) == ("", None, None)
    assert (peer.metadata_size, peer.upload_only, peer.your_ip) == (None, False, None)
    assert peer.names() == [] and peer.id_of("ut_pex") is None


def test_a_handshake_is_taken_over() -> None:
    peer = PeerExtensions()
    peer.update(
        handshake(
            m={b"ut_pex": 1, b"ut_metadata": 3},
            v="µTorrent 3.5".encode(),
            p=6881,
            reqq=250,
            metadata_size=31235,
            upload_only=1,
            share_mode=1,
            yourip=bytes([1, 2, 3, 4]),
        )
    )
    assert peer.names() == ["ut_pex", "ut_metadata"]
    assert peer.id_of("ut_metadata") == 3
    assert (peer.client, peer.listen_port, peer.request_queue) == ("µTorrent 3.5", 6881, 250)
    assert (peer.metadata_size, peer.upload_only, peer.your_ip) == (31235, True, bytes([1, 2, 3, 4]))
    assert peer.share_mode


def test_a_later_handshake_adds_changes_and_withdraws() -> None:
    peer = PeerExtensions()
    peer.update(handshake(m={b"a": 1, b"b": 2}, upload_only=1))
    peer.update(handshake(m={b"a": 0, b"b": 5, b"c": 6, b"never there": 0}, upload_only=0))
    assert {name: peer.id_of(name) for name in peer.names()} == {"b": 5, "c": 6}
    assert not peer.upload_only


@pytest.mark.parametrize(
    "message",
    [
        handshake(m=[b"ut_pex", 1]),
        handshake(m={b"a": b"1", b"b": -1, b"c": 256, b"d": {}}),
        handshake(v=7, p=b"6881", reqq=[], metadata_size={}, upload_only=b"1", yourip=4),
        handshake(p=0, reqq=0, metadata_size=0, yourip=b"12345"),
        handshake(p=65536, reqq=-1, metadata_size=-5, yourip=b""),
    ],
)
def test_nonsense_is_ignored(message: dict[bytes, Any]) -> None:
    peer = PeerExtensions()
    peer.update(message)
    assert (peer.client, peer.listen_port, peer.request_queue) == ("", None, None)
    assert (peer.metadata_size, peer.upload_only, peer.your_ip) == (None, False, None)
    assert peer.names() == []


def test_limit_of_extensions() -> None:
    peer = PeerExtensions()
    peer.update(handshake(m={b"x%d" % number: 1 for number in range(MAX_PEER_EXTENSIONS)}))
    assert len(peer.names()) == MAX_PEER_EXTENSIONS
    peer.update(handshake(m={b"x0": 2, b"one too many": 3}))
    assert len(peer.names()) == MAX_PEER_EXTENSIONS
    assert peer.id_of("x0") == 2 and peer.id_of("one too many") is None


def test_limit_of_a_name() -> None:
    peer = PeerExtensions()
    longest = b"n" * MAX_EXTENSION_NAME
    peer.update(handshake(m={longest: 1, longest + b"n": 2}))
    assert peer.names() == [longest.decode()]


def test_limit_of_the_client_name() -> None:
    peer = PeerExtensions()
    peer.update(handshake(v=b"v" * 1000))
    assert peer.client == "v" * 100


def padded_handshake(size: int) -> bytes:
    payload = bencode.encode({"p": bytes(size)})
    payload = bencode.encode({"p": bytes(size - (len(payload) - size))})
    assert len(payload) == size
    return payload


def test_limit_of_a_handshake() -> None:
    assert parse_handshake(padded_handshake(MAX_HANDSHAKE_SIZE))
    with pytest.raises(RemoteProtocolError, match=f"extension handshake of {MAX_HANDSHAKE_SIZE + 1} bytes"):
        parse_handshake(padded_handshake(MAX_HANDSHAKE_SIZE + 1))


@pytest.mark.parametrize(
    "payload", [b"", b"d", b"le", b"i1e", b"d1:me", b"l" * 5000, b"d1:mi99999999999999999999ee"]
)
def test_what_is_no_dictionary_is_refused(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_handshake(payload)


def test_order_of_keys_and_what_follows_do_not_matter() -> None:
    assert parse_handshake(b"d1:vi1e1:mdee" + b"\r\n") == {b"v": 1, b"m": {}}


@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_a_dictionary(payload: bytes) -> None:
    try:
        message = parse_handshake(payload)
    except RemoteProtocolError:
        return
    PeerExtensions().update(message)


def test_what_is_not_offered_leaves_the_other_ids_alone():
    registry = ExtensionRegistry(("a", "b", "c"))
    assert bencode.decode(registry.handshake({}, without=("b",))) == {b"m": {b"a": 1, b"c": 3}}
    assert registry.name_of(2) == "b"
