"""Two simulated machines with a bad line between them, for pairs of transports: half a second of delay, losses, overtaking."""

from __future__ import annotations

import socket
from collections.abc import Callable
from random import Random
from typing import Any

from evtorrent.protocols.engine import Multi
from evtorrent.protocols.transport import Transport, dial, wrap_accepted
from evtorrent.protocols.transport.utp_port import UtpPort
from evtorrent.reactor import drive
from evtorrent.reactor.sim import Link, SimWorld

from .sim_kit import listen

__all__ = ["BAD_LINE", "SimulatedLine"]

BAD_LINE = Link(bandwidth=4_000_000.0, delay=0.25, jitter=0.02, loss=0.01, reordering=0.03, duplicates=0.01)
"""Each way."""
TINY_BUFFER = 8_192
"""Bytes of each buffer of the kernel for TCP."""
STEP = 0.05
PATIENCE = 900.0
"""Virtual seconds after which a condition that never comes true fails a test."""


class SimulatedLine:
    """The world of one pair.  Errors of callbacks go where those of `multi` go, which runs nothing of it."""

    def __init__(self, multi: Multi) -> None:
        self.world = SimWorld(seed=1)
        self.caller, self.called = self.world.host("caller"), self.world.host("called")
        self.caller.set_link(BAD_LINE)
        self.engines = Multi(self.caller.platform), Multi(self.called.platform)
        for engine, host in zip(self.engines, (self.caller, self.called), strict=True):
            engine.on_error = lambda context, error: multi.on_error(context, error)
            host.loop.on_error = lambda context, error: multi.on_error(context, error)

    def tcp(self) -> tuple[Transport, Transport]:
        """(dialled, accepted); nobody hears of the connection before both are there."""
        drive(self.engines[1], self.called.loop)
        with listen(self.called) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TINY_BUFFER)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TINY_BUFFER)
            dialled = dial(self.engines[0], (self.called.addresses[0], listener.getsockname()[1]))
            self.engines[0].perform()
            assert self.world.run_until(lambda: listener.ready, timeout=PATIENCE)
            sock, _ = listener.accept()
        accepted = wrap_accepted(self.engines[1], sock)
        drive(self.engines[0], self.caller.loop)
        return dialled, accepted

    def open_port(self, **options: Any) -> UtpPort:
        """The caller's, and then the called one's."""
        number = int("on_accept" in options)
        host = (self.caller, self.called)[number]
        drive(self.engines[number], host.loop)
        return UtpPort.open(
            self.engines[number], host.platform, bind=(host.addresses[0], 0), **{"rng": Random(1), **options}
        )

    def pump(self, until: Callable[[], object]) -> None:
        """Run the world until `until()` is true."""
        deadline = self.world.time() + PATIENCE
        while not until():
            assert self.world.time() < deadline, "it never came true"
            self.world.run_for(STEP)

    def settle(self, actions: int) -> None:
        """Run it for a while in which nothing is expected."""
        self.world.run_for(actions * STEP)

    def close(self) -> None:
        """End everything."""
        for engine in self.engines:
            engine.close()
        self.world.close()
