"""From .torrent files and magnet links to `AddTorrentParams`, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from ..protocols.bencode import decode_spans, encode
from ..protocols.metainfo import (
    LoadLimits,
    Magnet,
    Metainfo,
    TorrentInfo,
    parse_magnet,
    parse_torrent,
    write_torrent,
)
from ..protocols.tracker.i2p_urls import has_i2p_tracker
from ..protocols.types import Buffer, Sha256Hash
from .errors import ErrorCode, TorrentErrc, TorrentParamsError
from .flags import TorrentFlags, WriteTorrentFlags
from .hash_trees import piece_layers_of, set_piece_layers
from .params import AddTorrentParams

__all__ = [
    "load_torrent_buffer",
    "load_torrent_file",
    "load_torrent_parsed",
    "make_magnet_uri",
    "parse_magnet_uri",
    "write_torrent_file",
    "write_torrent_file_buf",
]

_DEFAULT_LIMITS: Final = LoadLimits()
_NORMAL_PRIORITY: Final = 4
_NO_FLAGS: Final = WriteTorrentFlags(0)


def load_torrent_file(path: str | os.PathLike[str], limits: LoadLimits = _DEFAULT_LIMITS) -> AddTorrentParams:
    """Read and parse a .torrent file.  OSError, and as `load_torrent_buffer`."""
    with open(path, "rb") as file:
        # One byte more than allowed is enough to know that it is too long.
        data = file.read(limits.max_buffer_size + 1)
    return load_torrent_buffer(data, limits)


def load_torrent_buffer(data: Buffer, limits: LoadLimits = _DEFAULT_LIMITS) -> AddTorrentParams:
    """Parse the bytes of a .torrent file.

    RemoteProtocolError when it breaks a rule or exceeds `limits`.
    """
    metainfo = parse_torrent(data, limits)
    info = metainfo.info
    params = AddTorrentParams(ti=info, info_hashes=info.info_hashes)
    for tier, urls in enumerate(metainfo.trackers):
        params.trackers.extend(urls)
        params.tracker_tiers.extend([tier] * len(urls))
    if has_i2p_tracker(params.trackers):
        params.flags |= TorrentFlags.i2p_torrent
    params.url_seeds = metainfo.web_seeds
    params.dht_nodes = metainfo.nodes
    params.comment = metainfo.comment
    params.created_by = metainfo.created_by
    params.creation_date = metainfo.creation_date
    if metainfo.piece_layers:
        set_piece_layers(params, info.files, metainfo.piece_layers)
    return params


def load_torrent_parsed(table: Mapping[bytes, Any], limits: LoadLimits = _DEFAULT_LIMITS) -> AddTorrentParams:
    """The same of a decoded .torrent file (Any: the values are what bencoding knows)."""
    return load_torrent_buffer(encode(table), limits)


def parse_magnet_uri(uri: str) -> AddTorrentParams:
    """Parse a magnet link (BEP 9, 53).  RemoteProtocolError when it is none."""
    magnet = parse_magnet(uri)
    params = AddTorrentParams(info_hashes=magnet.info_hashes, name=magnet.name)
    params.trackers = magnet.trackers
    params.tracker_tiers = list(range(len(magnet.trackers)))
    if has_i2p_tracker(params.trackers):
        params.flags |= TorrentFlags.i2p_torrent
    params.url_seeds = magnet.web_seeds
    params.peers = magnet.peers
    params.dht_nodes = magnet.nodes
    if magnet.select_only is not None:
        params.file_priorities = [0] * (max(magnet.select_only, default=-1) + 1)
        for index in magnet.select_only:
            params.file_priorities[index] = _NORMAL_PRIORITY
        params.flags |= TorrentFlags.default_dont_download
    return params


def make_magnet_uri(torrent: AddTorrentParams | TorrentInfo) -> str:
    """A magnet link.  TorrentParamsError when no info-hash is known."""
    params = AddTorrentParams(ti=torrent) if isinstance(torrent, TorrentInfo) else torrent
    hashes = params.info_hashes if params.ti is None else params.ti.info_hashes
    if hashes.v1 is None and hashes.v2 is None:
        raise TorrentParamsError()
    magnet = Magnet(
        hashes,
        name=params.name if params.ti is None else params.ti.name,
        trackers=params.trackers,
        web_seeds=params.url_seeds,
        nodes=params.dht_nodes,
        peers=params.peers,
        select_only=_selected(params),
    )
    return magnet.to_uri()


def _selected(params: AddTorrentParams) -> list[int] | None:
    """The files that are wanted, if there is one that is not."""
    priorities = params.file_priorities
    count = params.ti.files.num_files if params.ti is not None else 0
    others_wanted = not params.flags & TorrentFlags.default_dont_download
    if all(priorities) and (others_wanted or len(priorities) >= max(count, 1)):
        return None
    wanted = [index for index, priority in enumerate(priorities) if priority]
    return wanted + list(range(len(priorities), count)) if others_wanted else wanted


def write_torrent_file_buf(params: AddTorrentParams, flags: WriteTorrentFlags = _NO_FLAGS) -> bytes:
    """The bytes of a .torrent file; its info dictionary is `params.ti`'s byte for byte.

    TorrentParamsError when there is no metadata, or a v2 file lacks its piece layer (see `WriteTorrentFlags`).
    """
    info = params.ti
    if info is None:
        raise TorrentParamsError("", ErrorCode.of(TorrentErrc.torrent_missing_info))
    return write_torrent(
        Metainfo(
            info,
            trackers=params.tiers(),
            web_seeds=[] if flags & WriteTorrentFlags.no_http_seeds else params.url_seeds,
            nodes=params.dht_nodes if flags & WriteTorrentFlags.include_dht_nodes else [],
            comment=params.comment,
            created_by=params.created_by,
            creation_date=params.creation_date,
            piece_layers=_piece_layers(params, info, flags),
        )
    )


def write_torrent_file(params: AddTorrentParams, flags: WriteTorrentFlags = _NO_FLAGS) -> dict[bytes, Any]:
    """The same as a dictionary, for those who want to add to it (Any: the values are what bencoding knows)."""
    table = decode_spans(write_torrent_file_buf(params, flags), strict=False)[0]
    assert isinstance(table, dict)
    return table


def _piece_layers(
    params: AddTorrentParams, info: TorrentInfo, flags: WriteTorrentFlags
) -> dict[Sha256Hash, bytes]:
    if info.info_hashes.v2 is None:
        return {}
    try:
        return piece_layers_of(params, info.files)
    except TorrentParamsError:
        if flags & WriteTorrentFlags.allow_missing_piece_layer:
            return {}
        raise
