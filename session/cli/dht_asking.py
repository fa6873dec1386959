"""A DHT node for one question: opened, told of the network, asked, and closed again.

It is read-only (BEP 43): nobody remembers a node that is gone a moment later.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from ... import Multi
from ...protocols.dht import Dht, DhtSettings, Operation
from ...reactor.adapters import drive_selectors
from .. import default_settings
from .exit_status import CommandFailed, ExitStatus

__all__ = ["DhtAsker", "default_routers"]

_ANY: Final = (("0.0.0.0", 0), ("::", 0))
_TURN: Final = 0.25
"""Seconds after which the clock is looked at, at the latest."""


class DhtAsker:
    """Use as a context manager; everything is given up after `timeout` seconds in all."""

    def __init__(self, bootstrap: Sequence[tuple[str, int]], timeout: float) -> None:
        """`bootstrap` are nodes to begin with; empty: the routers of the settings.  CommandFailed when there is no socket."""
        self._bootstrap = list(bootstrap)
        self._deadline = time.monotonic() + timeout
        self._timeout = timeout
        # Nodes on one machine have addresses that would be suspicious anywhere else.
        is_public = not all(ipaddress.ip_address(host).is_loopback for host, _ in bootstrap) or not bootstrap
        settings = DhtSettings(read_only=True, restrict_routing_ips=is_public, restrict_search_ips=is_public)
        self._multi = Multi()
        self._driver = drive_selectors(self._multi)
        self.dht = Dht(self._multi, bind=(), settings=settings)
        try:
            self._bind()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it.  Repeatable."""
        self.dht.close()
        self._driver.close()
        self._multi.close()

    def join(self) -> int:
        """Find the network; how many nodes answered.  CommandFailed when none did."""
        nodes = self._bootstrap or default_routers()
        found = self.run(lambda dht: dht.bootstrap(nodes, are_routers=not self._bootstrap))
        if not found:
            raise CommandFailed("no node of the DHT answered: see --bootstrap", ExitStatus.FAILED)
        return int(found)

    def run(self, begin: Callable[[Dht], Operation]) -> Any:
        """The result of an operation (Any: each has its own).  CommandFailed when it fails or takes too long."""
        operation = begin(self.dht)
        self._drive(lambda: operation.is_done)
        if operation.error is not None:
            raise CommandFailed(str(operation.error), ExitStatus.FAILED)
        return operation.result

    def _drive(self, condition: Callable[[], bool]) -> None:
        while not condition():
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise CommandFailed(f"no answer after {self._timeout:g} s", ExitStatus.TIMEOUT)
            self._driver.run_once(min(left, _TURN))

    def _bind(self) -> None:
        failures: list[OSError] = []
        for address in _ANY:
            try:
                self.dht.add_udp_port(address)
            except OSError as error:
                failures.append(error)
        if len(failures) == len(_ANY):
            raise CommandFailed(f"cannot open a UDP socket: {failures[0]}", ExitStatus.CANNOT_LISTEN)


def default_routers() -> list[tuple[str, int]]:
    """The routers a session asks when it is not told of others."""
    routers = []
    for part in str(default_settings()["dht_bootstrap_nodes"]).split(","):
        host, _, port = part.strip().rpartition(":")
        routers.append((host.strip("[]"), int(port)))
    return routers
