"""Our DHT and libtorrent's in one network on loopback: each asks, stores and verifies what the other has.

libtorrent has no `find_node` of its own (it asks `get_peers` in its place); aria2 asks us that, in `test_trackerless.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Self

import pytest
from evtorrent.protocols.bencode import decode
from evtorrent.protocols.dht import Dht, DhtState, ImmutableItem, MutableItem, NodeId
from evtorrent.protocols.dht.ed25519 import public_key_of
from support.dht_loopback import LIBTORRENT_SETTINGS, LOOPBACK, SETTINGS, OurNodes
from support.real_peers import LibtorrentPeer

pytestmark = pytest.mark.interop

SEED = bytes(range(32))
PUBLIC = public_key_of(SEED)


def expanded(seed: bytes) -> bytes:
    """The form in which libtorrent takes secret keys."""
    digest = bytearray(hashlib.sha512(seed).digest())
    digest[0] &= 248
    digest[31] &= 63
    digest[31] |= 64
    return bytes(digest)


def called(method: Any) -> Any:
    return method()


def plain(value: Any) -> Any:
    return value


TAKEN: dict[str, dict[str, Any]] = {
    "dht_stats_alert": {"routing_table": list},
    "dht_get_peers_reply_alert": {"peers": called},
    "dht_immutable_item_alert": {"target": lambda digest: bytes(digest.to_bytes()), "item": plain},
    "dht_mutable_item_alert": {
        "item": plain,
        "salt": bytes,
        "seq": int,
        "signature": bytes,
        "authoritative": bool,
    },
    "dht_put_alert": {"num_success": int},
    "dht_sample_infohashes_alert": {
        "num_infohashes": int,
        "samples": lambda digests: [bytes(digest.to_bytes()) for digest in digests],
    },
}
"""What the tests look at of each alert, and how it is copied."""


class Network:
    """Three of ours and one of theirs, who all know each other."""

    def __init__(self, lt: Any) -> None:
        self.lt = lt
        self.ours = OurNodes(3)
        self.theirs = LibtorrentPeer(lt, **LIBTORRENT_SETTINGS)
        self.session = self.theirs.session
        self.alerts: list[Any] = []
        self.asked: set[bytes] = set()
        """What libtorrent asked us."""

    def hear(self, data: bytes, address: tuple[str, int], is_ours: bool) -> None:
        """A datagram of one of our nodes."""
        table: Any = decode(data, strict=False)
        if address == self.address and not is_ours and table[b"y"] == b"q":
            self.asked.add(table[b"q"])

    def __enter__(self) -> Self:
        self.theirs.__enter__()
        self.address = ("127.0.0.1", self.ours.wait(self.session.listen_port))
        for index, node in enumerate(self.ours.nodes):
            node.log.on_packet = self.hear
            self.session.add_dht_node(self.ours.address(index))
            node.bootstrap([self.address])
        self.ours.wait(
            lambda: all(self.knows_all(node) for node in self.ours.nodes), "everybody knows everybody"
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self.ours.__exit__()
        self.theirs.__exit__()

    def knows_all(self, dht: Any) -> bool:
        known = {contact.address for contact in dht.nodes()[0].live_nodes() if contact.is_confirmed}
        others = {node.addresses[0] for node in self.ours.nodes if node is not dht}
        return known >= others | {self.address}

    def alert(self, kind: str) -> Any:
        """Drive until libtorrent posts one of this kind, the first not given yet."""

        def find() -> Any:
            # An alert lives until the next pop_alerts: what is wanted of it is taken here.
            for posted in self.session.pop_alerts():
                # Not `what()`, which leaves "_alert" out.
                name = type(posted).__name__
                if name in TAKEN:
                    taken = {field: take(getattr(posted, field)) for field, take in TAKEN[name].items()}
                    self.alerts.append((name, SimpleNamespace(**taken)))
            for index, (what, fields) in enumerate(self.alerts):
                if what == kind:
                    del self.alerts[index]
                    return fields
            return None

        return self.ours.wait(find, kind)


@pytest.fixture(scope="module")
def network(require_peer: Any) -> Iterator[Network]:
    with Network(require_peer("libtorrent")) as network:
        yield network


@pytest.fixture
def node(network: Network) -> Any:
    return network.ours.nodes[0]


def test_they_answer_a_ping(network: Network, node: Any) -> None:
    answer = network.ours.result(node.direct_request(network.address, b"ping", {}))
    assert answer.error is None
    assert len(answer.values[b"id"]) == 20


def test_they_find_nodes(network: Network, node: Any) -> None:
    found = network.ours.result(node.find_node(b"f" * 20))
    assert network.address in [address for _, address in found]
    assert network.ours.address(1) in [address for _, address in found]
    answer = network.ours.result(node.direct_request(network.address, b"find_node", {b"target": b"f" * 20}))
    assert len(answer.values[b"nodes"]) >= 26


def test_they_refuse_as_the_beps_say(network: Network, node: Any) -> None:
    answer = network.ours.result(node.direct_request(network.address, b"get_peers", {b"info_hash": b"short"}))
    assert answer.error is not None
    assert answer.error[0] == 203


def test_they_know_us(network: Network) -> None:
    """We answered their pings and find_nodes, or we would not be in their routing table."""
    ids = {node.nodes()[0].node_id for node in network.ours.nodes}

    def known() -> bool:
        network.session.post_dht_stats()
        stats = network.alert("dht_stats_alert")
        return sum(bucket["num_nodes"] for bucket in stats.routing_table) >= len(ids)

    network.ours.wait(known, "three live nodes")


@pytest.mark.slow
def test_they_ping_us(require_peer: Any) -> None:
    """As they do where they look for nobody more: twenty nodes of ours fill their only bucket."""
    lt = require_peer("libtorrent")
    settings = {**LIBTORRENT_SETTINGS, "dht_extended_routing_table": False}
    with LibtorrentPeer(lt, **settings) as theirs, OurNodes(0) as ours:
        saved = lt.bdecode(lt.write_session_params_buf(theirs.session.session_state(), 4))
        ((_, their_id),) = DhtState.from_table(saved[b"dht state"]).node_ids
        for number in range(20):
            opposite = NodeId(bytes((their_id[0] ^ 0x80, number)) + bytes(18))
            state = DhtState(node_ids=[("", opposite)])
            ours.nodes.append(Dht(ours.multi, bind=[LOOPBACK], settings=SETTINGS, state=state))
            theirs.session.add_dht_node(ours.address(number))
        ours.wait(lambda: any(node.counters.ping_in for node in ours.nodes), "a ping")


def test_we_announce_and_they_find_us(network: Network, node: Any) -> None:
    info_hash = b"announced by us....."
    assert network.ours.result(node.announce(info_hash, 4242, is_seed=True)).num_success == 3
    network.asked.clear()
    network.session.dht_get_peers(network.lt.sha1_hash(info_hash))
    while not (peers := network.alert("dht_get_peers_reply_alert").peers):
        pass
    assert ("127.0.0.1", 4242) in peers
    assert b"get_peers" in network.asked


def test_they_announce_and_we_find_them(network: Network, node: Any) -> None:
    info_hash = b"announced by them..."
    network.session.dht_announce(network.lt.sha1_hash(info_hash), 5151, 0)

    def found() -> bool:
        result = network.ours.result(network.ours.nodes[2].get_peers(info_hash))
        return ("127.0.0.1", 5151) in result.peers

    network.ours.wait(found, "their announce")
    assert b"announce_peer" in network.asked


def test_peers_they_store_come_back_with_an_implied_port(network: Network, node: Any) -> None:
    info_hash = b"implied port........"
    assert network.ours.result(node.announce(info_hash)).num_success == 3
    answer = network.ours.result(
        node.direct_request(network.address, b"get_peers", {b"info_hash": info_hash})
    )
    port = node.addresses[0][1]
    assert answer.values[b"values"] == [bytes((127, 0, 0, 1)) + port.to_bytes(2, "big")]


def test_scrape(network: Network, node: Any) -> None:
    info_hash = b"scraped............."
    network.ours.result(node.announce(info_hash, 4000, is_seed=True))
    result = network.ours.result(network.ours.nodes[1].get_peers(info_hash, scrape=True))
    assert round(result.num_seeds) == 1


def test_we_put_and_they_get_an_immutable_item(network: Network, node: Any) -> None:
    put = network.ours.result(node.put_immutable({"from": "us", "list": [1, b"two"]}))
    assert put.num_success == 3
    network.session.dht_get_immutable_item(network.lt.sha1_hash(put.item.target))
    alert = network.alert("dht_immutable_item_alert")
    assert alert.target == put.item.target
    assert alert.item == {b"from": b"us", b"list": [1, b"two"]}


def test_they_put_and_we_get_an_immutable_item(network: Network, node: Any) -> None:
    target = network.session.dht_put_immutable_item(b"from them").to_bytes()
    assert network.alert("dht_put_alert").num_success >= 1
    assert network.asked >= {b"get", b"put"}
    assert target == ImmutableItem.of(b"from them").target
    result = network.ours.result(node.get_immutable(target))
    assert result.item.value == b"from them"


@pytest.mark.parametrize("salt", [b"", b"some salt"])
def test_we_put_and_they_get_a_mutable_item(network: Network, node: Any, salt: bytes) -> None:
    put = network.ours.result(node.put_mutable(SEED, [b"from us", salt], salt=salt))
    assert (put.num_success, put.errors) == (3, ())
    network.session.dht_get_mutable_item(PUBLIC, salt)
    while not (alert := network.alert("dht_mutable_item_alert")).authoritative:
        pass
    # Their side verified the signature before it told.
    assert alert.item == [b"from us", salt]
    assert (alert.salt, alert.seq) == (salt, put.item.sequence)
    assert alert.signature == put.item.signature


@pytest.mark.parametrize("salt", [b"", b"their salt"])
def test_they_put_and_we_get_a_mutable_item(network: Network, node: Any, salt: bytes) -> None:
    secret = bytes(reversed(SEED))
    public = public_key_of(secret)
    assert public_key_of(expanded(secret)) == public
    network.session.dht_put_mutable_item(expanded(secret), public, b"from them", salt)
    assert network.alert("dht_put_alert").num_success >= 1
    result = network.ours.result(node.get_mutable(public, salt))
    assert result.item.value == b"from them"
    # Ours goes on from there, and they take it.
    put = network.ours.result(node.put_mutable(expanded(secret), b"newer", salt=salt, cas=True))
    assert put.item.sequence == result.item.sequence + 1
    assert put.num_success == 3, put.errors


def test_they_refuse_an_old_sequence_number_and_a_wrong_cas(network: Network, node: Any) -> None:
    secret = b"s" * 32
    public = public_key_of(secret)
    new = MutableItem.signed(b"new", secret, sequence=9)
    old = MutableItem.signed(b"old", secret, sequence=3)
    assert network.ours.result(node.update_mutable(public, lambda current: new)).num_success == 3
    refused = network.ours.result(node.update_mutable(public, lambda current: old))
    assert refused.num_success == 0
    assert [code for code, _ in refused.errors] == [302, 302, 302]
    token = network.ours.result(node.direct_request(network.address, b"get", {b"target": new.target})).values[
        b"token"
    ]
    newer = MutableItem.signed(b"newer", secret, sequence=10)
    fields = {b"k": public, b"seq": 10, b"sig": newer.signature, b"v": b"newer", b"token": token, b"cas": 4}
    answer = network.ours.result(node.direct_request(network.address, b"put", fields))
    assert answer.error is not None
    assert answer.error[0] == 301


def test_we_sample_their_infohashes(network: Network, node: Any) -> None:
    info_hash = b"to be sampled......."
    network.ours.result(node.announce(info_hash, 4000))
    received = network.ours.result(node.sample_infohashes(network.address, b"t" * 20))
    assert info_hash in received.sample.infohashes
    assert received.sample.num_infohashes >= 1


def test_they_sample_ours(network: Network, node: Any) -> None:
    info_hash = b"sampled by them....."
    network.ours.result(network.ours.nodes[1].announce(info_hash, 4000))
    network.session.dht_sample_infohashes(network.ours.address(0), network.lt.sha1_hash(b"t" * 20))
    alert = network.alert("dht_sample_infohashes_alert")
    assert alert.num_infohashes >= 1
    assert info_hash in alert.samples
    assert b"sample_infohashes" in network.asked


def test_their_state_is_ours(network: Network, node: Any) -> None:
    """What libtorrent saves, we read; what we save, libtorrent reads."""
    lt = network.lt
    saved = lt.bdecode(lt.write_session_params_buf(network.session.session_state(), 4))
    state = DhtState.from_table(saved[b"dht state"])
    assert network.ours.address(1) in state.nodes
    assert len(state.node_ids) == 1
    ours = node.save_state()
    assert network.address in ours.nodes
    # libtorrent keeps what it reads, as far as it understands it, and writes it again.
    params = lt.read_session_params(lt.bencode({b"dht state": ours.to_table()}))
    written = lt.bdecode(lt.write_session_params_buf(params, 4))[b"dht state"]
    assert written == ours.to_table()
