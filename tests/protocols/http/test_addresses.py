"""Where URLs from outside may lead."""

from __future__ import annotations

import pytest
from evtorrent.protocols.http.addresses import AddressGuard, AddressScope, address_scope, numeric_host
from evtorrent.protocols.http.url import parse_url

ALL = ["8.8.8.8", "192.168.1.1", "127.0.0.1", "::1", "2600::1", "fe80::1%eth0"]
ANNOUNCE = parse_url("http://host.example/announce")
OTHER = parse_url("http://host.example/admin?x")


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("8.8.8.8", AddressScope.PUBLIC),
        ("2600::1", AddressScope.PUBLIC),
        ("10.0.0.1", AddressScope.PRIVATE),
        ("172.16.0.1", AddressScope.PRIVATE),
        ("192.168.0.1", AddressScope.PRIVATE),
        ("169.254.169.254", AddressScope.PRIVATE),
        ("100.64.0.1", AddressScope.PRIVATE),
        ("224.0.0.1", AddressScope.PRIVATE),
        ("fd00::1", AddressScope.PRIVATE),
        ("fe80::1%2", AddressScope.PRIVATE),
        ("127.9.9.9", AddressScope.LOOPBACK),
        ("0.0.0.0", AddressScope.LOOPBACK),
        ("::", AddressScope.LOOPBACK),
        ("::1", AddressScope.LOOPBACK),
        ("::ffff:127.0.0.1", AddressScope.LOOPBACK),
        ("::ffff:10.0.0.1", AddressScope.PRIVATE),
        ("::ffff:8.8.8.8", AddressScope.PUBLIC),
        ("2002:7f00:1::", AddressScope.LOOPBACK),
        ("a.name.only.a.proxy.knows", AddressScope.PUBLIC),
        ("localhost", AddressScope.LOOPBACK),
        ("Any.LocalHost.", AddressScope.LOOPBACK),
    ],
)
def test_scope(host: str, scope: AddressScope) -> None:
    assert address_scope(host) is scope


def test_first_request_may_go_anywhere_but_loopback_wants_the_path() -> None:
    guard = AddressGuard(loopback_path="/announce")
    assert guard.admit(ANNOUNCE, ALL) == ALL
    assert guard.admit(OTHER, ALL) == ["8.8.8.8", "192.168.1.1", "2600::1", "fe80::1%eth0"]
    assert AddressGuard().admit(OTHER, ALL) == ALL


def test_redirects_never_lead_inwards() -> None:
    guard = AddressGuard(loopback_path="/announce")
    assert guard.admit(ANNOUNCE, ALL, "1.1.1.1") == ["8.8.8.8", "2600::1"]
    assert guard.admit(ANNOUNCE, ALL, "10.1.1.1") == ["8.8.8.8", "192.168.1.1", "2600::1", "fe80::1%eth0"]
    assert guard.admit(ANNOUNCE, ALL, "127.0.0.1") == ALL
    assert guard.admit(ANNOUNCE, ALL, "") == ["8.8.8.8", "2600::1"]


def test_numeric_host_keeps_the_scope() -> None:
    assert numeric_host(("1.2.3.4", 80)) == "1.2.3.4"
    assert numeric_host(("::1", 80, 0, 0)) == "::1"
    assert numeric_host(("fe80::1", 80, 0, 2)) == "fe80::1%2"
    assert numeric_host(("fe80::1%eth0", 80, 0, 2)) == "fe80::1%eth0"


def test_filter_holds_even_where_the_rules_are_off() -> None:
    guard = AddressGuard(
        loopback_path="/announce", is_enabled=False, is_allowed=lambda host: host != "8.8.8.8"
    )
    assert guard.admit(OTHER, ALL, "1.1.1.1") == ALL[1:]


def test_internationalized_names_may_be_left_alone() -> None:
    url = parse_url("http://bücher.example/announce")
    assert AddressGuard().admit(url, ALL) == ALL
    guard = AddressGuard(allows_idna=False, is_enabled=False)
    assert guard.admit(url, ALL) == []
    assert guard.admit(ANNOUNCE, ALL) == ALL
