"""`evtorrent create`: make a .torrent file."""

from __future__ import annotations

import os
import time

import click

from .. import load_torrent_buffer, make_magnet_uri
from .exit_status import CommandFailed, ExitStatus
from .hashing_bar import HashingBar
from .making import Recipe, make_torrent, write_new_file
from .options import SIZE, output_options
from .reporters import JsonLines, Lines, Quiet
from .units import format_rate, format_size

__all__ = ["command", "tiers_of"]


@click.command("create")
@click.argument("path", type=click.Path())
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False), help="The .torrent; default: NAME.torrent here."
)
@click.option(
    "--piece-size", type=SIZE, default=0, help="16KiB to 128MiB; default: by the size of the whole."
)
@click.option(
    "--tracker",
    "-t",
    "trackers",
    multiple=True,
    metavar="URL[,URL...]",
    help="A tier of trackers; repeated for further tiers.",
)
@click.option(
    "--web-seed", "-w", "web_seeds", multiple=True, metavar="URL", help="Also to be had from there."
)
@click.option("--private", "is_private", is_flag=True, help="Peers from its own trackers only.")
@click.option("--comment", default="", help="Anything.")
@click.option("--source", default="", help="Makes the info-hash differ from other torrents of these files.")
@click.option("--hybrid", is_flag=True, help="With v2 hashes too.")
@click.option("--v2", is_flag=True, help="With v2 hashes only (BEP 52).")
@click.option(
    "--no-date", is_flag=True, help="Do not say when it was made: the same files give the same file."
)
@click.option("--force", "-f", is_flag=True, help="Replace an existing .torrent.")
@output_options
def command(
    *,
    path: str,
    output: str | None,
    piece_size: int,
    trackers: tuple[str, ...],
    web_seeds: tuple[str, ...],
    is_private: bool,
    comment: str,
    source: str,
    hybrid: bool,
    v2: bool,
    no_date: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a .torrent of the file or folder at PATH."""
    target = output or f"{os.path.basename(os.path.abspath(path))}.torrent"
    if hybrid and v2:
        raise CommandFailed("--hybrid and --v2 exclude each other", ExitStatus.USAGE)
    if os.path.exists(target) and not force:
        raise CommandFailed(f"{target} exists already: --force replaces it")
    recipe = Recipe(
        piece_size,
        tiers_of(trackers),
        web_seeds,
        is_private=is_private,
        comment=comment,
        source=source,
        has_date=not no_date,
        hybrid=hybrid,
        v2=v2,
    )
    started = time.monotonic()
    with HashingBar(enabled=not quiet and not as_json) as bar:
        data = make_torrent(path, recipe, bar.update, exclude=target)
    write_new_file(target, data, replace=force)
    seconds = time.monotonic() - started
    params = load_torrent_buffer(data)
    info = params.ti
    assert info is not None
    reporter = JsonLines() if as_json else Quiet() if quiet else Lines()
    reporter.event(
        "created",
        f"created {target}: {format_size(info.total_size)} in {info.num_pieces} pieces of "
        f"{format_size(info.piece_length)}, hashed at {format_rate(info.total_size / max(seconds, 0.001))}",
        file=target,
        name=info.name,
        info_hash=str(info.info_hashes.v1 or info.info_hashes.v2),
        size=info.total_size,
        piece_length=info.piece_length,
        pieces=info.num_pieces,
        magnet=make_magnet_uri(params),
        seconds=round(seconds, 3),
    )
    if not as_json:
        reporter.event("magnet", make_magnet_uri(params))


def tiers_of(given: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Each option a tier, commas between trackers of one."""
    tiers = (tuple(url.strip() for url in text.split(",") if url.strip()) for text in given)
    return tuple(tier for tier in tiers if tier)
