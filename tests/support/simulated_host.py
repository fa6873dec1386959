"""The simulator as a host of the driver kit: `drive` on a `SimLoop`, in a world of its own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from evtorrent.protocols.engine import Multi
from evtorrent.reactor import drive
from evtorrent.reactor.sim import SimWorld

from .loop_host import GIVE_UP_AFTER, Host

__all__ = ["SimulatedHost"]


class SimulatedHost(Host):
    """Its engines, sockets and time are the simulated machine's."""

    has_system_sockets = False

    def __init__(self) -> None:
        super().__init__()
        self.world = SimWorld(seed=1)
        self.machine = self.world.host("machine")
        self.machine.loop.on_error = lambda context, error: self.errors.append(error)

    def multi(self) -> Multi:
        return Multi(self.machine.platform)

    def socketpair(self) -> tuple[Any, Any]:
        return self.machine.pair()

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> Any:
        return self.machine.socket(family, kind)

    def time(self) -> float:
        return self.world.time()

    def drive(self, multi: Any) -> Any:
        return drive(multi, self.machine.loop)

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER
        while not condition() and time.monotonic() < deadline:
            self.world.run_for(0.001)
        assert condition(), "it never came true"

    def close(self) -> None:
        self.world.close()
