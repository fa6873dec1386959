"""Alerts about the DHT.

Whatever answers a call is posted whatever the mask says.
"""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from enum import IntEnum
from typing import Any, NamedTuple

from ...protocols.bencode import BencodeError, BencodeValue, decode
from ...protocols.dht import DhtModule
from ...protocols.types import Address, Sha1Hash
from ..errors import ErrorCode, Operation
from ..flags import AlertCategory
from .base import Alert, AlertPriority, TrackerAlert, alert, endpoint_text

__all__ = [
    "DhtAnnounceAlert",
    "DhtBootstrapAlert",
    "DhtBucket",
    "DhtDirectResponseAlert",
    "DhtErrorAlert",
    "DhtGetPeersAlert",
    "DhtGetPeersReplyAlert",
    "DhtImmutableItemAlert",
    "DhtLiveNodesAlert",
    "DhtLogAlert",
    "DhtLookup",
    "DhtModule",
    "DhtMutableItemAlert",
    "DhtNode",
    "DhtOutgoingGetPeersAlert",
    "DhtPktAlert",
    "DhtPktDirection",
    "DhtPutAlert",
    "DhtReplyAlert",
    "DhtSampleInfohashesAlert",
    "DhtStatsAlert",
]


class DhtNode(NamedTuple):
    """A node by id and address."""

    nid: Sha1Hash
    endpoint: Address


class DhtLookup(NamedTuple):
    """A lookup under way (libtorrent `dht_lookup`)."""

    type: str
    """"bootstrap", "find_node", "get_peers", "announce", "get" or "put"."""
    target: Sha1Hash
    branch_factor: int
    """Requests it would keep under way."""
    outstanding_requests: int
    """Requests under way."""
    timeouts: int
    """Requests that were not answered."""
    responses: int
    """Requests that were answered."""
    nodes_left: int
    """Nodes not asked yet."""
    last_sent: int
    """Seconds since the last request; -1 when none is under way."""
    first_timeout: int
    """Requests under way that should have been answered by now."""

    @property
    def response(self) -> int:
        """The same as `responses`, as libtorrent's binding spells it."""
        return self.responses


class DhtBucket(NamedTuple):
    """A bucket of the routing table (libtorrent `dht_routing_bucket`)."""

    num_nodes: int
    """Nodes of the bucket."""
    num_replacements: int
    """Nodes that wait for a place in it."""


@alert(62, AlertCategory.dht)
class DhtBootstrapAlert(Alert):
    """The DHT knows its neighbours, as far as there are any."""

    def message(self) -> str:
        return "DHT bootstrap complete"


@alert(16, AlertCategory.dht | AlertCategory.tracker)
class DhtReplyAlert(TrackerAlert):
    """The DHT knows peers of a torrent."""

    num_peers: int

    def message(self) -> str:
        return f"{self._torrent()} received DHT peers: {self.num_peers}"


@alert(55, AlertCategory.dht)
class DhtAnnounceAlert(Alert):
    """Somebody announced himself to our node."""

    ip: str
    port: int
    info_hash: Sha1Hash

    def message(self) -> str:
        return f"incoming dht announce: {endpoint_text((self.ip, self.port))} ({self.info_hash})"


@alert(56, AlertCategory.dht)
class DhtGetPeersAlert(Alert):
    """Somebody asked our node for peers."""

    info_hash: Sha1Hash

    def message(self) -> str:
        return f"incoming dht get_peers: {self.info_hash}"


@alert(78, AlertCategory.dht)
class DhtOutgoingGetPeersAlert(Alert):
    """Our node asked another one for peers."""

    info_hash: Sha1Hash
    """What we look for."""
    obfuscated_info_hash: Sha1Hash
    """What the node was told; another one with `dht_privacy_lookups`."""
    endpoint: Address
    """Whom we asked."""

    @property
    def ip(self) -> Address:
        """The same as `endpoint`."""
        return self.endpoint

    def message(self) -> str:
        veiled = self.obfuscated_info_hash
        told = "" if veiled == self.info_hash else f" [obfuscated: {veiled}]"
        return f"outgoing dht get_peers: {self.info_hash}{told} -> {endpoint_text(self.endpoint)}"


@alert(85, AlertCategory.dht_log)
class DhtLogAlert(Alert):
    """A line of a node of ours, for whoever debugs."""

    module: DhtModule
    """Which part of it speaks."""
    text: str

    def log_message(self) -> str:
        """The line."""
        return self.text

    def message(self) -> str:
        return f"DHT {self.module.name}: {self.text}"


class DhtPktDirection(IntEnum):
    """Which way a datagram goes (libtorrent `dht_pkt_alert::direction_t`)."""

    incoming = 0
    outgoing = 1


@alert(86, AlertCategory.dht_log)
class DhtPktAlert(Alert):
    """A datagram of the DHT came, or is sent."""

    pkt_buf: bytes
    """As it is."""
    direction: DhtPktDirection
    node: Address
    """Who is at the other end."""

    def message(self) -> str:
        try:
            content: object = decode(self.pkt_buf, strict=False)
        except BencodeError:
            content = self.pkt_buf
        arrow = "<==" if self.direction is DhtPktDirection.incoming else "==>"
        return f"{arrow} [{endpoint_text(self.node)}] {content!r}"


