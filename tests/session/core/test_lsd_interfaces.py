from __future__ import annotations

import pytest
from evtorrent.listener.interfaces import Interface
from evtorrent.session.core.lsd_interfaces import LsdInterface, lsd_interfaces

LO, LO6 = Interface("lo", "127.0.0.1", 8), Interface("lo", "::1", 128)
ETH, WIFI = Interface("eth0", "192.168.1.2", 24), Interface("wlan0", "10.0.0.2", 16)
ETH6, ETH6_LINK = Interface("eth0", "fd00::2", 64), Interface("eth0", "fe80::1%eth0", 64)
MACHINE = [LO, ETH, WIFI, LO6, ETH6, ETH6_LINK]


def names(endpoints: list[tuple[str, int]], machine: list[Interface] = MACHINE) -> list[tuple[str, int]]:
    return [(each.name, each.port) for each in lsd_interfaces(endpoints, machine)]


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ([], []),
        ([("0.0.0.0", 1)], [("192.168.1.2", 1), ("10.0.0.2", 1)]),
        ([("::", 1)], [("eth0", 1)]),
        ([("0.0.0.0", 1), ("::", 2)], [("192.168.1.2", 1), ("10.0.0.2", 1), ("eth0", 2)]),
        ([("10.0.0.2", 1), ("0.0.0.0", 2)], [("10.0.0.2", 1), ("192.168.1.2", 2)]),
        ([("127.0.0.1", 1)], [("127.0.0.1", 1)]),
        ([("127.0.0.2", 1)], [("127.0.0.2", 1)]),
        ([("fe80::1%eth0", 1)], [("eth0", 1)]),
        ([("::1", 1)], [("lo", 1)]),
        ([("203.0.113.9", 1)], [("203.0.113.9", 1)]),
        ([("2001:db8::9", 1)], []),
    ],
)
def test_where_it_runs(endpoints: list[tuple[str, int]], expected: list[tuple[str, int]]) -> None:
    assert names(endpoints) == expected


def test_loopback_is_used_when_it_is_all_there_is() -> None:
    assert names([("0.0.0.0", 1), ("::", 1)], [LO, LO6]) == [("127.0.0.1", 1), ("lo", 1)]


def test_who_is_heard() -> None:
    (v4,) = lsd_interfaces([("192.168.1.2", 1)], MACHINE)
    assert v4.can_hear("192.168.1.77") and not v4.can_hear("192.168.2.1") and not v4.can_hear("fd00::3")
    (v6,) = lsd_interfaces([("fd00::2", 1)], MACHINE)
    assert v6.can_hear("fd00::3") and v6.can_hear("fe80::9%eth0") and not v6.can_hear("2001:db8::1")
    (named,) = lsd_interfaces([("127.0.0.2", 1)], MACHINE)
    assert named.can_hear("127.0.0.3") and named.address == "127.0.0.2"
    (alone,) = lsd_interfaces([("203.0.113.9", 1)], [])
    assert (
        isinstance(alone, LsdInterface)
        and alone.can_hear("203.0.113.9")
        and not alone.can_hear("203.0.113.8")
    )
