"""Torrent files built by hand as tables: valid ones, and the same with one thing changed."""

from __future__ import annotations

from typing import Any

from evtorrent.protocols.bencode import encode
from evtorrent.protocols.metainfo import TorrentInfo

PIECE = 16 * 1024


def single_info(**changes: Any) -> dict[str, Any]:
    """The info dictionary of a file of two and a half pieces; None removes a key, `_` stands for a space."""
    return changed(
        {"name": "file.bin", "piece length": PIECE, "length": PIECE * 5 // 2, "pieces": hashes(3)}, changes
    )


def multi_info(files: list[Any], *, total: int | None = None, **changes: Any) -> dict[str, Any]:
    """The info dictionary of these files: (path, size) pairs, or entries as they are to be."""
    entries = [
        entry if not isinstance(entry, tuple) else {"path": entry[0].split("/"), "length": entry[1]}
        for entry in files
    ]
    if total is None:
        total = sum(entry["length"] for entry in entries)
    return changed(
        {"name": "top", "piece length": PIECE, "files": entries, "pieces": hashes(-(-total // PIECE))},
        changes,
    )


def changed(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with these keys set, or removed where they are None."""
    table = dict(table)
    for name, value in changes.items():
        key = name.replace("_", " ")
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    return table


def hashes(count: int) -> bytes:
    """Made-up piece hashes, no two alike."""
    return b"".join(index.to_bytes(20, "big") for index in range(1, count + 1))


def torrent(info: object, **more: Any) -> bytes:
    """The bytes of a torrent file; `_` in the name of a key stands for a space."""
    return encode({"info": info} | {key.replace("_", " "): value for key, value in more.items()})


def info_of(table: dict[str, Any], **options: Any) -> TorrentInfo:
    """Parse an info dictionary."""
    return TorrentInfo.from_info(encode(table), **options)


def paths_of(table: dict[str, Any], **options: Any) -> list[str]:
    """The paths of the files of an info dictionary."""
    files = info_of(table, **options).files
    return [files.path(index) for index in files]
