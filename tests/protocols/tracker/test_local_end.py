from __future__ import annotations

from ipaddress import ip_network

import pytest
from evtorrent.protocols.tracker import ANYWHERE, LocalEnd


@pytest.mark.parametrize(
    ("host", "bind"),
    [
        ("", None),
        ("0.0.0.0", None),
        ("::", None),
        ("10.0.0.1", ("10.0.0.1", 0)),
        ("2600::1", ("2600::1", 0)),
        ("fe80::1%eth0", ("fe80::1%eth0", 0)),
    ],
)
def test_bind(host, bind):
    assert LocalEnd(host).bind == bind


@pytest.mark.parametrize(
    ("local", "reached", "not_reached"),
    [
        (ANYWHERE, ["8.8.8.8", "2600::9", "fe80::2%eth0"], []),
        (LocalEnd("0.0.0.0"), ["8.8.8.8"], ["2600::9"]),
        (LocalEnd("::"), ["2600::9", "fe80::2%eth0"], ["8.8.8.8"]),
        (LocalEnd("10.0.0.1"), ["8.8.8.8"], ["2600::9"]),
        (LocalEnd("2600::1"), ["2600::9"], ["8.8.8.8", "fe80::2%eth0"]),
        (LocalEnd("fe80::1%eth0"), ["fe80::2%eth0"], ["fe80::2%eth1", "2600::9"]),
        (LocalEnd("10.0.0.1", (ip_network("10.0.0.0/24"),)), ["10.0.0.9"], ["10.0.1.9", "8.8.8.8"]),
    ],
)
def test_who_can_be_reached(local, reached, not_reached):
    assert all(local.can_reach(host) for host in reached)
    assert not any(local.can_reach(host) for host in not_reached)
