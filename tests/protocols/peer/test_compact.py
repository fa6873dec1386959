from __future__ import annotations

import pytest
from evtorrent.protocols.peer.compact import (
    IPV4_ENDPOINT,
    IPV6_ENDPOINT,
    pack_endpoint,
    pack_endpoints,
    split_endpoints,
)
from hypothesis import given
from hypothesis import strategies as st

V4 = [("1.2.3.4", 6881), ("255.255.255.255", 0), ("0.0.0.0", 65535)]
V6 = [("::1", 1), ("2001:db8::5", 6881)]


def test_bytes() -> None:
    assert pack_endpoint(("1.2.3.4", 6881)) == b"\1\2\3\4\x1a\xe1"
    assert pack_endpoint(("::1", 1)) == bytes(15) + b"\1\0\1"


@pytest.mark.parametrize(("addresses", "size"), [(V4, IPV4_ENDPOINT), (V6, IPV6_ENDPOINT)])
def test_round_trip(addresses: list[tuple[str, int]], size: int) -> None:
    packed = pack_endpoints(addresses)
    assert len(packed) == size * len(addresses)
    assert split_endpoints(packed, size) == addresses
    assert split_endpoints(memoryview(packed + b"\1" * (size - 1)), size) == addresses


@pytest.mark.parametrize("address", [("host", 1), ("1.2.3.4", -1), ("1.2.3.4", 65536)])
def test_what_is_no_endpoint_is_refused(address: tuple[str, int]) -> None:
    with pytest.raises(ValueError):
        pack_endpoint(address)


@given(st.binary(max_size=200), st.sampled_from([IPV4_ENDPOINT, IPV6_ENDPOINT]))
def test_anything_splits(data: bytes, size: int) -> None:
    found = split_endpoints(data, size)
    assert pack_endpoints(found) == data[: len(data) // size * size]
