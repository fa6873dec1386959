from __future__ import annotations

from evtorrent.reactor.sim.packet import DATA, Datagram, Segments
from hypothesis import given, settings
from hypothesis import strategies as st

A, B, C = ("10.0.0.1", 1), ("10.0.0.2", 2), ("10.0.0.3", 3)


def run_of(count: int, *, is_final: bool = False, mss: int = 10) -> Segments:
    run = Segments(DATA, A, B, mss)
    run.load(100, bytes(index & 255 for index in range(count)), is_final)
    return run


def test_sizes_on_the_line() -> None:
    assert Datagram(A, B, b"x" * 10).size == 38
    assert Datagram(("fd00::1", 1), ("fd00::2", 2), b"").size == 48
    assert Segments(DATA, A, B, 10).size == 40
    assert (run_of(5).size, run_of(5).num_segments) == (45, 1)
    assert (run_of(25).size, run_of(25).num_segments) == (145, 3)


@settings(deadline=None)
@given(st.integers(0, 100), st.booleans(), st.data())
def test_parts_make_the_whole(count: int, is_final: bool, data: st.DataObject) -> None:
    run = run_of(count, is_final=is_final)
    cut = data.draw(st.integers(0, run.num_segments))
    parts = [run.part(first, end) for first, end in ((0, cut), (cut, run.num_segments)) if end > first]
    assert b"".join(bytes(part.payload) for part in parts) == bytes(run.payload)
    assert parts[-1].is_final is is_final
    assert not any(part.is_final for part in parts[:-1])
    at = run.seq
    for part in parts:
        assert part.seq == at
        at += len(part.payload)
    assert sum(part.size for part in parts) == run.size


def test_readdressed_is_the_same_but_for_the_addresses() -> None:
    run = run_of(25, is_final=True)
    run.ack, run.edge, run.sacked, run.sent_at, run.echo = 1, 2, ((3, 4),), 5.0, 6.0
    copy = run.readdressed(C, A)
    assert (copy.source, copy.target) == (C, A)
    for name in (
        "code",
        "payload",
        "seq",
        "is_final",
        "ack",
        "edge",
        "sacked",
        "sent_at",
        "echo",
        "size",
        "mss",
    ):
        assert getattr(copy, name) == getattr(run, name), name
    datagram = Datagram(A, B, b"x", False)
    datagram.errno, datagram.about = 111, C
    copied = datagram.readdressed(C, A)
    assert (copied.payload, copied.can_fragment, copied.errno, copied.about) == (b"x", False, 111, C)
    assert (copied.kind, run.kind) == ("icmp", "data")
