"""What a node remembers between runs: its ids and whom it knew.  Interchangeable with libtorrent's "dht state"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..bencode import BencodeValue
from ..types import Address
from .compact import pack_address, unpack_address, unpack_host
from .hosts import pack_host
from .node_id import NodeId

__all__ = ["MAX_STATE_NODES", "DhtState"]

MAX_STATE_NODES: Final = 2000
"""Nodes of one family that are read or written; a routing table has fewer."""

MAX_NODE_IDS: Final = 256
"""Ids that are read: one for each address of ours."""


@dataclass(slots=True)
class DhtState:
    """Ids by local address, and nodes by family."""

    node_ids: list[tuple[str, NodeId]] = field(default_factory=list)
    """(local host, id); "" for an id of any address, as old versions saved it."""
    nodes: list[Address] = field(default_factory=list)
    nodes6: list[Address] = field(default_factory=list)

    @property
    def nids(self) -> list[tuple[str, NodeId]]:
        """The same as `node_ids`, by libtorrent's name."""
        return self.node_ids

    def node_id_of(self, local_host: str) -> NodeId | None:
        """The id that the node at this local address had."""
        return next((node_id for host, node_id in self.node_ids if host in (local_host, "")), None)

    def to_table(self) -> dict[bytes, Any]:
        """For bencoding.  Any: the values are what bencoding knows."""
        table: dict[bytes, Any] = {
            b"node-id": [node_id + (pack_host(host) if host else b"") for host, node_id in self.node_ids]
        }
        for key, nodes in ((b"nodes", self.nodes), (b"nodes6", self.nodes6)):
            if nodes:
                table[key] = [pack_address(node) for node in nodes[:MAX_STATE_NODES]]
        return table

    @classmethod
    def from_table(cls, table: Mapping[bytes, BencodeValue]) -> DhtState:
        """What `to_table` or libtorrent saved.  What is wrong in it is left out."""
        state = cls(node_ids=list(_node_ids(table.get(b"node-id"))))
        # libtorrent writes both families under "nodes".
        for key in (b"nodes", b"nodes6"):
            for address in _addresses(table.get(key)):
                nodes = state.nodes6 if ":" in address[0] else state.nodes
                if len(nodes) < MAX_STATE_NODES:
                    nodes.append(address)
        return state


def _node_ids(value: BencodeValue | None) -> Iterable[tuple[str, NodeId]]:
    if isinstance(value, bytes) and len(value) == 20:
        yield "", NodeId(value)
    if isinstance(value, list):
        for entry in value[:MAX_NODE_IDS]:
            if isinstance(entry, bytes) and len(entry) in (24, 36):
                yield unpack_host(entry[20:]), NodeId(entry[:20])


def _addresses(value: BencodeValue | None) -> Iterable[Address]:
    if isinstance(value, list):
        for entry in value[: 2 * MAX_STATE_NODES]:
            address = unpack_address(entry) if isinstance(entry, bytes) else None
            if address is not None:
                yield address
