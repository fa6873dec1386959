"""Finding the network from names."""

from __future__ import annotations

from support.dht_services import Cluster, host


def test_names_are_looked_up() -> None:
    net = Cluster()
    net.names["router.example"] = [host(0)[0], "2600::9"]
    dht = net.add(("60.1.0.1", 6881))
    handle = dht.bootstrap([("router.example", 6881)])
    net.run()
    assert handle.result == 4
    assert not dht.nodes()[0].parts.table.routers


def test_a_name_that_is_not_there_is_left_out() -> None:
    net = Cluster()
    net.names["gone.example"] = OSError(-2, "Name or service not known")
    dht = net.add(("60.1.0.1", 6881))
    handle = dht.bootstrap([("gone.example", 6881), host(1)])
    net.run()
    assert handle.result == 4
    assert [str(error) for error in handle.name_errors] == ["[Errno -2] Name or service not known"]
    lonely = net.add(("60.2.0.1", 6881))
    handle = lonely.bootstrap([("gone.example", 6881)])
    net.run()
    assert handle.result == 0


def test_routers_are_kept_apart() -> None:
    net = Cluster()
    net.names["router.example"] = [host(0)[0], "2600::9"]
    dht = net.add(("60.1.0.1", 6881), ("2600::1", 6881))
    handle = dht.bootstrap([("router.example", 6881)], are_routers=True)
    net.advance(20)
    assert handle.result == 4
    four, six = dht.nodes()
    assert four.parts.table.routers == {host(0): None}
    assert six.parts.table.routers == {("2600::9", 6881): None}
    assert host(0) not in [contact.address for contact in four.live_nodes()]


def test_with_nothing_but_what_was_saved() -> None:
    net = Cluster()
    state = net.dhts[1].save_state()
    dht = net.add(("60.1.0.1", 6881), state=state)
    handle = dht.bootstrap()
    net.run()
    assert handle.result == 4


def test_removed_while_names_are_looked_up() -> None:
    net = Cluster()
    net.names["slow.example"] = None
    handle = net.dhts[1].bootstrap([("slow.example", 6881), host(0)])
    net.run()
    assert not handle.is_done
    net.multi.remove_handle(handle)
    net.run()


def test_names_that_are_not_looked_up_are_asked_as_they_are() -> None:
    """A proxy leads to them; once one answered it goes by its number."""
    net = Cluster()
    net.ports["router.example", 6881] = net.ports[host(0)]
    dht = net.add()
    dht.resolves_names = False
    dht.add_udp_port(("60.1.0.1", 6881))
    handle = dht.bootstrap([("router.example", 6881)], are_routers=True)
    (node,) = dht.nodes()
    net.advance(20)
    assert handle.result == 4
    assert node.parts.table.routers == {host(0): None}
    assert not net.names
    assert host(0) not in [contact.address for contact in node.live_nodes()]
    announced = dht.announce(bytes(20), 1)
    net.run()
    assert announced.result.num_success == 4


def test_a_name_that_does_not_answer_is_asked_again_some_time() -> None:
    net = Cluster()
    dht = net.add()
    dht.resolves_names = False
    dht.add_udp_port(("60.1.0.1", 6881))
    handle = dht.bootstrap([("router.example", 6881), ("router.example", 0)], are_routers=True)
    net.advance(20)
    assert handle.result == 0
    assert list(dht.nodes()[0].parts.table.routers) == [("router.example", 6881)]
    net.ports["router.example", 6881] = net.ports[host(0)]
    net.advance(400)
    assert len(dht.nodes()[0].live_nodes()) == 3


def test_one_who_is_no_router_may_be_known_by_name() -> None:
    net = Cluster()
    net.ports["friend.example", 6881] = net.ports[host(0)]
    dht = net.add()
    dht.resolves_names = False
    dht.add_udp_port(("60.1.0.1", 6881))
    dht.add_node(("friend.example", 6881))
    net.advance(20)
    assert host(0) in [contact.address for contact in dht.nodes()[0].live_nodes()]
    assert not dht.nodes()[0].parts.table.routers
