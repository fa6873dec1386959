"""Resume data between runs: a hidden file beside the download, written whole or not at all.

`.<info-hash>.evtorrent` is ordinary resume data (libtorrent reads it) with one key more: what the files looked like when it
was written.  Pieces are believed on the next run only where their files still look so, by size and time of change; of the
others, after a kill say, or an edit, the session finds out by hashing.  So what an earlier run says is never taken as
verified when it may not be.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ...protocols.bencode import BencodeError, BencodeValue, RawValue, decode, encode, find_list
from ...protocols.metainfo import MetainfoError, TorrentInfo
from .. import (
    MAX_RESUME_DATA,
    AddTorrentParams,
    InfoHashes,
    ResumeDataError,
    read_resume_data,
    write_resume_data,
)

__all__ = ["ResumeStore", "UnusableResumeData", "replace_file"]

_STAMPS: Final = b"evtorrent-files"
_PART_FILE: Final = "."
"""The part file's name among the stamps: no file of a torrent is called so."""

_EARNED: Final = (
    "total_uploaded",
    "total_downloaded",
    "active_time",
    "finished_time",
    "seeding_time",
    "added_time",
    "completed_time",
    "last_seen_complete",
    "last_download",
    "last_upload",
)
"""What an earlier run achieved; what it was told to do is for the command line to say again."""

_MAX_ITEMS: Final = 10_000_000

Stamp = tuple[int, int]
"""Size and time of change (ns) of a file; (-1, 0) when there is none."""


class UnusableResumeData(Exception):
    """There is resume data, and it cannot be used; everything on disk will be hashed."""


class ResumeStore:
    """The resume data of torrents saved below one folder each."""

    def path(self, save_path: str, hashes: InfoHashes) -> Path:
        """Where it is, or would be."""
        return Path(save_path, f".{hashes.best()}.evtorrent")

    def save(self, params: AddTorrentParams) -> None:
        """Write it, replacing what was there.  OSError; then what was there is still there."""
        info = params.ti
        plain = params.copy()
        plain.ti = None
        if info is not None:
            plain.info_hashes = info.info_hashes
        table = write_resume_data(plain)
        if info is not None:
            table[b"info"] = RawValue(info.info_section)
            table[_STAMPS] = [
                [os.fsencode(name), size, changed]
                for name, (size, changed) in _stamps(params.save_path, info, params.renamed_files).items()
            ]
        path = self.path(params.save_path, plain.info_hashes)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, encode(table))

    def take_up(self, params: AddTorrentParams) -> bool:
        """Add to `params` what an earlier run achieved; False when there was none.  UnusableResumeData."""
        path = self.path(params.save_path, _hashes(params))
        try:
            saved, table = _read(path)
        except UnusableResumeData as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        if _hashes(saved).best() != _hashes(params).best():
            raise UnusableResumeData(f"{path}: it is of another torrent")
        params.ti = params.ti or saved.ti
        for name in _EARNED:
            setattr(params, name, getattr(saved, name))
        params.peers = list(dict.fromkeys([*params.peers, *saved.peers]))
        params.banned_peers = saved.banned_peers
        if params.ti is not None:
            saved.fit_to(params.ti)
            _believe(params, saved, params.ti, table)
        return True

    def read(self, path: Path) -> AddTorrentParams:
        """All that was saved in a file, what was wanted included; pieces only as far as `take_up` believes them.

        UnusableResumeData.
        """
        saved, table = _read(path)
        if saved.ti is not None:
            saved.fit_to(saved.ti)
            believed = AddTorrentParams(save_path=saved.save_path)
            _believe(believed, saved, saved.ti, table)
            saved.have_pieces = believed.have_pieces
        # Nothing says whether single blocks are still as they were.
        saved.unfinished_pieces = {}
        return saved

    def remove(self, save_path: str, hashes: InfoHashes) -> None:
        """There is nothing left to resume.  OSError."""
        self.path(save_path, hashes).unlink(missing_ok=True)


def _read(path: Path) -> tuple[AddTorrentParams, Mapping[bytes, BencodeValue]]:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_RESUME_DATA + 1)
        saved = read_resume_data(data)
        table = decode(data, max_items=_MAX_ITEMS, strict=False)
    except (OSError, ResumeDataError, BencodeError, MetainfoError) as error:
        raise UnusableResumeData(f"{path}: {error}") from error
    if not isinstance(table, dict):
        raise UnusableResumeData(f"{path}: it is no dictionary")
    return saved, table


def _hashes(params: AddTorrentParams) -> InfoHashes:
    return params.info_hashes if params.ti is None else params.ti.info_hashes


def replace_file(path: Path, data: bytes) -> None:
    """Write it all or nothing, also when the power fails in between.  OSError."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _stamps(save_path: str, info: TorrentInfo, renamed: Mapping[int, str]) -> dict[str, Stamp]:
    """What each file of the torrent, and its part file, looks like now."""
    files = info.files
    stamps = {_PART_FILE: _stamp(Path(save_path, f".{info.info_hashes.best()}.parts"))}
    for index in range(files.num_files):
        if not files.is_pad(index) and files.size(index):
            name = renamed.get(index, files.path(index))
            stamps[name] = _stamp(Path(save_path, name))
    return stamps


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat(follow_symlinks=False)
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns


def _believe(
    params: AddTorrentParams, saved: AddTorrentParams, info: TorrentInfo, table: Mapping[bytes, BencodeValue]
) -> None:
    """Claim the pieces whose files are as they were."""
    have = saved.have_pieces
    if have is None or have.size != info.num_pieces:
        return
    before = _read_stamps(find_list(table, _STAMPS) or [])
    now = _stamps(params.save_path, info, saved.renamed_files)
    part_file_changed = before.get(_PART_FILE) != now[_PART_FILE]
    files = info.files
    for index in range(files.num_files):
        name = saved.renamed_files.get(index, files.path(index))
        if name not in now:
            continue
        unwanted = index < len(saved.file_priorities) and not saved.file_priorities[index]
        changed = before.get(name) != now[name] or (part_file_changed and (unwanted or now[name][0] < 0))
        if changed:
            pieces = files.pieces_of(index)
            have.bits &= ~(((1 << len(pieces)) - 1) << pieces.start)
    params.have_pieces = have


def _read_stamps(rows: list[BencodeValue]) -> dict[str, Stamp]:
    stamps: dict[str, Stamp] = {}
    for row in rows:
        match row:
            case [bytes(name), int(size), int(changed)]:
                stamps[os.fsdecode(name)] = (size, changed)
    return stamps
