"""The functions of `Session` about the DHT, in virtual time, and that they may be called from any thread."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from evtorrent.protocols.dht import (
    DhtState,
    ImmutableItem,
    ItemError,
    MutableItem,
    MutableTorrentLink,
    mutable_target,
    mutable_torrent_value,
)
from evtorrent.protocols.dht.ed25519 import public_key_of
from evtorrent.protocols.types import Sha1Hash
from evtorrent.session import DhtAnnounceFlags, parse_magnet_uri
from evtorrent.session.alerts import (
    DhtAnnounceAlert,
    DhtDirectResponseAlert,
    DhtGetPeersReplyAlert,
    DhtImmutableItemAlert,
    DhtLiveNodesAlert,
    DhtMutableItemAlert,
    DhtNode,
    DhtPutAlert,
    DhtSampleInfohashesAlert,
    DhtStatsAlert,
)
from support.dht_sessions import DhtTown
from support.sessions import Member

SEED = bytes(range(32))
PUBLIC = public_key_of(SEED)
NAME = Sha1Hash(b"n" * 20)


@pytest.fixture
def town() -> Iterator[DhtTown]:
    town = DhtTown(4)
    town.meet()
    yield town
    town.close()


def one_of(town: DhtTown, index: int = 0) -> Any:
    return town.peers[index].session


# -- peers


def test_announce_and_get_peers(town):
    one, other = town.peers[:2]
    one.session.dht_announce(NAME, 4000)
    town.until(lambda: sum(len(peer.all(DhtAnnounceAlert)) for peer in town.peers) == 3)
    other.session.dht_get_peers(bytes(NAME))
    reply = town.wait(other, DhtGetPeersReplyAlert)
    assert (reply.info_hash, reply.peers(), reply.num_peers()) == (NAME, [(one.address[0], 4000)], 1)


def test_nobody_is_an_answer_too(town):
    one_of(town).dht_get_peers(NAME)
    town.run(5)
    assert [reply.peers() for reply in town.peers[0].all(DhtGetPeersReplyAlert)] == [[]]


def test_announce_tells_of_the_peers_it_finds(town):
    one, other = town.peers[:2]
    one.session.dht_announce(NAME, 4000)
    town.run(5)
    assert not one.all(DhtGetPeersReplyAlert), "it found nobody"
    other.session.dht_announce(NAME, 5000)
    assert town.wait(other, DhtGetPeersReplyAlert).peers() == [(one.address[0], 4000)]


@pytest.mark.parametrize(
    ("port", "flags", "told"),
    [
        (4000, 0, 4000),
        (0, 0, 6881),
        (4000, DhtAnnounceFlags.implied_port, 6881),
        (4000, DhtAnnounceFlags.seed, 4000),
    ],
)
def test_port_and_flags_of_an_announce(town, port, flags, told):
    one, other = town.peers[:2]
    one.session.dht_announce(NAME, port, flags)
    alert = town.wait(other, DhtAnnounceAlert)
    assert (alert.ip, alert.port, alert.info_hash) == (one.address[0], told, NAME)
    counted = other.dht.get_peers(bytes(NAME), scrape=True)
    town.until(lambda: counted.is_done)
    seeds = round(counted.result.num_seeds or 0)
    assert seeds == bool(flags & DhtAnnounceFlags.seed)


def test_announces_that_cannot_be(town):
    for port in (-1, 65536):
        with pytest.raises(ValueError, match="is not a port"):
            one_of(town).dht_announce(NAME, port)
    with pytest.raises(ValueError, match="TLS"):
        one_of(town).dht_announce(NAME, 1, DhtAnnounceFlags.ssl_torrent)


# -- items


@pytest.mark.parametrize("value", [b"bytes", 7, [1, b"two"], {b"a": {b"b": b""}}])
def test_put_and_get_an_immutable_item(town, value):
    target = one_of(town).dht_put_item(value)
    assert target == ImmutableItem.of(value).target
    put = town.wait(town.peers[0], DhtPutAlert)
    assert (put.target, put.num_success, put.public_key) == (target, 3, b"")
    one_of(town, 1).dht_get_item(target)
    got = town.wait(town.peers[1], DhtImmutableItemAlert)
    assert (got.target, got.item) == (target, value)


def test_item_that_nobody_has(town):
    one_of(town).dht_get_immutable_item(NAME)
    assert town.wait(town.peers[0], DhtImmutableItemAlert).item is None
    one_of(town).dht_get_mutable_item(PUBLIC, "salt")
    got = town.wait(town.peers[0], DhtMutableItemAlert)
    assert (got.item, got.seq, got.signature, got.salt) == (None, 0, bytes(64), b"salt")
    assert got.authoritative


@pytest.mark.parametrize("salt", [b"", "salt"])
def test_put_and_get_a_mutable_item(town, salt):
    raw = salt.encode() if isinstance(salt, str) else salt
    for number, value in enumerate([b"first", b"second"], 1):
        one_of(town).dht_put_mutable_item(SEED, PUBLIC, value, salt)
        put = town.wait(town.peers[0], DhtPutAlert, lambda alert, number=number: alert.seq == number)
        assert (put.num_success, put.public_key, put.salt) == (3, PUBLIC, raw)
        assert put.target == mutable_target(PUBLIC, raw)
    one_of(town, 1).dht_get_item(PUBLIC, salt)
    got = town.wait(town.peers[1], DhtMutableItemAlert, lambda alert: alert.authoritative)
    assert (got.key, got.item, got.seq, got.salt, got.signature) == (PUBLIC, b"second", 2, raw, put.signature)
    early = [alert for alert in town.peers[1].all(DhtMutableItemAlert) if not alert.authoritative]
    assert early, "what was found on the way was told"


def test_update_sees_the_newest_item_and_may_decline(town):
    one_of(town).dht_put_mutable_item(SEED, PUBLIC, b"first")
    town.wait(town.peers[0], DhtPutAlert)
    seen: list[MutableItem | None] = []

    def update(current: MutableItem | None) -> MutableItem | None:
        seen.append(current)
        if len(seen) > 1:
            return None
        return MutableItem.signed(b"mine", SEED, sequence=9)

    target = one_of(town, 1).dht_put_item(PUBLIC, update)
    put = town.wait(town.peers[1], DhtPutAlert)
    assert (put.target, put.num_success, put.seq) == (target, 3, 9)
    one_of(town, 2).dht_put_item(PUBLIC, update)
    declined = town.wait(town.peers[2], DhtPutAlert)
    assert (declined.num_success, declined.signature) == (0, bytes(64))
    assert [item.value for item in seen if item is not None] == [b"first", b"mine"]


def test_keys_in_libtorrents_form(town):
    digest = bytearray(hashlib.sha512(SEED).digest())
    digest[0] &= 248
    digest[31] = digest[31] & 63 | 64
    one_of(town).dht_put_mutable_item(bytes(digest), PUBLIC, b"x")
    assert town.wait(town.peers[0], DhtPutAlert).num_success == 3


def test_items_that_cannot_be(town):
    session = one_of(town)
    with pytest.raises(ItemError):
        session.dht_put_item(b"x" * 1001)
    with pytest.raises(ItemError):
        session.dht_put_mutable_item(SEED, PUBLIC, b"x" * 1001)
    with pytest.raises(ItemError):
        session.dht_put_mutable_item(SEED, PUBLIC, b"x", b"s" * 65)
    with pytest.raises(ValueError, match="not that of the private one"):
        session.dht_put_mutable_item(SEED, b"k" * 32, b"x")
    for wrong in (b"k" * 31, b"k" * 33, b""):
        with pytest.raises(ValueError, match="32"):
            session.dht_get_item(wrong)
        with pytest.raises(ValueError, match="32"):
            session.dht_get_mutable_item(wrong)
        with pytest.raises(ValueError, match="32"):
            session.dht_put_item(wrong, lambda current: None)
    with pytest.raises(ValueError, match="public key"):
        session.dht_put_item([1], lambda current: None)


# -- one node


def test_torrent_behind_a_key_is_followed_to_its_content(town):
    """BEP 46, with nothing but a public key, through a change of its owner's mind."""
    town.meet()
    seed = town.add("seed", "60.50.0.1", is_seed=True)
    leech = town.add("leech", "60.51.0.1")
    town.meet()
    seed.start()
    for info_hash in (b"another torrent.....", town.content.info.info_hashes.v1):
        seed.forget()
        seed.session.dht_put_mutable_item(SEED, PUBLIC, mutable_torrent_value(bytes(info_hash)))
        assert town.wait(seed, DhtPutAlert).num_success >= 4
    leech.session.dht_get_mutable_item(
        MutableTorrentLink.parse(f"magnet:?xs=urn:btpk:{PUBLIC.hex()}").public_key
    )
    alert = town.wait(leech, DhtMutableItemAlert, lambda alert: alert.authoritative)
    assert alert.seq == 2
    params = parse_magnet_uri(f"magnet:?xt=urn:btih:{alert.item[b'ih'].hex()}")
    params.save_path = "/"
    leech.handle = leech.session.add_torrent(params)
    town.until(lambda: leech.is_complete)


