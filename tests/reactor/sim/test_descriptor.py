from __future__ import annotations

import threading

from evtorrent.reactor import READ
from evtorrent.reactor.sim import SimHost, SimWorld
from evtorrent.reactor.sim.descriptor import SimWakeup


def test_lowest_number_first(alice: SimHost) -> None:
    first, second, third = (SimWakeup(alice) for _ in range(3))
    assert [each.fileno() for each in (first, second, third)] == [3, 4, 5]
    second.close()
    first.close()
    second.close()
    assert [SimWakeup(alice).fileno() for _ in range(3)] == [3, 4, 6]


def test_readiness_is_told_when_it_is_news(world: SimWorld, alice: SimHost) -> None:
    wakeup, seen = SimWakeup(alice), []
    watch = alice.loop.watch(wakeup.fileno(), READ, lambda ready: (seen.append(ready), wakeup.clear()))
    wakeup.set()
    wakeup.set()
    world.run_for(1.0)
    assert seen == [READ]
    watch.close()
    wakeup.set()
    world.run_for(1.0)
    assert seen == [READ]


def test_another_thread_sets_it(world: SimWorld, alice: SimHost) -> None:
    wakeup, seen = SimWakeup(alice), []
    alice.loop.watch(
        wakeup.fileno(), READ, lambda ready: (seen.append(threading.get_ident()), wakeup.clear())
    )
    for _ in range(2):
        thread = threading.Thread(target=lambda: [wakeup.set() for _ in range(10)])
        thread.start()
        thread.join()
        assert wakeup.ready == 0, "not before the world runs"
        world.run_for(1.0)
    assert seen == [threading.get_ident()] * 2


def test_set_after_close_is_harmless(world: SimWorld, alice: SimHost) -> None:
    wakeup = SimWakeup(alice)
    wakeup.close()
    wakeup.set()
    assert wakeup.ready == 0
    other = SimWakeup(alice)
    world.run_for(1.0)
    assert other.ready == 0, "it has the same number now"
