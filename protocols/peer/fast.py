"""The allowed-fast set (BEP 6): pieces a choked newcomer may have, computed from its address so that both sides agree."""

from __future__ import annotations

import hashlib
import ipaddress

from ..types import PieceIndex, Sha1Hash

__all__ = ["allowed_fast_set"]


def allowed_fast_set(host: str, info_hash: Sha1Hash, num_pieces: int, size: int) -> list[PieceIndex]:
    """The first `size` pieces of the sequence BEP 6 defines for an IPv4 address; fewer when the torrent is smaller.

    BEP 6 defines no sequence for IPv6; there, as in libtorrent, the /48 of the address takes the place of the /24.
    ValueError when `host` is not an address.
    """
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = address.packed[:3] + b"\0" if address.version == 4 else address.packed[:6] + bytes(10)
    if num_pieces <= size:
        return [PieceIndex(index) for index in range(num_pieces)]
    chosen: dict[int, None] = {}
    digest = prefix + info_hash
    while len(chosen) < size:
        digest = hashlib.sha1(digest, usedforsecurity=False).digest()
        for start in range(0, 20, 4):
            chosen.setdefault(int.from_bytes(digest[start : start + 4], "big") % num_pieces)
            if len(chosen) == size:
                break
    return [PieceIndex(index) for index in chosen]
