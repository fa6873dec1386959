"""`Dht`: nodes on ports, and what may be asked of them."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from evtorrent.protocols.dht import (
    AnnounceResult,
    Dht,
    DhtSettings,
    DhtState,
    ItemError,
    MemoryStorage,
    MutableItem,
    Node,
    NodeId,
    PeerAnnounced,
)
from evtorrent.protocols.dht.ed25519 import public_key_of
from evtorrent.protocols.dht.node_id import verify_node_id
from evtorrent.protocols.errors import LocalProtocolError, TransportBroken, TransportClosed
from support.dht_services import SETTINGS, Cluster, Net, host

HASH = b"h" * 20
SEED = bytes(range(32))


@pytest.fixture
def net() -> Cluster:
    return Cluster()


def result(net: Net, handle: Any) -> Any:
    net.run()
    assert handle.is_done
    assert handle.error is None, handle.error
    return handle.result


def test_announce_and_find(net: Cluster) -> None:
    told: list[Any] = []
    announced = result(net, net.dhts[1].announce(HASH, 4000, is_seed=True))
    assert announced == AnnounceResult((), 3)
    found = result(net, net.dhts[3].get_peers(HASH, told.append))
    assert found.peers == ((host(1)[0], 4000),)
    assert told == [found.peers]
    assert result(net, net.dhts[3].get_peers(HASH, noseed=True)).peers == ()
    assert round(result(net, net.dhts[3].get_peers(HASH, scrape=True)).num_seeds) == 1


def test_an_announce_without_a_port_means_that_of_our_datagrams(net: Cluster) -> None:
    result(net, net.dhts[1].announce(HASH))
    assert result(net, net.dhts[3].get_peers(HASH)).peers == (host(1),)


def test_items(net: Cluster) -> None:
    put = result(net, net.dhts[1].put_immutable([b"a", {"b": 1}]))
    assert put.num_success == 3
    got = result(net, net.dhts[2].get_immutable(put.item.target))
    assert got.item.value == [b"a", {b"b": 1}]
    assert result(net, net.dhts[2].get_immutable(b"x" * 20)).item is None
    with pytest.raises(ItemError):
        net.dhts[1].put_immutable(bytes(2000))


def test_mutable_items(net: Cluster) -> None:
    told: list[MutableItem] = []
    first = result(net, net.dhts[1].put_mutable(SEED, b"one", salt=b"s"))
    second = result(net, net.dhts[2].put_mutable(SEED, b"two", salt=b"s", cas=True))
    assert (first.item.sequence, second.item.sequence, second.num_success) == (1, 2, 3)
    got = result(net, net.dhts[3].get_mutable(public_key_of(SEED), b"s", told.append))
    assert got.item.value == b"two"
    assert told[-1] == got.item
    with pytest.raises(ItemError):
        net.dhts[1].put_mutable(SEED, bytes(2000))
    nothing = result(net, net.dhts[1].update_mutable(public_key_of(SEED), lambda current: None, salt=b"s"))
    assert (nothing.item, nothing.num_success) == (None, 0)


def test_two_writers_at_a_time(net: Cluster) -> None:
    result(net, net.dhts[1].put_mutable(SEED, b"base"))
    one, other = (
        net.dhts[1].put_mutable(SEED, b"one", cas=True),
        net.dhts[2].put_mutable(SEED, b"other", cas=True),
    )
    net.run()
    codes = {code for handle in (one, other) for code, _ in handle.result.errors}
    assert codes <= {301, 302}
    assert (
        one.result.num_success + other.result.num_success + len(one.result.errors) + len(other.result.errors)
        == 6
    )
    assert codes, "somebody was refused"


def test_find_node_sample_and_anything(net: Cluster) -> None:
    (node,) = net.dhts[2].nodes()
    found = result(net, net.dhts[1].find_node(node.node_id))
    assert found[0] == (node.node_id, host(2))
    result(net, net.dhts[1].announce(HASH, 4000))
    sample = result(net, net.dhts[1].sample_infohashes(host(2), HASH))
    assert sample.sample.infohashes == (HASH,)
    answer = result(net, net.dhts[1].direct_request(host(2), b"ping", {}))
    assert answer.values[b"id"] == node.node_id


def test_targets_have_20_bytes(net: Cluster) -> None:
    for command in (net.dhts[0].get_peers, net.dhts[0].get_immutable, net.dhts[0].announce):
        with pytest.raises(LocalProtocolError):
            command(b"short")


def test_saved_and_restored(net: Cluster) -> None:
    state = net.dhts[1].save_state()
    assert state.node_ids == [(host(1)[0], net.dhts[1].nodes()[0].node_id)]
    assert sorted(state.nodes) == sorted(host(n) for n in (0, 2, 3))
    net.dhts[1].close()
    again = net.add(host(1), state=DhtState.from_table(state.to_table()))
    assert again.nodes()[0].node_id == state.node_ids[0][1]
    assert result(net, again.bootstrap()) == 3


def test_nodes_may_be_added(net: Cluster) -> None:
    dht = net.add(("60.1.0.1", 6881))
    dht.add_node(host(1))
    net.run()
    assert [contact.address for contact in dht.nodes()[0].live_nodes()] == [host(1)]


def test_one_node_for_each_address() -> None:
    net = Net()
    dht = net.add(("60.1.0.1", 6881), ("2600::1", 6881), ("2600:1::1", 6881))
    four, six, other = dht.nodes()
    assert dht.addresses == [("60.1.0.1", 6881), ("2600::1", 6881), ("2600:1::1", 6881)]
    assert (four.sibling, six.sibling, other.sibling) == (six, four, four)
    assert len({node.node_id for node in dht.nodes()}) == 3, "BEP 45: an id each"
    assert dht.nodes(is_ipv6=True) == [six, other]
    assert four.storage is six.storage is dht.storage
    state = dht.save_state()
    assert [local for local, _ in state.node_ids] == ["60.1.0.1", "2600::1", "2600:1::1"]
    dht.remove_port(("2600::1", 6881))
    assert four.sibling is other
    dht.remove_port(("2600::1", 6881))
    assert net.ports["2600::1", 6881].is_closed


def test_a_port_that_is_taken_leaves_nothing_open() -> None:
    net = Net()
    net.taken.add(("60.2.0.1", 6881))
    with pytest.raises(OSError):
        net.add(("60.1.0.1", 6881), ("60.2.0.1", 6881))
    assert net.ports["60.1.0.1", 6881].is_closed
    assert net.multi.timeout() == -1


class SharedPort:
    """A port of somebody else's, as the listener's multiplexer gives them."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []
        self.is_closed = False
        self.error: Exception | None = None
        self.is_full = False

    def open(self, on_datagram: Any) -> SharedPort:
        self.on_datagram = on_datagram
        return self

    def send(self, data: Any, address: Any, /) -> bool:
        if self.error is not None:
            raise self.error
        if not self.is_full:
            self.sent.append((data, address))
        return not self.is_full

    def close(self) -> None:
        self.is_closed = True


