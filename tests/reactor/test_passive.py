"""Events nobody but their owner can make due."""

from __future__ import annotations

from evtorrent.reactor import READ, Reactor
from evtorrent.reactor.passive import PassiveEvents


def test_they_come_and_go_in_order_and_are_counted(reactor: Reactor) -> None:
    passive = PassiveEvents()
    first, second = reactor.event(-1, READ, print), reactor.event(-1, READ, print)
    assert not passive
    passive.insert(first)
    passive.insert(second)
    assert (bool(passive), list(passive), passive.gauge.value) == (True, [first, second], 2)
    for event in passive:
        passive.withdraw(event)
    assert (bool(passive), passive.gauge.value, passive.gauge.maximum) == (False, 0, 2)
