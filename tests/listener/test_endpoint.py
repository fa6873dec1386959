"""From the elements of a list to endpoints."""

from __future__ import annotations

import pytest
from evtorrent.listener.endpoint import Endpoint, expand_interface
from evtorrent.listener.interfaces import Interface
from evtorrent.listener.spec import parse_interfaces

MACHINE = [
    Interface("lo", "127.0.0.1", 8),
    Interface("eth0", "10.0.1.13", 24),
    Interface("eth0", "10.0.2.13", 24),
    Interface("eth0", "2001:db8::5", 64),
    Interface("eth0", "fe80::5%eth0", 64),
    Interface("", "192.0.2.1", 32),
]


def expand(text: str) -> list[Endpoint]:
    (element,), bad = parse_interfaces(text)
    assert not bad
    return expand_interface(element, MACHINE)


@pytest.mark.parametrize("text", ["0.0.0.0:6881", "[::]:6881s", "10.0.1.13:0", "[fe80::5%eth0]:1"])
def test_an_address_is_itself(text: str) -> None:
    (endpoint,) = expand(text)
    assert str(endpoint) == text
    assert not endpoint.networks
    assert endpoint.can_reach("8.8.8.8")


def test_a_device_is_its_addresses() -> None:
    found = expand("eth0:6881s")
    assert [str(each) for each in found] == [
        "10.0.1.13:6881s",
        "10.0.2.13:6881s",
        "[2001:db8::5]:6881s",
        "[fe80::5%eth0]:6881sl",  # link-local: local, said or not
    ]
    assert {each.device for each in found} == {"eth0"}


@pytest.mark.parametrize("text", ["eth7:6881", ":6881"])
def test_a_device_that_does_not_exist_is_nothing(text: str) -> None:
    assert expand(text) == []


@pytest.mark.parametrize(
    ("text", "reached", "not_reached"),
    [
        ("10.0.1.13:1l", ["10.0.1.99", "::ffff:10.0.1.99"], ["10.0.2.1", "8.8.8.8", "::1"]),
        ("0.0.0.0:1l", ["10.0.1.99", "10.0.2.1", "127.0.0.5"], ["8.8.8.8", "2001:db8::1"]),
        ("[::]:1l", ["2001:db8::77", "fe80::1%eth0"], ["2001:db9::1", "10.0.1.99"]),
        ("10.9.9.9:1l", [], ["10.9.9.9", "10.0.1.99"]),
        ("lo:1", ["127.0.0.2"], ["10.0.1.13", "nonsense"]),
    ],
)
def test_local_endpoints_reach_their_network_only(
    text: str, reached: list[str], not_reached: list[str]
) -> None:
    (endpoint,) = expand(text)
    assert endpoint.is_local
    assert [host for host in reached + not_reached if endpoint.can_reach(host)] == reached
