"""Answering: what each query needs, what it changes, and what goes back.

A handler gets a query whose envelope is sound and either gives the fields of the answer or raises KrpcError with BEP 5's or
BEP 44's code.  Nobody is remembered before an answer or a token proved his address; his name is only heard of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..bencode import BencodeError, BencodeValue, RawValue, find_bytes, find_int, find_list, span
from ..types import Address
from .errors import KrpcCode, KrpcError
from .events import PeerAnnounced, PeersAsked
from .items import MutableItem, check_value, immutable_target, mutable_target
from .krpc import Arguments, Fields, Query, encode_response, raw_strings
from .node_id import NodeId
from .plain import PlainAnswers
from .storage import DhtStorage
from .tokens import Tokens
from .traversal import Parts

__all__ = ["Handler", "Responder", "Sender"]

MAX_WANTED: Final = 4
"""Address families looked at in a "want" list; there are two."""


@dataclass(slots=True)
class Sender:
    """Where a query came from."""

    address: Address
    host: bytes
    """Packed."""


Handler: TypeAlias = Callable[[Query, Sender, float], Fields]
"""(query, sender, now) → the fields of the answer, without our id."""


class Responder:
    """Answers for one node out of its routing table and the storage."""

    def __init__(self, parts: Parts, storage: DhtStorage, tokens: Tokens) -> None:
        self.storage = storage
        self.tokens = tokens
        self._parts = parts
        self._plain = PlainAnswers(parts, storage, tokens)
        self._handlers: dict[bytes, Handler] = {
            b"ping": self._ping,
            b"find_node": self._find_node,
            b"get_peers": self._get_peers,
            b"announce_peer": self._announce_peer,
            b"get": self._get,
            b"put": self._put,
            b"sample_infohashes": self._sample_infohashes,
        }

    def extend(self, method: bytes, handler: Handler) -> None:
        """Answer one more kind of query, or an old one differently."""
        self._handlers[method] = handler
        self._plain.give_up(method)

    def answer(self, query: Query, address: Address, host: bytes, *, now: float) -> bytes:
        """The datagram that goes back to `address`, whose host is `host`, packed.  KrpcError when the query is refused."""
        if not self._parts.reports_traffic:
            answer = self._plain.answer(query, address[1], host)
            if answer is not None:
                return answer
        fields = self._fields(query, Sender(address, host), now)
        return encode_response(query.transaction, fields, host + address[1].to_bytes(2, "big"))

    def _fields(self, query: Query, sender: Sender, now: float) -> Fields:
        handler = self._handlers.get(query.method, self._unknown)
        try:
            fields = handler(query, sender, now)
        except KrpcError:
            self._parts.counters.count_invalid(query.method)
            raise
        self._parts.counters.count_in(query.method)
        fields[b"id"] = self._parts.table.node_id
        fields[b"p"] = sender.address[1]
        return fields

    def _ping(self, query: Query, sender: Sender, now: float) -> Fields:
        return {}

    def _find_node(self, query: Query, sender: Sender, now: float) -> Fields:
        return self._nodes(_hash(query.arguments, b"target"), query.arguments)

    def _get_peers(self, query: Query, sender: Sender, now: float) -> Fields:
        arguments = query.arguments
        info_hash = _hash(arguments, b"info_hash")
        if self._parts.reports_traffic:
            self._parts.emit(PeersAsked(info_hash, sender.address))
        fields = self._nodes(info_hash, arguments)
        stored = self.storage.get_peers(
            info_hash, sender.host, noseed=_flag(arguments, b"noseed"), scrape=_flag(arguments, b"scrape")
        )
        if stored.peers:
            fields[b"values"] = raw_strings(list(stored.peers))
        if stored.seed_filter:
            fields[b"BFsd"], fields[b"BFpe"] = stored.seed_filter, stored.peer_filter
        if stored.name:
            fields[b"n"] = stored.name
        if not stored.is_full:
            fields[b"token"] = self.tokens.issue(sender.host, info_hash)
        return fields

    def _announce_peer(self, query: Query, sender: Sender, now: float) -> Fields:
        arguments = query.arguments
        info_hash = _hash(arguments, b"info_hash")
        port = find_int(arguments, b"port")
        if _flag(arguments, b"implied_port"):
            port = sender.address[1]
        if port is None or not 0 < port < 65536:
            raise KrpcError("invalid port")
        self._check_token(arguments, sender, info_hash)
        self._prove(query, sender, now)
        name = find_bytes(arguments, b"n") or b""
        peer = sender.host + port.to_bytes(2, "big")
        self.storage.announce_peer(info_hash, peer, is_seed=_flag(arguments, b"seed"), name=name, now=now)
        if self._parts.reports_traffic:
            self._parts.emit(PeerAnnounced(info_hash, (sender.address[0], port)))
        return {}

    def _get(self, query: Query, sender: Sender, now: float) -> Fields:
        arguments = query.arguments
        target = _hash(arguments, b"target")
        fields = self._nodes(target, arguments)
        fields[b"token"] = self.tokens.issue(sender.host, target)
        known = find_int(arguments, b"seq")
        # Who names a sequence number cannot mean an immutable item.
        value = self.storage.get_immutable_item(target) if known is None else None
        if value is not None:
            fields[b"v"] = RawValue(value)
            return fields
        item = self.storage.get_mutable_item(target)
        if item is not None:
            fields[b"seq"] = item.sequence
            if known is None or item.sequence > known:
                fields[b"k"], fields[b"sig"] = item.public_key, item.signature
                fields[b"v"] = RawValue(item.encoded)
        return fields

    def _put(self, query: Query, sender: Sender, now: float) -> Fields:
        arguments = query.arguments
        encoded = _raw_value(query)
        key, sequence, signature = (
            find_bytes(arguments, b"k"),
            find_int(arguments, b"seq"),
            find_bytes(arguments, b"sig"),
        )
        if key is None or sequence is None or signature is None:
            if b"k" in arguments or b"sig" in arguments:
                raise KrpcError("a mutable item needs 'k', 'seq' and 'sig'")
            target = immutable_target(encoded)
            self._check_token(arguments, sender, target)
            self.storage.put_immutable_item(target, encoded, sender.host, now=now)
        else:
            salt = find_bytes(arguments, b"salt") or b""
            # Before the signature, which costs a hundred times as much.
            self._check_token(arguments, sender, mutable_target(key, salt))
            item = MutableItem.verified(key, salt, sequence, encoded, signature)
            self._put_mutable(item, find_int(arguments, b"cas"), sender, now)
        self._prove(query, sender, now)
        return {}

    def _put_mutable(self, item: MutableItem, cas: int | None, sender: Sender, now: float) -> None:
        target = item.target
        stored = self.storage.get_mutable_item(target)
        if stored is not None:
            if cas is not None and stored.sequence != cas:
                raise KrpcError("CAS mismatch", code=KrpcCode.CAS_MISMATCH)
            if stored.sequence > item.sequence:
                raise KrpcError("old sequence number", code=KrpcCode.SEQUENCE_TOO_LOW)
            # BEP 44: "lower than or equal to what's already stored … MUST reject"; the same value again only lives longer.
            if stored.sequence == item.sequence and stored.encoded != item.encoded:
                raise KrpcError("another value of this sequence number", code=KrpcCode.SEQUENCE_TOO_LOW)
        self.storage.put_mutable_item(target, item, sender.host, now=now)

    def _sample_infohashes(self, query: Query, sender: Sender, now: float) -> Fields:
        fields = self._nodes(_hash(query.arguments, b"target"), query.arguments)
        sample = self.storage.sample_infohashes(now=now)
        fields[b"interval"] = sample.interval
        fields[b"num"] = sample.num_infohashes
        fields[b"samples"] = b"".join(sample.infohashes)
        return fields

    def _unknown(self, query: Query, sender: Sender, now: float) -> Fields:
        # So that an extension that looks for something finds its way through nodes that do not know it (libtorrent).
        for key in (b"target", b"info_hash"):
            target = find_bytes(query.arguments, key)
            if target is not None and len(target) == 20:
                return self._nodes(NodeId(target), query.arguments)
        raise KrpcError("unknown method", code=KrpcCode.METHOD_UNKNOWN)

    def _nodes(self, target: NodeId, arguments: Arguments) -> Fields:
        """The nodes nearest to `target`, of the families that are wanted (BEP 32)."""
        parts = self._parts
        want = find_list(arguments, b"want")
        if want is None:
            return {_key(parts.is_ipv6): _packed(parts, target)}
        fields: Fields = {}
        for name in want[:MAX_WANTED]:
            if name not in (b"n4", b"n6"):
                continue
            is_ipv6 = name == b"n6"
            if is_ipv6 == parts.is_ipv6:
                fields[_key(is_ipv6)] = _packed(parts, target)
            elif (sibling := parts.sibling()) is not None:
                fields[_key(is_ipv6)] = _packed(sibling.parts, target)
        return fields

    def _check_token(self, arguments: Arguments, sender: Sender, target: NodeId) -> None:
        if not self.tokens.verify(find_bytes(arguments, b"token") or b"", sender.host, target):
            raise KrpcError("invalid token")

    def _prove(self, query: Query, sender: Sender, now: float) -> None:
        """A token came back: he is where he says, so the routing table may have him."""
        if not query.is_read_only:
            self._parts.table.node_seen(query.node_id, sender.address, None, now=now)


def _key(is_ipv6: bool) -> bytes:
    return b"nodes6" if is_ipv6 else b"nodes"


def _packed(parts: Parts, target: NodeId) -> bytes:
    return b"".join([contact.packed for contact in parts.table.closest(target)])


def _hash(arguments: Arguments, key: bytes) -> NodeId:
    value = arguments.get(key)
    if not isinstance(value, bytes) or len(value) != 20:
        raise KrpcError(f"invalid value for '{key.decode()}'")
    return NodeId(value)


def _flag(arguments: Arguments, key: bytes) -> bool:
    value: BencodeValue | None = arguments.get(key)
    return isinstance(value, int) and value != 0


def _raw_value(query: Query) -> bytes:
    """The item of a put as it was sent, because that is what is hashed and signed."""
    try:
        start, end = span(query.datagram, b"a", b"v")
    except (KeyError, BencodeError):
        raise KrpcError("missing 'v' key") from None
    encoded = query.datagram[start:end]
    check_value(encoded)
    return encoded
