"""What a host of the driver kit is: a loop, and what tests need of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from evtorrent.protocols.engine import Multi

GIVE_UP_AFTER = 10.0
"""Seconds after which a condition that never comes true fails its test instead of hanging it."""


class Host:
    """A loop, what tests need of it, and where it puts the errors of actions."""

    has_system_sockets = True
    """False: descriptors are not the system's, and tests about the system's ways do not apply."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    def multi(self) -> Multi:
        """An engine that fits this loop."""
        return Multi()

    def socketpair(self) -> tuple[Any, Any]:
        """Two connected sockets, non-blocking."""
        left, right = socket.socketpair()
        left.setblocking(False)
        right.setblocking(False)
        return left, right

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> Any:
        """A socket whose descriptor the loop can watch."""
        return socket.socket(family, kind)

    def time(self) -> float:
        """The loop's clock."""
        return time.monotonic()

    def drive(self, multi: Any) -> Any:
        """A new driver of `multi` on this loop."""
        raise NotImplementedError

    def run_until(self, condition: Callable[[], object]) -> None:
        """Run the loop until the condition holds; AssertionError when it takes too long."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what the loop holds."""
