"""The session's port mapping between fake gateways."""

from __future__ import annotations

import socket
from collections import deque

import pytest
from evtorrent.listener.gateways import Gateway
from evtorrent.listener.interfaces import Interface
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.portmap import MAX_MAPPINGS, PortmapProtocol
from evtorrent.session.alerts import PortmapAlert, PortmapErrorAlert, PortmapLogAlert
from evtorrent.session.core.map_places import ListenPort
from evtorrent.session.flags import PortmapTransport
from support.igd import FakeIgd
from support.mapping_world import ETH0_6, ROUTER_6, MappingWorld

TCP, UDP = PortmapProtocol.tcp, PortmapProtocol.udp
NATPMP, UPNP = PortmapTransport.natpmp, PortmapTransport.upnp


def mapped(world: MappingWorld) -> list[tuple[int, PortmapTransport, PortmapProtocol, int]]:
    return [
        (alert.mapping, alert.map_transport, alert.map_protocol, alert.external_port)
        for alert in world.told(PortmapAlert)
    ]


# Listen ports


def test_listen_ports_are_mapped_in_both_languages():
    world = MappingWorld()
    world.refresh()
    assert mapped(world) == [(1, NATPMP, TCP, 6881), (2, UPNP, TCP, 6881)]
    assert {alert.local_address for alert in world.told(PortmapAlert)} == {"10.0.0.2"}
    assert world.external == ["8.8.4.4", "8.8.4.4"]
    assert [sock.bound for sock in world.sockets_opened] == [("10.0.0.2", 0)] * 2
    assert world.sockets_opened[1].options == [
        (socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes((10, 0, 0, 2)))
    ]
    assert [alert.text for alert in world.told(PortmapLogAlert)][:2] == ["gateway: 10.0.0.1"] * 2


def test_udp_and_several_ports():
    world = MappingWorld(enable_upnp=False)
    world.ports = [ListenPort("0.0.0.0", 6881, has_datagrams=True), ListenPort("10.0.0.2", 6882)]
    world.refresh()
    assert [row[2:] for row in mapped(world)] == [(TCP, 6881), (UDP, 6881), (TCP, 6882)]


def test_ipv6_by_pcp_only():
    world = MappingWorld()
    world.interfaces.append(ETH0_6)
    world.routes.append(ROUTER_6)
    world.ports = [ListenPort("::", 6881)]
    world.gateway.outside = "2600::2"
    world.refresh()
    assert mapped(world) == [(1, NATPMP, TCP, 6881)]
    assert world.external == []  # Our own address is no news.


@pytest.mark.parametrize("hosts", [["127.0.0.1"], ["::1", "127.0.0.7"], []])
def test_a_session_that_talks_to_itself_asks_nobody(hosts):
    world = MappingWorld()
    world.ports = [ListenPort(host, 6881) for host in hosts]
    world.refresh()
    assert world.num_looks == 0
    assert world.sockets_opened == []


@pytest.mark.parametrize(
    ("settings", "transports"),
    [({"enable_upnp": False}, [NATPMP]), ({"enable_natpmp": False}, [UPNP])],
)
def test_what_is_enabled(settings, transports):
    world = MappingWorld(**settings)
    world.refresh()
    assert [row[1] for row in mapped(world)] == transports


def test_nothing_is_enabled():
    world = MappingWorld(enable_upnp=False, enable_natpmp=False)
    world.refresh()
    assert world.num_looks == 0


def test_a_nat_behind_the_nat_is_no_vote():
    world = MappingWorld()
    world.gateway.outside = "100.64.0.9"
    world.igd.outside = ["192.168.0.9"]
    world.refresh()
    assert len(mapped(world)) == 2
    assert world.external == []


def test_the_port_others_see():
    world = MappingWorld(enable_upnp=False)
    assert world.mapping.external_port(6881) == 6881
    world.gateway.taken = {6881}
    world.refresh()
    world.mapping.add(TCP, 7000, 6881)
    world.settle()
    assert world.mapping.external_port(6881) == 6882
    assert world.mapping.external_port(6999) == 6999
    world.gateway.result = 8
    world.advance(2300)
    world.settle()
    assert world.told(PortmapErrorAlert)
    assert world.mapping.external_port(6881) == 6881


def test_the_wanted_gateway():
    world = MappingWorld(enable_upnp=False, natpmp_gateway="10.0.0.77")
    world.mapping.refresh()
    world.run()
    assert [address for _, address in world.sockets_opened[0].sent] == [("10.0.0.77", 5351)]


# Changes


def test_refreshing_changes_nothing_unless_told():
    world = MappingWorld()
    world.refresh()
    world.forget()
    world.refresh()
    assert mapped(world) == []
    world.refresh(remap=True)
    assert sorted(row[0] for row in mapped(world)) == [3, 4]
    assert list(world.gateway.mapped) == [(6, 6881)]
    assert list(world.igd.mapped) == [("TCP", 6881)]


def test_mapping_anew_finds_a_gateway_that_moved():
    world = MappingWorld(enable_natpmp=False)
    world.refresh()
    world.igd = FakeIgd(port=5001)
    world.servers["10.0.0.1"] = lambda request: world._serve(request) if b":5001" in request else None
    world.refresh(remap=True)
    assert list(world.igd.mapped) == [("TCP", 6881)]


def test_another_listen_port():
    world = MappingWorld()
    world.refresh()
    world.ports = [ListenPort("0.0.0.0", 7000)]
    world.refresh()
    assert list(world.gateway.mapped) == [(6, 7000)]
    assert list(world.igd.mapped) == [("TCP", 7000)]