def test_a_shared_port() -> None:
    net = Net()
    port = SharedPort()
    dht = net.add(state=DhtState([("::1", NodeId(b"i" * 20))]))
    node = dht.add_port(port.open, ("::1", 6881))
    assert node.is_ipv6
    assert node.node_id == b"i" * 20
    query = b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:tt1:y1:qe"
    port.on_datagram(memoryview(query), ("2600::9", 9, 0, 0), net.now)
    ((answer, address),) = port.sent
    assert b"1:rd2:id20:iiii" in answer
    assert address == ("2600::9", 9)
    dht.close()
    assert port.is_closed


def test_what_cannot_be_sent() -> None:
    net = Net()
    port = SharedPort()
    dht = net.add()
    dht.add_port(port.open, ("60.1.0.1", 6881))
    port.is_full = True
    dht.add_node(host(1))
    net.run()
    assert dht.counters.messages_out_dropped == 1
    port.error = TransportBroken("send", OSError(101, "Network is unreachable"))
    handle = dht.direct_request(host(1), b"ping", {})
    net.run()
    assert handle.result.values is None
    assert dht.counters.messages_out_dropped == 2


def test_the_log_is_that_of_all_nodes() -> None:
    net = Net()
    dht = net.add()
    lines: list[str] = []
    dht.log.on_line = lambda module, text: lines.append(f"{module.name}: {text}")
    dht.add_udp_port(("60.1.1.1", 6881))
    node = dht.nodes()[0]
    dht.remove_port(("60.1.1.1", 6881))
    assert lines == [
        f"tracker: node {node.node_id.hex()} on 60.1.1.1:6881",
        "tracker: no node on 60.1.1.1:6881 any more",
    ]
    dht.close()


