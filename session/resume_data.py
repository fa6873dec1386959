"""Resume data: `AddTorrentParams` as bytes and back, in libtorrent's format ("libtorrent resume file", version 1 and 2).

Interchangeable with libtorrent 2.1 in both directions.  What is read is untrusted: wrong types count as missing and numbers
out of range as unknown, as there; but data that is no resume data, metadata that does not have the hash it should, and a
renamed file that would leave the save path are refused (libtorrent accepts the last).

Departures: written metadata is byte for byte what was received; paths that are no UTF-8 survive (surrogateescape).
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..protocols.bencode import (
    BencodeError,
    BencodeValue,
    RawValue,
    decode_spans,
    encode,
    find_bytes,
    find_dict,
    find_int,
    find_list,
)
from ..protocols.bits import Bitfield
from ..protocols.errors import ProtocolError
from ..protocols.metainfo import LoadLimits, TorrentInfo
from ..protocols.metainfo.paths import is_safe_path
from ..protocols.tracker.i2p_urls import has_i2p_tracker
from ..protocols.types import Address, Buffer, InfoHashes, Sha1Hash, Sha256Hash
from .errors import ErrorCode, ResumeDataError, TorrentErrc
from .flags import StorageMode, TorrentFlags
from .params import AddTorrentParams

__all__ = ["MAX_RESUME_DATA", "read_resume_data", "write_resume_data", "write_resume_data_buf"]

MAX_RESUME_DATA: Final = 256 * 1024 * 1024
"""Bytes of resume data: metadata of two million pieces, its hash trees, and room."""

MAX_TRACKER_TIER: Final = 1024
"""Tiers are written at most this far (as libtorrent)."""

_TOP_PRIORITY: Final = 7
_FILE_FORMAT: Final = b"libtorrent resume file"
_DEFAULT_LIMITS: Final = LoadLimits()
_INT32_MAX: Final = 2**31 - 1

Table = Mapping[bytes, BencodeValue]

_COUNTS: Final = (
    # (attribute, key, default); smaller than the default is unknown.
    ("total_uploaded", b"total_uploaded", 0),
    ("total_downloaded", b"total_downloaded", 0),
    ("active_time", b"active_time", 0),
    ("finished_time", b"finished_time", 0),
    ("seeding_time", b"seeding_time", 0),
    ("last_seen_complete", b"last_seen_complete", 0),
    ("last_download", b"last_download", 0),
    ("last_upload", b"last_upload", 0),
    ("added_time", b"added_time", 0),
    ("completed_time", b"completed_time", 0),
    ("creation_date", b"creation date", 0),
    ("num_complete", b"num_complete", -1),
    ("num_incomplete", b"num_incomplete", -1),
    ("num_downloaded", b"num_downloaded", -1),
    ("max_uploads", b"max_uploads", -1),
    ("max_connections", b"max_connections", -1),
    ("upload_limit", b"upload_rate_limit", -1),
    ("download_limit", b"download_rate_limit", -1),
)

_TEXTS: Final = (
    ("name", b"name"),
    ("comment", b"comment"),
    ("created_by", b"created by"),
    ("save_path", b"save_path"),
    ("part_file_dir", b"part_file_dir"),
    ("root_certificate", b"root_certificate"),
)

_OPTIONAL_KEYS: Final = frozenset((b"name", b"comment", b"created by", b"creation date"))
"""Left out when empty."""

_FLAGS: Final = (
    (TorrentFlags.seed_mode, b"seed_mode"),
    (TorrentFlags.upload_mode, b"upload_mode"),
    (TorrentFlags.share_mode, b"share_mode"),
    (TorrentFlags.apply_ip_filter, b"apply_ip_filter"),
    (TorrentFlags.paused, b"paused"),
    (TorrentFlags.auto_managed, b"auto_managed"),
    (TorrentFlags.super_seeding, b"super_seeding"),
    (TorrentFlags.i2p_torrent, b"i2p"),
    (TorrentFlags.sequential_download, b"sequential_download"),
    (TorrentFlags.stop_when_ready, b"stop_when_ready"),
    (TorrentFlags.disable_dht, b"disable_dht"),
    (TorrentFlags.disable_lsd, b"disable_lsd"),
    (TorrentFlags.disable_pex, b"disable_pex"),
    (TorrentFlags.disable_v1_hashes, b"disable_v1_hashes"),
)

_SAVED: Final = ~int(TorrentFlags.need_save_resume)
_FLAG_BITS: Final = tuple((int(flag), key) for flag, key in _FLAGS)
"""Arithmetic of enum members costs a microsecond each."""


def write_resume_data_buf(params: AddTorrentParams) -> bytes:
    """Resume data as bytes, to be saved and given to `read_resume_data` another time."""
    table = _write_table(params)
    if params.ti is not None:
        # The metadata goes in as the bytes it came as: encoding it again could change the info-hash.
        table[b"info"] = RawValue(params.ti.info_section)
    return encode(table)


def write_resume_data(params: AddTorrentParams) -> dict[bytes, Any]:
    """Resume data as a dictionary, for those who want to add to it.

    Any: the values are what bencoding knows.  Metadata is decoded, so encoding the whole again may not give the bytes
    of `write_resume_data_buf`; `read_resume_data` refuses it if the info-hash changed.
    """
    table = _write_table(params)
    if params.ti is not None:
        table[b"info"] = decode_spans(params.ti.info_section, strict=False)[0]
    return table


def read_resume_data(
    data: Buffer | Mapping[bytes, Any], limits: LoadLimits = _DEFAULT_LIMITS
) -> AddTorrentParams:
    """What `write_resume_data_buf` of this package or of libtorrent wrote, ready for `add_torrent`.

    ResumeDataError when it is something else; its `code` says why.
    """
    raw = encode(data) if isinstance(data, Mapping) else bytes(data)
    if len(raw) > MAX_RESUME_DATA:
        raise _refused(TorrentErrc.limit_exceeded, f"{len(raw)} bytes of resume data")
    try:
        table, used, spans = decode_spans(
            raw, max_depth=limits.max_decode_depth, max_items=limits.max_decode_tokens, strict=False
        )
    except BencodeError as error:
        raise _refused(TorrentErrc.invalid_bencoding, str(error)) from error
    if not isinstance(table, dict):
        raise _refused(TorrentErrc.not_a_dictionary, "resume data is a dictionary")
    if used != len(raw):
        raise _refused(TorrentErrc.invalid_bencoding, f"{len(raw) - used} bytes after the resume data")
    info_span = next(((start, end) for _, key, start, end in spans if key == b"info"), None)
    info_section = raw[slice(*info_span)] if info_span and find_dict(table, b"info") is not None else None
    return _read_table(table, info_section, limits)


# Writing


def _write_table(params: AddTorrentParams) -> dict[bytes, Any]:
    hashes = params.ti.info_hashes if params.ti is not None else params.info_hashes
    table: dict[bytes, Any] = {
        b"file-format": _FILE_FORMAT,
        b"file-version": 2,
        b"allocation": "allocate" if params.storage_mode is StorageMode.storage_mode_allocate else "sparse",
        b"info-hash": hashes.v1 or bytes(20),
        b"info-hash2": hashes.v2 or bytes(32),
        b"trackers": _write_trackers(params),
        b"url-list": list(params.url_seeds),
    }
    for attribute, key, _ in _COUNTS:
        table[key] = int(getattr(params, attribute))
    for attribute, key in _TEXTS:
        table[key] = getattr(params, attribute).encode("utf-8", "surrogateescape")
    flags = int(params.flags)
    for bit, key in _FLAG_BITS:
        table[key] = int(flags & bit != 0)
    for key in _OPTIONAL_KEYS:
        if not table[key]:
            del table[key]
    _write_pieces(params, table)
    _write_files(params, table)
    _write_trees(params, table)
    _write_peers(table, b"peers", params.peers)
    _write_peers(table, b"banned_peers", params.banned_peers)
    return table


def _write_trackers(params: AddTorrentParams) -> list[list[str]]:
    if not params.trackers:
        return []
    tiers: list[list[str]] = [[]]
    tier = 0
    for index, url in enumerate(params.trackers):
        if index < len(params.tracker_tiers):
            tier = min(max(params.tracker_tiers[index], 0), MAX_TRACKER_TIER)
        tiers.extend([] for _ in range(tier + 1 - len(tiers)))
        tiers[tier].append(url)
    return tiers


def _write_pieces(params: AddTorrentParams, table: dict[bytes, Any]) -> None:
    if params.have_pieces is not None and len(params.have_pieces):
        table[b"pieces"] = params.have_pieces.to_wire()
    if params.verified_pieces is not None and params.verified_pieces.any():
        table[b"verified"] = params.verified_pieces.to_wire()
    if params.unfinished_pieces:
        table[b"unfinished"] = [
            {b"piece": int(piece), b"bitmask": blocks.to_wire()}
            for piece, blocks in sorted(params.unfinished_pieces.items())
        ]
    if params.piece_priorities:
        table[b"piece_priority"] = bytes(params.piece_priorities)


def _write_files(params: AddTorrentParams, table: dict[bytes, Any]) -> None:
    if params.file_priorities:
        table[b"file_priority"] = [int(priority) for priority in params.file_priorities]
    if params.renamed_files:
        names = [b""] * (max(params.renamed_files) + 1)
        for index, name in params.renamed_files.items():
            names[index] = name.encode("utf-8", "surrogateescape")
        table[b"mapped_files"] = names


def _write_trees(params: AddTorrentParams, table: dict[bytes, Any]) -> None:
    trees: list[dict[bytes, bytes]] = []
    for index, nodes in enumerate(params.merkle_trees):
        tree = {b"hashes": b"".join(nodes)}
        for key, fields in ((b"verified", params.verified_leaf_hashes), (b"mask", params.merkle_tree_mask)):
            if index < len(fields) and len(fields[index]):
                tree[key] = fields[index].to_wire()
        trees.append(tree)
    if trees:
        table[b"trees"] = trees


def _write_peers(table: dict[bytes, Any], key: bytes, peers: Iterable[Address]) -> None:
    packed = {b"": bytearray(), b"6": bytearray()}
    for host, port in peers:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        suffix = b"6" if ":" in host else b""
        packed[suffix] += socket.inet_pton(family, host) + port.to_bytes(2, "big")
    if peers:
        for suffix, data in packed.items():
            table[key + suffix] = bytes(data)


# Reading


def _refused(value: TorrentErrc, detail: str) -> ResumeDataError:
    standard = ErrorCode.of(value)
    message = f"{standard.message}: {detail}"
    return ResumeDataError(message, ErrorCode(standard.value, standard.category, message))


def _read_table(table: Table, info_section: bytes | None, limits: LoadLimits) -> AddTorrentParams:
    if find_bytes(table, b"file-format") != _FILE_FORMAT:
        raise _refused(TorrentErrc.invalid_file_tag, "the file format is not named")
    version = table.get(b"file-version", 1)
    if version not in (1, 2):
        raise _refused(TorrentErrc.invalid_file_tag, f"version {version!r} of the format")
    params = AddTorrentParams()
    params.info_hashes = _read_hashes(table)
    if info_section is not None:
        params.ti = _read_info(info_section, params.info_hashes, limits)
        params.info_hashes = params.ti.info_hashes
    if params.info_hashes.v1 is None and params.info_hashes.v2 is None:
        raise _refused(TorrentErrc.missing_info_hash, "of all zeros")
    get = table.get
    for attribute, key, default in _COUNTS:
        value = get(key)
        if type(value) is int and value != default:
            setattr(params, attribute, value if default <= value < 2**63 else default)
    for attribute, key in _TEXTS:
        value = get(key)
        if type(value) is bytes and value:
            setattr(params, attribute, _text(value))
    if params.part_file_dir and not is_safe_path(params.part_file_dir):
        raise _refused(TorrentErrc.invalid_save_path, f"part file in {params.part_file_dir!r}")
    if find_bytes(table, b"allocation") in (b"allocate", b"full"):
        params.storage_mode = StorageMode.storage_mode_allocate
    _read_flags(table, params)
    _read_sources(table, params)
    _read_files(table, params)
    _read_trees(table, params, version)
    _read_pieces(table, params, version)
    if params.ti is not None:
        params.fit_to(params.ti)
    params.flags = TorrentFlags(int(params.flags) & _SAVED)
    return params


def _read_hashes(table: Table) -> InfoHashes:
    v1 = find_bytes(table, b"info-hash") or b""
    v2 = find_bytes(table, b"info-hash2") or b""
    if len(v1) != Sha1Hash.LENGTH and len(v2) != Sha256Hash.LENGTH:
        raise _refused(TorrentErrc.missing_info_hash, "neither v1 nor v2")
    return InfoHashes(
        Sha1Hash(v1) if len(v1) == Sha1Hash.LENGTH and any(v1) else None,
        Sha256Hash(v2) if len(v2) == Sha256Hash.LENGTH and any(v2) else None,
    )


def _read_info(section: bytes, named: InfoHashes, limits: LoadLimits) -> TorrentInfo:
    if (named.v1 is not None and hashlib.sha1(section).digest() != named.v1) or (
        named.v2 is not None and hashlib.sha256(section).digest() != named.v2
    ):
        raise _refused(TorrentErrc.mismatching_info_hash, "the metadata is of another torrent")
    try:
        return TorrentInfo.from_info(section, limits=limits)
    except ProtocolError as error:
        raise ResumeDataError(str(error), ErrorCode.from_exception(error)) from error


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _texts(values: Iterable[BencodeValue]) -> list[str]:
    """Those that are text and not empty."""
    found = []
    for value in values:
        if isinstance(value, bytes) and value:
            try:
                found.append(value.decode())
            except UnicodeDecodeError:
                continue
    return found


def _read_flags(table: Table, params: AddTorrentParams) -> None:
    flags, get = int(params.flags), table.get
    for bit, key in _FLAG_BITS:
        value = get(key)
        if type(value) is int:
            flags = flags | bit if value else flags & ~bit
    params.flags = TorrentFlags(flags)


def _read_sources(table: Table, params: AddTorrentParams) -> None:
    # A list that is there and empty says that the user removed them all, so it replaces the .torrent file's too.
    trackers = find_list(table, b"trackers")
    if trackers is not None:
        params.flags |= TorrentFlags.override_trackers
        tiers = [tier for tier in trackers if isinstance(tier, list)]
        for tier, urls in enumerate(tiers):
            for url in _texts(urls):
                params.trackers.append(url)
                params.tracker_tiers.append(tier)
        if has_i2p_tracker(params.trackers):
            params.flags |= TorrentFlags.i2p_torrent
    seeds = find_list(table, b"url-list")
    if seeds is not None:
        params.flags |= TorrentFlags.override_web_seeds
        params.url_seeds = _texts(seeds)
    params.peers = _read_peers(table, b"peers")
    params.banned_peers = _read_peers(table, b"banned_peers")


def _read_peers(table: Table, key: bytes) -> list[Address]:
    peers = []
    for suffix, family, size in ((b"", socket.AF_INET, 4), (b"6", socket.AF_INET6, 16)):
        data = find_bytes(table, key + suffix)
        if not data:
            continue
        for at in range(0, len(data) - size - 1, size + 2):
            port = int.from_bytes(data[at + size : at + size + 2], "big")
            if port:
                peers.append((socket.inet_ntop(family, data[at : at + size]), port))
    return peers


def _priority(value: BencodeValue) -> int:
    return min(max(value, 0), _TOP_PRIORITY) if isinstance(value, int) else 4


def _read_files(table: Table, params: AddTorrentParams) -> None:
    for index, name in enumerate(find_list(table, b"mapped_files") or ()):
        if isinstance(name, bytes) and name:
            path = _text(name)
            if not is_safe_path(path):
                raise _refused(TorrentErrc.invalid_save_path, f"file {index} renamed to {path!r}")
            params.renamed_files[index] = path
    params.file_priorities = [_priority(value) for value in find_list(table, b"file_priority") or ()]
    if 0 in params.file_priorities:
        # A file that is not wanted may be incomplete.
        params.flags &= ~TorrentFlags.seed_mode
    params.piece_priorities = [
        min(value, _TOP_PRIORITY) for value in find_bytes(table, b"piece_priority") or b""
    ]


def _read_bits(raw: bytes) -> Bitfield:
    return Bitfield.from_wire(raw, len(raw) * 8)


def _read_marks(raw: bytes, bit: int) -> Bitfield:
    """Version 1: a byte for each, of which one bit counts."""
    return Bitfield.from_indices(len(raw), (index for index, byte in enumerate(raw) if byte & bit))


def _read_pieces(table: Table, params: AddTorrentParams, version: BencodeValue) -> None:
    pieces = find_bytes(table, b"pieces") or b""
    verified = Bitfield(0)
    if version == 1:
        have, verified = _read_marks(pieces, 1), _read_marks(pieces, 2)
    else:
        have = _read_bits(pieces)
    # No bits is nothing known, which is not the same as no pieces.
    params.have_pieces = have if len(have) else None
    verified_bits = find_bytes(table, b"verified")
    if verified_bits is not None:
        verified = _read_bits(verified_bits)
    params.verified_pieces = verified if verified.any() else None
    for entry in find_list(table, b"unfinished") or ():
        if isinstance(entry, dict):
            piece, blocks = find_int(entry, b"piece"), find_bytes(entry, b"bitmask")
            if piece is not None and 0 <= piece <= _INT32_MAX and blocks:
                params.unfinished_pieces[piece] = _read_bits(blocks)


def _read_trees(table: Table, params: AddTorrentParams, version: BencodeValue) -> None:
    def bits(raw: bytes) -> Bitfield:
        # Version 1 wrote the digits 0 and 1, which differ in the lowest bit.
        return _read_marks(raw, 1) if version == 1 else _read_bits(raw)

    for tree in find_list(table, b"trees") or ():
        nodes = find_bytes(tree, b"hashes") if isinstance(tree, dict) else None
        if nodes is None or len(nodes) % Sha256Hash.LENGTH or not isinstance(tree, dict):
            break
        params.merkle_trees.append(
            [Sha256Hash(nodes[at : at + Sha256Hash.LENGTH]) for at in range(0, len(nodes), Sha256Hash.LENGTH)]
        )
        params.verified_leaf_hashes.append(bits(find_bytes(tree, b"verified") or b""))
        params.merkle_tree_mask.append(bits(find_bytes(tree, b"mask") or b""))
