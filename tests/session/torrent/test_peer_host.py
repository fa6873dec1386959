from __future__ import annotations

import pytest
from evtorrent.session.torrent.peer_host import I2pHost, canonical_peer, is_plausible_peer
from support.sam_kit import destination

NAME = destination(1).name


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (("10.0.0.1", 80), ("10.0.0.1", 80)),
        (("::FFFF:10.0.0.1", 80), ("10.0.0.1", 80)),
        (("2001:DB8::0:1", 80), ("2001:db8::1", 80)),
        ((NAME, 0), (NAME, 0)),
        ((NAME.upper(), 6881), (NAME, 0)),
    ],
)
def test_spellings(address: tuple[str, int], expected: tuple[str, int]) -> None:
    where = canonical_peer(address)
    assert where is not None
    assert (str(where[0]), where[1]) == expected


@pytest.mark.parametrize("host", ["", "example.org", "tracker.i2p", NAME[1:], "localhost"])
def test_what_is_none(host: str) -> None:
    assert canonical_peer((host, 80)) is None


def test_who_may_listen() -> None:
    for good in (("10.0.0.1", 80), (NAME, 0), ("2001:db8::1", 65535), ("127.0.0.1", 2)):
        where = canonical_peer(good)
        assert where is not None and is_plausible_peer(where)
    for bad in (("10.0.0.1", 1), ("10.0.0.1", 65536), ("0.0.0.0", 80), ("224.0.0.1", 80), ("fe80::1", 80)):
        where = canonical_peer(bad)
        assert where is not None and not is_plausible_peer(where)


def test_a_name_is_nowhere_in_particular() -> None:
    host = I2pHost(NAME)
    assert (host.version, host.is_private, host.is_loopback) == (0, False, False)
