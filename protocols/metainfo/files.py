"""The files of a torrent laid end to end, and which of them a stretch of its bytes belongs to.

Positions are found by bisection over one packed array; a torrent of one file, or a block inside one file, costs one
comparison more than nothing.  Everything few files have (attributes, links, times) is kept only for those.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from enum import IntFlag
from typing import NamedTuple

from ..types import FileIndex, PieceIndex, Sha256Hash
from .errors import MetainfoError
from .limits import MAX_FILE_OFFSET, MAX_FILE_SIZE

__all__ = ["FileFlags", "FileSlice", "FileStorage"]


class FileFlags(IntFlag):
    """Attributes of a file (BEP 47), with libtorrent's values."""

    PAD = 1
    """Only fills space: zeros, never on disk."""
    HIDDEN = 2
    EXECUTABLE = 4
    SYMLINK = 8


class FileSlice(NamedTuple):
    """A stretch of one file."""

    file_index: FileIndex
    offset: int
    """From the start of the file."""
    length: int


class FileStorage:
    """An append-only list of files.  Paths are relative, use "/", and begin with `name` when there is a folder."""

    __slots__ = (
        "_flags",
        "_mtimes",
        "_offsets",
        "_originals",
        "_paths",
        "_roots",
        "_symlinks",
        "name",
        "piece_length",
        "total_size",
    )

    def __init__(self, piece_length: int = 0, name: str = "") -> None:
        self.piece_length = piece_length
        self.name = name
        """The torrent's: its only file's, or the folder's."""
        self.total_size = 0
        self._paths: list[str] = []
        self._offsets = array("q", (0,))  # one more than there are files: the last is the total size
        self._flags: dict[int, FileFlags] = {}
        self._mtimes: dict[int, int] = {}
        self._symlinks: dict[int, str] = {}
        self._originals: dict[int, str] = {}
        self._roots: dict[int, Sha256Hash] = {}

    def add_file(
        self,
        path: str,
        size: int,
        flags: int = 0,
        *,
        mtime: int = 0,
        symlink: str = "",
        original: str | None = None,
        root: Sha256Hash | None = None,
    ) -> FileIndex:
        """Append a file; paths are trusted.  MetainfoError when the size is out of range."""
        total = self.total_size + size
        if not 0 <= size <= MAX_FILE_SIZE or total > MAX_FILE_OFFSET:
            raise MetainfoError("torrent_invalid_length", f"a file of {size} bytes")
        index = len(self._paths)
        self._paths.append(path)
        self._offsets.append(total)
        self.total_size = total
        if flags:
            self._flags[index] = FileFlags(flags)
        if mtime:
            self._mtimes[index] = mtime
        if symlink:
            self._symlinks[index] = symlink
        if original is not None and original != path:
            self._originals[index] = original
        if root is not None:
            self._roots[index] = root
        return FileIndex(index)

    def rename(self, index: int, path: str) -> None:
        """Give a file another path, which is trusted; the original one is remembered."""
        self._originals.setdefault(index, self._paths[index])
        self._paths[index] = path

    def set_symlink(self, index: int, target: str) -> None:
        """Point a link elsewhere, in the coordinates of `path`."""
        self._symlinks[index] = target

    @property
    def num_files(self) -> int:
        """Files, pad files included."""
        return len(self._paths)

    @property
    def num_pieces(self) -> int:
        """Pieces the files fill; 0 while the piece length is not known."""
        return -(-self.total_size // self.piece_length) if self.piece_length else 0

    @property
    def size_on_disk(self) -> int:
        """Bytes without the padding."""
        padding = sum(self.size(i) for i, flags in self._flags.items() if flags & FileFlags.PAD)
        return self.total_size - padding

    @property
    def has_padding(self) -> bool:
        """There are pad files (BEP 47)."""
        return any(flags & FileFlags.PAD for flags in self._flags.values())

    def path(self, index: int) -> str:
        """Where the file goes, relative to the save path; can never lead out of it."""
        return self._paths[index]

    def original_path(self, index: int) -> str:
        """The path as the torrent says it, not made safe: for URLs (BEP 19) and display, never for the disk."""
        return self._originals.get(index) or self._paths[index]

    def file_name(self, index: int) -> str:
        """The last component of the path."""
        return self._paths[index].rpartition("/")[2]

    def size(self, index: int) -> int:
        """Bytes of a file."""
        return self._offsets[index + 1] - self._offsets[index]

    def offset(self, index: int) -> int:
        """Where in the torrent the file begins."""
        return self._offsets[index]

    def flags(self, index: int) -> FileFlags:
        """Attributes of a file (BEP 47)."""
        return self._flags.get(index, FileFlags(0))

    def is_pad(self, index: int) -> bool:
        """The file is padding (BEP 47)."""
        return bool(self._flags and self._flags.get(index, 0) & 1)

    def mtime(self, index: int) -> int:
        """POSIX time of last change; 0 when the torrent does not say."""
        return self._mtimes.get(index, 0)

    def symlink(self, index: int) -> str:
        """What a link points to, in the coordinates of `path`; "" for what is not a link."""
        return self._symlinks.get(index, "")

    def symlink_target(self, index: int) -> str:
        """What a link points to as the file system wants it: relative to the link's own folder."""
        target = self._symlinks.get(index, "")
        if not target:
            return ""
        here = self._paths[index].split("/")[:-1]
        there = target.split("/")
        common = 0
        while common < min(len(here), len(there) - 1) and here[common] == there[common]:
            common += 1
        return "/".join([".."] * (len(here) - common) + there[common:])

    def root(self, index: int) -> Sha256Hash | None:
        """Root of the file's merkle tree (BEP 52); None in v1 torrents and for empty files."""
        return self._roots.get(index)

    def set_root(self, index: int, root: Sha256Hash) -> None:
        """Set the root of a file's hash tree (BEP 52)."""
        self._roots[index] = root

    def map_range(self, offset: int, length: int) -> list[FileSlice]:
        """The stretches of files that make up these bytes of the torrent, empty files left out.

        ValueError when they are not all in the torrent.
        """
        end = offset + length
        if offset < 0 or length <= 0 or end > self.total_size:
            if length or not 0 <= offset <= self.total_size:
                raise ValueError(f"{length} bytes at {offset} of a torrent of {self.total_size}")
            return []
        offsets = self._offsets
        index = bisect_right(offsets, offset) - 1 if len(offsets) > 2 else 0
        start = offsets[index]
        file_end = offsets[index + 1]
        if end <= file_end:
            return [FileSlice(FileIndex(index), offset - start, length)]
        slices = [FileSlice(FileIndex(index), offset - start, file_end - offset)]
        while file_end < end:
            index += 1
            start, file_end = file_end, offsets[index + 1]
            if file_end > start:
                slices.append(FileSlice(FileIndex(index), 0, min(file_end, end) - start))
        return slices

    def map_block(self, piece: int, offset: int, length: int) -> list[FileSlice]:
        """`map_range` of a block."""
        return self.map_range(piece * self.piece_length + offset, length)

    def map_file(self, index: int, offset: int) -> tuple[PieceIndex, int]:
        """The piece a byte of a file is in, and where in it."""
        piece, within = divmod(self._offsets[index] + offset, self.piece_length)
        return PieceIndex(piece), within

    def file_at_offset(self, offset: int) -> FileIndex:
        """The file a byte of the torrent is in.  ValueError when the torrent is shorter."""
        if not 0 <= offset < self.total_size:
            raise ValueError(f"byte {offset} of a torrent of {self.total_size}")
        return FileIndex(bisect_right(self._offsets, offset) - 1)

    def pieces_of(self, index: int) -> range:
        """The pieces a file has bytes in; none when it is empty."""
        start, end = self._offsets[index], self._offsets[index + 1]
        if start == end:
            return range(0)
        return range(start // self.piece_length, -(-end // self.piece_length))

    def files_in_piece(self, piece: int) -> range:
        """The files from the first to the last with bytes in a piece."""
        start = piece * self.piece_length
        end = min(start + self.piece_length, self.total_size)
        return range(self.file_at_offset(start), self.file_at_offset(end - 1) + 1)

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[FileIndex]:
        """The indices of the files."""
        return map(FileIndex, range(len(self._paths)))

    def __repr__(self) -> str:
        return f"FileStorage({self.name!r}, {len(self._paths)} files, {self.total_size} bytes)"
