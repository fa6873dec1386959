"""Making a .torrent of files on disk: found, hashed with progress, written whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ... import __version__
from ...protocols.bencode import encode
from ...protocols.metainfo import CreateError, CreateFlags, CreateTorrent
from ..disk import list_files, set_piece_hashes
from .exit_status import CommandFailed, ExitStatus

__all__ = ["Recipe", "make_torrent", "write_new_file"]

OnHashed = Callable[[int, int], object]
"""Bytes hashed so far, of how many."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the .torrent says besides the files."""

    piece_size: int = 0
    """0 picks one by the size of the whole."""
    trackers: tuple[tuple[str, ...], ...] = ()
    """By tier."""
    web_seeds: tuple[str, ...] = ()
    is_private: bool = False
    comment: str = ""
    source: str = ""
    """Makes the info-hash differ from that of the same files elsewhere."""
    has_date: bool = True
    hybrid: bool = False
    """With v2 hashes beside the v1 ones."""
    v2: bool = False
    """With v2 hashes and no others (BEP 52)."""


def make_torrent(
    path: str, recipe: Recipe, on_hashed: OnHashed = lambda done, total: None, *, exclude: str = ""
) -> bytes:
    """The bytes of a .torrent of the file or folder at `path`; `exclude` is a file to leave out.  CommandFailed."""
    root = os.path.abspath(path)
    left_out = os.path.abspath(exclude) if exclude else ""
    flags = CreateFlags.V1_ONLY
    if recipe.v2 or recipe.hybrid:
        flags = CreateFlags.V2_ONLY if recipe.v2 else CreateFlags(0)
    try:
        found = list_files(root, flags, predicate=lambda place: place != left_out and not _is_ours(place))
        torrent = CreateTorrent(found, recipe.piece_size, flags)
        _describe(torrent, recipe)
        hashed = 0

        def progress(piece: int) -> None:
            nonlocal hashed
            hashed += torrent.piece_size(piece)
            on_hashed(hashed, torrent.total_size)

        set_piece_hashes(torrent, os.path.dirname(root), progress)
        table = torrent.generate()
    except CreateError as error:
        wrong_usage = error.reason == "invalid_piece_size"
        raise CommandFailed(
            f"cannot make a torrent of {path}: {error}",
            ExitStatus.USAGE if wrong_usage else ExitStatus.BAD_INPUT,
        ) from None
    except OSError as error:
        raise CommandFailed(
            f"cannot read {error.filename or path}: {error.strerror or error}", ExitStatus.BAD_INPUT
        ) from None
    info = table[b"info"]
    assert isinstance(info, dict)
    if recipe.source:
        info[b"source"] = recipe.source
    return encode(table)


def write_new_file(path: str, data: bytes, *, replace: bool = False) -> None:
    """A whole file or none.  CommandFailed when there is one already, unless it may be replaced."""
    target = Path(path)
    if target.exists() and not replace:
        raise CommandFailed(f"{path} exists already: --force replaces it")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CommandFailed(f"cannot write {path}: {error.strerror or error}", ExitStatus.DISK) from None


def _describe(torrent: CreateTorrent, recipe: Recipe) -> None:
    for tier, urls in enumerate(recipe.trackers):
        for url in urls:
            torrent.add_tracker(url, tier)
    for url in recipe.web_seeds:
        torrent.add_url_seed(url)
    torrent.set_priv(recipe.is_private)
    torrent.set_comment(recipe.comment)
    torrent.set_creator(f"evtorrent {__version__}")
    if recipe.has_date:
        torrent.set_creation_date(int(time.time()))


def _is_ours(path: str) -> bool:
    """Left by a download: resume data, pieces of unwanted files."""
    name = os.path.basename(path)
    return name.startswith(".") and name.endswith((".evtorrent", ".evtorrent.tmp", ".parts"))
