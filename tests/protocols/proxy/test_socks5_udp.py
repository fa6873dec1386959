from __future__ import annotations

import random

import pytest
from evtorrent.protocols.proxy import ProxyError, unwrap_datagram, wrap_datagram
from support.mutation import mutate


@pytest.mark.parametrize("host", ["1.2.3.4", "2001:db8::1", "tracker.example"])
def test_round_trip(host: str) -> None:
    wrapped = wrap_datagram(b"question", (host, 6969))
    assert wrapped.startswith(bytes(3))
    assert unwrap_datagram(memoryview(wrapped)) == (b"question", (host, 6969))
    assert unwrap_datagram(wrap_datagram(b"", (host, 6969)))[0] == b""


@pytest.mark.parametrize("datagram", [b"", bytes(2), b"\0\0\x01" + bytes(20), b"\0\x01\0" + bytes(20)])
def test_fragments_and_others(datagram: bytes) -> None:
    with pytest.raises(ProxyError, match="no datagram of SOCKS 5"):
        unwrap_datagram(datagram)


def storm(count: int, seed: int) -> int:
    """Damaged datagrams give what is left of them or ProxyError.  Gives how many were good."""
    rng, num_good = random.Random(seed), 0
    samples = [wrap_datagram(b"data", (host, 6969)) for host in ("1.2.3.4", "2001:db8::1", "far.example")]
    for number in range(count):
        data = mutate(rng, samples, (b"\0", b"\1", b"\3", b"\4", b"\xff"))
        if number % 3 == 0:
            data = bytes(rng.choice((0, 3))) + bytes((rng.randrange(6),)) + rng.randbytes(rng.randrange(30))
        try:
            payload, (host, port) = unwrap_datagram(data)
        except ProxyError:
            continue
        num_good += 1
        assert data.endswith(payload)
        assert len(host) <= 255
        assert 0 <= port < 65536
    return num_good


def test_ten_thousand_datagrams() -> None:
    assert 1000 < storm(10_000, seed=1) < 9500


@pytest.mark.soak
def test_a_million_datagrams() -> None:
    assert storm(1_000_000, seed=2)
