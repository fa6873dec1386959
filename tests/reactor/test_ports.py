"""The shapes fit the things meant to have them."""

from __future__ import annotations

import socket

from evtorrent.protocols.engine import Multi
from evtorrent.reactor import READ, Reactor, drive


def test_an_engine_is_a_loop_for_another_engine(reactor: Reactor) -> None:
    """`drive` takes anything with a loop's shape, so engines nest."""
    outer, inner = Multi(), Multi()
    drivers = [drive(outer, reactor), drive(inner, outer)]
    left, right = socket.socketpair()
    seen: list[bytes] = []

    def on_ready(ready: int) -> None:
        seen.append(left.recv(10))
        reactor.stop()

    watch = inner.watch(left.fileno(), READ, on_ready)
    right.send(b"through two")
    reactor.call_later(5.0, reactor.stop)
    reactor.run()
    assert seen == [b"through tw"]
    watch.close()
    for driver in reversed(drivers):
        driver.close()
    inner.close()
    outer.close()
    left.close()
    right.close()
