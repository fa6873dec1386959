"""A DHT node as a library of its own: sans-I/O (`Node`), or running on a `Multi` (`Dht`)."""

from __future__ import annotations

from .errors import ItemError, KrpcCode, KrpcError
from .events import (
    Announced,
    Bootstrapped,
    DirectResponse,
    Event,
    ExternalAddressChanged,
    GetPeersSent,
    ItemFound,
    ItemPut,
    NodesFound,
    PeerAnnounced,
    PeersAsked,
    PeersDone,
    PeersFound,
    SampleReceived,
)
from .items import ImmutableItem, MutableItem, immutable_target, mutable_target
from .log import DhtLog, DhtModule
from .mutable_torrent import MutableTorrentLink, mutable_torrent_value, torrent_of
from .node import Node
from .node_id import NodeId, generate_node_id, verify_node_id
from .operation import Operation
from .results import AnnounceResult, ItemResult, PeersResult, PutResult
from .routing_table import BucketStatus
from .sample import InfohashSample
from .service import Dht
from .settings import DhtSettings
from .state import DhtState
from .statistics import DhtCounters
from .storage import DhtStorage, MemoryStorage, StorageStatistics, StoredPeers
from .traversal import LookupStatus
from .udp_port import DatagramPort, OpenPort, UdpPort
from .writes import Update

__all__ = [
    "AnnounceResult",
    "Announced",
    "Bootstrapped",
    "BucketStatus",
    "DatagramPort",
    "Dht",
    "DhtCounters",
    "DhtLog",
    "DhtModule",
    "DhtSettings",
    "DhtState",
    "DhtStorage",
    "DirectResponse",
    "Event",
    "ExternalAddressChanged",
    "GetPeersSent",
    "ImmutableItem",
    "InfohashSample",
    "ItemError",
    "ItemFound",
    "ItemPut",
    "ItemResult",
    "KrpcCode",
    "KrpcError",
    "LookupStatus",
    "MemoryStorage",
    "MutableItem",
    "MutableTorrentLink",
    "Node",
    "NodeId",
    "NodesFound",
    "OpenPort",
    "Operation",
    "PeerAnnounced",
    "PeersAsked",
    "PeersDone",
    "PeersFound",
    "PeersResult",
    "PutResult",
    "SampleReceived",
    "StorageStatistics",
    "StoredPeers",
    "UdpPort",
    "Update",
    "generate_node_id",
    "immutable_target",
    "mutable_target",
    "mutable_torrent_value",
    "torrent_of",
    "verify_node_id",
]
