"""Making a torrent (BEP 3, 47, 52): from a list of files and their hashes to a .torrent, pure.

The same input gives the same info-hash as libtorrent's `create_torrent`, whose flags and rules these are.  Finding
the files and hashing them is input and output, and lives in `session/disk/create_files.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from ..bencode import encode
from ..types import BLOCK_SIZE, Sha1Hash
from .errors import CreateError
from .files import FileFlags, FileStorage
from .limits import MAX_FILE_OFFSET
from .merkle import file_root, has_piece_layer

__all__ = ["CreateFile", "CreateFlags", "CreateTorrent", "automatic_piece_size"]

MAX_PIECE_SIZE: Final = 128 * 1024 * 1024
"""Largest piece made; some clients read no larger ones."""

_MAX_AUTOMATIC: Final = 16 * 1024 * 1024


class CreateFlags(IntFlag):
    """How to make a torrent, with libtorrent's values.  Without flags it is a hybrid."""

    MODIFICATION_TIME = 4
    """Write down when files were changed."""
    SYMLINKS = 8
    """Keep symbolic links as links."""
    V2_ONLY = 32
    V1_ONLY = 64
    CANONICAL_FILES = 128
    """Sort the files and pad each to a whole piece (BEP 52); always so in hybrids."""
    NO_ATTRIBUTES = 256
    """Do not write down which files are executable or hidden."""
    CANONICAL_FILES_NO_TAIL_PADDING = 512
    """As CANONICAL_FILES, without padding after the last file."""
    ALLOW_ODD_PIECE_SIZE = 1024
    """Of v1 torrents: pieces that are no multiple of 16 KiB."""


@dataclass(frozen=True, slots=True)
class CreateFile:
    """A file of a torrent to be made."""

    path: str
    """Relative; begins with the torrent's name when there is a folder."""
    size: int
    flags: int = 0
    """`FileFlags`."""
    mtime: int = 0
    """POSIX time of last change."""
    symlink: str = ""
    """What a link points to, relative to the torrent's folder."""


