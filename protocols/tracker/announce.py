"""What is said to a tracker and what it answers, whatever the transport (BEP 3, 7, 15, 21, 23, 24, 31, 48)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv6Address
from typing import NamedTuple, TypeAlias

from ..errors import LocalProtocolError
from ..sam.destination import Destination
from ..types import Buffer

__all__ = [
    "DEFAULT_INTERVAL",
    "DEFAULT_MIN_INTERVAL",
    "MAX_INTERVAL",
    "MAX_PEERS",
    "MAX_SCRAPE_HASHES",
    "MAX_TEXT",
    "UNKNOWN",
    "AnnounceEvent",
    "AnnounceRequest",
    "AnnounceResponse",
    "ScrapeEntry",
    "ScrapeResponse",
    "TrackerPeer",
    "bounded_interval",
    "compact_peers",
]

UNKNOWN = -1
"""A count the tracker did not give (libtorrent's convention)."""

DEFAULT_INTERVAL = 1800
"""Seconds between announces when the tracker names none."""

DEFAULT_MIN_INTERVAL = 30
"""Seconds between announces we force when the tracker names none."""

MAX_INTERVAL = 24 * 3600
"""The longest interval a tracker can impose; more would be a way to silence us."""

MAX_PEERS = 5000
"""Peers taken from one answer; trackers send 50 to 200, the rest of a longer list is ignored."""

MAX_SCRAPE_HASHES = 74
"""Torrents in one scrape (BEP 15: "up to about 74")."""

MAX_TEXT = 1000
"""Characters kept of a failure reason, a warning or a tracker id."""


class AnnounceEvent(IntEnum):
    """Why we announce; the values of BEP 15, and BEP 21's as libtorrent numbers it."""

    NONE = 0
    COMPLETED = 1
    STARTED = 2
    STOPPED = 3
    PAUSED = 4
    """A partial seed (BEP 21), in every announce while it is one."""


@dataclass(frozen=True, slots=True)
class AnnounceRequest:
    """One announce of one torrent.  LocalProtocolError when a field cannot be put on the wire."""

    info_hash: bytes
    """20 bytes; for a v2 torrent its truncated hash (BEP 52)."""
    peer_id: bytes
    """20 bytes."""
    port: int
    """Where we accept peers; 0 when we do not."""
    uploaded: int = 0
    """Payload bytes sent since "started"."""
    downloaded: int = 0
    """Payload bytes received since "started"."""
    left: int = 0
    """Bytes still missing."""
    event: AnnounceEvent = AnnounceEvent.NONE
    key: int = 0
    """32 bits that name us to this tracker although our address changes (BEP 7)."""
    num_want: int = 200
    """Peers asked for; -1 leaves it to the tracker."""
    ip: str = ""
    """Numeric address to announce instead of the one the tracker sees; mostly ignored by trackers."""
    ipv4: tuple[str, ...] = ()
    """Further own addresses (private trackers)."""
    ipv6: tuple[str, ...] = ()
    """Further own addresses (private trackers)."""
    trackerid: str = ""
    """What this tracker gave us as `AnnounceResponse.tracker_id`."""
    supportcrypto: bool = False
    """We accept encrypted connections."""
    corrupt: int = 0
    """Bytes received that failed their hash."""
    redundant: int | None = None
    """Bytes received twice; None does not tell."""

    def __post_init__(self) -> None:
        if len(self.info_hash) != 20 or len(self.peer_id) != 20:
            raise LocalProtocolError("info-hash and peer id have 20 bytes each")
        if not 0 <= self.port <= 0xFFFF:
            raise LocalProtocolError(f"port {self.port} in an announce")
        if not 0 <= self.key <= 0xFFFFFFFF:
            raise LocalProtocolError("an announce key has 32 bits")
        if min(self.uploaded, self.downloaded, self.left, self.corrupt) < 0:
            raise LocalProtocolError("negative byte count in an announce")


class TrackerPeer(NamedTuple):
    """A peer the tracker told of."""

    host: str
    """Numeric address, or a name in the long form of BEP 3; on I2P the name of the destination."""
    port: int
    """0 on I2P, which has none."""
    peer_id: bytes | None = None
    destination: Destination | None = None
    """On I2P, if the tracker told more than its hash."""


@dataclass(frozen=True, slots=True)
class AnnounceResponse:
    """A tracker's answer to an announce."""

    interval: int = DEFAULT_INTERVAL
    """Seconds until the next regular announce."""
    min_interval: int = DEFAULT_MIN_INTERVAL
    """Seconds before which not even a forced announce may come."""
    complete: int = UNKNOWN
    """Seeds."""
    incomplete: int = UNKNOWN
    """Leechers."""
    downloaded: int = UNKNOWN
    """Times the torrent was completed."""
    peers: list[TrackerPeer] = field(default_factory=list)
    tracker_id: str = ""
    """To be sent back as `AnnounceRequest.trackerid`."""
    warning: str = ""
    """Words for the user; the announce worked all the same."""
    external_ip: str | None = None
    """Our address as the tracker sees it (BEP 24)."""
    tracker_address: str = ""
    """Numeric address of the tracker that answered; set by the client."""


@dataclass(frozen=True, slots=True)
class ScrapeEntry:
    """What a tracker knows of one torrent (BEP 48)."""

    complete: int = UNKNOWN
    """Seeds."""
    incomplete: int = UNKNOWN
    """Leechers and partial seeds."""
    downloaded: int = UNKNOWN
    """Times the torrent was completed."""
    downloaders: int = UNKNOWN
    """Leechers without the partial seeds (BEP 21)."""


ScrapeResponse: TypeAlias = Mapping[bytes, ScrapeEntry]
"""Entries by 20-byte info-hash; a torrent the tracker does not know is absent."""


def bounded_interval(seconds: int) -> int:
    """An interval from the wire, made usable: neither negative nor longer than MAX_INTERVAL."""
    return min(max(seconds, 0), MAX_INTERVAL)


def compact_peers(data: Buffer, address_size: int) -> list[TrackerPeer]:
    """Peers of a compact list (BEP 23, 7): `address_size` 4 or 16.  ValueError for a broken length.

    Entries with port 0 cannot be connected to and are left out.
    """
    stride = address_size + 2
    if len(data) % stride:
        raise ValueError(f"compact peer list of {len(data)} bytes is no multiple of {stride}")
    raw = bytes(data[: MAX_PEERS * stride])
    text = _ipv4_text if address_size == 4 else _ipv6_text
    peers = []
    for start in range(0, len(raw), stride):
        end = start + address_size
        if port := raw[end] << 8 | raw[end + 1]:
            peers.append(TrackerPeer(text(raw[start:end]), port))
    return peers


def _ipv4_text(packed: bytes) -> str:
    return f"{packed[0]}.{packed[1]}.{packed[2]}.{packed[3]}"


def _ipv6_text(packed: bytes) -> str:
    return str(IPv6Address(packed))
