"""The .torrent file (BEP 3, 5, 12, 19, 38, 52): an info dictionary and what helps to find its peers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..bencode import BencodeValue, RawValue, decode_spans, encode, find_bytes, find_dict, find_int, find_list
from ..types import Buffer, Sha1Hash, Sha256Hash
from .errors import MetainfoError
from .file_tree import read_piece_layers
from .info import TorrentInfo, read_collections, read_similar
from .limits import LoadLimits
from .paths import decode_text
from .urls import is_tracker_url, quote_url

__all__ = ["Metainfo", "parse_torrent", "write_torrent"]

_DEFAULT_LIMITS: Final = LoadLimits()
Table = dict[bytes, BencodeValue]


@dataclass(frozen=True, slots=True)
class Metainfo:
    """What a .torrent file says."""

    info: TorrentInfo
    trackers: list[list[str]] = field(default_factory=list)
    """URLs in tiers (BEP 12), best first; those that are no tracker's are left out."""
    web_seeds: list[str] = field(default_factory=list)
    """URLs (BEP 19), percent-encoded; of a folder when they end in "/"."""
    nodes: list[tuple[str, int]] = field(default_factory=list)
    """Hosts and ports of DHT nodes (BEP 5)."""
    comment: str = ""
    created_by: str = ""
    creation_date: int = 0
    """POSIX time; 0 when not said."""
    encoding: str = ""
    """Of the strings that are not UTF-8, as the maker named it; not used."""
    similar: list[Sha1Hash] = field(default_factory=list)
    """Torrents that share files, said outside of the info dictionary (BEP 38)."""
    collections: list[str] = field(default_factory=list)
    """Collections, said outside of the info dictionary (BEP 38)."""
    piece_layers: dict[Sha256Hash, bytes] = field(default_factory=dict)
    """Hashes of the pieces of files by the root of the file (BEP 52), checked against it."""


def parse_torrent(data: Buffer, limits: LoadLimits = _DEFAULT_LIMITS) -> Metainfo:
    """Parse a .torrent file.

    RemoteProtocolError (a MetainfoError, or a BencodeError) when it breaks a rule or exceeds `limits`.
    """
    if len(data) > limits.max_buffer_size:
        raise MetainfoError("metadata_too_large", f"a torrent file of {len(data)} bytes")
    raw = bytes(data)
    table, _, spans = decode_spans(
        raw,
        span_depth=2,
        max_depth=limits.max_decode_depth,
        max_items=limits.max_decode_tokens,
        strict=False,
    )
    if not isinstance(table, dict):
        raise MetainfoError("torrent_is_no_dict", "a torrent file is a dictionary")
    info_table = find_dict(table, b"info")
    if info_table is None:
        raise MetainfoError("torrent_missing_info", "a torrent file without an info dictionary")
    start, end = next((start, end) for depth, key, start, end in spans if depth == 1 and key == b"info")
    hashes_end = next((e for _, key, s, e in spans if key == b"pieces" and start < s < end), start)
    pieces_at = hashes_end - len(find_bytes(info_table, b"pieces") or b"") - start
    info = TorrentInfo(raw[start:end], info_table, pieces_at, limits)
    return Metainfo(
        info,
        trackers=_trackers(table, limits),
        web_seeds=_web_seeds(table, info.num_files > 1, limits),
        nodes=_nodes(table, limits),
        comment=_text(table, b"comment"),
        created_by=_text(table, b"created by"),
        creation_date=max(0, find_int(table, b"creation date") or 0),
        encoding=_text(table, b"encoding"),
        similar=read_similar(table) if b"similar" in table else [],
        collections=read_collections(table) if b"collections" in table else [],
        piece_layers=_piece_layers(table, info),
    )


def write_torrent(meta: Metainfo) -> bytes:
    """The bytes of a .torrent file that says what `meta` says; its info section is kept as it is."""
    torrent: dict[bytes, object] = {b"info": RawValue(meta.info.info_section)}
    if meta.trackers:
        torrent[b"announce"] = meta.trackers[0][0]
    if len(meta.trackers) > 1 or any(len(tier) > 1 for tier in meta.trackers):
        torrent[b"announce-list"] = meta.trackers
    optional: dict[bytes, object] = {
        b"url-list": meta.web_seeds if len(meta.web_seeds) > 1 else "".join(meta.web_seeds),
        b"nodes": [list(node) for node in meta.nodes],
        b"comment": meta.comment,
        b"created by": meta.created_by,
        b"creation date": meta.creation_date,
        b"encoding": meta.encoding,
        b"similar": meta.similar,
        b"collections": meta.collections,
        b"piece layers": meta.piece_layers,
    }
    return encode(torrent | {key: value for key, value in optional.items() if value})


def _piece_layers(table: Table, info: TorrentInfo) -> dict[Sha256Hash, bytes]:
    layers = find_dict(table, b"piece layers") if info.info_hashes.v2 else None
    return {} if layers is None else read_piece_layers(layers, info.files)


def _text(table: Table, key: bytes) -> str:
    raw = find_bytes(table, key + b".utf-8") or find_bytes(table, key)
    return decode_text(raw) if raw else ""


def _url(value: BencodeValue) -> str:
    """A string as a URL, "" when it cannot be one."""
    try:
        return value.decode().lstrip() if isinstance(value, bytes) else ""
    except UnicodeDecodeError:
        return ""


def _trackers(table: Table, limits: LoadLimits) -> list[list[str]]:
    tiers = []
    room = limits.max_trackers
    for entry in find_list(table, b"announce-list") or []:
        urls = [_url(url) for url in entry] if isinstance(entry, list) else []
        tier = list(dict.fromkeys(url for url in urls if is_tracker_url(url)))[:room]
        if tier:
            tiers.append(tier)
            room -= len(tier)
    if not tiers:
        url = _url(table.get(b"announce", b""))
        tiers = [[url]] if is_tracker_url(url) and room > 0 else []
    return tiers


def _web_seeds(table: Table, has_folder: bool, limits: LoadLimits) -> list[str]:
    value = table.get(b"url-list", b"")
    entries = value if isinstance(value, list) else [value]
    seeds: dict[str, None] = {}
    for entry in entries:
        url = quote_url(_url(entry))
        if has_folder and not url.endswith("/"):
            url += "/" if url else ""
        if url and len(seeds) < limits.max_web_seeds:
            seeds[url] = None
    return list(seeds)


def _nodes(table: Table, limits: LoadLimits) -> list[tuple[str, int]]:
    nodes = []
    for entry in find_list(table, b"nodes") or []:
        match entry:
            case [bytes() as host, int() as port, *_] if 0 < port < 65536:
                nodes.append((decode_text(host), port))
    return nodes[: limits.max_nodes]
