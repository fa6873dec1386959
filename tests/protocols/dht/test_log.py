"""What a node says of itself, and to whom."""

from __future__ import annotations

import pytest
from evtorrent.protocols.dht.log import DhtLog, DhtModule, where
from evtorrent.protocols.dht.node_id import NodeId, generate_node_id
from evtorrent.protocols.dht.settings import DhtSettings
from support.dht_peers import OPEN, Stage, at, far, near

HASH = NodeId(b"h" * 20)


class Heard:
    """A log that is listened to."""

    def __init__(self) -> None:
        self.log = DhtLog()
        self.lines: list[tuple[DhtModule, str]] = []
        self.packets: list[tuple[bytes, tuple[str, int], bool]] = []
        self.log.on_line = lambda module, text: self.lines.append((module, text))
        self.log.on_packet = lambda data, address, is_ours: self.packets.append((data, address, is_ours))

    def has(self, module: DhtModule, *words: str) -> bool:
        """One line of the module has all these words."""
        return any(each is module and all(word in text for word in words) for each, text in self.lines)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_a_search_from_its_beginning_to_its_end(heard: Heard) -> None:
    stage = Stage(log=heard.log)
    stage.know((far(1), at(1)), (far(2), at(2)), (far(3), at(3)))
    lookup_id = stage.node.get_peers(HASH, now=stage.now)
    first, second, third = stage.questions()
    stage.now += 0.05
    stage.reply(first, bytes(stage.node.parts.table.closest(HASH)[0].node_id))
    stage.reply(second, b"n" * 20)
    stage.refuse(third, 201, b"no\n")
    stage.pass_time(20)
    assert heard.has(DhtModule.node, f"[{lookup_id}] get_peers of {HASH.hex()}")
    assert heard.has(DhtModule.rpc_manager, first.transaction.hex(), "get_peers ->", where(first.address))
    assert heard.has(DhtModule.rpc_manager, first.transaction.hex(), "answer", "after 50 ms")
    assert heard.has(DhtModule.rpc_manager, "refusal", where(third.address), "(201) no")
    assert heard.has(DhtModule.traversal, "answers under another id", where(second.address))
    assert heard.has(DhtModule.traversal, f"[{lookup_id}] get_peers", "bits near", "1 hops")
    assert heard.has(DhtModule.traversal, "over: 1 answered")


def test_who_does_not_answer(heard: Heard) -> None:
    stage = Stage(log=heard.log)
    stage.know((far(1), at(1)))
    stage.node.direct_request(at(1), b"ping", {}, now=stage.now)
    stage.node.direct_request(at(7), b"ping", {}, now=stage.now)
    stage.pass_time(16)
    stage.node.direct_request(at(8), b"ping", {}, now=stage.now)
    stage.node.receive_error(at(8), now=stage.now)
    assert heard.has(DhtModule.rpc_manager, where(at(7)), "is late")
    assert heard.has(DhtModule.rpc_manager, where(at(7)), "did not answer")
    assert heard.has(DhtModule.rpc_manager, "nobody is at", where(at(8)), "1 questions")
    stage.receive({b"t": b"none", b"y": b"r", b"r": {b"id": far(1)}}, at(1))
    assert heard.has(DhtModule.rpc_manager, "nobody asked", where(at(1)))


def test_what_happens_to_the_table(heard: Heard) -> None:
    stage = Stage(DhtSettings(**{**OPEN_FIELDS, "restrict_routing_ips": True}), log=heard.log)
    table = stage.node.parts.table
    stage.know((far(1), at(1)), (far(2), (at(1)[0], 7)))
    assert heard.has(DhtModule.routing_table, far(2).hex(), "another node of its address")
    stage.know((far(1), at(2)))
    assert heard.has(DhtModule.routing_table, where(at(2)), "its id or its network")
    stage.know((near(5), at(1)))
    assert heard.has(DhtModule.routing_table, far(1).hex(), "answered under another id")
    stage.know((far(3), at(3)))
    table.node_failed(far(3), at(3))
    assert heard.has(DhtModule.routing_table, far(3).hex(), "no answer, the 1. time")
    stage.know(*((NodeId(bytes((0x80 | n,)) + bytes(19)), at(10 + n)) for n in range(120)))
    stage.know(*((NodeId(bytes((0x80 | n,)) + b"\1" + bytes(18)), at(200 + n)) for n in range(120)))
    table.node_failed(None, next(iter(table.live())).address)
    stage.know((NodeId(b"\xfe\xfe" + bytes(18)), at(400)))
    assert heard.has(DhtModule.routing_table, "makes room for")


OPEN_FIELDS = {name: getattr(OPEN, name) for name in ("block_ratelimit", "upload_rate_limit")}


def test_what_happens_to_the_node(heard: Heard) -> None:
    stage = Stage(DhtSettings(block_ratelimit=1, upload_rate_limit=10_000_000), log=heard.log)
    stage.node.add_router(at(5))
    assert heard.has(DhtModule.node, "router", where(at(5)))
    stage.query(b"unheard of", {})
    assert heard.has(DhtModule.node, "refused", where(at(99)), "(204)")
    stage.node.set_external_address("84.124.73.14", now=stage.now)
    assert heard.has(DhtModule.node, "84.124.73.14", stage.node.node_id.hex())
    stage.node.set_external_address("84.124.73.14", now=stage.now)
    stage.pass_time(301)
    assert heard.has(DhtModule.tracker, "secret")
    for _ in range(11):
        stage.query(b"ping", {}, at(3))
    assert heard.has(DhtModule.tracker, at(3)[0], "is ignored")


def test_datagrams_as_they_are(heard: Heard) -> None:
    stage = Stage(log=heard.log)
    stage.node.receive_datagram(memoryview(b"noise"), at(1), now=stage.now)
    stage.query(b"ping", {}, at(2))
    (noise, came, left) = heard.packets
    assert noise == (b"noise", at(1), False)
    assert came[1:] == (at(2), False)
    assert left[1:] == (at(2), True)
    assert b"1:y1:r" in left[0]
    stage.receive({}, ("60.1.1.1", 0))
    assert len(heard.packets) == 4 - 1, "who is not listened to is not logged either"


def test_nobody_needs_to_listen() -> None:
    DhtLog().say(DhtModule.node, "to nobody")
    stage = Stage()
    stage.node.set_external_address("84.124.73.14", now=stage.now)
    assert stage.node.node_id != generate_node_id("84.124.73.15", stage.node.parts.rng)
    log = DhtLog()
    assert (log.on_line, log.on_packet) == (None, None)


@pytest.mark.parametrize(("address", "text"), [(("1.2.3.4", 5), "1.2.3.4:5"), (("::1", 5), "[::1]:5")])
def test_addresses(address: tuple[str, int], text: str) -> None:
    assert where(address) == text
