"""Finding the network from names: look them up, then let every node find its neighbours.

Where the way of the datagrams leads to names, through a proxy, they are not looked up but asked as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..http.addresses import numeric_host
from ..types import Address
from .node import Node
from .operation import Operation, Runner
from .results import BootstrapCollector

if TYPE_CHECKING:
    from ..engine.multi import Multi

__all__ = ["BootstrapOperation"]


class BootstrapOperation(Operation):
    """The result is how many nodes answered.  A name that cannot be looked up is left out."""

    def __init__(
        self, runner: Runner, names: Iterable[Address], known: Iterable[Address], *, are_routers: bool
    ) -> None:
        """`known` are numeric addresses to ask as well."""
        super().__init__(runner, self._bootstrap, BootstrapCollector())
        self._names = list(names)
        self._addresses = list(known)
        self._are_routers = are_routers
        self._num_unresolved = 0
        self.name_errors: list[OSError] = []
        """Of names that could not be looked up."""

    def start(self, engine: Multi) -> None:
        """Look the names up first."""
        if not self._runner.resolves_names:
            while self._names:
                self._take(self._names.pop(0))
        self._num_unresolved = len(self._names)
        for host, port in self._names:
            engine.platform.resolve(self, host, port, self._on_resolved)
        if not self._names:
            self._launch()

    def _on_resolved(self, found: list[tuple[int, Any]] | OSError) -> None:
        # Any: the shape of a socket address depends on its family.
        if isinstance(found, OSError):
            self.name_errors.append(found)
        else:
            for _, address in found:
                self._take((numeric_host(address), address[1]))
        self._num_unresolved -= 1
        if not self._num_unresolved:
            self._launch()

    def _take(self, address: Address) -> None:
        self._addresses.append(address)
        if self._are_routers:
            for node in self._runner.nodes(is_ipv6=":" in address[0]):
                node.add_router(address)

    def _bootstrap(self, node: Node, now: float) -> int:
        return node.bootstrap(self._addresses, now=now)
