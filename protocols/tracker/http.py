"""HTTP tracker protocol: URLs out, bencoded answers in (BEP 3, 7, 21, 23, 24, 31, 48).  No I/O here; see client.py.

Lenient as libtorrent is where trackers in the field differ (unknown keys, wrong types of optional keys, a few bad peers
in a long list), strict where a wrong answer would mislead: a compact list of broken length, no dictionary at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import TypeAlias

from ..bencode import decode
from ..errors import LocalProtocolError, RemoteProtocolError
from ..http.url import percent_encode
from ..types import Buffer
from .announce import (
    DEFAULT_INTERVAL,
    DEFAULT_MIN_INTERVAL,
    MAX_PEERS,
    MAX_SCRAPE_HASHES,
    MAX_TEXT,
    UNKNOWN,
    AnnounceEvent,
    AnnounceRequest,
    AnnounceResponse,
    ScrapeEntry,
    ScrapeResponse,
    TrackerPeer,
    bounded_interval,
    compact_peers,
)
from .errors import RETRY_NEVER, InvalidTrackerResponse, ScrapeNotAvailable, TrackerFailure
from .i2p_peers import i2p_peers

__all__ = ["announce_url", "has_tracker_arguments", "parse_announce", "parse_scrape", "scrape_url"]

MAX_ITEMS = 100_000
"""Bencoded values in one answer; 20,000 peers in the long form."""

MAX_DEPTH = 10
"""Nesting of an answer; the protocol needs 4."""

MAX_COUNT = 2**31 - 1
"""The largest number of seeds or leechers believed."""

_TRACKER_ARGUMENTS = frozenset(
    ("info_hash", "event", "port", "left", "key", "uploaded", "downloaded", "corrupt", "peer_id")
)

_Dict: TypeAlias = Mapping[bytes, object]


def announce_url(url: str, request: AnnounceRequest) -> str:
    """The URL to GET for an announce at the tracker `url`."""
    arguments = [
        ("info_hash", percent_encode(request.info_hash)),
        ("peer_id", percent_encode(request.peer_id)),
        ("port", str(request.port)),
        ("uploaded", str(request.uploaded)),
        ("downloaded", str(request.downloaded)),
        ("left", str(request.left)),
        ("corrupt", str(request.corrupt)),
        ("key", f"{request.key:08X}"),
    ]
    if request.event is not AnnounceEvent.NONE:
        arguments.append(("event", request.event.name.lower()))
    if request.num_want >= 0:
        arguments.append(("numwant", str(request.num_want)))
    arguments += [("compact", "1"), ("no_peer_id", "1")]
    if request.supportcrypto:
        arguments.append(("supportcrypto", "1"))
    if request.redundant is not None:
        arguments.append(("redundant", str(request.redundant)))
    if request.trackerid:
        arguments.append(("trackerid", percent_encode(request.trackerid.encode("utf-8", "surrogateescape"))))
    if request.ip:
        arguments.append(("ip", percent_encode(request.ip)))
    arguments += [("ipv4", percent_encode(address)) for address in request.ipv4]
    arguments += [("ipv6", percent_encode(address)) for address in request.ipv6]
    return _with_arguments(url, arguments)


def scrape_url(url: str, info_hashes: Sequence[bytes]) -> str:
    """The URL to GET for a scrape at the tracker whose announce URL is `url`.  ScrapeNotAvailable."""
    if not 0 < len(info_hashes) <= MAX_SCRAPE_HASHES:
        raise LocalProtocolError(f"a scrape names 1 to {MAX_SCRAPE_HASHES} torrents, not {len(info_hashes)}")
    head, mark, query = url.partition("?")
    path_start = head.find("/", head.find("://") + 3)
    # BEP 48: "locating the string announce in the path section", so a host of that name does not count.
    position = head.rfind("announce", path_start) if path_start >= 0 else -1
    if position < 0:
        raise ScrapeNotAvailable(f"no scrape URL for {url[:200]}")
    scrape = head[:position] + "scrape" + head[position + len("announce") :]
    return _with_arguments(scrape + mark + query, [("info_hash", percent_encode(h)) for h in info_hashes])


def has_tracker_arguments(query: str) -> bool:
    """A query that already holds what only we may say; such a URL is somebody else's request (SSRF)."""
    names = (argument.partition("=")[0].lower() for argument in query.split("&"))
    return not _TRACKER_ARGUMENTS.isdisjoint(names)


def parse_announce(body: Buffer, *, is_i2p: bool = False) -> AnnounceResponse:
    """The answer to an announce.  TrackerFailure or InvalidTrackerResponse.  With `is_i2p` peers are destinations."""
    answer = _parse_answer(body)
    return AnnounceResponse(
        interval=bounded_interval(_integer(answer, b"interval", DEFAULT_INTERVAL)),
        min_interval=bounded_interval(_integer(answer, b"min interval", DEFAULT_MIN_INTERVAL)),
        complete=_count(answer, b"complete"),
        incomplete=_count(answer, b"incomplete"),
        downloaded=_count(answer, b"downloaded"),
        peers=(i2p_peers if is_i2p else _peers)(answer)[:MAX_PEERS],
        tracker_id=_tracker_id(answer),
        warning=_text(answer, b"warning message"),
        external_ip=None if is_i2p else _packed_address(answer.get(b"external ip")),
    )


