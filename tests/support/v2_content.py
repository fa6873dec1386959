"""Torrents of v2 only, or hybrid, with their bytes: for `Member` as `Content` is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any

from evtorrent.protocols.metainfo import CreateFile, CreateFlags, CreateTorrent
from evtorrent.protocols.metainfo.merkle import block_hashes, piece_hash
from evtorrent.session import AddTorrentParams, load_torrent_buffer, make_magnet_uri
from support.sessions import Content


class V2Content(Content):
    """Files by name and size, or one of a size, of random bytes."""

    def __init__(
        self,
        files: Sequence[tuple[str, int]] | int = 500_000,
        piece_length: int = 32_768,
        *,
        name: str = "t",
        seed: int = 1,
        hybrid: bool = False,
    ) -> None:
        rng = random.Random(seed)
        if isinstance(files, int):
            entries = [CreateFile(name, files)]
        else:
            entries = [CreateFile(f"{name}/{path}", size) for path, size in files]
        made = CreateTorrent(entries, piece_length, CreateFlags(0) if hybrid else CreateFlags.V2_ONLY)
        storage = made.files
        self.data = b""
        for index in storage:
            data = bytes(storage.size(index)) if storage.is_pad(index) else rng.randbytes(storage.size(index))
            self.data += data
            if storage.is_pad(index):
                continue
            for number, at in enumerate(range(0, len(data), piece_length)):
                blocks = block_hashes(data[at : at + piece_length])
                digest = piece_hash(blocks, piece_length, whole_file=len(data) < piece_length)
                made.set_hash2(index, number, digest)
        for piece in range(made.num_pieces) if hybrid else ():
            at = piece * piece_length
            made.set_hash(piece, sha1(self.data[at : at + piece_length]).digest())
        self.torrent = made.generate_buf()
        """The .torrent file, with piece layers."""
        params = load_torrent_buffer(self.torrent)
        assert params.ti is not None
        self.info = params.ti
        self.data = self.data[: self.info.total_size]
        self.magnet = make_magnet_uri(AddTorrentParams(info_hashes=self.info.info_hashes))

    def params(self, folder: Path, **fields: Any) -> AddTorrentParams:
        params = load_torrent_buffer(self.torrent)
        params.save_path = str(folder)
        for name, value in fields.items():
            setattr(params, name, value)
        return params
