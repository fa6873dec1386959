"""The three queries a node gets most, asked with nothing but what they need, answered in the fewest steps.

`Responder` answers the same queries, byte for byte, and all others: with "want", "noseed", "scrape", or of other kinds.
Here no table of fields is built and sorted; an answer is written in one piece.
"""

from __future__ import annotations

from .compact import ID_SIZE
from .krpc import Query, encode_found
from .node_id import NodeId
from .storage import DhtStorage
from .tokens import TOKEN_SIZE, Tokens
from .traversal import Parts

__all__ = ["PlainAnswers"]

_TOKEN = b"5:token%d:%%b" % TOKEN_SIZE


class PlainAnswers:
    """Answers for one node."""

    def __init__(self, parts: Parts, storage: DhtStorage, tokens: Tokens) -> None:
        self._parts = parts
        self._storage = storage
        self._tokens = tokens
        self._nodes = b"6:nodes6%d:%b" if parts.is_ipv6 else b"5:nodes%d:%b"
        self._targets = {b"ping": b"", b"find_node": b"target", b"get_peers": b"info_hash"}
        """What each kind names its target."""

    def give_up(self, method: bytes) -> None:
        """Somebody else answers this kind from now on."""
        self._targets.pop(method, None)

    def answer(self, query: Query, port: int, host: bytes) -> bytes | None:
        """The datagram for whoever asks from `port` of `host` (packed); None when this query is not so plain."""
        key = self._targets.get(query.method)
        if key is None:
            return None
        parts, arguments = self._parts, query.arguments
        before, after = b"2:id20:" + parts.table.node_id, b""
        if not key:
            parts.counters.ping_in += 1
        else:
            target = arguments.get(key)
            if len(arguments) != 2 or not isinstance(target, bytes) or len(target) != ID_SIZE:
                return None
            packed = b"".join([contact.packed for contact in parts.table.closest(target)])
            nodes = self._nodes % (len(packed), packed)
            if key == b"target":
                before += nodes
                parts.counters.find_node_in += 1
            else:
                name, after = self._peers(NodeId(target), host)
                before += name + nodes
                parts.counters.get_peers_in += 1
        external = host + port.to_bytes(2, "big")
        return encode_found(query.transaction, external, before, port, after)

    def _peers(self, info_hash: NodeId, host: bytes) -> tuple[bytes, bytes]:
        """What is stored of a torrent: the fields that stand before the nodes, and those behind the port."""
        stored = self._storage.get_peers(info_hash, host, noseed=False, scrape=False)
        name = b"1:n%d:%b" % (len(stored.name), stored.name) if stored.name else b""
        after = b"" if stored.is_full else _TOKEN % self._tokens.issue(host, info_hash)
        if stored.peers:
            after += b"6:valuesl%be" % b"".join([b"%d:%b" % (len(peer), peer) for peer in stored.peers])
        return name, after
