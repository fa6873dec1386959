"""`evtorrent magnet`: the magnet link of a .torrent file."""

from __future__ import annotations

import click

from .. import make_magnet_uri
from .sources import load_source

__all__ = ["command"]


@click.command("magnet")
@click.argument("uri", metavar="FILE")
@click.option("--no-trackers", is_flag=True, help="Name the torrent only, not where its peers may be.")
def command(*, uri: str, no_trackers: bool) -> None:
    """Print the magnet link of a .torrent file."""
    params = load_source(uri)
    if no_trackers:
        params.trackers, params.url_seeds, params.dht_nodes = [], [], []
    click.echo(make_magnet_uri(params))