def parse_scrape(body: Buffer, info_hashes: Sequence[bytes]) -> ScrapeResponse:
    """The answer to a scrape of `info_hashes`.  TrackerFailure or InvalidTrackerResponse."""
    files = _parse_answer(body).get(b"files")
    if not isinstance(files, dict):
        raise InvalidTrackerResponse("scrape answer without files")
    entries = {}
    for info_hash in info_hashes:
        entry = files.get(bytes(info_hash))
        if isinstance(entry, dict):
            entries[bytes(info_hash)] = ScrapeEntry(
                _count(entry, b"complete"),
                _count(entry, b"incomplete"),
                _count(entry, b"downloaded"),
                _count(entry, b"downloaders"),
            )
    return entries


def _with_arguments(url: str, arguments: Sequence[tuple[str, str]]) -> str:
    url = url.partition("#")[0]
    if "?" not in url:
        joint = "?"
    else:
        joint = "" if url.endswith(("?", "&")) else "&"
    return url + joint + "&".join(f"{name}={value}" for name, value in arguments)


def _parse_answer(body: Buffer) -> _Dict:
    try:
        answer = decode(bytes(body), max_depth=MAX_DEPTH, max_items=MAX_ITEMS, strict=False)
    except RemoteProtocolError as error:
        raise InvalidTrackerResponse(f"answer is not bencoded: {error}") from error
    if not isinstance(answer, dict):
        raise InvalidTrackerResponse("answer is not a dictionary")
    if isinstance(answer.get(b"failure reason"), bytes):
        raise TrackerFailure(_text(answer, b"failure reason"), _retry_in(answer.get(b"retry in")))
    return answer


def _retry_in(value: object) -> float | None:
    """BEP 31: minutes as an integer or in decimal digits, or "never"."""
    if value == b"never":
        return RETRY_NEVER
    if isinstance(value, bytes) and value.isdigit() and len(value) <= 9:
        value = int(value)
    if isinstance(value, int) and value > 0:
        return float(bounded_interval(value * 60))
    return None


def _integer(answer: _Dict, key: bytes, default: int) -> int:
    value = answer.get(key)
    return value if isinstance(value, int) else default


def _count(answer: _Dict, key: bytes) -> int:
    value = _integer(answer, key, UNKNOWN)
    return value if 0 <= value <= MAX_COUNT else UNKNOWN


def _text(answer: _Dict, key: bytes) -> str:
    value = answer.get(key)
    return value.decode("utf-8", "replace")[:MAX_TEXT] if isinstance(value, bytes) else ""


def _tracker_id(answer: _Dict) -> str:
    value = answer.get(b"tracker id")
    if not isinstance(value, bytes) or len(value) > MAX_TEXT:
        return ""
    # Goes back to the tracker byte for byte, hence surrogates rather than replacement characters.
    return value.decode("utf-8", "surrogateescape")


def _packed_address(value: object) -> str | None:
    if isinstance(value, bytes) and len(value) in (4, 16):
        return str(ip_address(value))
    return None


def _peers(answer: _Dict) -> list[TrackerPeer]:
    peers = answer.get(b"peers")
    peers6 = answer.get(b"peers6")
    try:
        found = _peer_dicts(peers) if isinstance(peers, list) else []
        if isinstance(peers, bytes):
            found = compact_peers(peers, 4)
        if isinstance(peers6, bytes):
            found += compact_peers(peers6, 16)
    except ValueError as error:
        raise InvalidTrackerResponse(str(error)) from error
    return found


def _peer_dicts(entries: list[object]) -> list[TrackerPeer]:
    """BEP 3's long form.  ValueError only when not one entry is usable."""
    found = [peer for entry in entries if (peer := _peer_dict(entry)) is not None]
    if entries and not found:
        raise ValueError("not one usable entry in the list of peers")
    return found


def _peer_dict(entry: object) -> TrackerPeer | None:
    if not isinstance(entry, dict):
        return None
    host, port, peer_id = entry.get(b"ip"), entry.get(b"port"), entry.get(b"peer id")
    if not isinstance(host, bytes) or not isinstance(port, int) or not 0 < port <= 0xFFFF:
        return None
    if not 0 < len(host) <= 253 or not host.isascii() or not host.decode("ascii").isprintable():
        return None
    has_id = isinstance(peer_id, bytes) and len(peer_id) == 20
    return TrackerPeer(host.decode("ascii"), port, peer_id if has_id else None)
