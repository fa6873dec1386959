"""`Operation`: one lookup, put or question on all nodes that it concerns, as a handle of a `Multi`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..engine.endpoint import Handle
from ..errors import TransportBroken, TransportClosed
from .events import Event
from .node import Node
from .results import Collector

if TYPE_CHECKING:
    from ..engine.multi import Multi

__all__ = ["Begin", "Operation", "Runner"]

Begin: TypeAlias = Callable[[Node, float], int]
"""Begins something on a node, gives its lookup id."""


class Runner(Protocol):
    """Who drives the nodes."""

    resolves_names: bool

    def nodes(self, *, is_ipv6: bool | None) -> Iterable[Node]:
        """All of a family, or of both."""
        ...

    def attach(self, operation: Operation, node: Node, lookup_id: int) -> None:
        """Events of this lookup go to the operation, until `detach`."""
        ...

    def detach(self, node: Node, lookup_id: int) -> None:
        """No more of them."""
        ...


class Operation(Handle):
    """Its result comes through `info_read`, as `result`, when all nodes are done.  Remove it to give up.

    It fails when there is no node to ask, when a node refuses the question, and when a callback raised.  That nobody answers
    is a result.
    """

    def __init__(
        self, runner: Runner, begin: Begin, collector: Collector, *, is_ipv6: bool | None = None
    ) -> None:
        self._runner = runner
        self._begin = begin
        self._collector = collector
        self._is_ipv6 = is_ipv6
        self.on_done: Callable[[Operation], object] | None = None
        """Called when it ended by itself, well or badly; set it before the engine's next action."""
        self._lookups: dict[tuple[Node, int], None] = {}

    def start(self, engine: Multi) -> None:
        """Begin on every node."""
        self._launch()

    def stop(self) -> None:
        """Nobody waits for the rest."""
        for node, lookup_id in self._lookups:
            self._runner.detach(node, lookup_id)
            node.cancel(lookup_id)
        self._lookups.clear()
        if self.is_done and self.on_done is not None:
            self.on_done(self)

    def deliver(self, node: Node, lookup_id: int, event: Event) -> None:
        """Called by the runner: something of one of its lookups."""
        try:
            if not self._collector.take(event):
                return
        except Exception as error:
            self.fail(error)
            return
        self._runner.detach(node, lookup_id)
        if self._lookups.pop((node, lookup_id), self) is None and not self._lookups:
            self._complete(self._collector.result())

    def lose(self, node: Node) -> None:
        """Called by the runner: this node was closed.  The others go on; without any the operation fails."""
        for key in [key for key in self._lookups if key[0] is node]:
            del self._lookups[key]
            self._runner.detach(*key)
        if not self._lookups:
            self.fail(TransportClosed("dht", "its node was closed"))

    def _launch(self) -> None:
        nodes = list(self._runner.nodes(is_ipv6=self._is_ipv6))
        if not nodes:
            raise TransportBroken("dht", "there is no node of this address family")
        for node in nodes:
            lookup_id = self._begin(node, self.time())
            self._lookups[node, lookup_id] = None
            self._runner.attach(self, node, lookup_id)

    def _complete(self, result: Any) -> None:
        """All nodes are done.  Any: what the collector made of it."""
        self.finish(result)
