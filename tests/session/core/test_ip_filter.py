from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from evtorrent.session.core.ip_filter import IpFilter, PortFilter
from hypothesis import given
from hypothesis import strategies as st

ALL4 = ("0.0.0.0", "255.255.255.255")
ALL6 = ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")


def exported(rules: IpFilter) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]:
    rules.check_invariant()
    v4, v6 = rules.export_filter()
    return [tuple(rule) for rule in v4], [tuple(rule) for rule in v6]


def test_new_filter_allows_all() -> None:
    rules = IpFilter()
    assert rules.is_empty
    assert exported(rules) == ([(*ALL4, 0)], [(*ALL6, 0)])
    assert rules.access("1.2.3.4") == 0
    assert not rules.is_blocked("::1")


def test_rule_covers_both_ends() -> None:
    rules = IpFilter()
    rules.add_rule("10.0.0.5", "10.0.0.9", IpFilter.BLOCKED)
    blocked = [host for host in range(12) if rules.is_blocked(f"10.0.0.{host}")]
    assert blocked == [5, 6, 7, 8, 9]
    assert not rules.is_empty


def test_later_rule_decides() -> None:
    rules = IpFilter()
    rules.add_rule("10.0.0.0", "10.0.0.255", 1)
    rules.add_rule("10.0.0.16", "10.0.0.31", 0)
    assert exported(rules)[0] == [
        ("0.0.0.0", "9.255.255.255", 0),
        ("10.0.0.0", "10.0.0.15", 1),
        ("10.0.0.16", "10.0.0.31", 0),
        ("10.0.0.32", "10.0.0.255", 1),
        ("10.0.1.0", "255.255.255.255", 0),
    ]
    rules.add_rule("10.0.0.0", "10.0.0.255", 0)
    assert rules.is_empty


def test_neighbours_are_joined() -> None:
    rules = IpFilter()
    rules.add_rule("1.0.0.0", "1.0.0.9", 1)
    rules.add_rule("1.0.0.20", "1.0.0.29", 1)
    rules.add_rule("1.0.0.10", "1.0.0.19", 1)
    assert ("1.0.0.0", "1.0.0.29", 1) in exported(rules)[0]


def test_the_whole_of_a_family() -> None:
    rules = IpFilter()
    rules.add_rule(*ALL6, 1)
    rules.add_rule(IPv4Address(0), IPv4Address("255.255.255.255"), 5)
    assert exported(rules) == ([(*ALL4, 5)], [(*ALL6, 1)])
    assert rules.access(ip_address("9.9.9.9")) == 5


def test_mapped_address_is_judged_as_ipv4() -> None:
    rules = IpFilter()
    rules.add_rule("10.0.0.1", "10.0.0.1", 1)
    assert rules.is_blocked("::ffff:10.0.0.1")
    assert not rules.is_blocked("::ffff:10.0.0.2")


@pytest.mark.parametrize(
    ("first", "last"), [("10.0.0.2", "10.0.0.1"), ("10.0.0.1", "::1"), ("nonsense", "::1")]
)
def test_impossible_rules(first: str, last: str) -> None:
    rules = IpFilter()
    with pytest.raises(ValueError):
        rules.add_rule(first, last, 1)
    assert rules.is_empty


rules = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 2)).map(
    lambda rule: (min(rule[:2]), max(rule[:2]), rule[2])
)


@given(st.lists(rules, max_size=12))
def test_last_rule_given_for_a_port_decides(given_rules: list[tuple[int, int, int]]) -> None:
    ports, model = PortFilter(), [0] * 0x10000
    addresses = IpFilter()
    top = 0xFFFFFFFF
    for first, last, flags in given_rules:
        ports.add_rule(first, last, flags)
        model[first : last + 1] = [flags] * (last - first + 1)
        addresses.add_rule(IPv4Address(top - last), IPv4Address(top - first), flags)
        addresses.check_invariant()
        ports._ports.check_invariant()
    assert [ports.access(port) for port in range(40)] == model[:40]
    assert [addresses.access(IPv4Address(top - port)) for port in range(40)] == model[:40]


def test_port_filter() -> None:
    rules = PortFilter()
    rules.add_rule(0, 1023, PortFilter.BLOCKED)
    assert rules.is_blocked(80)
    assert not rules.is_blocked(1024)
    rules.add_rule(0, 65535, 1)
    assert rules.is_blocked(65535)
    for first, last in ((5, 4), (-1, 4), (0, 65536)):
        with pytest.raises(ValueError, match="range"):
            rules.add_rule(first, last, 1)
    for port in (-1, 65536):
        with pytest.raises(ValueError, match="no port"):
            rules.access(port)


def test_blocklist_of_many_rules() -> None:
    rules = IpFilter()
    for host in range(0, 20_000, 2):
        rules.add_rule(IPv4Address(host), IPv4Address(host), 1)
    assert len(rules.export_filter()[0]) == 20_000
    assert rules.is_blocked(IPv4Address(19_998))
    assert not rules.is_blocked(IPv4Address(19_999))
