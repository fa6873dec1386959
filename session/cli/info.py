"""`evtorrent info`: what is in a .torrent file or magnet link, for people and for machines."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import click

from ...protocols.metainfo import FileFlags, TorrentInfo
from .. import AddTorrentParams, make_magnet_uri
from .printable import printable
from .sources import load_source
from .units import format_size

__all__ = ["command", "describe"]

_ATTRIBUTES = (
    (FileFlags.HIDDEN, "hidden"),
    (FileFlags.EXECUTABLE, "executable"),
    (FileFlags.SYMLINK, "link"),
)


@click.command("info")
@click.argument("uri", metavar="FILE|MAGNET")
@click.option(
    "--files", "with_files", is_flag=True, help="List the files, with the indices get --files takes."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(*, uri: str, with_files: bool, as_json: bool) -> None:
    """Show what is in a .torrent file or magnet link."""
    params = load_source(uri)
    fields = describe(params, with_files=with_files)
    if as_json:
        click.echo(json.dumps(fields))
        return
    for label, value in _facts(fields):
        click.echo(f"{click.style(f'{label:<16}', bold=True)}{printable(value)}")
    if with_files and params.ti is not None:
        _print_files(fields["files"])


def describe(params: AddTorrentParams, *, with_files: bool = False) -> dict[str, Any]:
    """Everything as one JSON object (Any: JSON's types); None and empty lists where nothing is said."""
    info = params.ti
    hashes = info.info_hashes if info is not None else params.info_hashes
    fields: dict[str, Any] = {
        "name": info.name if info is not None else params.name or None,
        "info_hash": str(hashes.v1) if hashes.v1 is not None else None,
        "info_hash_v2": str(hashes.v2) if hashes.v2 is not None else None,
        "magnet": make_magnet_uri(params),
        "trackers": params.tiers(),
        "web_seeds": params.url_seeds,
        "peers": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in params.peers],
        "nodes": [f"{host}:{port}" for host, port in params.dht_nodes],
    }
    if info is None:
        return fields
    files = _files(info)
    fields |= {
        "size": sum(file["size"] for file in files),
        "piece_length": info.piece_length,
        "pieces": info.num_pieces,
        "num_files": len(files),
        "private": info.is_private,
        "comment": params.comment or None,
        "created_by": params.created_by or None,
        "created": params.creation_date or None,
        "source": info.source or None,
    }
    if with_files:
        fields["files"] = files
    return fields


def _files(info: TorrentInfo) -> list[dict[str, Any]]:
    files = info.files
    listed = []
    for index in range(files.num_files):
        if files.is_pad(index):
            continue
        flags = files.flags(index)
        entry: dict[str, Any] = {"index": index, "path": files.path(index), "size": files.size(index)}
        attributes = [word for flag, word in _ATTRIBUTES if flags & flag]
        if attributes:
            entry["attributes"] = attributes
        listed.append(entry)
    return listed


def _facts(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Label and value, of what is said."""
    yield "Name", fields["name"] or "(not known before the metadata)"
    if "size" in fields:
        yield "Size", f"{format_size(fields['size'])} ({fields['size']:,} bytes)"
        yield "Pieces", f"{fields['pieces']:,} of {format_size(fields['piece_length'])}"
        yield "Files", f"{fields['num_files']:,}"
        yield "Private", "yes: peers only from its trackers" if fields["private"] else "no"
    for label, key in (("Info-hash v1", "info_hash"), ("Info-hash v2", "info_hash_v2")):
        if fields[key]:
            yield label, fields[key]
    for tier, urls in enumerate(fields["trackers"]):
        for url in urls:
            yield f"Tracker, tier {tier}", url
    for label, key in (("Web seed", "web_seeds"), ("Peer", "peers"), ("DHT node", "nodes")):
        for value in fields[key]:
            yield label, value
    for label, key in (("Source", "source"), ("Comment", "comment"), ("Created by", "created_by")):
        if fields.get(key):
            yield label, fields[key]
    if fields.get("created"):
        yield "Created", _date(fields["created"])
    yield "Magnet link", fields["magnet"]


def _date(when: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))
    except (OverflowError, ValueError, OSError):
        return f"{when} (not a date)"


def _print_files(files: list[dict[str, Any]]) -> None:
    click.echo(click.style(f"\n{'Index':>7}  {'Size':>10}  Path", bold=True))
    for file in files:
        attributes = f"  ({', '.join(file['attributes'])})" if "attributes" in file else ""
        click.echo(
            f"{file['index']:>7}  {format_size(file['size']):>10}  {printable(file['path'])}{attributes}"
        )
