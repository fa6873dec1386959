"""What bad input gets: each kind counted, and dropped or answered; nothing of it is kept, and nothing grows."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.bencode import RawValue, encode
from evtorrent.protocols.dht.compact import pack_address
from evtorrent.protocols.dht.errors import KrpcCode
from evtorrent.protocols.dht.events import ItemPut, PeersDone, PeersFound
from evtorrent.protocols.dht.guard import WINDOW
from evtorrent.protocols.dht.items import MAX_SALT, MAX_VALUE, MutableItem, mutable_target
from evtorrent.protocols.dht.krpc import MAX_MESSAGE
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.quota import BURST
from evtorrent.protocols.dht.settings import DhtSettings
from support.dht_peers import Stage, at, far

HASH = NodeId(b"h" * 20)
SEED = bytes(range(32))
VICTIM = ("61.1.1.1", 53)


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.know(*((far(n), at(n)) for n in range(10)))
    return stage


def changed(stage: Stage, before: dict[str, int]) -> dict[str, int]:
    """Counters that moved, traffic aside."""
    return {
        name: count - before[name]
        for name, count in stage.node.counters.as_dict().items()
        if count != before[name] and not name.startswith(("messages_out", "bytes", "messages_in"))
    }


GOOD = encode({"t": b"tt", "y": b"q", "q": b"ping", "a": {"id": bytes(20)}})
NO_MESSAGE = {
    "nothing": b"",
    "noise": bytes(range(200)),
    "cut": GOOD[:-3],
    "more after it": GOOD + b"i1e",
    "oversize": encode(
        {"t": b"tt", "y": b"q", "q": b"ping", "a": {"id": bytes(20)}, "x": bytes(MAX_MESSAGE)}
    ),
    "the largest datagram": b"d" + b"0:" * 30_000 + b"e",
    "recursive": b"d1:a" + b"l" * 2000 + b"e" * 2001,
    "recursive without an end": b"d1:a" + b"d1:a" * 900 + b"e",
    "thousands of values": b"d1:al" + b"le" * 1900 + b"ee",
    "lengths that lie": b"d1:a99999999999:xxxxxxxxxxxxxxxxxe",
    "integers of any size": b"d1:ai" + b"9" * 3000 + b"ee",
    "types mixed up": encode({"t": [b"tt"], "y": {}, "q": 5, "a": b"text"}),
    "an answer without an id": encode({"t": b"tt", "y": b"r", "r": {"values": [b"abcdef"]}}),
}


@pytest.mark.parametrize("name", NO_MESSAGE)
def test_what_is_no_message_is_counted_and_dropped(stage: Stage, name: str) -> None:
    before = stage.node.counters.as_dict()
    size = stage.node.parts.table.num_live, stage.node.parts.table.num_spare
    stage.node.receive_datagram(NO_MESSAGE[name], at(50), now=stage.now)
    assert stage.node.datagrams_to_send(now=stage.now) == []
    assert stage.events() == []
    assert changed(stage, before) == {"malformed": 1}
    assert stage.node.counters.messages_in_dropped == before["messages_in_dropped"] + 1
    assert (stage.node.parts.table.num_live, stage.node.parts.table.num_spare) == size


def test_a_query_that_is_none_is_told_so_once_and_its_sender_is_not_remembered(stage: Stage) -> None:
    before = stage.node.counters.as_dict()
    spare = stage.node.parts.table.num_spare
    stage.receive({b"t": b"tt", b"y": b"q", b"q": b"ping", b"a": {b"id": b"short"}}, at(50))
    stage.questions()
    ((answer, address),) = stage.answers
    assert (answer[b"e"][0], address) == (203, at(50))
    assert changed(stage, before) == {"malformed": 1}
    assert stage.node.parts.table.num_spare == spare


@pytest.mark.parametrize("kind", ["r", "e"])
def test_wrong_transactions_and_spoofed_sources_do_not_count(stage: Stage, kind: str) -> None:
    """Whoever guesses has to guess four bytes, and to write from where the question went."""
    stage.node.get_peers(HASH, now=stage.now)
    questions = stage.questions()
    before = stage.node.counters.as_dict()
    lie = {b"id": far(3), b"token": b"t", b"values": [pack_address(("66.66.66.66", 66))]}
    content = {b"y": kind.encode(), b"r": lie, b"e": [201, b"no"]}
    for question in questions:
        stage.receive({**content, b"t": question.transaction}, VICTIM)
        stage.receive({**content, b"t": question.transaction}, (question.address[0], 1))
        for transaction in (b"\0", b"\0" * 4, question.transaction + b"\0", question.transaction[:3]):
            stage.receive({**content, b"t": transaction}, question.address)
    assert changed(stage, before) == {"unmatched": 6 * len(questions)}
    assert stage.events() == []
    assert stage.questions() == []
    assert stage.node.parts.rpc.num_waiting == len(questions)


def test_a_replayed_answer_counts_once(stage: Stage) -> None:
    stage.know((far(3), at(3)))
    stage.node.get_peers(HASH, now=stage.now)
    question = stage.questions()[0]
    values = {b"values": [pack_address(at(77))]}
    node_id = next(c.node_id for c in stage.node.live_nodes() if c.address == question.address)
    for _ in range(3):
        stage.reply(question, node_id, values)
    assert [type(event) for event in stage.events()] == [PeersFound]
    assert stage.node.counters.unmatched == 2


def test_impossible_sources_are_not_even_read(stage: Stage) -> None:
    before = stage.node.counters.as_dict()
    for source in (("0.0.0.0", 5), ("224.0.0.1", 5), ("255.255.255.255", 5), ("60.1.1.1", 0), ("::1", 5)):
        stage.node.receive_datagram(GOOD, source, now=stage.now)
    assert stage.node.datagrams_to_send(now=stage.now) == []
    assert changed(stage, before) == {"blocked": 5}


# Amplification: queries under somebody else's address, so that the answers hit him.


def crowded(**settings: Any) -> Stage:
    """A node that has much to say."""
    stage = Stage(DhtSettings(**settings))
    stage.know(*((far(n), at(n)) for n in range(30)))
    for n in range(300):
        stage.node.storage.announce_peer(HASH, pack_address(at(n)), is_seed=False, name=b"n" * 200, now=0.0)
    return stage


QUERY = encode({"t": b"tt", "y": b"q", "q": b"get_peers", "a": {"id": bytes(20), "info_hash": HASH}})


def flood(stage: Stage, count: int, source: Any) -> list[bytes]:
    """`count` queries in ten seconds; what goes out."""
    answers: list[bytes] = []
    for n in range(count):
        stage.node.receive_datagram(QUERY, source(n), now=stage.now)
        answers += [data for data, _ in stage.node.datagrams_to_send(now=stage.now) if b"1:y1:r" in data]
        stage.now += 10.0 / count
    return answers


def test_a_spoofed_victim_is_hit_by_a_bounded_number_of_answers_and_then_by_none_for_minutes() -> None:
    stage = crowded(upload_rate_limit=10_000_000)
    settings = stage.node.parts.settings
    answers = flood(stage, 2_000, lambda n: VICTIM)
    assert len(answers) == settings.block_ratelimit * WINDOW == 50
    assert max(map(len, answers)) <= 1400, "no fragments"
    assert stage.node.counters.blocked == 1_950
    stage.now += settings.block_timeout - 20
    assert flood(stage, 100, lambda n: VICTIM) == []


def test_all_victims_together_get_no_more_than_the_upload_limit() -> None:
    stage = crowded()
    limit = stage.node.parts.settings.upload_rate_limit
    answers = flood(stage, 5_000, lambda n: (f"61.{n >> 8}.{n & 255}.1", 53))
    assert sum(map(len, answers)) <= (BURST + 10) * limit + 1400
    assert stage.node.counters.messages_in_dropped >= 5_000 - len(answers)


def test_nothing_is_written_for_who_did_not_show_that_he_is_there(stage: Stage) -> None:
    """A token goes to the address it is for, so whoever forges that never sees one."""
    answer = stage.query(b"get_peers", {b"info_hash": HASH}, at(60))
    assert answer is not None
    fields = {b"info_hash": HASH, b"port": 53, b"token": answer[b"r"][b"token"]}
    refused = stage.query(b"announce_peer", fields, VICTIM)
    assert refused is not None and refused[b"e"][0] == 203
    assert stage.node.counters.invalid_announce == 1
    assert stage.node.storage.statistics().peers == 0
    assert stage.query(b"announce_peer", fields, at(60))


# The codes of BEP 5 and BEP 44


def put(stage: Stage, item: MutableItem, **changes: Any) -> dict[bytes, Any]:
    salt = changes.get("salt", item.salt)
    answer = stage.query(b"get", {b"target": mutable_target(item.public_key, salt)})
    assert answer is not None
    fields: dict[str, Any] = {
        "k": item.public_key,
        "seq": item.sequence,
        "sig": item.signature,
        "v": RawValue(item.encoded),
        "token": answer[b"r"][b"token"],
        **({"salt": item.salt} if item.salt else {}),
        **changes,
    }
    refused = stage.query(b"put", {key.encode(): value for key, value in fields.items()})
    assert refused is not None
    return refused


REFUSALS: dict[KrpcCode, dict[str, Any]] = {
    KrpcCode.PROTOCOL: {"token": b"wrong"},
    KrpcCode.VALUE_TOO_BIG: {"v": bytes(MAX_VALUE)},
    KrpcCode.INVALID_SIGNATURE: {"sig": bytes(64)},
    KrpcCode.SALT_TOO_BIG: {"salt": bytes(MAX_SALT + 1)},
    KrpcCode.CAS_MISMATCH: {"cas": 4},
    KrpcCode.SEQUENCE_TOO_LOW: {},
}


@pytest.mark.parametrize("code", REFUSALS)
def test_refused_puts_say_why_are_counted_and_change_nothing(stage: Stage, code: KrpcCode) -> None:
    stored = MutableItem.signed(b"stored", SEED, sequence=5)
    assert put(stage, stored)[b"y"] == b"r"
    sequence = 4 if code is KrpcCode.SEQUENCE_TOO_LOW else 6
    refused = put(stage, MutableItem.signed(b"other", SEED, sequence=sequence), **REFUSALS[code])
    assert refused[b"e"][0] == code
    assert stage.node.counters.invalid_put == 1
    assert stage.node.storage.get_mutable_item(NodeId(stored.target)) == stored
    assert stage.node.storage.statistics().mutable_data == 1


def test_unknown_methods(stage: Stage) -> None:
    refused = stage.query(b"no such thing", {})
    assert refused is not None and refused[b"e"][0] == KrpcCode.METHOD_UNKNOWN


@pytest.mark.parametrize("fails", ["raises", "cannot be written"])
def test_what_fails_here_is_a_server_error_there(
    stage: Stage, fails: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Storage and handlers may be anybody's."""

    def answer(query: Any, sender: Any, now: float) -> Any:
        if fails == "raises":
            raise OSError("the disk is gone")
        return {b"v": 1 << 70}

    stage.node.extend(b"get", answer)
    refused = stage.query(b"get", {b"target": HASH})
    assert refused is not None
    assert refused[b"e"] == [KrpcCode.SERVER, b"server error"]
    assert "answering b'get' failed" in caplog.text
    assert stage.query(b"ping", {}) is not None


@pytest.mark.parametrize("code", KrpcCode)
def test_their_refusals_are_told_to_who_wrote(stage: Stage, code: KrpcCode) -> None:
    item = MutableItem.signed(b"mine", SEED, sequence=1)
    stage.node.put_mutable(item.public_key, lambda current: item, now=stage.now)
    while (questions := stage.questions()) and questions[0].method == b"get":
        for question in questions:
            known = {c.address: c.node_id for c in stage.node.live_nodes()}
            stage.reply(question, known[question.address], {b"token": b"t"})
    assert questions
    for question in questions:
        stage.refuse(question, code, b"no")
    event = stage.event(ItemPut)
    assert event.num_success == 0
    assert set(event.errors) == {(int(code), "no")}


def test_a_search_ends_whatever_everybody_says(stage: Stage) -> None:
    stage.node.get_peers(HASH, now=stage.now)
    while questions := stage.questions():
        for question in questions:
            stage.refuse(question, KrpcCode.GENERIC)
    assert stage.event(PeersDone).num_responses == 0
    assert stage.node.num_lookups == 0
