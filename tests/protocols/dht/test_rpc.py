"""Questions under way."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.bencode import decode
from evtorrent.protocols.dht.krpc import Failure, Response
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.rpc import (
    LATE_AT_LEAST,
    LATE_AT_MOST,
    MAX_TRANSACTIONS,
    TIMEOUT,
    Rpc,
    Transaction,
)
from evtorrent.protocols.dht.settings import DhtSettings
from evtorrent.protocols.dht.statistics import DhtCounters

ADDRESS, OTHER = ("1.2.3.4", 5), ("1.2.3.5", 5)
ID = NodeId(b"i" * 20)


class Asker:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_response(self, asked: Transaction, response: Response, *, now: float) -> None:
        self.heard.append("response")

    def on_late(self, asked: Transaction, *, now: float) -> None:
        self.heard.append("late")

    def on_failure(self, asked: Transaction, failure: Failure | None, *, now: float) -> None:
        self.heard.append("failure")


class Bench:
    def __init__(self, settings: DhtSettings | None = None) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.counters = DhtCounters()
        self.rpc = Rpc(
            settings or DhtSettings(),
            lambda data, address: self.sent.append((data, address)),
            rng=Random(1),
            counters=self.counters,
        )
        self.asker = Asker()

    def ask(self, now: float = 0.0, address: tuple[str, int] = ADDRESS) -> Transaction:
        asked = self.rpc.ask(b"ping", {b"id": ID}, address, self.asker, now=now)
        assert asked is not None
        return asked


@pytest.fixture
def bench() -> Bench:
    return Bench()


def answer(asked: Transaction, node_id: NodeId = ID) -> Response:
    return Response(asked.transaction, node_id, {}, None)


def test_a_question_and_its_answer(bench: Bench) -> None:
    asked = bench.ask()
    table = decode(bench.sent[0][0])
    assert isinstance(table, dict)
    assert (table[b"q"], table[b"t"], bench.sent[0][1]) == (b"ping", asked.transaction, ADDRESS)
    assert len(asked.transaction) == 4
    assert bench.counters.ping_out == 1
    assert bench.rpc.num_waiting == 1
    assert bench.rpc.receive(answer(asked), ADDRESS, now=0.1) is asked
    assert bench.rpc.num_waiting == 0
    assert bench.rpc.next_timeout() is None
    assert bench.rpc.receive(answer(asked), ADDRESS, now=0.1) is None, "only once"


def test_answers_of_others_do_not_count(bench: Bench) -> None:
    asked = bench.ask()
    assert bench.rpc.receive(answer(asked), OTHER, now=0.1) is None
    wrong = Response(b"xxxx", ID, {}, None)
    assert bench.rpc.receive(wrong, ADDRESS, now=0.1) is None
    assert bench.counters.unmatched == 2
    assert bench.rpc.num_waiting == 1


def test_read_only_is_said() -> None:
    bench = Bench(DhtSettings(read_only=True))
    bench.ask()
    table = decode(bench.sent[0][0])
    assert isinstance(table, dict)
    assert table[b"ro"] == 1


def test_late_then_failed(bench: Bench) -> None:
    asked = bench.ask()
    assert bench.rpc.next_timeout() == LATE_AT_MOST
    assert bench.rpc.expire(now=LATE_AT_MOST) == []
    assert bench.asker.heard == ["late"]
    assert asked.is_late
    assert bench.rpc.next_timeout() == TIMEOUT
    assert bench.rpc.expire(now=TIMEOUT) == [asked]
    assert bench.asker.heard == ["late", "failure"]
    assert bench.rpc.next_timeout() is None


def test_a_late_answer_counts(bench: Bench) -> None:
    asked = bench.ask()
    bench.rpc.expire(now=2.0)
    assert bench.rpc.receive(answer(asked), ADDRESS, now=3.0) is asked
    assert bench.rpc.next_timeout() is None


def test_late_and_failed_at_once(bench: Bench) -> None:
    bench.ask()
    bench.rpc.expire(now=TIMEOUT + 1)
    assert bench.asker.heard == ["late", "failure"]


def test_patience_follows_the_round_trips(bench: Bench) -> None:
    assert bench.rpc.patience == LATE_AT_MOST
    for n in range(30):
        bench.rpc.receive(answer(bench.ask(now=float(n))), ADDRESS, now=n + 0.1)
    assert LATE_AT_LEAST <= bench.rpc.patience < 0.25
    for n in range(30):
        bench.rpc.receive(answer(bench.ask(now=float(n))), ADDRESS, now=n + 5.0)
    assert bench.rpc.patience == LATE_AT_MOST
    quick = Bench()
    for n in range(50):
        quick.rpc.receive(answer(quick.ask(now=float(n))), ADDRESS, now=float(n))
    assert quick.rpc.patience == LATE_AT_LEAST


def test_deadlines_of_what_is_answered_are_dropped(bench: Bench) -> None:
    first, second = bench.ask(0.0), bench.ask(1.0, OTHER)
    bench.rpc.receive(answer(first), ADDRESS, now=1.0)
    assert bench.rpc.next_timeout() == second.late_at
    third = bench.ask(2.0)
    bench.rpc.receive(answer(third), ADDRESS, now=2.1)
    assert bench.rpc.expire(now=30.0) == [second]
    assert bench.asker.heard == ["late", "failure"]
    assert bench.rpc.next_timeout() is None


def test_unreachable(bench: Bench) -> None:
    first, second = bench.ask(), bench.ask(address=OTHER)
    assert bench.rpc.unreachable(ADDRESS, now=0.1) == [first]
    assert bench.asker.heard == ["failure"]
    assert bench.rpc.unreachable(ADDRESS, now=0.1) == []
    assert bench.rpc.receive(answer(second), OTHER, now=0.2) is second


def test_refusals_are_answers(bench: Bench) -> None:
    asked = bench.ask()
    assert bench.rpc.receive(Failure(asked.transaction, 203, "no", None), ADDRESS, now=0.1) is asked


def test_ids_that_do_not_fit_fail_when_enforced() -> None:
    bench = Bench(DhtSettings(enforce_node_id=True))
    asked = bench.ask()
    assert bench.rpc.receive(answer(asked), ADDRESS, now=0.1) is None
    assert bench.asker.heard == ["failure"]
    local = bench.ask(address=("10.0.0.1", 5))
    assert bench.rpc.receive(answer(local), ("10.0.0.1", 5), now=0.1) is local


def test_nobody_may_be_listening_any_more(bench: Bench) -> None:
    for _ in range(2):
        bench.ask().asker = None
    bench.rpc.expire(now=TIMEOUT)
    assert bench.asker.heard == []


def test_questions_are_bounded(bench: Bench) -> None:
    for n in range(MAX_TRANSACTIONS):
        bench.ask(address=(f"60.0.{n >> 8}.{n & 255}", 5))
    assert bench.rpc.ask(b"ping", {b"id": ID}, ADDRESS, bench.asker, now=0.0) is None
    assert len(bench.sent) == MAX_TRANSACTIONS
    bench.rpc.close()
    assert bench.rpc.num_waiting == 0
    assert bench.rpc.next_timeout() is None


def test_a_transaction_twice_is_not_sent() -> None:
    class Constant(Random):
        def randbytes(self, n: int) -> bytes:
            return bytes(n)

    bench = Bench()
    bench.rpc = Rpc(DhtSettings(), lambda data, address: None, rng=Constant(), counters=bench.counters)
    bench.ask()
    assert bench.rpc.ask(b"ping", {b"id": ID}, ADDRESS, bench.asker, now=0.0) is None
    bench.ask(address=OTHER)


def test_who_was_asked_by_name_answers_from_a_number(bench: Bench) -> None:
    asked = bench.ask(address=("router.example", 5))
    assert bench.sent[0][1] == ("router.example", 5)
    assert bench.rpc.receive(answer(asked), (ADDRESS[0], 6), now=1.0) is None
    wrong = Response(b"none", ID, {}, None)
    assert bench.rpc.receive(wrong, ADDRESS, now=1.0) is None
    assert bench.counters.unmatched == 2
    assert bench.rpc.name_asked(asked.transaction, ADDRESS) == ("router.example", 5)
    assert bench.rpc.receive(answer(asked), ADDRESS, now=1.0) is asked
    assert asked.address == ADDRESS
    assert bench.rpc.receive(answer(asked), ADDRESS, now=1.0) is None
    assert bench.rpc.name_asked(asked.transaction, ADDRESS) is None
    assert bench.rpc.num_waiting == 0
    assert bench.rpc.next_timeout() is None


def test_names_that_do_not_answer_are_forgotten(bench: Bench) -> None:
    late = bench.ask(address=("router.example", 5))
    gone = bench.ask(address=("gone.example", 5))
    assert bench.rpc.unreachable(("gone.example", 5), now=1.0) == [gone]
    bench.rpc.expire(now=TIMEOUT)
    assert bench.asker.heard.count("failure") == 2
    assert bench.rpc.receive(answer(late), ADDRESS, now=TIMEOUT) is None
    assert not bench.rpc._named
    bench.ask(address=("router.example", 5))
    bench.rpc.close()
    assert not bench.rpc._named