def test_another_network():
    world = MappingWorld()
    world.refresh()
    world.interfaces = [Interface("wlan0", "192.168.0.7", 24)]
    world.routes = [Gateway("192.168.0.1", "wlan0")]
    world.refresh()
    assert {alert.local_address for alert in world.told(PortmapAlert)} == {"10.0.0.2", "192.168.0.7"}
    assert [sock.is_closed for sock in world.sockets_opened] == [True, True, False, False]
    assert not world.igd.mapped
    assert world.mapping.num_mappers == 2


def test_disabling_and_enabling():
    world = MappingWorld()
    world.refresh()
    world.settings.apply({"enable_natpmp": False})
    world.mapping.settings_changed({"enable_natpmp"})
    world.settle()
    assert not world.gateway.mapped
    assert world.mapping.num_mappers == 1
    world.settings.apply({"enable_natpmp": True})
    world.mapping.settings_changed({"enable_natpmp"})
    world.settle()
    assert world.gateway.mapped


def test_leases_and_strangers_follow_the_settings():
    world = MappingWorld()
    world.refresh()
    world.settings.apply(
        {"upnp_lease_duration": 0, "natpmp_lease_duration": 600, "upnp_ignore_nonrouters": True}
    )
    world.mapping.settings_changed({"upnp_lease_duration"})
    world.mapping.add(TCP, 7000, 7000)
    world.settle()
    assert world.igd.mapped["TCP", 7000][2] == 0
    assert int.from_bytes(world.gateway.heard[-1][4:8], "big") == 600


def test_no_socket_to_be_had():
    world = MappingWorld()
    world.refuses_datagram_sockets = True
    world.refresh()
    assert world.mapping.num_mappers == 0
    assert "no socket: [Errno 99] Cannot assign requested address" in [
        alert.text for alert in world.told(PortmapLogAlert)
    ]
    world.refuses_datagram_sockets = False
    world.refresh()
    assert len(mapped(world)) == 2


# What the application adds


def test_added_and_deleted():
    world = MappingWorld()
    world.refresh()
    ids = world.mapping.add(UDP, 7000, 7001)
    assert ids == [3, 4]
    world.settle()
    assert sorted(mapped(world)[2:]) == [(3, NATPMP, UDP, 7000), (4, UPNP, UDP, 7000)]
    world.mapping.delete(3)
    world.mapping.delete(99)
    world.settle()
    assert list(world.gateway.mapped) == [(6, 6881)]
    assert ("UDP", 7000) in world.igd.mapped
    world.refresh(remap=True)
    assert ("UDP", 7000) in world.igd.mapped


def test_without_a_gateway_nothing_is_added():
    world = MappingWorld()
    assert world.mapping.add(TCP, 7000, 7000) == []


@pytest.mark.parametrize("ports", [(0, 1), (1, 70000)])
def test_what_is_no_port_is_refused(ports):
    world = MappingWorld()
    world.refresh()
    with pytest.raises(LocalProtocolError):
        world.mapping.add(TCP, *ports)


def test_there_is_a_limit():
    world = MappingWorld(enable_upnp=False)
    world.refresh()
    for number in range(MAX_MAPPINGS - 1):
        assert world.mapping.add(TCP, 7000 + number, 7000 + number)
    assert world.mapping.add(TCP, 1, 1) == []
    world.ports.append(ListenPort("0.0.0.0", 6999))
    world.refresh()
    assert (6, 6999) not in world.gateway.mapped


def test_failures():
    world = MappingWorld()
    world.gateway.result = 2
    world.igd.errors["AddPortMapping"] = deque((402,))
    world.refresh()
    assert [
        (alert.mapping, alert.map_transport, alert.local_address, alert.error.category, alert.error.value)
        for alert in world.told(PortmapErrorAlert)
    ] == [(1, NATPMP, "10.0.0.2", "pcp error", 2), (2, UPNP, "10.0.0.2", "upnp", 402)]


def test_nothing_is_logged_that_nobody_wants():
    world = MappingWorld()
    world.alerts.set_mask(0)
    world.refresh()
    assert world.told(PortmapLogAlert) == []


# The end


def test_the_end_removes_everything_and_tells():
    world = MappingWorld()
    world.refresh()
    world.mapping.add(TCP, 7000, 7000)
    world.settle()
    ended: list[bool] = []
    world.mapping.close(lambda: ended.append(True))
    assert ended == []
    world.settle()
    assert ended == [True]
    assert not world.gateway.mapped and not world.igd.mapped
    assert world.is_clean()
    world.refresh()
    assert world.mapping.num_mappers == 0


def test_the_end_of_nothing_is_at_once():
    world = MappingWorld()
    ended: list[bool] = []
    world.mapping.close(lambda: ended.append(True))
    assert ended == [True]


def test_letting_go_while_gateways_do_not_answer():
    world = MappingWorld()
    world.refresh()
    world.gateway.is_silent = True
    world.igd = None
    ended: list[bool] = []
    world.mapping.close(lambda: ended.append(True))
    world.run()
    world.mapping.abort()
    world.mapping.abort()
    world.run()
    assert world.is_clean()
    assert ended == []


def test_a_gateway_that_grants_after_the_end_is_not_told():
    world = MappingWorld(enable_upnp=False)
    world.gateway.is_silent = True
    world.refresh()
    world.gateway.is_silent = False
    world.mapping.close(lambda: None)
    world.settle()
    assert mapped(world) == []
    assert world.is_clean()
