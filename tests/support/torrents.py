"""Small torrents for tests of what surrounds them: metadata without content."""

from __future__ import annotations

from hashlib import sha1, sha256

from evtorrent.protocols import bencode
from evtorrent.protocols.metainfo import TorrentInfo, merkle

PIECE_LENGTH = 32 * 1024


def v1_info(size: int = 100_000, piece_length: int = PIECE_LENGTH, name: str = "file") -> TorrentInfo:
    """Metadata of one file of zeros."""
    hashes = [sha1(bytes(min(piece_length, size - at))).digest() for at in range(0, size, piece_length)]
    table = {"name": name, "length": size, "piece length": piece_length, "pieces": b"".join(hashes)}
    return TorrentInfo.from_info(bencode.encode(table))


def hybrid_torrent(*sizes: int, piece_length: int = PIECE_LENGTH, name: str = "folder") -> bytes:
    """A .torrent file, v1 and v2, of files of zeros named a, b, c…; all but the last must fill whole pieces."""
    tree: dict[str, object] = {}
    layers: dict[bytes, bytes] = {}
    files: list[dict[str, object]] = []
    pieces: list[bytes] = []
    for index, size in enumerate(sizes):
        file_name = chr(ord("a") + index)
        blocks = [sha256(bytes(min(16_384, size - at))).digest() for at in range(0, size, 16_384)]
        per_piece = piece_length // 16_384
        groups = [blocks[at : at + per_piece] for at in range(0, len(blocks), per_piece)]
        if size > piece_length:
            layer = [merkle.piece_hash(group, piece_length) for group in groups]
            root = merkle.file_root(layer, piece_length)
            layers[root] = b"".join(layer)
        else:
            root = merkle.merkle_root(blocks)
        tree[file_name] = {"": {"length": size, "pieces root": root}}
        files.append({"length": size, "path": [file_name]})
        pieces += [sha1(bytes(min(piece_length, size - at))).digest() for at in range(0, size, piece_length)]
    info = {
        "file tree": tree,
        "files": files,
        "meta version": 2,
        "name": name,
        "piece length": piece_length,
        "pieces": b"".join(pieces),
    }
    return bencode.encode({"info": info, "piece layers": layers})
