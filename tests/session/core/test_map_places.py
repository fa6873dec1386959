from __future__ import annotations

import pytest
from evtorrent.listener.gateways import Gateway
from evtorrent.listener.interfaces import Interface
from evtorrent.session.core.map_places import MAX_PLACES, ListenPort, MapPlace, places_of

LO, LO_6 = Interface("lo", "127.0.0.1", 8), Interface("lo", "::1", 128)
ETH0, ETH0_B = Interface("eth0", "10.0.0.2", 24), Interface("eth0", "10.0.0.3", 24)
ETH0_6 = Interface("eth0", "2600::2", 64)
WLAN0 = Interface("wlan0", "192.168.0.7", 24)
LINK, LINK_6 = Interface("eth0", "169.254.1.1", 16), Interface("eth0", "fe80::2%eth0", 64)
UNIQUE = Interface("eth0", "fd00::2", 64)
EVERYTHING = [LO, ETH0, ETH0_B, WLAN0, LINK, LO_6, ETH0_6, LINK_6, UNIQUE]

ROUTER, ROUTER_6 = Gateway("10.0.0.1", "eth0"), Gateway("fe80::1%eth0", "eth0")

AT_ETH0 = MapPlace("10.0.0.2", "10.0.0.0/24", "10.0.0.1")
AT_ETH0_6 = MapPlace("2600::2", "2600::/64", "fe80::1%eth0")


def places(*hosts: str, interfaces=EVERYTHING, gateways=(ROUTER, ROUTER_6), wanted=""):
    return places_of([ListenPort(host, 6881) for host in hosts], interfaces, gateways, wanted)


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["0.0.0.0"], [AT_ETH0]),
        (["::"], [AT_ETH0_6]),
        (["0.0.0.0", "::"], [AT_ETH0, AT_ETH0_6]),
        (["10.0.0.2"], [AT_ETH0]),
        (["10.0.0.3"], [MapPlace("10.0.0.3", "10.0.0.0/24", "10.0.0.1")]),
        (["2600::2"], [AT_ETH0_6]),
        (["127.0.0.1"], []),
        (["127.0.0.1", "::1"], []),
        (["192.168.0.7"], []),
        (["169.254.1.1"], []),
        (["fe80::2%eth0"], []),
        (["fd00::2"], []),
        (["10.9.9.9"], []),
        ([], []),
    ],
)
def test_where_a_default_route_leads_away(hosts, expected):
    assert places(*hosts) == expected


def test_every_ipv6_address_needs_a_hole_of_its_own():
    more = Interface("eth0", "2600::abcd", 64)
    assert [each.local for each in places("::", interfaces=[ETH0_6, more])] == ["2600::2", "2600::abcd"]


def test_several_networks():
    routers = [ROUTER, Gateway("192.168.0.1", "wlan0")]
    assert [each.gateway for each in places("0.0.0.0", gateways=routers)] == ["10.0.0.1", "192.168.0.1"]


def test_no_gateway_no_place():
    assert places("0.0.0.0", "::", gateways=[]) == []


def test_where_devices_have_no_names():
    (place,) = places("0.0.0.0", interfaces=[Interface("", "10.0.0.2", 32)])
    assert place.gateway == "10.0.0.1"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("10.0.0.9", [("10.0.0.2", "10.0.0.9")]),
        ("8.8.8.8", [("10.0.0.2", "8.8.8.8")]),
        ("192.168.0.9", [("10.0.0.2", "192.168.0.9"), ("192.168.0.7", "192.168.0.9")]),
        ("2600::9", [("10.0.0.2", "10.0.0.1")]),
        ("router", [("10.0.0.2", "10.0.0.1")]),
    ],
)
def test_a_gateway_that_is_wanted(wanted, expected):
    assert [(each.local, each.gateway) for each in places("0.0.0.0", wanted=wanted)] == expected


def test_a_gateway_on_loopback_makes_no_place():
    assert places("127.0.0.1", "0.0.0.0", gateways=[], wanted="127.0.0.1") == []


def test_limit():
    many = [Interface("eth0", f"2600::{number:x}", 64) for number in range(1, MAX_PLACES + 5)]
    assert len(places("::", interfaces=many)) == MAX_PLACES
