"""Two uTP ports on a network in memory, and a clock that is moved."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from evtorrent.protocols.transport.utp import UtpTransport
from evtorrent.protocols.utp import UtpSettings

from .datagrams import MemoryDatagrams
from .engine_kit import Host, make_engine
from .stream_kit import Listening

DELAY = 0.01
"""Seconds each way."""


class Ports:
    """A near port that dials and a far one that accepts; `users` are those of the connections it accepted."""

    def __init__(self, *, settings: UtpSettings | None = None, **network: Any) -> None:
        self.multi, self.platform = make_engine()
        self.host = Host(self.multi)
        self.errors: list[BaseException] = []
        self.multi.on_error = lambda what, error: self.errors.append(error)
        self.network = MemoryDatagrams(self.multi, Random(1), **{"delay": DELAY, **network})
        self.users: list[Listening] = []
        self.near = self.network.open_port(rng=Random(2), settings=settings)
        self.far = self.network.open_port(rng=Random(3), settings=settings, on_accept=self._accepted)

    def _accepted(self, transport: UtpTransport) -> None:
        self.users.append(Listening(transport))

    def step(self) -> bool:
        """To the next thing that happens; False when nothing will."""
        ms = self.multi.timeout()
        if ms < 0:
            return False
        self.platform.now += ms / 1000
        self.host.timeout()
        return True

    def run(self, until: Callable[[], object], limit: float = 200.0) -> None:
        end = self.platform.now + limit
        while not until():
            assert self.platform.now < end, "it never came true"
            assert self.step(), "nothing happens any more"

    def run_for(self, seconds: float) -> None:
        end = self.platform.now + seconds
        while 0 <= self.multi.timeout() <= (end - self.platform.now) * 1000:
            self.step()
        self.platform.now = end

    def dial(self) -> Listening:
        return Listening(self.near.connect(self.far.address))

    def meet(self) -> tuple[Listening, Listening]:
        """Users of both sides of a connection."""
        count, user = len(self.users), self.dial()
        self.run(lambda: user.transport.is_connected and len(self.users) > count)
        return user, self.users[-1]