@alert(87, AlertCategory.dht_operation, mandatory=True)
class DhtGetPeersReplyAlert(Alert):
    """The answer to `Session.dht_get_peers` and `dht_announce`; may come several times, with new peers each time."""

    info_hash: Sha1Hash
    endpoints: list[Address]
    """The peers."""

    def peers(self) -> list[Address]:
        """The same as `endpoints`."""
        return self.endpoints

    def num_peers(self) -> int:
        """How many there are."""
        return len(self.endpoints)

    def message(self) -> str:
        return f"incoming dht get_peers reply: {self.info_hash}, peers {len(self.endpoints)}"


@alert(74, AlertCategory.dht, AlertPriority.critical, mandatory=True)
class DhtImmutableItemAlert(Alert):
    """The answer to `Session.dht_get_item` of a hash; `item` is None when nobody has it."""

    target: Sha1Hash
    item: BencodeValue | None

    def message(self) -> str:
        return f"DHT immutable item {self.target} [ {self.item!r} ]"


@alert(75, AlertCategory.dht, AlertPriority.critical, mandatory=True)
class DhtMutableItemAlert(Alert):
    """The answer to `Session.dht_get_item` of a key: first perhaps an older state, at last the `authoritative` one."""

    key: bytes
    signature: bytes
    seq: int
    salt: bytes
    item: BencodeValue | None
    authoritative: bool

    def message(self) -> str:
        kind = "auth" if self.authoritative else "non-auth"
        return f"DHT mutable item (key={self.key.hex()} salt={_text(self.salt)} seq={self.seq} {kind}) [ {self.item!r} ]"


@alert(76, AlertCategory.dht, mandatory=True)
class DhtPutAlert(Alert):
    """A put is over: so many nodes stored the item.  `target` of an immutable one, key to seq of a mutable one."""

    target: Sha1Hash
    num_success: int
    public_key: bytes = b""
    signature: bytes = b""
    salt: bytes = b""
    seq: int = 0

    def message(self) -> str:
        if not self.public_key:
            return f"DHT put complete (success={self.num_success} hash={self.target})"
        return (
            f"DHT put complete (success={self.num_success} key={self.public_key.hex()} sig={self.signature.hex()} "
            f"salt={_text(self.salt)} seq={self.seq})"
        )


@alert(73, AlertCategory.error | AlertCategory.dht)
class DhtErrorAlert(Alert):
    """Something of the DHT failed."""

    error: ErrorCode
    op: Operation = Operation.unknown

    def message(self) -> str:
        return f"DHT error [{self.op.name}] ({int(self.error.value)}) {self.error}"


@alert(83, AlertCategory(0), mandatory=True)
class DhtStatsAlert(Alert):
    """The answer to `Session.post_dht_stats`, one for each node."""

    active_requests: list[DhtLookup]
    """Lookups under way."""
    routing_table: list[DhtBucket]
    """The farthest bucket first; empty when there is no DHT."""
    nid: Sha1Hash
    """The node's id."""
    local_endpoint: Address
    """Where it is bound."""

    def message(self) -> str:
        return f"DHT stats: ({self.nid}) reqs: {len(self.active_requests)} buckets: {len(self.routing_table)}"


@alert(88, AlertCategory.dht, AlertPriority.critical, mandatory=True)
class DhtDirectResponseAlert(Alert):
    """The answer to `Session.dht_direct_request`; `response` is None when there was none."""

    endpoint: Address
    response: dict[bytes, Any] | None
    """What came: "y" is "r" with the answer as "r", or "e" with code and text as "e" (Any: what bencoding knows)."""
    userdata: Any = field(default=None)
    """What the request was given."""

    def message(self) -> str:
        text = "no response" if self.response is None else repr(self.response)
        return f"DHT direct response (address={endpoint_text(self.endpoint)}) [ {text} ]"


@alert(91, AlertCategory.dht, mandatory=True)
class DhtLiveNodesAlert(Alert):
    """The answer to `Session.dht_live_nodes`."""

    node_id: Sha1Hash
    nodes: list[DhtNode]

    @property
    def num_nodes(self) -> int:
        """How many there are."""
        return len(self.nodes)

    def message(self) -> str:
        return f"DHT live nodes for id: {self.node_id}, nodes {len(self.nodes)}"


@alert(93, AlertCategory.dht_operation, mandatory=True)
class DhtSampleInfohashesAlert(Alert):
    """The answer to `Session.dht_sample_infohashes`; without samples when the node did not answer."""

    node_id: Sha1Hash | None
    """Who answered; None: nobody."""
    endpoint: Address
    """Who was asked."""
    interval: timedelta
    """For how long the sample stays the same."""
    num_infohashes: int
    """Info-hashes the node has in all."""
    samples: list[Sha1Hash]
    """Some of them."""
    nodes: list[DhtNode]
    """Nodes it knows near the target that was given."""

    @property
    def num_samples(self) -> int:
        """Info-hashes in the sample."""
        return len(self.samples)

    @property
    def num_nodes(self) -> int:
        """Nodes it told of."""
        return len(self.nodes)

    def message(self) -> str:
        return f"incoming dht sample_infohashes reply from: {endpoint_text(self.endpoint)}, samples {len(self.samples)}"


def _text(salt: bytes) -> str:
    """For one line: what is not ASCII, or would end it, is escaped."""
    return repr(salt)[2:-1]
