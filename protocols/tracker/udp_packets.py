"""UDP tracker packets: pack ours, unpack theirs (BEP 15, 41).

`unpack_*` take a whole datagram whose action and transaction were already matched and raise InvalidTrackerResponse.
Longer packets than the layouts need are fine: BEP 15 reserves the tail for extensions.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from ipaddress import AddressValueError, IPv4Address

from ..errors import LocalProtocolError
from ..types import Buffer
from .announce import (
    MAX_SCRAPE_HASHES,
    MAX_TEXT,
    UNKNOWN,
    AnnounceRequest,
    AnnounceResponse,
    ScrapeEntry,
    bounded_interval,
    compact_peers,
)
from .errors import InvalidTrackerResponse

__all__ = [
    "MAX_URL_DATA",
    "Action",
    "pack_announce",
    "pack_connect",
    "pack_scrape",
    "unpack_announce",
    "unpack_connect",
    "unpack_error",
    "unpack_header",
    "unpack_scrape",
]

PROTOCOL_ID = 0x41727101980
"""The magic "connection id" of a connect request."""

UDP_MIN_INTERVAL = 60
"""Seconds between forced announces; the packet has no field for it (libtorrent's value)."""

MAX_URL_DATA = 1020
"""Bytes of path and query sent along (four options of BEP 41), so that an announce always fits one packet."""

MAX_COUNT = 2**31 - 1

_CONNECT = struct.Struct(">QII")
_HEADER = struct.Struct(">II")
_CONNECTION_ID = struct.Struct(">8xQ")
_ANNOUNCE = struct.Struct(">QII20s20sQQQI4sIiH")
_ANNOUNCED = struct.Struct(">8xIII")
_SCRAPE = struct.Struct(">QII")
_SCRAPED = struct.Struct(">III")
_URL_DATA = 0x2
_MAX_OPTION = 255


class Action(IntEnum):
    """What a packet is."""

    CONNECT = 0
    ANNOUNCE = 1
    SCRAPE = 2
    ERROR = 3


def pack_connect(transaction: int) -> bytes:
    """Ask for a connection id."""
    return _CONNECT.pack(PROTOCOL_ID, Action.CONNECT, transaction)


def pack_announce(
    request: AnnounceRequest,
    connection: int,
    transaction: int,
    *,
    url_data: bytes = b"",
    is_ipv6: bool = False,
) -> bytes:
    """An announce; `url_data` is path and query of the tracker's URL (BEP 41)."""
    head = _ANNOUNCE.pack(
        connection,
        Action.ANNOUNCE,
        transaction,
        request.info_hash,
        request.peer_id,
        request.downloaded,
        request.left,
        request.uploaded,
        request.event,
        # BEP 15: "not usable under IPv6 and thus should always be set to 0"
        bytes(4) if is_ipv6 else _packed_ipv4(request.ip),
        request.key,
        request.num_want,
        request.port,
    )
    return head + _url_options(url_data)


def pack_scrape(info_hashes: Sequence[bytes], connection: int, transaction: int) -> bytes:
    """A scrape of at most MAX_SCRAPE_HASHES torrents."""
    if not 0 < len(info_hashes) <= MAX_SCRAPE_HASHES:
        raise LocalProtocolError(f"a scrape names 1 to {MAX_SCRAPE_HASHES} torrents, not {len(info_hashes)}")
    return _SCRAPE.pack(connection, Action.SCRAPE, transaction) + b"".join(info_hashes)


def unpack_header(data: Buffer) -> tuple[int, int] | None:
    """(action, transaction) of a datagram, None when it is too short to be one of ours."""
    return _HEADER.unpack_from(data) if len(data) >= _HEADER.size else None


def unpack_connect(data: Buffer) -> int:
    """The connection id."""
    if len(data) < _CONNECTION_ID.size:
        raise InvalidTrackerResponse(f"connect answer of {len(data)} bytes")
    connection: int = _CONNECTION_ID.unpack_from(data)[0]
    return connection


def unpack_announce(data: Buffer, *, is_ipv6: bool) -> AnnounceResponse:
    """The answer to an announce; the family of the packet decides the form of its peers."""
    if len(data) < _ANNOUNCED.size:
        raise InvalidTrackerResponse(f"announce answer of {len(data)} bytes")
    interval, leechers, seeders = _ANNOUNCED.unpack_from(data)
    try:
        peers = compact_peers(memoryview(data)[_ANNOUNCED.size :], 16 if is_ipv6 else 4)
    except ValueError as error:
        raise InvalidTrackerResponse(str(error)) from error
    return AnnounceResponse(
        bounded_interval(interval), UDP_MIN_INTERVAL, _count(seeders), _count(leechers), peers=peers
    )


def unpack_scrape(data: Buffer, info_hashes: Sequence[bytes]) -> dict[bytes, ScrapeEntry]:
    """The answer to a scrape of `info_hashes`, which come back in the order asked."""
    if len(data) < _HEADER.size + _SCRAPED.size * len(info_hashes):
        raise InvalidTrackerResponse(f"scrape answer of {len(data)} bytes for {len(info_hashes)} torrents")
    entries = {}
    for index, info_hash in enumerate(info_hashes):
        seeders, completed, leechers = _SCRAPED.unpack_from(data, _HEADER.size + _SCRAPED.size * index)
        entries[bytes(info_hash)] = ScrapeEntry(_count(seeders), _count(leechers), _count(completed))
    return entries


def unpack_error(data: Buffer) -> str:
    """The words of an error packet."""
    return bytes(data[_HEADER.size : _HEADER.size + MAX_TEXT]).rstrip(b"\0").decode("utf-8", "replace")


def _count(value: int) -> int:
    return value if value <= MAX_COUNT else UNKNOWN


def _packed_ipv4(text: str) -> bytes:
    try:
        return IPv4Address(text).packed
    except AddressValueError:
        return bytes(4)


def _url_options(url_data: bytes) -> bytes:
    if len(url_data) > MAX_URL_DATA:
        raise LocalProtocolError(
            f"path and query of {len(url_data)} bytes, at most {MAX_URL_DATA} are allowed"
        )
    options = bytearray()
    for start in range(0, len(url_data), _MAX_OPTION):
        part = url_data[start : start + _MAX_OPTION]
        options += bytes((_URL_DATA, len(part))) + part
    return bytes(options)
