"""Announcing and putting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.protocols.dht.events import Announced, ItemFound, ItemPut, PeersDone
from evtorrent.protocols.dht.items import ImmutableItem, MutableItem
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.rpc import MAX_TRANSACTIONS, TIMEOUT
from evtorrent.protocols.dht.single import Refresh
from evtorrent.protocols.dht.writes import MAX_ERRORS
from support.dht_peers import OURS, Question, Stage, at, far

HASH = NodeId(b"\xc0" + b"h" * 19)
SEED = bytes(range(32))


def index(question: Question) -> int:
    return int(question.address[0].split(".")[2])


def find(stage: Stage, fields: Callable[[int], dict[bytes, Any]] = lambda n: {}) -> list[Question]:
    """Answer the search; a token each.  Gives what is asked then."""
    searching = True
    while searching:
        asked = stage.questions()
        searching = bool(asked) and asked[0].method in (b"get", b"get_peers")
        if not searching:
            return asked
        for question in asked:
            n = index(question)
            stage.reply(question, far(n), {b"token": b"token %d" % n, **fields(n)})
    return []


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.know(*((far(n), at(n)) for n in range(12)))
    return stage


def test_an_announce_goes_to_the_eight_nearest(stage: Stage) -> None:
    stage.node.announce(HASH, 4000, now=stage.now, is_seed=True)
    first = stage.questions()
    assert first[0].arguments[b"noseed"] == 1
    for question in first:
        stage.reply(question, far(index(question)), {b"token": b"token %d" % index(question)})
    written = find(stage)
    assert len(written) == 8
    for question in written:
        assert question.method == b"announce_peer"
        assert question.arguments == {
            b"id": OURS,
            b"info_hash": HASH,
            b"port": 4000,
            b"seed": 1,
            b"token": b"token %d" % index(question),
        }
    assert stage.event(PeersDone).num_responses == 8
    assert stage.node.num_lookups == 1
    for question in written[:5]:
        stage.reply(question, far(index(question)))
    stage.refuse(written[5], 203)
    stage.pass_time(TIMEOUT)
    assert stage.event(Announced).num_success == 5
    assert stage.node.num_lookups == 0


def test_an_implied_port_is_said(stage: Stage) -> None:
    stage.node.announce(HASH, 0, now=stage.now, implied_port=True)
    assert find(stage)[0].arguments[b"implied_port"] == 1


def test_who_gave_no_token_is_passed_over(stage: Stage) -> None:
    stage.node.announce(HASH, 4000, now=stage.now)
    while asked := [q for q in stage.questions() if q.method == b"get_peers"]:
        for question in asked:
            stage.reply(question, far(index(question)))
    assert stage.event(Announced).num_success == 0


def test_nobody_to_announce_to() -> None:
    stage = Stage()
    stage.node.announce(HASH, 4000, now=stage.now)
    assert [type(event) for event in stage.events()] == [PeersDone, Announced]


def test_cancelled_while_searching_and_while_writing(stage: Stage) -> None:
    lookup_id = stage.node.announce(HASH, 4000, now=stage.now)
    stage.node.cancel(lookup_id)
    lookup_id = stage.node.announce(HASH, 4000, now=stage.now)
    stage.questions()
    stage.pass_time(20)
    stage.events()
    stage.know(*((far(n), at(n)) for n in range(12)))
    lookup_id = stage.node.announce(HASH, 4000, now=stage.now)
    written = find(stage)
    assert written
    stage.node.cancel(lookup_id)
    for question in written:
        stage.reply(question, far(index(question)))
    assert not [event for event in stage.events() if isinstance(event, Announced)]
    put_id = stage.node.put_immutable(ImmutableItem.of(b"v"), now=stage.now)
    stage.node.cancel(put_id)
    put_id = stage.node.put_immutable(ImmutableItem.of(b"v"), now=stage.now)
    assert find(stage)
    stage.node.cancel(put_id)
    assert stage.node.num_lookups == 0


def test_an_immutable_item_is_put(stage: Stage) -> None:
    item = ImmutableItem.of([b"value", 1])
    stage.node.put_immutable(item, now=stage.now)
    written = find(stage, lambda n: {b"v": [b"value", 1]} if n % 2 else {})
    assert len(written) == 8
    assert written[0].method == b"put"
    assert written[0].arguments[b"v"] == [b"value", 1]
    for question in written:
        stage.reply(question, far(index(question)))
    events = stage.events()
    assert not [event for event in events if isinstance(event, ItemFound)]
    put = next(event for event in events if isinstance(event, ItemPut))
    assert (put.target, put.item, put.num_success, put.errors) == (item.target, item, 8, ())


def signed(value: Any, sequence: int, salt: bytes = b"") -> MutableItem:
    return MutableItem.signed(value, SEED, sequence=sequence, salt=salt)


def stored(item: MutableItem) -> dict[bytes, Any]:
    return {b"k": item.public_key, b"seq": item.sequence, b"sig": item.signature, b"v": item.value}


@pytest.mark.parametrize("salt", [b"", b"salt"])
def test_a_mutable_item_is_made_of_the_newest(stage: Stage, salt: bytes) -> None:
    old, new = signed(b"old", 4, salt), signed(b"new", 5, salt)
    seen: list[MutableItem | None] = []

    def update(current: MutableItem | None) -> MutableItem:
        seen.append(current)
        return new

    stage.node.put_mutable(new.public_key, update, now=stage.now, salt=salt, cas=True)
    written = find(stage, lambda n: stored(old) if n % 2 else {})
    assert seen == [old]
    for question in written:
        arguments = question.arguments
        assert (arguments[b"seq"], arguments[b"v"], arguments[b"sig"]) == (5, b"new", new.signature)
        assert arguments.get(b"salt", b"") == salt
        # BEP 44: whoever had nothing is not told what he should have had.
        assert arguments.get(b"cas") == (4 if index(question) % 2 else None)
    stage.refuse(written[0], 301, b"CAS mismatch")
    for question in written[1:]:
        stage.reply(question, far(index(question)))
    put = stage.event(ItemPut)
    assert (put.item, put.num_success, put.errors) == (new, 7, ((301, "CAS mismatch"),))


def test_without_cas_nobody_compares(stage: Stage) -> None:
    old = signed(b"old", 4)
    stage.node.put_mutable(old.public_key, lambda current: signed(b"new", 5), now=stage.now)
    assert all(b"cas" not in q.arguments for q in find(stage, lambda n: stored(old)))


def test_an_update_may_decide_for_nothing(stage: Stage) -> None:
    public = signed(b"x", 1).public_key
    for update in (lambda current: None, lambda current: signed(b"x", 1, b"another salt")):
        stage.node.put_mutable(public, update, now=stage.now)
        assert find(stage) == []
        put = stage.event(ItemPut)
        assert (put.item, put.num_success) == (None, 0)


def test_refusals_are_bounded(stage: Stage) -> None:
    stage.node.put_immutable(ImmutableItem.of(b"value"), now=stage.now)
    written = find(stage)
    for question in written:
        stage.refuse(question)
    assert len(stage.event(ItemPut).errors) == MAX_ERRORS == len(written)


def test_when_too_much_is_being_asked_nothing_is_written(stage: Stage) -> None:
    stage.node.announce(HASH, 4000, now=stage.now)
    asked = stage.questions()
    for _ in range(7):
        question = asked.pop(0)
        stage.reply(question, far(index(question)), {b"token": b"t"})
        asked += stage.questions()
    for n in range(MAX_TRANSACTIONS):
        stage.node.parts.rpc.ask(b"ping", {}, at(n, 9), Refresh(stage.node.parts, at(n, 9)), now=stage.now)
    (question,) = asked
    stage.reply(question, far(index(question)), {b"token": b"t"})
    # There was room for the one that was answered.
    assert len(stage.questions()) == MAX_TRANSACTIONS
    stage.pass_time(TIMEOUT)
    assert stage.event(Announced).num_success == 0


def test_a_late_write_is_repeated(stage: Stage) -> None:
    stage.node.announce(HASH, 4000, now=stage.now)
    written = find(stage)
    stage.pass_time(1.0)
    again = [question for question in stage.questions() if question.method == b"announce_peer"]
    assert [question.table for question in again] == [question.table for question in written]
    for question in again:
        stage.reply(question, far(index(question)))
    assert stage.event(Announced).num_success == 8
