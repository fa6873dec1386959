"""Events are values."""

from __future__ import annotations

import dataclasses

import pytest
from evtorrent.protocols.peer import messages
from evtorrent.protocols.peer.messages import ChokeChanged, HaveReceived, MessageId, Request
from evtorrent.protocols.types import PieceIndex


def test_message_ids_are_those_of_the_standards() -> None:
    assert {kind.name: kind.value for kind in MessageId} == {
        "CHOKE": 0,
        "UNCHOKE": 1,
        "INTERESTED": 2,
        "NOT_INTERESTED": 3,
        "HAVE": 4,
        "BITFIELD": 5,
        "REQUEST": 6,
        "PIECE": 7,
        "CANCEL": 8,
        "PORT": 9,
        "SUGGEST": 13,
        "HAVE_ALL": 14,
        "HAVE_NONE": 15,
        "REJECT": 16,
        "ALLOWED_FAST": 17,
        "EXTENDED": 20,
        "HASH_REQUEST": 21,
        "HASHES": 22,
        "HASH_REJECT": 23,
    }


def test_events_are_equal_by_value_and_cannot_be_changed() -> None:
    event = HaveReceived(PieceIndex(3))
    assert event == HaveReceived(PieceIndex(3))
    assert repr(ChokeChanged(True)) == "ChokeChanged(choked=True)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.piece = PieceIndex(4)  # type: ignore[misc]


def test_a_request_is_a_tuple() -> None:
    assert Request(PieceIndex(1), 2, 3) == (1, 2, 3)


def test_every_exported_name_exists() -> None:
    assert all(hasattr(messages, name) for name in messages.__all__)
