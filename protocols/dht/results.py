"""What the lookups of several nodes amount to: one result of one operation, and callbacks on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ..types import Address
from .events import (
    Announced,
    Bootstrapped,
    Event,
    ItemFound,
    ItemPut,
    NodesFound,
    PeersDone,
    PeersFound,
)
from .items import ImmutableItem, MutableItem
from .node_id import NodeId, distance

__all__ = [
    "AnnounceResult",
    "BootstrapCollector",
    "Collector",
    "ItemCollector",
    "ItemResult",
    "NodesCollector",
    "OnItem",
    "OnPeers",
    "PeersCollector",
    "PeersResult",
    "PutCollector",
    "PutResult",
    "SingleCollector",
]

OnPeers: TypeAlias = Callable[[tuple[Address, ...]], object]
"""Gets peers not told before."""

OnItem: TypeAlias = Callable[[MutableItem], object]
"""Gets each newer state of an item."""


@dataclass(frozen=True, slots=True)
class PeersResult:
    """What `get_peers` found."""

    peers: tuple[Address, ...]
    """Each once, in order of arrival."""
    num_responses: int
    """Nodes that answered."""
    num_seeds: float | None
    num_peers: float | None
    """Estimates, when it was a scrape and anybody knew."""


@dataclass(frozen=True, slots=True)
class AnnounceResult:
    """What `announce` came to."""

    peers: tuple[Address, ...]
    num_success: int
    """Nodes that will tell others of us."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What `get_immutable` or `get_mutable` found."""

    item: ImmutableItem | MutableItem | None
    num_copies: int
    """Nodes that had it in this state."""


@dataclass(frozen=True, slots=True)
class PutResult:
    """What a put came to."""

    item: ImmutableItem | MutableItem | None
    """What was put; None when the update decided for nothing."""
    num_success: int
    """Nodes that stored it."""
    errors: tuple[tuple[int, str], ...]
    """What the others said."""


class Collector(Protocol):
    """Takes the events of an operation."""

    def take(self, event: Event) -> bool:
        """True when it is the last of its lookup."""
        ...

    def result(self) -> Any:
        """Any: each operation has its own result."""
        ...


class PeersCollector:
    """Of `get_peers` and `announce`."""

    def __init__(self, on_peers: OnPeers | None, *, is_announce: bool = False) -> None:
        self._on_peers = on_peers
        self._is_announce = is_announce
        self._peers: dict[Address, None] = {}
        self._num_responses = 0
        self._num_success = 0
        self._num_seeds: float | None = None
        self._num_peers: float | None = None

    def take(self, event: Event) -> bool:
        if isinstance(event, PeersFound):
            new = tuple(peer for peer in event.peers if peer not in self._peers)
            self._peers.update(dict.fromkeys(new))
            if new and self._on_peers is not None:
                self._on_peers(new)
        elif isinstance(event, PeersDone):
            self._num_responses += event.num_responses
            self._num_seeds = _added(self._num_seeds, event.num_seeds)
            self._num_peers = _added(self._num_peers, event.num_peers)
            return not self._is_announce
        elif isinstance(event, Announced):
            self._num_success += event.num_success
            return True
        return False

    def result(self) -> PeersResult | AnnounceResult:
        peers = tuple(self._peers)
        if self._is_announce:
            return AnnounceResult(peers, self._num_success)
        return PeersResult(peers, self._num_responses, self._num_seeds, self._num_peers)


class ItemCollector:
    """Of `get_immutable` and `get_mutable`."""

    def __init__(self, on_item: OnItem | None = None) -> None:
        self._on_item = on_item
        self._item: ImmutableItem | MutableItem | None = None
        self._num_copies = 0

    def take(self, event: Event) -> bool:
        assert isinstance(event, ItemFound)
        item = event.item
        if item is not None and _sequence(item) > _sequence(self._item):
            self._item, self._num_copies = item, 0
            if self._on_item is not None and isinstance(item, MutableItem):
                self._on_item(item)
        if event.is_authoritative and item == self._item:
            self._num_copies += event.num_copies
        return event.is_authoritative

    def result(self) -> ItemResult:
        return ItemResult(self._item, self._num_copies)


class PutCollector:
    """Of the puts."""

    def __init__(self) -> None:
        self._item: ImmutableItem | MutableItem | None = None
        self._num_success = 0
        self._errors: tuple[tuple[int, str], ...] = ()

    def take(self, event: Event) -> bool:
        assert isinstance(event, ItemPut)
        self._item = event.item or self._item
        self._num_success += event.num_success
        self._errors += event.errors
        return True

    def result(self) -> PutResult:
        return PutResult(self._item, self._num_success, self._errors)


class NodesCollector:
    """Of `find_node`: the result is a tuple of (id, address), nearest first."""

    def __init__(self, target: NodeId) -> None:
        self._target = target
        self._nodes: list[tuple[NodeId, Address]] = []

    def take(self, event: Event) -> bool:
        assert isinstance(event, NodesFound)
        self._nodes += event.nodes
        return True

    def result(self) -> tuple[tuple[NodeId, Address], ...]:
        return tuple(sorted(self._nodes, key=lambda node: distance(node[0], self._target)))


class BootstrapCollector:
    """Of `bootstrap`: the result is how many nodes answered."""

    def __init__(self) -> None:
        self._num_nodes = 0

    def take(self, event: Event) -> bool:
        assert isinstance(event, Bootstrapped)
        self._num_nodes += event.num_nodes
        return True

    def result(self) -> int:
        return self._num_nodes


class SingleCollector:
    """Of what one node is asked: the result is the event."""

    def __init__(self) -> None:
        self._answer: Event | None = None

    def take(self, event: Event) -> bool:
        self._answer = event
        return True

    def result(self) -> Event | None:
        return self._answer


def _added(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other


def _sequence(item: ImmutableItem | MutableItem | None) -> int:
    return -1 if item is None else item.sequence if isinstance(item, MutableItem) else 0
