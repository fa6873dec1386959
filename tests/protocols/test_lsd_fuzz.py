"""Datagrams nobody should send to local discovery."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from evtorrent.protocols.lsd import LocalDiscovery, LsdAnnounce, pack_announce
from evtorrent.protocols.types import Sha1Hash
from support.extension_mutation import LONG, QUICK, fuzz

NAME = Sha1Hash(bytes(range(20, 40)))
LSD = [
    pack_announce(LsdAnnounce(6881, (NAME,), b"abcd"), host="239.192.152.143:6771"),
    pack_announce(LsdAnnounce(1, (NAME, Sha1Hash(bytes(range(20))))), host="[ff15::efc0:988f]:6771"),
]


def feed_lsd(rng: random.Random, inputs: Iterator[bytes]) -> int:
    node, now = LocalDiscovery(is_ipv6=False, cookie=b"ours"), 0.0
    for data in inputs:
        now += 0.05
        for (host, port), name in node.receive_datagram(data, ("10.0.0.9", 6771), now):
            assert host == "10.0.0.9" and 0 < port < 65536 and len(name) == 20
    return node.num_dropped


@pytest.mark.slow
def test_ten_thousand_inputs() -> None:
    fuzz(LSD, feed_lsd, QUICK, seed=1)


@pytest.mark.soak
def test_a_million_inputs() -> None:
    fuzz(LSD, feed_lsd, LONG)