def test_live_nodes(town):
    one, other = town.peers[:2]
    one.session.dht_live_nodes(one.node.node_id)
    alert = town.wait(one, DhtLiveNodesAlert)
    assert alert.node_id == one.node.node_id
    assert alert.num_nodes == 3
    assert DhtNode(Sha1Hash(other.node.node_id), other.address) in alert.nodes
    one.forget()
    one.session.dht_live_nodes(NAME)
    assert town.wait(one, DhtLiveNodesAlert).nodes == []


def test_sample_infohashes(town):
    one, other = town.peers[:2]
    one.session.dht_announce(NAME, 4000)
    town.wait(other, DhtAnnounceAlert)
    other.session.apply_settings({"dht_sample_infohashes_interval": 60})
    one.session.dht_sample_infohashes(other.address, b"t" * 20)
    alert = town.wait(one, DhtSampleInfohashesAlert)
    assert (alert.node_id, alert.endpoint) == (other.node.node_id, other.address)
    assert (alert.samples, alert.num_samples, alert.num_infohashes) == ([NAME], 1, 1)
    assert timedelta(0) < alert.interval <= timedelta(seconds=60)
    assert alert.num_nodes == len(alert.nodes) == 2, "all but the two of us"
    one.forget()
    one.session.dht_sample_infohashes(("60.250.0.1", 9), b"t" * 20)
    silent = town.wait(one, DhtSampleInfohashesAlert)
    assert (silent.node_id, silent.samples, silent.nodes) == (None, [], [])


