"""Questions to one node: keeping the routing table fresh, samples, and questions of the owner's own."""

from __future__ import annotations

from ..types import Address
from .events import DirectResponse, SampleReceived
from .krpc import Failure, Fields, Response
from .rpc import Transaction
from .sample import read_sample
from .traversal import Parts, nodes_in

__all__ = ["DirectRequest", "Refresh", "SampleRequest", "SingleRequest"]


class SingleRequest:
    """One question to one node."""

    def __init__(self, parts: Parts, address: Address, lookup_id: int = 0) -> None:
        self.parts = parts
        self.address = address
        self.lookup_id = lookup_id
        self._asked: Transaction | None = None

    def start(self, method: bytes, arguments: Fields, *, now: float) -> None:
        """Ask; ends at once when too much is being asked already."""
        arguments = {**arguments, b"id": self.parts.table.node_id}
        self._asked = self.parts.rpc.ask(method, arguments, self.address, self, now=now)
        if self._asked is None:
            self._report(None, None)

    def cancel(self) -> None:
        """Tell nobody.  Repeatable."""
        if self._asked is not None:
            self._asked.asker = None

    def on_response(self, asked: Transaction, response: Response, *, now: float) -> None:
        self._report(response, None)

    def on_late(self, asked: Transaction, *, now: float) -> None:
        """Nobody else could be asked."""

    def on_failure(self, asked: Transaction, failure: Failure | None, *, now: float) -> None:
        self._report(None, failure)

    def _report(self, response: Response | None, failure: Failure | None) -> None:
        raise NotImplementedError


class Refresh(SingleRequest):
    """A ping, or a `find_node` whose answer may fill a bucket.  That the node answered is noted elsewhere."""

    def _report(self, response: Response | None, failure: Failure | None) -> None:
        if response is not None:
            for node_id, address in nodes_in(self.parts, response, self.address):
                self.parts.table.heard_of(node_id, address)


class SampleRequest(SingleRequest):
    """`sample_infohashes` (BEP 51)."""

    def _report(self, response: Response | None, failure: Failure | None) -> None:
        sample = None if response is None else read_sample(response.values)
        nodes = () if response is None else tuple(nodes_in(self.parts, response, self.address))
        node_id = None if response is None else response.node_id
        self.parts.conclude(SampleReceived(self.lookup_id, self.address, sample, nodes, node_id))


class DirectRequest(SingleRequest):
    """Anything the owner wants to ask."""

    def _report(self, response: Response | None, failure: Failure | None) -> None:
        error = None if failure is None else (failure.code, failure.text)
        values = None if response is None else response.values
        self.parts.conclude(DirectResponse(self.lookup_id, self.address, values, error))
