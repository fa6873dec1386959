"""One node, and everybody else played by the test: questions are taken from it, answers are made up."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from evtorrent.protocols.bencode import decode, encode
from evtorrent.protocols.dht.compact import pack_address
from evtorrent.protocols.dht.events import Event
from evtorrent.protocols.dht.node import Node
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.settings import DhtSettings

E = TypeVar("E")
Address = tuple[str, int]

OPEN = DhtSettings(block_ratelimit=100_000, upload_rate_limit=10_000_000)

OURS = NodeId(bytes(20))
"""The node's id, so that distances are easy to see."""


def far(index: int) -> NodeId:
    """Ids in bucket 0 of `OURS`; larger is farther."""
    return NodeId(bytes((0x80 | index & 0x7F, index >> 7)) + bytes(18))


def near(bits: int, tail: int = 0) -> NodeId:
    """An id that shares exactly `bits` bits with `OURS`."""
    return NodeId((1 << (159 - bits) | tail).to_bytes(20, "big"))


def at(index: int, port: int = 6881) -> Address:
    """Addresses of a network each."""
    return f"60.{index >> 8 & 255}.{index & 255}.1", port


def packed(*nodes: tuple[bytes, Address]) -> bytes:
    """A "nodes" string."""
    return b"".join(node_id + pack_address(address) for node_id, address in nodes)


@dataclass
class Question:
    """One query of the node's."""

    transaction: bytes
    method: bytes
    arguments: dict[bytes, Any]
    address: Address
    table: dict[bytes, Any]


class Stage:
    """The node, the clock, and what was said."""

    def __init__(self, settings: DhtSettings = OPEN, **parts: Any) -> None:
        self.now = 1000.0
        parts.setdefault("node_id", OURS)
        self.node = Node(settings, rng=Random(7), now=self.now, **parts)
        self.answers: list[tuple[dict[bytes, Any], Address]] = []

    def questions(self) -> list[Question]:
        """What the node asks; what it answers goes to `answers`."""
        asked = []
        for data, address in self.node.datagrams_to_send(now=self.now):
            table: Any = decode(data)
            if table[b"y"] == b"q":
                asked.append(Question(table[b"t"], table[b"q"], table[b"a"], address, table))
            else:
                self.answers.append((table, address))
        return asked

    def reply(
        self, question: Question, node_id: bytes, fields: dict[bytes, Any] | None = None, **top: Any
    ) -> None:
        """The right answer to a question."""
        table = {
            b"t": question.transaction,
            b"y": b"r",
            b"r": {b"id": node_id, **(fields or {})},
            **{key.encode(): value for key, value in top.items()},
        }
        self.receive(table, question.address)

    def refuse(self, question: Question, code: int = 202, text: bytes = b"no") -> None:
        self.receive({b"t": question.transaction, b"y": b"e", b"e": [code, text]}, question.address)

    def query(
        self,
        method: bytes,
        arguments: dict[bytes, Any],
        address: Address | None = None,
        *,
        node_id: bytes = far(99),
        **top: Any,
    ) -> dict[bytes, Any] | None:
        """Ask the node; its answer."""
        table = {
            b"t": b"tt",
            b"y": b"q",
            b"q": method,
            b"a": {b"id": node_id, **arguments},
            **{key.encode(): value for key, value in top.items()},
        }
        self.receive(table, address or at(99))
        before = len(self.answers)
        self.questions()
        return self.answers[-1][0] if len(self.answers) > before else None

    def receive(self, table: Any, address: Address) -> None:
        self.node.receive_datagram(encode(table), address, now=self.now)

    def pass_time(self, seconds: float) -> None:
        """Time passes, in the steps the node asks for."""
        end = self.now + seconds
        while (due := self.node.next_timeout()) is not None and due <= end:
            self.now = max(self.now, due)
            self.node.handle_timeout(now=self.now)
        self.now = end

    def know(self, *nodes: tuple[NodeId, Address]) -> None:
        """These are in the routing table, as having answered."""
        for node_id, address in nodes:
            self.node.parts.table.node_seen(node_id, address, 0.1, now=self.now)

    def events(self) -> list[Event]:
        """What happened, once."""
        events = []
        while (event := self.node.next_event()) is not None:
            events.append(event)
        return events

    def event(self, kind: type[E]) -> E:
        """The only event of this kind among what happened."""
        (found,) = [event for event in self.events() if isinstance(event, kind)]
        return found
