"""Questions to one node."""

from __future__ import annotations

from evtorrent.protocols.dht.events import DirectResponse, SampleReceived
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.rpc import MAX_TRANSACTIONS, TIMEOUT
from evtorrent.protocols.dht.sample import InfohashSample
from evtorrent.protocols.dht.single import Refresh, SingleRequest
from support.dht_peers import OURS, Stage, at, far, packed

TARGET = NodeId(b"t" * 20)


def test_a_direct_request() -> None:
    stage = Stage()
    lookup_id = stage.node.direct_request(at(1), b"anything", {b"x": [1, b"y"]}, now=stage.now)
    (asked,) = stage.questions()
    assert (asked.method, asked.arguments, asked.address) == (
        b"anything",
        {b"id": OURS, b"x": [1, b"y"]},
        at(1),
    )
    stage.reply(asked, far(1), {b"z": 5})
    event = stage.event(DirectResponse)
    assert (event.lookup_id, event.source, event.error) == (lookup_id, at(1), None)
    assert event.values == {b"id": far(1), b"z": 5}
    assert stage.node.num_lookups == 0


def test_refused_and_unanswered() -> None:
    stage = Stage()
    stage.node.direct_request(at(1), b"x", {}, now=stage.now)
    stage.refuse(stage.questions()[0], 204, b"unknown method")
    event = stage.event(DirectResponse)
    assert (event.values, event.error) == (None, (204, "unknown method"))
    stage.node.direct_request(at(1), b"x", {}, now=stage.now)
    stage.pass_time(TIMEOUT)
    event = stage.event(DirectResponse)
    assert (event.values, event.error) == (None, None)


def test_samples() -> None:
    stage = Stage()
    stage.node.sample_infohashes(at(1), TARGET, now=stage.now)
    (asked,) = stage.questions()
    assert (asked.method, asked.arguments) == (b"sample_infohashes", {b"id": OURS, b"target": TARGET})
    near = (far(5), at(5))
    stage.reply(asked, far(1), {b"samples": b"h" * 20, b"num": 9, b"interval": 60, b"nodes": packed(near)})
    event = stage.event(SampleReceived)
    assert event.sample == InfohashSample((NodeId(b"h" * 20),), 9, 60)
    assert event.nodes == (near,)
    assert event.node_id == far(1)


def test_no_sample() -> None:
    stage = Stage()
    stage.node.sample_infohashes(at(1), TARGET, now=stage.now)
    stage.reply(stage.questions()[0], far(1))
    assert stage.event(SampleReceived).sample is None
    stage.node.sample_infohashes(at(1), TARGET, now=stage.now)
    stage.refuse(stage.questions()[0])
    assert stage.event(SampleReceived).sample is None


def test_a_refresh_hears_of_others() -> None:
    stage = Stage()
    stage.node.add_node(at(1), now=stage.now)
    (asked,) = stage.questions()
    assert asked.method == b"find_node"
    stage.reply(asked, far(1), {b"nodes": packed((far(5), at(5)))})
    assert [contact.address for contact in stage.node.live_nodes()] == [at(1)]
    assert stage.node.parts.table.num_spare == 1
    stage.node.add_node(at(2), now=stage.now)
    stage.pass_time(TIMEOUT)
    assert stage.events() == []


def test_cancelled() -> None:
    stage = Stage()
    stage.node.cancel(stage.node.direct_request(at(1), b"x", {}, now=stage.now))
    stage.reply(stage.questions()[0], far(1))
    assert stage.events() == []


def test_when_too_much_is_being_asked() -> None:
    stage = Stage()
    for n in range(MAX_TRANSACTIONS):
        stage.node.parts.rpc.ask(b"ping", {}, at(n), Refresh(stage.node.parts, at(n)), now=stage.now)
    request_id = stage.node.direct_request(at(1), b"x", {}, now=stage.now)
    assert stage.event(DirectResponse).values is None
    stage.node.cancel(request_id)
    request = Refresh(stage.node.parts, at(1))
    request.cancel()


def test_it_reports_in_a_way_of_its_own() -> None:
    stage = Stage()
    request = SingleRequest(stage.node.parts, at(1))
    try:
        request._report(None, None)
    except NotImplementedError:
        return
    raise AssertionError
