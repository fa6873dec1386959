"""Operations as handles of an engine."""

from __future__ import annotations

import pytest
from evtorrent.protocols.dht import Operation, PeersResult
from evtorrent.protocols.dht.results import NodesCollector
from evtorrent.protocols.errors import LocalProtocolError, TransportBroken, TransportClosed
from support.dht_services import Cluster, Net, host

HASH = b"h" * 20


def test_the_result_comes_through_info_read() -> None:
    net = Cluster()
    handle = net.dhts[1].get_peers(HASH)
    assert isinstance(handle, Operation)
    assert not handle.is_done
    net.run()
    queued, good, bad = net.multi.info_read()
    assert (queued, good, bad) == (0, [handle], [])
    assert handle.result == PeersResult((), 3, None, None)


def test_removed_it_gives_up() -> None:
    net = Cluster()
    handle = net.dhts[1].get_peers(HASH)
    net.multi.socket_action(net.multi.SOCKET_TIMEOUT, 0)
    (node,) = net.dhts[1].nodes()
    assert node.num_lookups == 1
    net.multi.remove_handle(handle)
    assert node.num_lookups == 0
    net.run()
    assert net.multi.info_read()[1] == []


def test_inner_operations_tell_their_owner_and_nobody_else() -> None:
    net = Net()
    dht = net.add(host(1), reports=False)
    ended: list[Operation] = []
    handles = [dht.get_peers(HASH), dht.direct_request(("2600::1", 5), b"ping", {}), dht.get_peers(HASH)]
    for handle in handles:
        handle.on_done = ended.append
    net.multi.remove_handle(handles[2])
    net.run()
    assert sorted(ended, key=handles.index) == handles[:2], "well and badly; not who was given up"
    assert handles[1].error is not None
    assert net.multi.info_read() == (0, [], [])


def test_without_a_node_it_fails() -> None:
    net = Net()
    dht = net.add(host(1))
    handle = dht.direct_request(("2600::1", 5), b"ping", {})
    net.run()
    assert isinstance(handle.error, TransportBroken)
    assert str(handle.error) == "dht: there is no node of this address family"


def test_a_callback_that_raises_fails_it_alone() -> None:
    net = Cluster()
    announced = net.dhts[1].announce(HASH, 4000)
    net.run()
    assert announced.result.num_success == 3

    def on_peers(peers: object) -> None:
        raise ZeroDivisionError

    failing, fine = net.dhts[2].get_peers(HASH, on_peers), net.dhts[2].get_peers(HASH)
    net.run()
    assert isinstance(failing.error, ZeroDivisionError)
    assert fine.error is None
    assert fine.result.peers == ((host(1)[0], 4000),)


def test_a_refused_command_fails_it() -> None:
    net = Cluster()

    def begin(node: object, now: float) -> int:
        raise LocalProtocolError("not so")

    handle = Operation(net.dhts[0], begin, NodesCollector(net.dhts[0].nodes()[0].node_id))
    net.multi.add_handle(handle)
    net.run()
    assert isinstance(handle.error, LocalProtocolError)


def test_several_nodes_are_one_result() -> None:
    net = Cluster()
    both = net.add(("60.1.0.1", 6881), ("2600::1", 6881))
    both.bootstrap([host(0)])
    net.advance(10)
    net.multi.info_read()
    handle = both.get_peers(HASH)
    net.run()
    assert handle.result.num_responses == 4
    assert net.multi.info_read()[1] == [handle]


def test_losing_nodes() -> None:
    net = Cluster()
    both = net.add(("60.1.0.1", 6881), ("60.2.0.1", 6881))
    both.bootstrap([host(0)])
    net.advance(10)
    handle = both.get_peers(HASH)
    net.multi.socket_action(net.multi.SOCKET_TIMEOUT, 0)
    both.remove_port(("60.1.0.1", 6881))
    assert not handle.is_done
    net.run()
    assert handle.error is None
    last = both.get_peers(HASH)
    net.multi.socket_action(net.multi.SOCKET_TIMEOUT, 0)
    both.remove_port(("60.2.0.1", 6881))
    assert isinstance(last.error, TransportClosed)


def test_events_after_the_end_are_nobodys() -> None:
    net = Cluster()
    handle = net.dhts[1].get_peers(HASH)
    net.run()
    assert handle.is_done
    with pytest.raises(Exception, match="not running"):
        handle.time()