def test_direct_request(town):
    one, other = town.peers[:2]
    mine = object()
    one.session.dht_direct_request(other.address, {b"q": b"ping", b"a": {}}, mine)
    alert = town.wait(one, DhtDirectResponseAlert)
    assert alert.userdata is mine
    assert alert.endpoint == other.address
    assert alert.response is not None
    assert (alert.response[b"y"], alert.response[b"r"][b"id"]) == (b"r", other.node.node_id)
    one.forget()
    one.session.dht_direct_request(other.address, {b"q": b"get_peers", b"a": {b"info_hash": b"short"}})
    refused = town.wait(one, DhtDirectResponseAlert).response
    assert refused is not None
    assert (refused[b"y"], refused[b"e"][0]) == (b"e", 203)
    one.forget()
    one.session.dht_direct_request(("60.250.0.1", 9), {b"q": b"ping"}, 5)
    silent = town.wait(one, DhtDirectResponseAlert)
    assert (silent.response, silent.userdata) == (None, 5)


def test_requests_that_cannot_be(town):
    session = one_of(town)
    for entry in ({}, {b"q": 5}, {b"q": b"ping", b"a": []}):
        with pytest.raises(ValueError, match="request"):
            session.dht_direct_request(("60.1.0.1", 1), entry)
    for endpoint in (("a.name", 1), ("60.1.0.1", 0)):
        with pytest.raises(ValueError, match="not"):
            session.dht_direct_request(endpoint, {b"q": b"ping"})
        with pytest.raises(ValueError, match="not"):
            session.dht_sample_infohashes(endpoint, b"t" * 20)
    with pytest.raises(ValueError, match="port"):
        session.add_dht_node(("a.name", 0))
    # No node of that family: an answer, and no exception on the loop.
    session.dht_sample_infohashes(("2001:db8::1", 1), b"t" * 20)
    assert town.wait(town.peers[0], DhtSampleInfohashesAlert).node_id is None


