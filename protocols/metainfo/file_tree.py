"""The files of a v2 torrent: the `file tree` of folders within folders (BEP 52), and whether it agrees with a v1 list.

Each file of a v2 torrent begins a piece of its own.  A hybrid torrent's v1 list says so with padding files; the tree
has none, so they are put between its files here and both sides have one arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..bencode import BencodeValue, find_bytes, find_dict, find_int
from ..types import Sha256Hash
from .errors import MetainfoError
from .file_list import read_attributes, read_symlink
from .files import FileFlags, FileStorage
from .limits import LoadLimits
from .merkle import has_piece_layer, verify_piece_layer
from .paths import safe_component

__all__ = ["adopt_roots", "read_file_tree", "read_piece_layers"]

_Table = Mapping[bytes, BencodeValue]
_NO_ROOT = bytes(32)


def read_file_tree(tree: _Table, files: FileStorage, limits: LoadLimits, *, is_multi_file: bool) -> None:
    """Append the files of a tree in its order.  `is_multi_file` keeps a tree of one file from being a single file."""
    if not is_multi_file and len(tree) == 1:
        [(name, node)] = tree.items()
        entry = _leaf(node)
        if entry is not None:
            _add(files, safe_component(_checked(name)), name, entry, limits)
            return
    levels: list[tuple[Iterator[tuple[bytes, BencodeValue]], str, bytes]] = []
    levels.append((iter(tree.items()), files.name, b""))
    while levels:
        entries, folder, original = levels[-1]
        for name, node in entries:
            path = f"{folder}/{safe_component(_checked(name))}"
            entry = _leaf(node)
            if entry is not None:
                _add(files, path, original + name, entry, limits)
                continue
            if not isinstance(node, dict):
                raise MetainfoError(
                    "torrent_file_parse_failed", "a file tree of something else than dictionaries"
                )
            if len(levels) > limits.max_directory_depth:
                raise MetainfoError(
                    "torrent_directory_too_deep", f"more than {len(levels)} folders in each other"
                )
            levels.append((iter(node.items()), path, original + name + b"/"))
            break
        else:
            levels.pop()


def adopt_roots(v1: FileStorage, v2: FileStorage) -> None:
    """Give the files of a hybrid's v1 list the roots of its tree.  MetainfoError when the two do not agree."""
    ours, theirs = _payload(v1), _payload(v2)
    if [place for _, *place in ours] != [place for _, *place in theirs]:
        raise MetainfoError(
            "torrent_inconsistent_files", "the v1 and v2 file lists of a hybrid torrent differ"
        )
    for (index, *_), (other, *_) in zip(ours, theirs, strict=True):
        root = v2.root(other)
        assert root is not None, "a file with bytes is not read from a tree without its root"
        v1.set_root(index, root)


def read_piece_layers(layers: _Table, files: FileStorage) -> dict[Sha256Hash, bytes]:
    """The piece layers of a torrent file, each checked against the root it belongs to."""
    sizes: dict[bytes, int] = {}
    for index in files:
        root = files.root(index)
        if root is not None and has_piece_layer(files.size(index), files.piece_length):
            sizes[root] = files.size(index)
    checked = {}
    for key, layer in layers.items():
        size = sizes.get(key)
        if size is None or not isinstance(layer, bytes):
            raise MetainfoError("torrent_invalid_piece_layer", "a piece layer of no file")
        if not verify_piece_layer(key, layer, size, files.piece_length):
            raise MetainfoError("torrent_invalid_piece_layer", "a piece layer that does not lead to its root")
        checked[Sha256Hash(key)] = layer
    return checked


def _checked(name: bytes) -> bytes:
    if not name:
        raise MetainfoError("torrent_file_parse_failed", "a file without a name in the file tree")
    return name


def _leaf(node: BencodeValue) -> dict[bytes, BencodeValue] | None:
    """The description of a file, when `node` is one."""
    if not isinstance(node, dict) or len(node) != 1 or b"" not in node:
        return None
    entry = find_dict(node, b"")
    if entry is None:
        raise MetainfoError("torrent_file_parse_failed", "a file of the file tree is not a dictionary")
    return entry


def _add(files: FileStorage, path: str, original: bytes, entry: _Table, limits: LoadLimits) -> None:
    flags = read_attributes(entry)
    if flags & FileFlags.PAD:
        raise MetainfoError("torrent_invalid_pad_file", "a padding file in a file tree")
    symlink = ""
    size = find_int(entry, b"length")
    if flags & FileFlags.SYMLINK:
        size = 0
        symlink = read_symlink(entry, path.rpartition("/")[0] and files.name, limits) or ""
        flags = flags if symlink else flags & ~FileFlags.SYMLINK
    if size is None:
        raise MetainfoError("torrent_invalid_length", "a file has no length")
    root = find_bytes(entry, b"pieces root") if size > 0 else None
    if size > 0 and (root is None or len(root) != 32 or root == _NO_ROOT):
        raise MetainfoError("torrent_missing_pieces_root", "a file without the root of its hashes")
    _align(files, size)
    prefix = f"{files.name}/" if "/" in path else ""
    files.add_file(
        path,
        size,
        flags,
        mtime=find_int(entry, b"mtime") or 0,
        symlink=symlink,
        original=prefix + original.decode("utf-8", "surrogateescape"),
        root=None if root is None else Sha256Hash(root),
    )


def _align(files: FileStorage, size: int) -> None:
    """Let the next file begin a piece, if it has any bytes."""
    excess = files.total_size % files.piece_length
    if excess and size > 0:
        padding = files.piece_length - excess
        files.add_file(f"{files.name}/.pad/{padding}", padding, FileFlags.PAD)


def _payload(files: FileStorage) -> list[tuple[int, str, int, int]]:
    """Index, path, size and offset of the files that have bytes of their own."""
    return [
        (index, files.path(index), files.size(index), files.offset(index))
        for index in files
        if files.size(index) and not files.is_pad(index)
    ]
