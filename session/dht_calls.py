"""What a program asks of the session's DHT (libtorrent `session_handle`, the functions with dht in their name).

Answers come as alerts, whatever the alert mask says.  Calls while the DHT is off do nothing, as in libtorrent, except that what
waits for an answer gets an empty one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ..protocols.bencode import BencodeValue
from ..protocols.dht import (
    Dht,
    DhtSettings,
    DhtState,
    DhtStorage,
    DirectResponse,
    ImmutableItem,
    ItemResult,
    MutableItem,
    Operation,
    PutResult,
    SampleReceived,
    Update,
    mutable_target,
)
from ..protocols.types import Address, Sha1Hash
from .alerts import (
    Alert,
    DhtBucket,
    DhtDirectResponseAlert,
    DhtGetPeersReplyAlert,
    DhtImmutableItemAlert,
    DhtLiveNodesAlert,
    DhtLookup,
    DhtMutableItemAlert,
    DhtNode,
    DhtPutAlert,
    DhtSampleInfohashesAlert,
    DhtStatsAlert,
)
from .flags import DhtAnnounceFlags

if TYPE_CHECKING:
    from .core.core import Core

__all__ = ["DhtCalls"]

_NO_SIGNATURE: Final = bytes(64)
_NO_ENDPOINT: Final = ("0.0.0.0", 0)


class DhtCalls:
    """Part of `Session`."""

    _core: Core

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        raise NotImplementedError

    def _post(self, function: Callable[..., object], *args: Any) -> None:
        raise NotImplementedError

    def is_dht_running(self) -> bool:
        """There is a node of ours."""
        return bool(self._call(lambda: self._core.dht.is_running))

    def add_dht_node(self, node: Address) -> None:
        """Ask whoever is at (host, port) to be known; the host may be a name.  ValueError when the port is none."""
        host, port = str(node[0]), _port(int(node[1]))
        self._post(lambda: self._core.dht.add_node((host, port)))

    def set_dht_state(self, state: DhtState | Mapping[bytes, Any]) -> None:
        """Ids and nodes of an earlier run (Any: as bencoded), for when the DHT is started next."""
        known = state if isinstance(state, DhtState) else DhtState.from_table(state)
        self._post(lambda: self._core.dht.set_state(known))

    def set_dht_storage(self, make: Callable[[DhtSettings], DhtStorage] | None) -> None:
        """What keeps peers and items for others, made anew each time the DHT is started; None is the usual one."""
        self._post(lambda: setattr(self._core.dht, "make_storage", make))

    def post_dht_stats(self) -> None:
        """Post a `DhtStatsAlert` for each node; an empty one when there is none."""
        self._post(self._post_node_stats)

    def dht_get_item(self, target: Sha1Hash | bytes, salt: bytes | str = b"") -> None:
        """Look an item up: by its hash (20 bytes), or by its owner's public key (32 bytes) and a salt.

        Ends in a `DhtImmutableItemAlert`, or `DhtMutableItemAlert`s.  ValueError for any other length.
        """
        wanted, salted = bytes(target), _as_bytes(salt)
        if len(wanted) == 20:
            self._post(self._get_immutable, wanted)
        elif len(wanted) == 32:
            self._post(self._get_mutable, wanted, salted)
        else:
            raise ValueError(f"a hash has 20 bytes and a public key 32, not {len(wanted)}")

    def dht_get_immutable_item(self, target: Sha1Hash | bytes) -> None:
        """`dht_get_item` of a hash."""
        self.dht_get_item(Sha1Hash(bytes(target)))

    def dht_get_mutable_item(self, key: bytes, salt: bytes | str = b"") -> None:
        """`dht_get_item` of a public key."""
        self.dht_get_item(_public_key(key), salt)

    def dht_put_item(
        self, item: BencodeValue | str, update: Update | None = None, salt: bytes | str = b""
    ) -> Sha1Hash:
        """Store an item; gives where.  Ends in a `DhtPutAlert`.  ItemError when it is too big.

        With `update`, `item` is a public key and `update(newest item or None)` makes the signed item to store, on the loop's
        thread, once for each node of ours.
        """
        if update is None:
            return self.dht_put_immutable_item(item)
        if not isinstance(item, bytes):
            raise ValueError("with `update` the item is a public key")
        key, salted = _public_key(item), _as_bytes(salt)
        self._post(self._put_mutable, key, update, salted)
        return Sha1Hash(mutable_target(key, salted))

    def dht_put_immutable_item(self, entry: BencodeValue | str) -> Sha1Hash:
        """Store a value under its hash.  Ends in a `DhtPutAlert`.  ItemError when it is too big."""
        item = ImmutableItem.of(entry)
        self._post(self._put_immutable, entry, Sha1Hash(item.target))
        return Sha1Hash(item.target)

    def dht_put_mutable_item(
        self, private_key: bytes, public_key: bytes, data: BencodeValue | str, salt: bytes | str = b""
    ) -> None:
        """Store a value under our key, one sequence number after the newest.  ItemError when it cannot be.

        `private_key` is a seed of 32 bytes, or 64 bytes as libsodium or libtorrent keep them.  ValueError when `public_key` is
        another's.
        """
        salted = _as_bytes(salt)
        # Refused here rather than later.
        if MutableItem.signed(data, private_key, sequence=0, salt=salted).public_key != bytes(public_key):
            raise ValueError("the public key is not that of the private one")

        def update(current: MutableItem | None) -> MutableItem:
            sequence = 1 if current is None else current.sequence + 1
            return MutableItem.signed(data, private_key, sequence=sequence, salt=salted)

        self.dht_put_item(bytes(public_key), update, salted)

    def dht_get_peers(self, info_hash: Sha1Hash | bytes) -> None:
        """Peers of any torrent.  Ends in a `DhtGetPeersReplyAlert`; there may be several, each with new ones."""
        self._post(self._get_peers, Sha1Hash(bytes(info_hash)))

    def dht_announce(
        self,
        info_hash: Sha1Hash | bytes,
        port: int = 0,
        flags: DhtAnnounceFlags | int = DhtAnnounceFlags(0),
    ) -> None:
        """Tell that we are a peer of a torrent, at `port`, or with 0 at the port our datagrams come from.

        Peers that are found on the way come as `DhtGetPeersReplyAlert`, as from `dht_get_peers`.  ValueError for a port there is
        not, and for `ssl_torrent`.
        """
        wanted = DhtAnnounceFlags(flags)
        if wanted & DhtAnnounceFlags.ssl_torrent:
            raise ValueError("there are no torrents over TLS in this version")
        if wanted & DhtAnnounceFlags.implied_port or port == 0:
            port = 0
        else:
            _port(port)
        is_seed = bool(wanted & DhtAnnounceFlags.seed)
        self._post(self._announce, Sha1Hash(bytes(info_hash)), port, is_seed)

    def dht_live_nodes(self, node_id: Sha1Hash | bytes) -> None:
        """Post a `DhtLiveNodesAlert` with what our node of that id knows."""
        self._post(self._live_nodes, Sha1Hash(bytes(node_id)))

    def dht_sample_infohashes(self, endpoint: Address, target: Sha1Hash | bytes) -> None:
        """Ask one node what it stores (BEP 51).  Ends in a `DhtSampleInfohashesAlert`.  ValueError for a name."""
        self._post(self._sample, _numeric(endpoint), Sha1Hash(bytes(target)))

    def dht_direct_request(
        self, endpoint: Address, entry: Mapping[bytes, BencodeValue], userdata: Any = None
    ) -> None:
        """Ask one node anything: `entry` has "q" and "a".  Ends in a `DhtDirectResponseAlert` with `userdata` (Any: yours).

        ValueError for an entry without them, and for a name as address.
        """
        method = entry.get(b"q")
        arguments = entry.get(b"a", {})
        if not isinstance(method, bytes) or not isinstance(arguments, dict):
            raise ValueError('a request has the query\'s name as "q" and its arguments as "a"')
        self._post(self._direct, _numeric(endpoint), method, arguments, userdata)

    # ------------------------------------------------------------------------------------- on the loop's thread

    def _emplace(self, kind: type[Alert], *args: Any) -> None:
        self._core.alerts.emplace(kind, *args)

    def _ask(self, ask: Callable[[Dht], Operation], answer: Callable[[Any], object]) -> None:
        """`answer` gets the result, or None when there is none."""
        dht = self._core.dht.dht
        if dht is None:
            answer(None)
            return
        ask(dht).on_done = lambda operation: answer(operation.result)

    def _post_node_stats(self) -> None:
        dht, now = self._core.dht.dht, self._core.base.time()
        if dht is None:
            self._emplace(DhtStatsAlert, [], [], Sha1Hash(bytes(20)), _NO_ENDPOINT)
            return
        for node, local in zip(dht.nodes(), dht.addresses, strict=True):
            lookups = [
                DhtLookup(
                    type=each.kind,
                    target=Sha1Hash(each.target),
                    branch_factor=each.branching,
                    outstanding_requests=each.num_outstanding,
                    timeouts=each.num_timeouts,
                    responses=each.num_responses,
                    nodes_left=each.num_left,
                    last_sent=-1 if each.last_sent is None else int(each.last_sent),
                    first_timeout=each.num_late,
                )
                for each in node.lookup_status(now=now)
            ]
            buckets = [
                DhtBucket(bucket.num_nodes, bucket.num_replacements) for bucket in node.bucket_status()
            ]
            self._emplace(DhtStatsAlert, lookups, buckets, Sha1Hash(node.node_id), local)

    def _get_immutable(self, target: bytes) -> None:
        def answer(result: ItemResult | None) -> None:
            item = result.item.value if result is not None and result.item is not None else None
            self._emplace(DhtImmutableItemAlert, Sha1Hash(target), item)

        self._ask(lambda dht: dht.get_immutable(target), answer)

    def _get_mutable(self, key: bytes, salt: bytes) -> None:
        def post(item: MutableItem | None, authoritative: bool) -> None:
            if item is None:
                self._emplace(DhtMutableItemAlert, key, _NO_SIGNATURE, 0, salt, None, authoritative)
            else:
                self._emplace(
                    DhtMutableItemAlert, key, item.signature, item.sequence, salt, item.value, authoritative
                )

        def answer(result: ItemResult | None) -> None:
            found = result.item if result is not None else None
            post(found if isinstance(found, MutableItem) else None, True)

        self._ask(lambda dht: dht.get_mutable(key, salt, on_item=lambda item: post(item, False)), answer)

    def _put_immutable(self, entry: BencodeValue | str, target: Sha1Hash) -> None:
        def answer(result: PutResult | None) -> None:
            self._emplace(DhtPutAlert, target, 0 if result is None else result.num_success)

        self._ask(lambda dht: dht.put_immutable(entry), answer)

    def _put_mutable(self, key: bytes, update: Update, salt: bytes) -> None:
        target = Sha1Hash(mutable_target(key, salt))

        def answer(result: PutResult | None) -> None:
            item = result.item if result is not None else None
            count = 0 if result is None else result.num_success
            if isinstance(item, MutableItem):
                self._emplace(DhtPutAlert, target, count, key, item.signature, salt, item.sequence)
            else:
                self._emplace(DhtPutAlert, target, count, key, _NO_SIGNATURE, salt, 0)

        self._ask(lambda dht: dht.update_mutable(key, update, salt=salt), answer)

    def _get_peers(self, info_hash: Sha1Hash) -> None:
        def answer(result: Any) -> None:
            if result is None or not result.peers:
                self._peers_found(info_hash, ())

        self._ask(
            lambda dht: dht.get_peers(
                bytes(info_hash), on_peers=lambda peers: self._peers_found(info_hash, peers)
            ),
            answer,
        )

    def _announce(self, info_hash: Sha1Hash, port: int, is_seed: bool) -> None:
        self._ask(
            lambda dht: dht.announce(
                bytes(info_hash),
                port,
                lambda peers: self._peers_found(info_hash, peers),
                is_seed=is_seed,
            ),
            lambda result: None,
        )

    def _peers_found(self, info_hash: Sha1Hash, peers: tuple[Address, ...]) -> None:
        self._emplace(DhtGetPeersReplyAlert, info_hash, list(peers))

    def _live_nodes(self, node_id: Sha1Hash) -> None:
        dht = self._core.dht.dht
        found: list[DhtNode] = []
        for node in dht.nodes() if dht is not None else ():
            if bytes(node.node_id) == bytes(node_id):
                found += [DhtNode(Sha1Hash(each.node_id), each.address) for each in node.live_nodes()]
        self._emplace(DhtLiveNodesAlert, node_id, found)

    def _sample(self, endpoint: Address, target: Sha1Hash) -> None:
        def answer(result: SampleReceived | None) -> None:
            sample = result.sample if result is not None else None
            node_id = result.node_id if result is not None else None
            self._emplace(
                DhtSampleInfohashesAlert,
                None if node_id is None else Sha1Hash(node_id),
                endpoint,
                timedelta(seconds=0 if sample is None else sample.interval),
                0 if sample is None else sample.num_infohashes,
                [] if sample is None else [Sha1Hash(each) for each in sample.infohashes],
                [] if result is None else [DhtNode(Sha1Hash(nid), at) for nid, at in result.nodes],
            )

        self._ask(lambda dht: dht.sample_infohashes(endpoint, bytes(target)), answer)

    def _direct(
        self, endpoint: Address, method: bytes, arguments: Mapping[bytes, BencodeValue], userdata: Any
    ) -> None:
        def answer(result: DirectResponse | None) -> None:
            response: dict[bytes, Any] | None = None
            if result is not None and result.values is not None:
                response = {b"y": b"r", b"r": dict(result.values)}
            elif result is not None and result.error is not None:
                response = {b"y": b"e", b"e": list(result.error)}
            self._emplace(DhtDirectResponseAlert, endpoint, response, userdata)

        self._ask(lambda dht: dht.direct_request(endpoint, method, dict(arguments)), answer)


def _as_bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


def _public_key(key: bytes) -> bytes:
    if len(key) != 32:
        raise ValueError(f"a public key has 32 bytes, not {len(key)}")
    return bytes(key)


def _port(port: int) -> int:
    if not 0 < port <= 65535:
        raise ValueError(f"{port} is not a port")
    return port


def _numeric(endpoint: Address) -> Address:
    """ValueError unless it is a numeric address and a port."""
    return str(ipaddress.ip_address(endpoint[0])), _port(int(endpoint[1]))
