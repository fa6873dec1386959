"""Magnet links to torrents (BEP 9, 53): read and written.

Left out: links by anything else than an info-hash (`urn:btpk`, BEP 46), and what is said of single files of other
networks.  A parameter that is broken is passed over, as other clients do; only a wrong info-hash, or none, makes the
link useless.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, unquote, unquote_to_bytes

from ..types import Address, InfoHashes, Sha1Hash, Sha256Hash
from .errors import MagnetError
from .paths import decode_text
from .urls import is_tracker_url

__all__ = ["Magnet", "parse_magnet"]

MAX_LENGTH: Final = 1 << 20
"""Characters of a link."""

MAX_ENTRIES: Final = 1_000
"""Trackers kept; web seeds, peers and nodes likewise.  Further ones are dropped."""

MAX_FILE_INDEX: Final = 10_000
"""Highest file a link can select, as in libtorrent: a range costs memory in proportion."""

_SCHEME: Final = "magnet:?"
_SHA256_MULTIHASH: Final = "1220"
_NUMBERED: Final = re.compile(r"\.[0-9]*\Z")
_SELECTION: Final = re.compile(r"[0-9,-]*")


@dataclass(frozen=True, slots=True)
class Magnet:
    """What a magnet link says."""

    info_hashes: InfoHashes
    name: str = ""
    """To show until the metadata is there; not safe as a file name."""
    trackers: list[str] = field(default_factory=list)
    """Each a tier of its own, in this order."""
    web_seeds: list[str] = field(default_factory=list)
    peers: list[Address] = field(default_factory=list)
    """Numeric addresses of peers to try (`x.pe`)."""
    nodes: list[tuple[str, int]] = field(default_factory=list)
    """Hosts and ports of DHT nodes (`dht`)."""
    select_only: list[int] | None = None
    """Indices of the files wanted, ascending (BEP 53); None for all."""
    length: int | None = None
    """Bytes of the torrent, as claimed (`xl`)."""

    def to_uri(self) -> str:
        """The link.  ValueError when there is no info-hash."""
        hashes = self.info_hashes
        parts = [f"xt=urn:btih:{hashes.v1}"] if hashes.v1 is not None else []
        if hashes.v2 is not None:
            parts.append(f"xt=urn:btmh:{_SHA256_MULTIHASH}{hashes.v2}")
        if not parts:
            raise ValueError("a magnet link needs an info-hash")
        if self.name:
            parts.append(f"dn={_quoted(self.name)}")
        if self.length is not None:
            parts.append(f"xl={self.length}")
        parts += [f"tr={_quoted(url)}" for url in self.trackers]
        parts += [f"ws={_quoted(url)}" for url in self.web_seeds]
        parts += [f"dht={_quoted(host)}:{port}" for host, port in self.nodes]
        parts += [
            f"x.pe=[{host}]:{port}" if ":" in host else f"x.pe={host}:{port}" for host, port in self.peers
        ]
        if self.select_only is not None:
            parts.append(f"so={_ranges(self.select_only)}")
        return _SCHEME + "&".join(parts)

    def __str__(self) -> str:
        return self.to_uri()


def parse_magnet(uri: str) -> Magnet:
    """Parse a magnet link.  MagnetError when it is none, or names no torrent."""
    if len(uri) > MAX_LENGTH:
        raise MagnetError("unsupported_url_protocol", f"a link of {len(uri)} characters")
    if uri[: len(_SCHEME)].lower() != _SCHEME:
        raise MagnetError("unsupported_url_protocol", "not a magnet link")
    values: dict[str, list[str]] = {}
    for part in uri[len(_SCHEME) :].split("&"):
        name, _, value = part.partition("=")
        # "tr.1=…" is as good as "tr=…"
        values.setdefault(_NUMBERED.sub("", name).lower(), []).append(value)
    return Magnet(
        info_hashes=_info_hashes(values.get("xt", [])),
        name=decode_text(unquote_to_bytes(values.get("dn", [""])[-1].replace("+", " "))),
        trackers=[url for url in _urls(values.get("tr", [])) if is_tracker_url(url)][:MAX_ENTRIES],
        web_seeds=_urls(values.get("ws", []))[:MAX_ENTRIES],
        peers=[peer for value in values.get("x.pe", []) if (peer := _peer(unquote(value)))][:MAX_ENTRIES],
        nodes=[node for value in values.get("dht", []) if (node := _endpoint(unquote(value)))][:MAX_ENTRIES],
        select_only=_selection(values.get("so", [])),
        length=_number(values.get("xl", [""])[-1], 2**63),
    )


def _info_hashes(topics: list[str]) -> InfoHashes:
    v1: Sha1Hash | None = None
    v2: Sha256Hash | None = None
    for topic in map(unquote, topics):
        if topic.startswith("urn:btih:"):
            v1 = Sha1Hash(_digest(topic[9:], 20))
        elif topic.startswith("urn:btmh:"):
            if not topic.startswith(_SHA256_MULTIHASH, 9):
                raise MagnetError("invalid_info_hash", "a v2 info-hash that is not SHA-256")
            v2 = Sha256Hash(_digest(topic[13:], 32))
    if v1 is None and v2 is None:
        raise MagnetError("missing_info_hash_in_uri", "a magnet link without an info-hash")
    return InfoHashes(v1, v2)


def _digest(text: str, length: int) -> bytes:
    try:
        if len(text) == 2 * length:
            return binascii.unhexlify(text)
        if length == 20 and len(text) == 32:
            return base64.b32decode(text, casefold=True)
    except ValueError:
        pass
    raise MagnetError("invalid_info_hash", f"info-hash {text[:80]!r}")


def _urls(values: list[str]) -> list[str]:
    urls = []
    for value in values:
        try:
            urls.append(unquote(value, errors="strict"))
        except UnicodeDecodeError:
            continue
    return [url for url in dict.fromkeys(urls) if url]


def _number(text: str, limit: int) -> int | None:
    """A decimal number below `limit`; None for anything else."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        return None
    value = int(text)
    return value if value < limit else None


def _endpoint(text: str) -> tuple[str, int] | None:
    host, _, digits = text.rpartition(":")
    port = _number(digits, 65536)
    if not host or not port:
        return None
    return host.removeprefix("[").removesuffix("]"), port


def _peer(text: str) -> Address | None:
    endpoint = _endpoint(text)
    if endpoint is None:
        return None
    try:
        return str(ip_address(endpoint[0])), endpoint[1]
    except ValueError:
        return None


def _selection(values: list[str]) -> list[int] | None:
    """The files of `so` parameters; None when there is no usable one."""
    usable = [value for value in map(unquote, values) if _SELECTION.fullmatch(value)]
    if not usable:
        return None
    wanted: set[int] = set()
    for token in ",".join(usable).split(","):
        low, dash, high = token.partition("-")
        first = _number(low, MAX_FILE_INDEX + 1)
        last = _number(high, MAX_FILE_INDEX + 1) if dash else first
        if first is not None and last is not None:
            wanted.update(range(first, last + 1))
    return sorted(wanted)


def _ranges(indices: Iterable[int]) -> str:
    """`0-2,5` for 0, 1, 2 and 5."""
    runs: list[list[int]] = []
    for index in sorted(set(indices)):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def _quoted(text: str) -> str:
    return quote(text, safe="!*()", errors="surrogateescape")
