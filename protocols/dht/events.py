"""What a node tells its owner.  `lookup_id` is what the command that began it returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..types import Address
from .items import ImmutableItem, MutableItem
from .krpc import Arguments
from .node_id import NodeId
from .sample import InfohashSample

__all__ = [
    "Announced",
    "Bootstrapped",
    "DirectResponse",
    "Event",
    "ExternalAddressChanged",
    "FinalEvent",
    "GetPeersSent",
    "ItemFound",
    "ItemPut",
    "NodesFound",
    "PeerAnnounced",
    "PeersAsked",
    "PeersDone",
    "PeersFound",
    "SampleReceived",
]


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The node knows its neighbours, as far as there are any."""

    lookup_id: int
    num_nodes: int
    """Nodes that answered."""


@dataclass(frozen=True, slots=True)
class NodesFound:
    """A `find_node` is over: the nodes nearest to its target that are alive, nearest first."""

    lookup_id: int
    target: NodeId
    nodes: tuple[tuple[NodeId, Address], ...]


@dataclass(frozen=True, slots=True)
class PeersFound:
    """One node knows peers; more may come, also the same ones again."""

    lookup_id: int
    info_hash: NodeId
    peers: tuple[Address, ...]
    source: Address
    hops: int = 1
    """How many nodes were asked one after another, this one included."""


@dataclass(frozen=True, slots=True)
class PeersDone:
    """A `get_peers` is over."""

    lookup_id: int
    info_hash: NodeId
    num_responses: int
    """Nodes that answered."""
    num_seeds: float | None
    num_peers: float | None
    """How many there are, roughly, when it was a scrape and somebody knew."""


@dataclass(frozen=True, slots=True)
class Announced:
    """An `announce` is over: the nodes nearest to the info-hash were told."""

    lookup_id: int
    info_hash: NodeId
    num_success: int
    """Nodes that accepted it."""


@dataclass(frozen=True, slots=True)
class ItemFound:
    """An item; of a mutable one first perhaps an older state, so wait for `is_authoritative` where that matters."""

    lookup_id: int
    target: NodeId
    item: ImmutableItem | MutableItem | None
    """None: nobody has it."""
    is_authoritative: bool
    """Everybody near was asked; this is the last event of the lookup."""
    num_copies: int = 0
    """Nodes that had it in its newest state."""


@dataclass(frozen=True, slots=True)
class ItemPut:
    """A put is over."""

    lookup_id: int
    target: NodeId
    item: ImmutableItem | MutableItem | None
    """What was put; None when the owner decided against it."""
    num_success: int
    """Nodes that stored it."""
    errors: tuple[tuple[int, str], ...] = ()
    """What the others said: (code, text), as 301 for a sequence number that was not the expected one."""


@dataclass(frozen=True, slots=True)
class SampleReceived:
    """A node told some of the info-hashes it has peers of."""

    lookup_id: int
    source: Address
    sample: InfohashSample | None
    """None: it did not answer, or does not know this question."""
    nodes: tuple[tuple[NodeId, Address], ...] = ()
    """Nodes near the target that was given."""
    node_id: NodeId | None = None
    """Who answered."""


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """What one node answered to a question of the owner's own."""

    lookup_id: int
    source: Address
    values: Arguments | None
    """The answer's "r" dictionary; None for no answer or a refusal."""
    error: tuple[int, str] | None = None
    """The refusal."""


@dataclass(frozen=True, slots=True)
class ExternalAddressChanged:
    """Enough nodes agree on the address they see us at; the node's id was made to fit it (BEP 42)."""

    host: str
    node_id: NodeId


@dataclass(frozen=True, slots=True)
class PeersAsked:
    """Somebody looked for peers here; only with `reports_traffic`."""

    info_hash: NodeId
    source: Address


@dataclass(frozen=True, slots=True)
class PeerAnnounced:
    """Somebody announced a peer here; only with `reports_traffic`."""

    info_hash: NodeId
    peer: Address


@dataclass(frozen=True, slots=True)
class GetPeersSent:
    """A lookup of ours asked a node for peers; only with `reports_traffic`."""

    info_hash: NodeId
    told: NodeId
    """What the node was asked for: not all of the info-hash, when that is veiled (`privacy_lookups`)."""
    address: Address


FinalEvent: TypeAlias = (
    Bootstrapped | NodesFound | PeersDone | Announced | ItemFound | ItemPut | SampleReceived | DirectResponse
)
"""What can end a lookup."""

Event: TypeAlias = (
    FinalEvent | PeersFound | ExternalAddressChanged | PeersAsked | PeerAnnounced | GetPeersSent
)
