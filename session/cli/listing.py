"""`get --list-files`: what is in each torrent, and which of it the selection wants; nothing is downloaded.

A magnet link's metadata is fetched from peers first.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import click

from .. import AddTorrentParams, Alert, Session, TorrentFlags
from .exit_status import CommandFailed, ExitStatus, status_of_signal
from .info import describe
from .interrupts import Interrupts
from .printable import printable
from .selection import NothingSelected, Selection
from .units import format_size

__all__ = ["complete_metadata", "listing_of", "print_listing"]

_TICK = 0.1


def listing_of(wanted: Sequence[AddTorrentParams], selection: Selection | None) -> list[dict[str, Any]]:
    """Of each torrent its name, hash and files as `_listed_files` (Any: JSON's types).  CommandFailed."""
    return [
        {
            "name": params.best_name(),
            "info_hash": str(params.ti.info_hashes.best() if params.ti else params.info_hashes.best()),
            "files": _listed_files(params, selection),
        }
        for params in wanted
    ]


def _listed_files(params: AddTorrentParams, selection: Selection | None) -> list[dict[str, Any]]:
    """Index, path, size, and whether it is wanted, by file."""
    assert params.ti is not None
    try:
        priorities = selection.priorities(params.ti) if selection is not None else None
    except NothingSelected as error:
        raise CommandFailed(str(error), ExitStatus.USAGE) from None
    files: list[dict[str, Any]] = describe(params, with_files=True)["files"]
    return [{**file, "wanted": priorities is None or bool(priorities[file["index"]])} for file in files]


def print_listing(listing: Sequence[dict[str, Any]]) -> None:
    """For people; a star is what is wanted."""
    for torrent in listing:
        files = torrent["files"]
        wanted = sum(file["size"] for file in files if file["wanted"])
        click.echo(f"{printable(torrent['name'])}: {len(files)} files, {format_size(wanted)} wanted")
        for file in files:
            mark = "*" if file["wanted"] else " "
            click.echo(
                f"{file['index']:>7} {mark} {format_size(file['size']):>10}  {printable(file['path'])}"
            )


def complete_metadata(
    wanted: Sequence[AddTorrentParams],
    open_session: Callable[[], Session],
    interrupts: Interrupts,
    timeout: float | None,
    peers: Sequence[tuple[str, int]] = (),
    *,
    on_alert: Callable[[Alert], object] = lambda alert: None,
) -> None:
    """Fetch what links leave out, into `ti` of each; `on_alert` sees every alert.  CommandFailed when that fails or takes too long."""
    lacking = [params for params in wanted if params.ti is None]
    if not lacking:
        return
    deadline = None if timeout is None else time.monotonic() + timeout
    with ExitStack() as cleanup:
        # Nothing is wanted, so nothing is written; a folder of its own makes that certain.
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="evtorrent-list-"))
        session = cleanup.enter_context(open_session())
        # Wanting nothing must not part us from the seeds that have the metadata.
        session.apply_settings({"close_redundant_connections": False})
        handles = []
        for params in lacking:
            probe = params.copy()
            probe.save_path = folder
            probe.flags |= TorrentFlags.default_dont_download
            probe.flags &= ~(
                TorrentFlags.auto_managed | TorrentFlags.paused | TorrentFlags.duplicate_is_error
            )
            handles.append((params, session.add_torrent(probe)))
            for peer in dict.fromkeys([*peers, *params.peers]):
                handles[-1][1].connect_peer(peer)
        while handles:
            session.wait_for_alert(int(_TICK * 1000))
            for alert in session.pop_alerts():
                on_alert(alert)
            for params, handle in handles:
                params.ti = handle.torrent_file()
            handles = [(params, handle) for params, handle in handles if params.ti is None]
            if interrupts.received is not None:
                raise CommandFailed("interrupted", status_of_signal(interrupts.received))
            if handles and deadline is not None and time.monotonic() >= deadline:
                raise CommandFailed(
                    f"no metadata of {handles[0][0].best_name()} after {timeout:g} s", ExitStatus.TIMEOUT
                )
