"""Counters of a node, by libtorrent's names without the prefix `dht.dht_`, and a few of our own."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["DhtCounters"]

_METHODS = {
    b"ping": "ping",
    b"find_node": "find_node",
    b"get_peers": "get_peers",
    b"announce_peer": "announce_peer",
    b"get": "get",
    b"put": "put",
    b"sample_infohashes": "sample_infohashes",
}
_IN = {method: f"{name}_in" for method, name in _METHODS.items()}
_OUT = {method: f"{name}_out" for method, name in _METHODS.items()}
_INVALID = {method: f"invalid_{name}" for method, name in _METHODS.items() if method != b"ping"}
_INVALID[b"announce_peer"] = "invalid_announce"


@dataclass(slots=True)
class DhtCounters:
    """Only ever grow.  One for all nodes of a process."""

    messages_in: int = 0
    """Datagrams received."""
    messages_in_dropped: int = 0
    """Of these, the ones not answered: unwelcome senders, no messages, no quota."""
    messages_out: int = 0
    """Datagrams sent."""
    messages_out_dropped: int = 0
    """Datagrams the system refused to send."""
    bytes_in: int = 0
    """Bytes received."""
    bytes_out: int = 0
    """Bytes sent."""
    ping_in: int = 0
    """Valid queries received of each kind; `_out` are the ones sent."""
    ping_out: int = 0
    find_node_in: int = 0
    find_node_out: int = 0
    get_peers_in: int = 0
    get_peers_out: int = 0
    announce_peer_in: int = 0
    announce_peer_out: int = 0
    get_in: int = 0
    get_out: int = 0
    put_in: int = 0
    put_out: int = 0
    sample_infohashes_in: int = 0
    sample_infohashes_out: int = 0
    invalid_announce: int = 0
    """Queries of each kind that were refused."""
    invalid_get_peers: int = 0
    invalid_find_node: int = 0
    invalid_put: int = 0
    invalid_get: int = 0
    invalid_sample_infohashes: int = 0
    blocked: int = 0
    """Datagrams dropped for where they came from: floods, filters, impossible addresses."""
    malformed: int = 0
    """Datagrams that held no message."""
    unmatched: int = 0
    """Answers to nothing we asked: late, or forged."""
    wrong_id: int = 0
    """Answers under another id than the node was known by."""
    bad_value: int = 0
    """Items received that did not fit their target or their signature."""

    def count_in(self, method: bytes) -> None:
        """A valid query was received."""
        name = _IN.get(method)
        if name is not None:
            setattr(self, name, getattr(self, name) + 1)

    def count_out(self, method: bytes) -> None:
        """A query was sent."""
        name = _OUT.get(method)
        if name is not None:
            setattr(self, name, getattr(self, name) + 1)

    def count_invalid(self, method: bytes) -> None:
        """A query was refused."""
        name = _INVALID.get(method)
        if name is not None:
            setattr(self, name, getattr(self, name) + 1)

    def as_dict(self) -> dict[str, int]:
        """All of them."""
        return asdict(self)
