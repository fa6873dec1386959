"""The search: who is asked, in which order, and when it ends."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.dht.events import NodesFound
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.rpc import MAX_TRANSACTIONS, TIMEOUT
from evtorrent.protocols.dht.settings import DhtSettings
from evtorrent.protocols.dht.traversal import (
    MAX_CANDIDATES,
    MAX_NODES_PER_ANSWER,
    MAX_QUESTIONS,
    Candidate,
    CandidateState,
    Traversal,
)
from support.dht_peers import OPEN, Question, Stage, at, far, packed

TARGET = NodeId(b"\xff" * 20)


def ids(count: int) -> list[NodeId]:
    """Nearer and nearer to TARGET."""
    return [NodeId((TARGET_NUMBER ^ (1 << (150 - n))).to_bytes(20, "big")) for n in range(count)]


TARGET_NUMBER = int.from_bytes(TARGET, "big")


def begin(stage: Stage, known: int = 3) -> Traversal:
    stage.know(*((far(n), at(n)) for n in range(known)))
    lookup_id = stage.node.find_node(TARGET, now=stage.now)
    (lookup,) = [each for each in stage.node.lookups() if each.lookup_id == lookup_id]
    assert isinstance(lookup, Traversal)
    return lookup


def addresses(questions: list[Question]) -> list[tuple[str, int]]:
    return [question.address for question in questions]


def test_it_asks_the_nearest_first_and_so_many_at_a_time() -> None:
    stage = Stage()
    lookup = begin(stage, 20)
    asked = stage.questions()
    assert len(asked) == 5
    assert [q.method for q in asked] == [b"find_node"] * 5
    assert asked[0].arguments == {b"id": stage.node.node_id, b"target": TARGET}
    assert addresses(asked) == [at(n) for n in range(19, 14, -1)]
    assert (lookup.num_outstanding, lookup.num_left) == (5, 3)


def test_answers_lead_nearer_and_it_ends_with_the_eight_nearest() -> None:
    stage = Stage()
    begin(stage, 3)
    nearer = [(node_id, at(100 + n)) for n, node_id in enumerate(ids(10))]
    for question in stage.questions():
        stage.reply(question, far(int(question.address[0].split(".")[2])), {b"nodes": packed(*nearer)})
    for _ in range(10):
        for question in stage.questions():
            index = int(question.address[0].split(".")[2]) - 100
            stage.reply(question, nearer[index][0])
    event = stage.event(NodesFound)
    assert list(event.nodes) == nearer[:1:-1]
    assert stage.node.num_lookups == 0


def test_a_network_of_nobody_ends_at_once() -> None:
    stage = Stage()
    stage.node.find_node(TARGET, now=stage.now)
    assert stage.event(NodesFound).nodes == ()


def test_routers_are_asked_when_few_are_known() -> None:
    stage = Stage()
    stage.node.add_router(at(200))
    lookup = begin(stage, 2)
    asked = stage.questions()
    assert addresses(asked) == [at(1), at(0), at(200)]
    stage.reply(asked[2], ids(1)[0])
    for question, index in ((asked[0], 1), (asked[1], 0)):
        stage.reply(question, far(index))
    assert stage.event(NodesFound).nodes == ((ids(1)[0], at(200)), (far(1), at(1)), (far(0), at(0)))
    assert lookup.is_done
    many = Stage()
    many.node.add_router(at(200))
    begin(many, 3)
    assert at(200) not in addresses(many.questions())


def test_who_is_late_frees_his_place_and_is_not_waited_for() -> None:
    stage = Stage()
    stage.know(*((far(n), at(n)) for n in range(20)))
    lookup = begin(stage, 0)
    first = stage.questions()
    stage.pass_time(1.0)
    assert lookup.num_outstanding == 8
    second = stage.questions()
    assert len(second) == 3, "five are late, and only three more were known"
    nodes = [(node_id, at(100 + n)) for n, node_id in enumerate(ids(8))]
    stage.reply(second[0], far(int(second[0].address[0].split(".")[2])), {b"nodes": packed(*nodes)})
    while stage.node.num_lookups:
        for question in stage.questions():
            index = int(question.address[0].split(".")[2])
            if index >= 100:
                stage.reply(question, nodes[index - 100][0])
    assert len(first) == 5
    assert stage.event(NodesFound).nodes[0][1] == at(107)


def test_with_fewer_than_eight_the_late_are_waited_for() -> None:
    stage = Stage()
    begin(stage, 3)
    asked = stage.questions()
    stage.reply(asked[0], far(2))
    stage.pass_time(TIMEOUT - 1)
    assert stage.node.num_lookups == 1
    stage.reply(asked[1], far(1))
    stage.pass_time(2)
    assert [address for _, address in stage.event(NodesFound).nodes] == [at(2), at(1)]


def test_failures_and_refusals_are_told_apart() -> None:
    stage = Stage()
    lookup = begin(stage, 2)
    asked = stage.questions()
    stage.refuse(asked[0])
    assert lookup.num_timeouts == 0
    stage.pass_time(TIMEOUT)
    assert lookup.num_timeouts == 1
    assert stage.event(NodesFound).nodes == ()
    assert stage.node.parts.table.num_confirmed == 1


def test_an_answer_under_another_id_is_none() -> None:
    stage = Stage()
    begin(stage, 2)
    asked = stage.questions()
    liar = packed((ids(1)[0], at(150)))
    stage.reply(asked[0], far(77), {b"nodes": liar})
    stage.reply(asked[1], far(0))
    assert [address for _, address in stage.event(NodesFound).nodes] == [at(0)]
    assert stage.node.counters.wrong_id == 1
    assert stage.questions() == []


def test_a_candidate_is_taken_once() -> None:
    stage = Stage()
    lookup = begin(stage, 1)
    lookup.add(ids(1)[0], at(50), hops=2)
    lookup.add(ids(1)[0], at(51))
    lookup.add(ids(2)[1], at(50))
    lookup.add(ids(3)[2], ("60.0.50.9", 1), hops=2)
    assert lookup.num_left == 1, "one id, one address, one network"
    free = Stage(DhtSettings(restrict_search_ips=False))
    lookup = begin(free, 1)
    lookup.add(ids(1)[0], at(50), hops=2)
    lookup.add(ids(3)[2], ("60.0.50.9", 1), hops=2)
    assert lookup.num_left == 2


def test_candidates_are_bounded_and_the_nearest_stay() -> None:
    stage = Stage()
    lookup = begin(stage, 1)
    for n in range(1, 127):
        lookup.add(NodeId(bytes((n,)) + bytes(19)), at(1000 + n))
    assert lookup.num_left + lookup.num_outstanding == MAX_CANDIDATES
    assert lookup.num_outstanding == 1, "who was asked is nearer than all of them"
    asked = stage.questions()
    for n, node_id in enumerate(ids(120)):
        lookup.add(node_id, at(2000 + n))
    assert lookup.num_outstanding == 0, "he was pushed out"
    stage.reply(asked[0], far(0))
    lookup.add(far(3), at(999))
    assert lookup.num_left == MAX_CANDIDATES


def test_an_answer_names_only_so_many() -> None:
    stage = Stage()
    lookup = begin(stage, 1)
    (asked,) = stage.questions()
    many = [(node_id, at(100 + n)) for n, node_id in enumerate(ids(60))]
    stage.reply(asked, far(0), {b"nodes": packed(*many)})
    assert lookup.num_left + lookup.num_outstanding == MAX_NODES_PER_ANSWER


def test_invented_nodes_cannot_keep_it_going() -> None:
    """A liar who always names somebody nearer, and is all of them."""
    stage = Stage(DhtSettings(block_ratelimit=1000))
    begin(stage, 1)
    count = 0
    distance = 1 << 158
    pending = stage.questions()
    known: dict[Any, NodeId] = {at(0): far(0)}
    while pending:
        question = pending.pop(0)
        count += 1
        nodes = []
        for _ in range(3):
            distance -= 1 << 149
            node_id = NodeId((TARGET_NUMBER ^ max(distance, count)).to_bytes(20, "big"))
            address = at(len(known) + 1000)
            known[address] = node_id
            nodes.append((node_id, address))
        stage.reply(question, known[question.address], {b"nodes": packed(*nodes)})
        pending += stage.questions()
    assert count <= MAX_QUESTIONS
    assert stage.node.num_lookups == 0


def test_without_aggression_all_under_way_count() -> None:
    stage = Stage(DhtSettings(aggressive_lookups=False, search_branching=3))
    lookup = begin(stage, 20)
    asked = stage.questions()
    assert len(asked) == 3
    nearer = [(node_id, at(100 + n)) for n, node_id in enumerate(ids(8))]
    stage.reply(asked[0], far(19), {b"nodes": packed(*nearer)})
    again = stage.questions()
    assert addresses(again) == [at(107)], "two old ones are still under way"
    assert lookup.num_outstanding == 3
    stage.reply(again[0], nearer[7][0])
    assert len(stage.questions()) == 1
    assert stage.node.num_lookups == 1


def test_when_too_much_is_being_asked_it_fails() -> None:
    stage = Stage()
    for n in range(MAX_TRANSACTIONS):
        stage.node.parts.rpc.ask(b"ping", {}, at(n), Traversal(stage.node.parts, TARGET, 0), now=stage.now)
    stage.know(*((far(n), at(n)) for n in range(5)))
    stage.node.find_node(TARGET, now=stage.now)
    assert stage.event(NodesFound).nodes == ()


def test_what_an_answer_may_name() -> None:
    stage = Stage(DhtSettings(ignore_dark_internet=True))
    lookup = begin(stage, 1)
    (asked,) = stage.questions()
    named = [
        (stage.node.node_id, at(50)),
        (ids(1)[0], ("127.0.0.1", 80)),
        (ids(2)[1], ("11.0.0.1", 80)),
        (ids(3)[2], at(51)),
    ]
    stage.reply(asked, far(0), {b"nodes": packed(*named), b"nodes6": b"too short"})
    assert lookup.num_left + lookup.num_outstanding == 1


def test_loopback_may_name_loopback() -> None:
    settings = DhtSettings(restrict_routing_ips=False, restrict_search_ips=False)
    stage = Stage(settings)
    stage.know((far(0), ("127.0.0.1", 1)))
    begin(stage, 0)
    (asked,) = stage.questions()
    stage.reply(asked, far(0), {b"nodes": packed((ids(1)[0], ("127.0.0.1", 2)))})
    assert addresses(stage.questions()) == [("127.0.0.1", 2)]


def test_nodes_of_the_other_family_go_to_the_other_node() -> None:
    stage, six = Stage(), Stage(is_ipv6=True)
    stage.node.sibling = six.node
    begin(stage, 1)
    (asked,) = stage.questions()
    stage.reply(asked, far(0), {b"nodes6": packed((far(9), ("2600::9", 9)))})
    assert six.node.parts.table.num_spare == 1
    alone = Stage()
    begin(alone, 1)
    (asked,) = alone.questions()
    alone.reply(asked, far(0), {b"nodes6": packed((far(9), ("2600::9", 9)))})
    assert alone.event(NodesFound)


def test_cancelled_it_says_nothing() -> None:
    stage = Stage()
    lookup = begin(stage, 2)
    asked = stage.questions()
    stage.node.cancel(lookup.lookup_id)
    stage.node.cancel(lookup.lookup_id)
    stage.reply(asked[0], far(1))
    stage.pass_time(TIMEOUT)
    assert [event for event in stage.events() if isinstance(event, NodesFound)] == []


def test_a_token_that_is_too_long_is_none() -> None:
    stage = Stage()
    lookup = begin(stage, 2)
    asked = stage.questions()
    stage.reply(asked[0], far(1), {b"token": bytes(129)})
    assert lookup.nearest_alive(with_token=True) == []
    assert len(lookup.nearest_alive()) == 1
    stage.reply(asked[1], far(0), {b"token": bytes(128)})
    (candidate,) = lookup.nearest_alive(with_token=True)
    assert isinstance(candidate, Candidate)
    assert candidate.state is CandidateState.ALIVE


def test_how_it_stands() -> None:
    stage = Stage()
    begin(stage, 20)
    asked = stage.questions()
    stage.reply(asked[0], far(19))
    stage.refuse(asked[1])
    stage.pass_time(1.0)
    (status,) = stage.node.lookup_status(now=stage.now)
    assert (status.kind, status.target, status.branching) == ("find_node", TARGET, 5)
    assert (status.num_responses, status.num_timeouts, status.num_left) == (1, 0, 0)
    assert (status.num_outstanding, status.num_late) == (6, 5)
    assert status.last_sent is not None
    assert 0 <= status.last_sent <= 1
    stage.node.direct_request(at(1), b"ping", {}, now=stage.now)
    assert len(stage.node.lookup_status(now=stage.now)) == 1
    assert Traversal(stage.node.parts, TARGET, 0).status(now=0.0).last_sent is None
    assert sum(bucket.num_nodes for bucket in stage.node.bucket_status()) == 20


def test_a_plain_search_has_no_end_of_its_own() -> None:
    stage = Stage(OPEN)
    with pytest.raises(NotImplementedError):
        Traversal(stage.node.parts, TARGET, 1).start(now=0.0)
