from __future__ import annotations

import random

import pytest
from evtorrent.protocols.proxy import ProxyError, unwrap_datagram, wrap_datagram


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


def test_ten_thousand_datagrams() -> None:
    rng = random.Random(1)
    for _ in range(10_000):
        data = bytes(rng.choice((0, 3))) + bytes((rng.randrange(6),)) + rng.randbytes(rng.randrange(30))
        try:
            payload, _ = unwrap_datagram(data)
        except ProxyError:
            continue
        assert data.endswith(payload)