def test_traffic_and_upkeep_are_told(net: Cluster) -> None:
    told: list[tuple[Node, Any]] = []
    dht = net.dhts[2]
    (node,) = dht.nodes()
    net.dhts[1].announce(HASH, 4000)
    net.run()
    node.reports_traffic = True
    dht.on_event = lambda of, event: told.append((of, event))
    net.dhts[1].announce(HASH, 4000)
    net.run()
    assert (node, PeerAnnounced(NodeId(HASH), (host(1)[0], 4000))) in told


def test_a_new_address_gives_new_ids() -> None:
    net = Net()
    dht = net.add(("60.1.0.1", 6881))
    (node,) = dht.nodes()
    told: list[Any] = []
    node.parts.table.set_node_id(NodeId(bytes(20)))
    node.set_external_address("84.124.73.14", now=net.now)
    dht.add_node(host(1))
    net.run()
    assert verify_node_id(node.node_id, "84.124.73.14")
    dht.on_event = lambda of, event: told.append(event)
    node.parts.table.set_node_id(NodeId(bytes(20)))
    node.set_external_address("84.124.73.14", now=net.now)
    dht.add_node(host(1))
    net.run()
    assert told


def test_settings_may_change(net: Cluster) -> None:
    dht = net.dhts[1]
    dht.apply_settings(DhtSettings(read_only=True))
    assert dht.settings.read_only
    answer = net.dhts[2].direct_request(host(1), b"ping", {})
    net.advance(20)
    assert answer.result.values is None
    storage: Any = Shape()
    other = net.add(("60.1.0.1", 6881), storage=storage)
    other.apply_settings(SETTINGS)
    assert storage.told


class Shape:
    """A storage by shape."""

    def __init__(self) -> None:
        self.inner = MemoryStorage(SETTINGS, rng=Random(1))
        self.told: list[Any] = []

    def update_node_ids(self, node_ids: Any) -> None:
        self.told.append(node_ids)


def test_the_filter_is_asked() -> None:
    net = Net()
    dht = net.add(host(0), is_allowed=lambda address: address != host(1)[0])
    other = net.add(host(1))
    answer = other.direct_request(host(0), b"ping", {})
    net.advance(20)
    assert answer.result.values is None
    assert dht.counters.blocked == 1


def test_closed(net: Cluster) -> None:
    dht = net.dhts[1]
    handle = dht.get_peers(HASH)
    net.multi.socket_action(net.multi.SOCKET_TIMEOUT, 0)
    dht.close()
    dht.close()
    assert isinstance(handle.error, TransportClosed)
    with pytest.raises(LocalProtocolError):
        dht.get_peers(HASH)
    with pytest.raises(LocalProtocolError):
        dht.add_udp_port(("60.1.0.1", 6881))
    net.advance(10)


def test_nothing_is_left_when_all_are_closed(net: Cluster) -> None:
    for dht in net.dhts:
        dht.close()
    net.run()
    assert net.multi.timeout() == -1
    assert all(port.is_closed for port in net.ports.values())
    assert net.multi.waitfds() == []


def test_without_ports_nothing_happens() -> None:
    net = Net()
    dht = Dht(net.multi, bind=())
    dht.add_node(host(1))
    net.run()
    assert net.multi.timeout() == -1


def test_bound_by_default_to_every_address() -> None:
    net = Net()
    dht = Dht(net.multi)
    assert dht.addresses == [("0.0.0.0", 0)]