# -- how it stands


def test_stats_of_each_node(town):
    one = town.peers[0]
    one.session.dht_get_peers(NAME)
    town.until(lambda: one.node.num_lookups)
    one.session.post_dht_stats()
    alert = town.wait(one, DhtStatsAlert)
    assert (alert.nid, alert.local_endpoint) == (one.node.node_id, ("0.0.0.0", 6881))
    (lookup,) = [each for each in alert.active_requests if each.type == "get_peers"]
    assert lookup.target == NAME
    assert lookup.branch_factor == 5
    assert lookup.outstanding_requests + lookup.responses == 3
    assert lookup.timeouts == lookup.nodes_left == lookup.first_timeout == 0
    assert lookup.last_sent == 0
    assert sum(bucket.num_nodes for bucket in alert.routing_table) == 3


def test_without_a_dht_answers_are_empty(town):
    one = town.peers[0]
    one.session.apply_settings({"enable_dht": False})
    one.forget()
    session = one.session
    session.add_dht_node(("60.1.0.1", 1))
    session.dht_announce(NAME, 4000)
    session.post_dht_stats()
    session.dht_get_peers(NAME)
    session.dht_get_item(NAME)
    session.dht_get_item(PUBLIC)
    session.dht_put_item(b"x")
    session.dht_live_nodes(NAME)
    session.dht_sample_infohashes(("60.1.0.1", 1), NAME)
    session.dht_direct_request(("60.1.0.1", 1), {b"q": b"ping"})
    town.run(1)
    posted = {type(alert).__name__: alert for alert in one.collect()}
    assert posted["DhtStatsAlert"].routing_table == []
    assert posted["DhtGetPeersReplyAlert"].peers() == []
    assert posted["DhtImmutableItemAlert"].item is None
    assert posted["DhtMutableItemAlert"].item is None
    assert posted["DhtPutAlert"].num_success == 0
    assert posted["DhtLiveNodesAlert"].nodes == []
    assert posted["DhtSampleInfohashesAlert"].node_id is None
    assert posted["DhtDirectResponseAlert"].response is None


def test_what_is_under_way_when_the_dht_ends_is_answered(town):
    one = town.peers[0]
    one.session.dht_get_item(NAME)
    town.until(lambda: one.node.num_lookups)
    one.session.apply_settings({"enable_dht": False})
    assert town.wait(one, DhtImmutableItemAlert).item is None


def test_sessions_of_their_own_threads_find_each_other_whatever_the_mask_says():
    settings = {"enable_dht": True, "alert_mask": 0, "dht_restrict_routing_ips": False}
    with Member(settings) as one, Member(settings, host="127.0.0.2") as other:
        assert one.session.is_dht_running()
        one.session.add_dht_node(other.address)
        one.session.dht_direct_request(other.address, {b"q": b"ping"}, "mine")
        answer = one.wait(DhtDirectResponseAlert)
        assert answer.userdata == "mine"
        assert answer.response is not None
        other_id = answer.response[b"r"][b"id"]
        one.session.dht_put_item(b"value")
        assert one.wait(DhtPutAlert).num_success == 1
        state = one.session.session_state().dht_state or DhtState()
        assert state.nodes == [other.address]
        other.session.dht_live_nodes(other_id)
        assert other.wait(DhtLiveNodesAlert).node_id == other_id


def test_sessions_of_tests_have_no_dht_unless_they_ask():
    with Member() as one:
        assert not one.session.is_dht_running()
