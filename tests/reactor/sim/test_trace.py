from __future__ import annotations

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim.packet import DATA, Datagram, Segments
from evtorrent.reactor.sim.trace import DELIVERED, LOST, Trace

A, B = ("10.0.0.1", 1), ("10.0.0.2", 2)


def run_of(payload: bytes) -> Segments:
    run = Segments(DATA, A, B, 1460)
    run.load(7, payload, False)
    return run


def trace_of(*records: tuple[float, int, Datagram | Segments]) -> str:
    trace = Trace()
    for record in records:
        trace.record(*record)
    return trace.hexdigest


def test_every_part_of_a_record_counts() -> None:
    base = trace_of((1.0, DELIVERED, Datagram(A, B, b"x")))
    assert base == trace_of((1.0, DELIVERED, Datagram(A, B, b"x")))
    others = [
        trace_of((1.5, DELIVERED, Datagram(A, B, b"x"))),
        trace_of((1.0, LOST, Datagram(A, B, b"x"))),
        trace_of((1.0, DELIVERED, Datagram(B, A, b"x"))),
        trace_of((1.0, DELIVERED, Datagram(A, B, b"y"))),
        trace_of((1.0, DELIVERED, run_of(b"x"))),
        trace_of(),
    ]
    assert len({base, *others}) == 7


def test_order_counts() -> None:
    one, other = (1.0, DELIVERED, Datagram(A, B, b"1")), (1.0, DELIVERED, Datagram(A, B, b"2"))
    assert trace_of(one, other) != trace_of(other, one)


def test_notes_count_and_the_hash_can_be_asked_for_meanwhile() -> None:
    trace, same = Trace(), Trace()
    for each in (trace, same):
        each.note(1.0, "cut")
    trace.hexdigest  # noqa: B018
    for each in (trace, same):
        each.record(2.0, LOST, Datagram(A, B, b""))
    assert trace.hexdigest == same.hexdigest != Trace().hexdigest
    assert (trace.num_records, trace.num_lost) == (2, 1)


def test_newest_lines_are_kept() -> None:
    trace = Trace(keep=2)
    for number in range(10):
        trace.note(number, f"note {number}")
    trace.record(1.0, DELIVERED, run_of(b"abc"))
    assert trace.lines == [
        "9.000000 note 9",
        "1.000000 data 10.0.0.1 1 > 10.0.0.2 2 3 bytes arrived seq 7 ack 0",
    ]
    assert Trace().lines == []


def test_long_runs_count_by_their_head() -> None:
    long = b"x" * 5000
    assert trace_of((1.0, DELIVERED, run_of(long))) != trace_of((1.0, DELIVERED, run_of(b"y" + long[1:])))


def test_keep_must_be_a_count() -> None:
    with pytest.raises(ReactorUsageError, match="keep must be a whole number"):
        Trace(keep=-1)
