from __future__ import annotations

from datetime import timedelta

import pytest
from evtorrent.protocols.types import Sha1Hash
from evtorrent.session.alert_queue import AlertQueue
from evtorrent.session.alerts import dht as alerts
from evtorrent.session.alerts.base import AlertPriority
from evtorrent.session.errors import ErrorCode, Operation, TorrentErrc
from evtorrent.session.flags import AlertCategory

HASH = Sha1Hash(b"\xab" * 20)
HEX = "ab" * 20
KEY, SIGNATURE = b"k" * 32, b"s" * 64
NODE = alerts.DhtNode(HASH, ("10.0.0.1", 1))


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("DhtBootstrapAlert", [], "DHT bootstrap complete"),
        ("DhtAnnounceAlert", ["10.0.0.1", 5, HASH], f"incoming dht announce: 10.0.0.1:5 ({HEX})"),
        ("DhtAnnounceAlert", ["::1", 5, HASH], f"incoming dht announce: [::1]:5 ({HEX})"),
        ("DhtGetPeersAlert", [HASH], f"incoming dht get_peers: {HEX}"),
        (
            "DhtOutgoingGetPeersAlert",
            [HASH, HASH, ("10.0.0.1", 1)],
            f"outgoing dht get_peers: {HEX} -> 10.0.0.1:1",
        ),
        (
            "DhtOutgoingGetPeersAlert",
            [HASH, Sha1Hash(b"\xac" * 20), ("::1", 1)],
            f"outgoing dht get_peers: {HEX} [obfuscated: {'ac' * 20}] -> [::1]:1",
        ),
        ("DhtLogAlert", [alerts.DhtModule.rpc_manager, "a line"], "DHT rpc_manager: a line"),
        (
            "DhtPktAlert",
            [b"d1:y1:qe", alerts.DhtPktDirection.incoming, ("10.0.0.1", 1)],
            "<== [10.0.0.1:1] {b'y': b'q'}",
        ),
        ("DhtPktAlert", [b"d1:", alerts.DhtPktDirection.outgoing, ("::1", 1)], "==> [[::1]:1] b'd1:'"),
        (
            "DhtGetPeersReplyAlert",
            [HASH, [("10.0.0.1", 1)]],
            f"incoming dht get_peers reply: {HEX}, peers 1",
        ),
        ("DhtImmutableItemAlert", [HASH, b"x"], f"DHT immutable item {HEX} [ b'x' ]"),
        (
            "DhtMutableItemAlert",
            [KEY, SIGNATURE, 3, b"a\nb", [1], True],
            f"DHT mutable item (key={KEY.hex()} salt=a\\nb seq=3 auth) [ [1] ]",
        ),
        (
            "DhtMutableItemAlert",
            [KEY, SIGNATURE, 3, b"", [1], False],
            f"DHT mutable item (key={KEY.hex()} salt= seq=3 non-auth) [ [1] ]",
        ),
        ("DhtPutAlert", [HASH, 4], f"DHT put complete (success=4 hash={HEX})"),
        (
            "DhtPutAlert",
            [HASH, 4, KEY, SIGNATURE, b"salt", 9],
            f"DHT put complete (success=4 key={KEY.hex()} sig={SIGNATURE.hex()} salt=salt seq=9)",
        ),
        (
            "DhtErrorAlert",
            [ErrorCode.of(TorrentErrc.timed_out), Operation.hostname_lookup],
            f"DHT error [hostname_lookup] ({int(TorrentErrc.timed_out)}) timed out",
        ),
        ("DhtStatsAlert", [[], [1, 2], HASH, ("10.0.0.1", 1)], f"DHT stats: ({HEX}) reqs: 0 buckets: 2"),
        (
            "DhtDirectResponseAlert",
            [("10.0.0.1", 1), None, 5],
            "DHT direct response (address=10.0.0.1:1) [ no response ]",
        ),
        (
            "DhtDirectResponseAlert",
            [("10.0.0.1", 1), {b"y": b"r"}],
            "DHT direct response (address=10.0.0.1:1) [ {b'y': b'r'} ]",
        ),
        ("DhtLiveNodesAlert", [HASH, [NODE]], f"DHT live nodes for id: {HEX}, nodes 1"),
        (
            "DhtSampleInfohashesAlert",
            [HASH, ("10.0.0.1", 1), timedelta(seconds=5), 9, [HASH], []],
            "incoming dht sample_infohashes reply from: 10.0.0.1:1, samples 1",
        ),
    ],
)
def test_message(kind, fields, message):
    assert getattr(alerts, kind)(*fields).message() == message


