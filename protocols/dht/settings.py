"""What may be tuned about a DHT node: libtorrent's `dht_*` settings by their names without the prefix, with its defaults.

Not here: `dht_announce_interval` (when torrents announce is the session's business), `dht_bootstrap_nodes` (names are
looked up by the driver), and `dht_max_torrent_search_reply`, which libtorrent itself no longer reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from ..errors import LocalProtocolError

__all__ = ["DhtSettings"]

_PREFIX: Final = "dht_"

_RANGES: Final[dict[str, tuple[int, int]]] = {
    "search_branching": (1, 64),
    "max_fail_count": (1, 254),
    "max_torrents": (0, 10_000_000),
    "max_dht_items": (0, 10_000_000),
    "max_peers": (0, 1_000_000),
    "max_peers_reply": (0, 150),
    "block_timeout": (0, 86_400 * 7),
    "block_ratelimit": (1, 1_000_000),
    "item_lifetime": (0, 86_400 * 365),
    "upload_rate_limit": (0, 2**31 - 1),
    "sample_infohashes_interval": (0, 21_600),
    "max_infohashes_sample_count": (0, 20),
}


@dataclass(frozen=True, slots=True)
class DhtSettings:
    """Checked on construction: LocalProtocolError for a value out of range.  Change with `dataclasses.replace`."""

    search_branching: int = 5
    """Requests a lookup keeps under way (alpha)."""
    max_fail_count: int = 20
    """Unanswered requests in a row after which a node without a replacement leaves the routing table."""
    max_torrents: int = 2000
    """Info-hashes whose peers are stored."""
    max_dht_items: int = 700
    """Immutable items stored, and as many mutable ones."""
    max_peers: int = 500
    """Peers stored for one info-hash and address family."""
    max_peers_reply: int = 100
    """Peers in one reply; a quarter of it when they are IPv6.  150 still fit an Ethernet frame."""
    block_timeout: int = 300
    """Seconds an address that floods is ignored."""
    block_ratelimit: int = 5
    """Datagrams a second from one address, over ten seconds, beyond which it floods."""
    item_lifetime: int = 0
    """Seconds an item is kept without being put again; 0 for ever, otherwise at least two hours (BEP 44)."""
    upload_rate_limit: int = 8000
    """Bytes a second of answers; queries beyond it go unanswered.  0 answers nothing."""
    sample_infohashes_interval: int = 21_600
    """Seconds for which a sample of info-hashes stays the same (BEP 51)."""
    max_infohashes_sample_count: int = 20
    """Info-hashes in one sample."""
    restrict_routing_ips: bool = True
    """One node an address in the routing table, and one a /24 (IPv6: /64) in each bucket."""
    restrict_search_ips: bool = True
    """One node a /24 (IPv6: /64) in each lookup."""
    aggressive_lookups: bool = True
    """Keep `search_branching` requests under way among the closest nodes, not among all."""
    extended_routing_table: bool = True
    """Buckets far from us hold 128, 64, 32 and 16 nodes instead of 8: fewer hops."""
    privacy_lookups: bool = False
    """Show nodes only as much of an info-hash as they need, until the closest are found."""
    enforce_node_id: bool = False
    """Refuse nodes whose id does not fit their address (BEP 42)."""
    ignore_dark_internet: bool = True
    """Drop datagrams from networks that no public host lives in."""
    read_only: bool = False
    """Answer nothing and ask not to be remembered (BEP 43)."""
    prefer_verified_node_ids: bool = True
    """Only nodes whose id fits their address may make the routing table deeper."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise LocalProtocolError(f"{name} is {value}, not within {low} and {high}")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> DhtSettings:
        """From settings under libtorrent's names; others are left aside.  Any: the values of a settings pack."""
        known = {field.name for field in fields(cls)}
        return cls(
            **{
                name.removeprefix(_PREFIX): value
                for name, value in settings.items()
                if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) in known
            }
        )
