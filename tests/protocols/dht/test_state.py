"""Saved state, as libtorrent writes it."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.bencode import decode, encode
from evtorrent.protocols.dht.compact import pack_address
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.state import MAX_STATE_NODES, DhtState

ID, OTHER = NodeId(b"i" * 20), NodeId(b"j" * 20)
V4, V6 = ("1.2.3.4", 5), ("2600::1", 6)


def test_round_trip() -> None:
    state = DhtState([("10.0.0.1", ID), ("2600::9", OTHER)], [V4], [V6])
    table: Any = decode(encode(state.to_table()))
    assert DhtState.from_table(table) == state
    assert set(table) == {b"node-id", b"nodes", b"nodes6"}


def test_an_empty_state_has_no_nodes() -> None:
    assert DhtState().to_table() == {b"node-id": []}
    assert DhtState.from_table({}) == DhtState()


def test_libtorrent_writes_both_families_in_one_list() -> None:
    state = DhtState.from_table({b"nodes": [pack_address(V4), pack_address(V6)]})
    assert (state.nodes, state.nodes6) == ([V4], [V6])


def test_the_id_of_a_local_address() -> None:
    state = DhtState([("10.0.0.1", ID), ("10.0.0.2", OTHER)])
    assert state.node_id_of("10.0.0.2") == OTHER
    assert state.node_id_of("10.0.0.3") is None


def test_an_id_of_the_old_style_is_for_any_address() -> None:
    state = DhtState.from_table({b"node-id": bytes(ID)})
    assert state.node_id_of("10.0.0.3") == ID
    assert DhtState.from_table(state.to_table()) == DhtState(), "written in the new style it names no address"


@pytest.mark.parametrize(
    "table",
    [
        {b"node-id": b"short"},
        {b"node-id": 5},
        {b"node-id": [5, b"short", b"x" * 30]},
        {b"nodes": b"text", b"nodes6": 5},
        {b"nodes": [5, b"short", bytes(6)]},
    ],
)
def test_what_is_wrong_is_left_out(table: Any) -> None:
    assert DhtState.from_table(table) == DhtState()


def test_bounds() -> None:
    many: Any = [pack_address((f"1.{n >> 8}.{n & 255}.1", 5)) for n in range(MAX_STATE_NODES + 5)]
    state = DhtState.from_table({b"nodes": many, b"nodes6": many, b"node-id": [ID + bytes(4)] * 300})
    assert len(state.nodes) == MAX_STATE_NODES
    assert len(state.node_ids) == 256
    assert state.nids == state.node_ids
    state.nodes *= 2
    assert len(state.to_table()[b"nodes"]) == MAX_STATE_NODES
