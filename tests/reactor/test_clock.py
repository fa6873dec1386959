"""One reading a round.  Row B23; the reactor's use of it is in test_event_base.py."""

from __future__ import annotations

from collections.abc import Callable

from evtorrent.reactor.clock import RoundClock


def test_the_first_who_asks_reads_it_and_the_next_poll_clears_it() -> None:
    later: list[Callable[[], object]] = []
    clock = RoundClock(later.append)
    first = clock.now()
    assert clock.now() == first
    assert len(later) == 1
    later[0]()
    assert clock.value is None
    assert clock.now() >= first


def test_a_pass_sets_the_time_for_its_callbacks() -> None:
    clock = RoundClock(lambda function: None)
    clock.value = 5.0
    assert clock.now() == 5.0
    assert clock.refresh() == clock.now() != 5.0


def test_where_nothing_polls_it_is_never_kept() -> None:
    clock = RoundClock(lambda function: function())
    clock.now()
    assert clock.value is None