def test_of_a_torrent():
    alert = alerts.DhtReplyAlert(None, "", 3, torrent_name="x")
    assert alert.message() == "x received DHT peers: 3"
    assert alert.category() == AlertCategory.dht | AlertCategory.tracker


def test_names_of_the_binding():
    asked = alerts.DhtOutgoingGetPeersAlert(HASH, HASH, ("10.0.0.1", 1))
    assert asked.ip == asked.endpoint
    assert alerts.DhtLogAlert(alerts.DhtModule.node, "a line").log_message() == "a line"
    assert alerts.DhtLookup("get", HASH, 1, 2, 3, 4, 5, 6, 7).response == 4
    assert [module.name for module in alerts.DhtModule] == [
        *("tracker", "node", "routing_table", "rpc_manager", "traversal")
    ]


def test_counts():
    reply = alerts.DhtGetPeersReplyAlert(HASH, [("10.0.0.1", 1), ("10.0.0.2", 2)])
    assert (reply.num_peers(), reply.peers()) == (2, [("10.0.0.1", 1), ("10.0.0.2", 2)])
    assert alerts.DhtLiveNodesAlert(HASH, [NODE, NODE]).num_nodes == 2
    sample = alerts.DhtSampleInfohashesAlert(None, ("10.0.0.1", 1), timedelta(0), 9, [HASH], [NODE, NODE])
    assert (sample.num_samples, sample.num_nodes) == (1, 2)


ANSWERS = [
    "DhtDirectResponseAlert",
    "DhtGetPeersReplyAlert",
    "DhtImmutableItemAlert",
    "DhtLiveNodesAlert",
    "DhtMutableItemAlert",
    "DhtPutAlert",
    "DhtSampleInfohashesAlert",
    "DhtStatsAlert",
]
NEWS = [
    "DhtAnnounceAlert",
    "DhtBootstrapAlert",
    "DhtErrorAlert",
    "DhtGetPeersAlert",
    "DhtOutgoingGetPeersAlert",
    "DhtReplyAlert",
]
LOGS = ["DhtLogAlert", "DhtPktAlert"]


def test_answers_come_whatever_the_mask_says_and_news_do_not():
    queue = AlertQueue(lambda: 0.0, size_limit=100, mask=0, call_soon=lambda function: None)
    assert all(queue.should_post(getattr(alerts, kind)) for kind in ANSWERS)
    assert not any(queue.should_post(getattr(alerts, kind)) for kind in NEWS + LOGS)
    queue.set_mask(int(AlertCategory.dht))
    assert all(queue.should_post(getattr(alerts, kind)) for kind in NEWS)
    assert not any(queue.should_post(getattr(alerts, kind)) for kind in LOGS)
    queue.set_mask(int(AlertCategory.dht_log))
    assert all(queue.should_post(getattr(alerts, kind)) for kind in LOGS)


def test_answers_that_cannot_be_asked_for_again_are_critical():
    critical = {kind for kind in ANSWERS + NEWS if getattr(alerts, kind).priority is AlertPriority.critical}
    assert critical == {"DhtDirectResponseAlert", "DhtImmutableItemAlert", "DhtMutableItemAlert"}
