"""Who is listened to."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.dht.guard import MAX_BLOCKED, MAX_COUNTED, WINDOW, Guard
from evtorrent.protocols.dht.settings import DhtSettings

SETTINGS = DhtSettings(block_ratelimit=2, block_timeout=60)
LIMIT = int(2 * WINDOW)


def address(index: int) -> tuple[str, int]:
    return f"60.{index >> 8 & 255}.{index & 255}.{index >> 16 & 255}", 6881


def test_admitted_is_the_packed_host() -> None:
    assert Guard(SETTINGS).admit(("1.2.3.4", 5), now=0.0) == bytes((1, 2, 3, 4))


@pytest.mark.parametrize(
    "source", [("1.2.3.4", 0), ("0.0.0.0", 5), ("239.1.1.1", 5), ("name", 5), ("ff02::1", 5)]
)
def test_impossible_addresses(source: tuple[str, int]) -> None:
    assert Guard(SETTINGS).admit(source, now=0.0) is None


def test_a_flood_is_blocked_for_a_while() -> None:
    guard = Guard(SETTINGS)
    flooder, other = ("1.2.3.4", 5), ("1.2.3.5", 5)
    for _ in range(LIMIT):
        assert guard.admit(flooder, now=1.0)
    assert not guard.admit(flooder, now=1.0)
    assert not guard.admit((flooder[0], 99), now=2.0), "whatever the port"
    assert guard.admit(other, now=2.0)
    assert not guard.admit(flooder, now=60.9)
    assert guard.num_blocked == 1
    assert guard.admit(flooder, now=61.0)
    assert guard.num_blocked == 0


def test_a_steady_stream_is_no_flood() -> None:
    guard = Guard(SETTINGS)
    assert all(guard.admit(("1.2.3.4", 5), now=n * 0.51) for n in range(200))


def test_a_network_of_ipv6_counts_as_one() -> None:
    guard = Guard(SETTINGS)
    for n in range(LIMIT):
        assert guard.admit((f"2600:1:2:3::{n + 1:x}", 5), now=1.0)
    assert not guard.admit(("2600:1:2:3:ffff::1", 5), now=1.0)
    assert guard.admit(("2600:1:2:4::1", 5), now=1.0)


def test_what_is_remembered_is_bounded() -> None:
    guard = Guard(DhtSettings(block_ratelimit=1))
    for n in range(MAX_COUNTED + 10):
        assert guard.admit(address(n), now=1.0)
    assert guard.num_counted == MAX_COUNTED
    for n in range(MAX_BLOCKED + 10):
        for _ in range(int(WINDOW) + 1):
            guard.admit(address(n), now=2.0)
    assert guard.num_blocked == MAX_BLOCKED
    assert guard.num_counted <= MAX_COUNTED
    assert guard.admit(address(0), now=2.0), "blocked longest, so it made room"


def test_who_is_no_longer_heard_of_is_forgotten() -> None:
    guard = Guard(SETTINGS)
    for n in range(100):
        guard.admit(address(n), now=1.0)
    guard.admit(address(200), now=6.0)
    assert guard.num_counted == 101
    assert guard.admit(address(0), now=1.0 + WINDOW)
    assert guard.num_counted == 2


def test_dark_networks() -> None:
    assert Guard(SETTINGS).admit(("11.2.3.4", 5), now=0.0) is None
    assert Guard(DhtSettings(ignore_dark_internet=False)).admit(("11.2.3.4", 5), now=0.0)


def test_the_ip_filter_is_asked() -> None:
    guard = Guard(SETTINGS, is_allowed=lambda host: host != "1.2.3.4")
    assert guard.admit(("1.2.3.4", 5), now=0.0) is None
    assert guard.admit(("1.2.3.5", 5), now=0.0)


def test_any_order_keeps_the_bounds() -> None:
    guard = Guard(DhtSettings(block_ratelimit=1, block_timeout=5))
    rng = Random(3)
    now = 0.0
    for _ in range(5000):
        now += rng.random() * 0.01
        guard.admit(address(rng.randrange(40)), now=now)
        assert guard.num_counted + guard.num_blocked <= 80
