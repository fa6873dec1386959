"""`RenamedFiles`: the names files have on disk instead of those the torrent gives (libtorrent `renamed_files`).

Unlike libtorrent's, a name is always beneath the save path; absolute ones are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath

from ..protocols.metainfo import FileStorage

__all__ = ["RenamedFiles"]


class RenamedFiles:
    """A table of file index → name.  Belongs to the caller; changing it renames nothing on disk."""

    __slots__ = ("_names",)

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self._names = dict(names or {})

    def rename_file(self, files: FileStorage, index: int, name: str) -> None:
        """Record a name, relative to the save path.  IndexError; ValueError when it would lead out of it."""
        if not 0 <= index < files.num_files:
            raise IndexError(f"file {index} of {files.num_files}")
        if leads_out(name):
            raise ValueError(f"{name!r} is not beneath the save path")
        self._names[index] = name

    def import_filenames(self, files: FileStorage, names: Mapping[int, str]) -> None:
        """Record many; those of files that are not there are left out.  ValueError, and then nothing is changed."""
        known = {index: name for index, name in names.items() if 0 <= index < files.num_files}
        for name in known.values():
            if leads_out(name):
                raise ValueError(f"{name!r} is not beneath the save path")
        self._names |= known

    def export_filenames(self, files: FileStorage) -> dict[int, str]:
        """What `import_filenames` takes, and `AddTorrentParams.renamed_files`."""
        return {index: name for index, name in sorted(self._names.items()) if index < files.num_files}

    def file_path(self, files: FileStorage, index: int, save_path: str = "") -> str:
        """Where the file is, beneath `save_path` when that is given."""
        name = self._names.get(index) or files.path(index)
        return f"{save_path.rstrip('/')}/{name}" if save_path else name

    def file_name(self, files: FileStorage, index: int) -> str:
        """The last component of its path."""
        return self.file_path(files, index).rpartition("/")[2]

    def file_absolute_path(self, files: FileStorage, index: int) -> bool:
        """Its name is an absolute one: of names recorded here none is, of those given from outside some may be."""
        return _is_absolute(self.file_path(files, index))

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RenamedFiles) and self._names == other._names

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RenamedFiles({self._names!r})"


def leads_out(name: str) -> bool:
    """The name is empty, absolute, or has a component "..", on any system."""
    parts = name.replace("\\", "/").split("/")
    return not name or _is_absolute(name) or ".." in parts


def _is_absolute(name: str) -> bool:
    return PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).anchor)