class CreateTorrent:
    """A torrent being made: give every piece its hash, then `generate`.

    CreateError when there is nothing to make a torrent of, or the piece size is not allowed.
    """

    piece_length: int
    """Bytes of a piece."""
    num_pieces: int

    def __init__(
        self, files: FileStorage | Sequence[CreateFile], piece_size: int = 0, flags: CreateFlags | int = 0
    ) -> None:
        flags = CreateFlags(flags)
        entries = _entries(files) if isinstance(files, FileStorage) else list(files)
        total = sum(entry.size for entry in entries)
        if not entries:
            raise CreateError("no_files_in_torrent", "no files to make a torrent of")
        if not 0 < total <= MAX_FILE_OFFSET:
            raise CreateError("torrent_invalid_length", f"a torrent of {total} bytes")
        _check_paths(entries)
        first = entries[0].path
        self._is_multi_file = len(entries) > 1 or "/" in first
        self.name = first.partition("/")[0]
        if self._is_multi_file and not all(entry.path.startswith(self.name + "/") for entry in entries):
            raise CreateError("torrent_inconsistent_files", f"files that are not all in {self.name!r}")
        self.piece_length = _checked_piece_size(piece_size or automatic_piece_size(total), flags)
        self.flags = flags
        no_tail = bool(flags & CreateFlags.CANONICAL_FILES_NO_TAIL_PADDING)
        if not flags & CreateFlags.V1_ONLY or no_tail or flags & CreateFlags.CANONICAL_FILES:
            ordered = _ordered(entries, as_tree=not flags & CreateFlags.V1_ONLY)
            entries = _padded(ordered, self.name, self.piece_length, tail_padding=not no_tail)
        self.entries: Sequence[CreateFile] = tuple(entries)
        """The files in the order of the torrent, padding included."""
        self.total_size = sum(entry.size for entry in entries)
        self.num_pieces = -(-self.total_size // self.piece_length)
        self._hashes = bytearray(0 if self.is_v2_only else 20 * self.num_pieces)
        self._layers = (
            [] if self.is_v1_only else [bytearray(32 * _num_pieces(e, self.piece_length)) for e in entries]
        )
        self._trackers: list[tuple[int, str]] = []
        self._url_seeds: list[str] = []
        self._nodes: list[tuple[str, int]] = []
        self._similar: list[Sha1Hash] = []
        self._collections: list[str] = []
        self._texts: dict[bytes, object] = {}
        self._is_private = False
        self._root_cert = b""

    @property
    def priv(self) -> bool:
        """It stays with its trackers (BEP 27)."""
        return self._is_private

    @property
    def is_v1_only(self) -> bool:
        """No v2 hashes are made (BEP 52)."""
        return bool(self.flags & CreateFlags.V1_ONLY)

    @property
    def is_v2_only(self) -> bool:
        """No v1 hashes are made (BEP 52)."""
        return bool(self.flags & CreateFlags.V2_ONLY)

    @property
    def files(self) -> FileStorage:
        """The files laid end to end, for reading their pieces."""
        storage = FileStorage(self.piece_length, self.name)
        for entry in self.entries:
            storage.add_file(entry.path, entry.size, entry.flags, mtime=entry.mtime)
        return storage

    def piece_size(self, index: int) -> int:
        """Bytes of a piece; the last one may be shorter."""
        return min(self.piece_length, self.total_size - index * self.piece_length)

    def add_tracker(self, url: str, tier: int = 0) -> None:
        """Announce to `url`; lower tiers are tried first (BEP 12)."""
        if all(url != known for _, known in self._trackers):
            self._trackers.append((tier, url))
            self._trackers.sort(key=lambda entry: entry[0])

    def add_url_seed(self, url: str) -> None:
        """Let clients fetch from a web server (BEP 19)."""
        self._url_seeds.append(url)

    def add_node(self, host: str, port: int) -> None:
        """Name a DHT node (BEP 5)."""
        self._nodes.append((host, port))

    def add_similar_torrent(self, info_hash: Sha1Hash) -> None:
        """Name a torrent that shares files with this one (BEP 38)."""
        self._similar.append(info_hash)

    def add_collection(self, name: str) -> None:
        """Name a collection this torrent belongs to (BEP 38)."""
        self._collections.append(name)

    def set_comment(self, comment: str) -> None:
        """Free text in the .torrent file."""
        self._texts[b"comment"] = comment

    def set_creator(self, creator: str) -> None:
        """The program that made it ("created by")."""
        self._texts[b"created by"] = creator

    def set_creation_date(self, when: int) -> None:
        """POSIX time; 0 (as at first) says nothing."""
        self._texts[b"creation date"] = when

    def set_priv(self, private: bool) -> None:
        """Only peers of the torrent's own trackers (BEP 27)."""
        self._is_private = private

    def set_root_cert(self, pem: bytes | str) -> None:
        """Make it an SSL torrent: peers need a certificate signed by this one."""
        self._root_cert = pem.encode() if isinstance(pem, str) else pem

    def set_hash(self, index: int, digest: bytes) -> None:
        """SHA-1 of a piece.  IndexError when there is no such piece, ValueError when it is no SHA-1."""
        _put(self._hashes, index, digest, 20)

    def set_hash2(self, file_index: int, index: int, digest: bytes) -> None:
        """v2 hash of a piece counted from the start of its file (`merkle.piece_hash`).  Errors as `set_hash`."""
        _put(self._layers[file_index], index, digest, 32)

    def generate(self) -> dict[bytes, object]:
        """The .torrent as a dictionary to `bencode.encode`.

        CreateError when hashes are missing, or a file has the name of a folder.
        """
        has_v1 = _is_complete(self._hashes, 20)
        has_v2 = bool(self._layers) and all(_is_complete(layer, 32, empty=True) for layer in self._layers)
        if not has_v1 and not has_v2:
            raise CreateError("invalid_hash_entry", "not every piece has a hash")
        torrent: dict[bytes, object] = {key: value for key, value in self._texts.items() if value}
        if self._trackers:
            torrent[b"announce"] = self._trackers[0][1]
        if len(self._trackers) > 1:
            tiers = sorted({tier for tier, _ in self._trackers})
            torrent[b"announce-list"] = [[url for at, url in self._trackers if at == tier] for tier in tiers]
        if self._nodes:
            torrent[b"nodes"] = [list(node) for node in self._nodes]
        if self._url_seeds:
            torrent[b"url-list"] = self._url_seeds if len(self._url_seeds) > 1 else self._url_seeds[0]
        roots = [file_root(_split(layer), self.piece_length) if layer else b"" for layer in self._layers]
        if has_v2:
            torrent[b"piece layers"] = {
                root: bytes(layer)
                for entry, root, layer in zip(self.entries, roots, self._layers, strict=True)
                if has_piece_layer(entry.size, self.piece_length) and layer
            }
        torrent[b"info"] = self._info(has_v1, roots if has_v2 else None)
        return torrent

    def generate_buf(self) -> bytes:
        """The bytes of the .torrent; errors as `generate`."""
        return encode(self.generate())

    def _info(self, has_v1: bool, roots: list[bytes] | None) -> dict[bytes, object]:
        info: dict[bytes, object] = {b"name": self.name, b"piece length": self.piece_length}
        if self._collections:
            info[b"collections"] = self._collections
        if self._similar:
            info[b"similar"] = self._similar
        if self._root_cert:
            info[b"ssl-cert"] = self._root_cert
        if self._is_private:
            info[b"private"] = 1
        if has_v1:
            info[b"pieces"] = bytes(self._hashes)
            if self._is_multi_file:
                info[b"files"] = [
                    {b"path": entry.path.split("/")[1:], b"length": entry.size, **self._details(entry)}
                    for entry in self.entries
                ]
            else:
                info |= {b"length": self.entries[0].size, **self._details(self.entries[0])}
        if roots is not None:
            info[b"meta version"] = 2
            info[b"file tree"] = self._tree(roots)
        return info

    def _tree(self, roots: list[bytes]) -> dict[str, object]:
        tree: dict[str, object] = {}
        for entry, root in zip(self.entries, roots, strict=True):
            if entry.flags & FileFlags.PAD:
                continue
            folder = tree
            parts = entry.path.split("/")
            for part in parts[1:] if self._is_multi_file else parts:
                inner = folder.setdefault(part, {})
                assert isinstance(inner, dict)
                if "" in inner:  # the entries are in order: a file comes before what would be below it
                    raise CreateError(
                        "torrent_inconsistent_files", f"{entry.path} is in a file, or there twice"
                    )
                folder = inner
            description = self._details(entry)
            if b"symlink path" not in description:
                description[b"length"] = entry.size
                if root:
                    description[b"pieces root"] = root
            folder[""] = description
        return tree

    def _details(self, entry: CreateFile) -> dict[bytes, object]:
        """What is said of a file besides its name and size."""
        keep_links = bool(self.flags & CreateFlags.SYMLINKS)
        details: dict[bytes, object] = {}
        if entry.flags:
            letters = [(FileFlags.PAD, "p"), (FileFlags.HIDDEN, "h"), (FileFlags.EXECUTABLE, "x")]
            if keep_links:
                letters.append((FileFlags.SYMLINK, "l"))
            details[b"attr"] = "".join(letter for flag, letter in letters if entry.flags & flag)
        if keep_links and entry.flags & FileFlags.SYMLINK:
            details[b"symlink path"] = [part for part in entry.symlink.split("/") if part]
        if entry.mtime and self.flags & CreateFlags.MODIFICATION_TIME:
            details[b"mtime"] = entry.mtime
        return details


def automatic_piece_size(total: int) -> int:
    """A piece size for that many bytes, as libtorrent picks it: 16 KiB to 16 MiB, growing with the square root."""
    size = BLOCK_SIZE
    while size < _MAX_AUTOMATIC and total > round(size * size / 100):
        size *= 2
    return size


def _check_paths(entries: Sequence[CreateFile]) -> None:
    for entry in entries:
        if any(part in ("", ".", "..") for part in entry.path.split("/")):
            raise CreateError("torrent_invalid_name", f"the path {entry.path!r}")


def _checked_piece_size(size: int, flags: CreateFlags) -> int:
    is_power = size > 0 and not size & (size - 1)
    if not flags & CreateFlags.V1_ONLY:
        size = max(size, BLOCK_SIZE)
        is_allowed = is_power
    else:
        is_allowed = is_power or size % BLOCK_SIZE == 0 or bool(flags & CreateFlags.ALLOW_ODD_PIECE_SIZE)
    if not is_allowed or not 0 < size <= MAX_PIECE_SIZE:
        raise CreateError("invalid_piece_size", f"pieces of {size} bytes")
    return size


def _ordered(entries: Iterable[CreateFile], *, as_tree: bool) -> list[CreateFile]:
    """The files sorted by name, without the padding they may have had.

    BEP 52 wants the order of the file tree, where "a/b" comes before "a-b".  libtorrent sorts whole paths and so makes
    hybrids nobody can read; only where there is no tree is that order, which is part of the info-hash, kept.
    """

    def key(entry: CreateFile) -> list[bytes]:
        path = entry.path.encode()
        return path.split(b"/") if as_tree else [path]

    return sorted((entry for entry in entries if not entry.flags & FileFlags.PAD), key=key)


def _padded(
    ordered: list[CreateFile], name: str, piece_length: int, *, tail_padding: bool
) -> list[CreateFile]:
    """The files with padding, so that each with bytes begins a piece."""
    padded: list[CreateFile] = []
    offset = 0

    def pad(entry: CreateFile) -> None:
        nonlocal offset
        padding = -offset % piece_length
        if padding and entry.size > 0:
            padded.append(CreateFile(f"{name}/.pad/{padding}", padding, FileFlags.PAD))
            offset += padding

    for entry in ordered:
        if not tail_padding:
            pad(entry)
        padded.append(entry)
        offset += entry.size
        if tail_padding and len(ordered) > 1:
            pad(entry)
    return padded


def _entries(files: FileStorage) -> list[CreateFile]:
    prefix = f"{files.name}/"
    return [
        CreateFile(
            files.path(i),
            files.size(i),
            files.flags(i),
            files.mtime(i),
            files.symlink(i).removeprefix(prefix),
        )
        for i in files
    ]


def _num_pieces(entry: CreateFile, piece_length: int) -> int:
    return 0 if entry.flags & FileFlags.PAD else -(-entry.size // piece_length)


def _put(table: bytearray, index: int, digest: bytes, length: int) -> None:
    if len(digest) != length:
        raise ValueError(f"{len(digest)} bytes are not a hash of {length}")
    if not 0 <= index < len(table) // length:
        raise IndexError(f"no piece {index}")
    table[index * length : (index + 1) * length] = digest


def _split(layer: bytearray) -> list[bytes]:
    return [bytes(layer[at : at + 32]) for at in range(0, len(layer), 32)]


def _is_complete(table: bytearray, length: int, *, empty: bool = False) -> bool:
    """Whether no hash is missing, a missing one being all zeros."""
    nothing = bytes(length)
    return (empty or bool(table)) and all(
        table[at : at + length] != nothing for at in range(0, len(table), length)
    )
