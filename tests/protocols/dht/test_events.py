"""Events are values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from evtorrent.protocols.dht.events import ItemFound, ItemPut, PeersFound
from evtorrent.protocols.dht.node_id import NodeId

TARGET = NodeId(b"t" * 20)


def test_events_are_compared_by_value_and_never_change() -> None:
    event = PeersFound(1, TARGET, (("1.2.3.4", 5),), ("1.2.3.5", 6))
    assert event == PeersFound(1, TARGET, (("1.2.3.4", 5),), ("1.2.3.5", 6))
    with pytest.raises(FrozenInstanceError):
        event.lookup_id = 2  # type: ignore[misc]


def test_defaults() -> None:
    assert ItemFound(1, TARGET, None, True).num_copies == 0
    assert ItemPut(1, TARGET, None, 0).errors == ()
