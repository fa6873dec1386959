"""Mutable torrents: BEP 46's vectors."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.dht.items import MutableItem
from evtorrent.protocols.dht.mutable_torrent import MutableTorrentLink, mutable_torrent_value, torrent_of

KEY = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"


def test_bep46_vectors() -> None:
    link = MutableTorrentLink.parse(f"magnet:?xs=urn:btpk:{KEY}")
    assert link.target.hex() == "cc3f9d90b572172053626f9980ce261a850d050b"
    salted = MutableTorrentLink.parse(f"magnet:?xs=urn:btpk:{KEY}&s=6e")
    assert salted.salt == b"n"
    assert salted.target.hex() == "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"


@pytest.mark.parametrize("salt", [b"", b"a salt"])
def test_round_trip(salt: bytes) -> None:
    link = MutableTorrentLink(bytes.fromhex(KEY), salt)
    assert MutableTorrentLink.parse(str(link)) == link


@pytest.mark.parametrize(
    "uri",
    [
        f"http://x/?xs=urn:btpk:{KEY}",
        "magnet:?xt=urn:btih:" + "a" * 40,
        "magnet:?xs=urn:btih:" + "a" * 40,
        f"magnet:?xs=urn:btpk:{KEY[:-2]}",
        f"magnet:?xs=urn:btpk:{KEY[:-1]}g",
        f"magnet:?xs=urn:btpk:{KEY}&s=6",
        f"magnet:?xs=urn:btpk:{KEY}&s=" + "00" * 65,
    ],
)
def test_other_links(uri: str) -> None:
    with pytest.raises(ValueError):
        MutableTorrentLink.parse(uri)


def test_what_an_item_points_to() -> None:
    def item(value: Any) -> MutableItem:
        return MutableItem.signed(value, bytes(32), sequence=1)

    assert torrent_of(item(mutable_torrent_value(b"h" * 20))) == b"h" * 20
    for other in (b"text", {b"ih": b"short"}, {b"ih": 5}, {b"other": b"h" * 20}):
        assert torrent_of(item(other)) is None
    with pytest.raises(ValueError):
        mutable_torrent_value(b"short")
