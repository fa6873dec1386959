"""`evtorrent dht`: one question to the DHT, by a node that is there for no longer than that."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ...protocols.dht import ItemError, MutableItem
from .dht_asking import DhtAsker
from .dht_values import (
    as_json_value,
    as_text,
    endpoint_text,
    parse_hash,
    parse_item_name,
    read_key,
    write_key,
)
from .exit_status import CommandFailed, ExitStatus
from .options import DURATION, ENDPOINT

__all__ = ["command"]

# Any: a decorator of click gives back whatever it was put on.
F = TypeVar("F", bound=Callable[..., Any])

Endpoints = tuple[tuple[str, int], ...]


def _hash(ctx: click.Context, param: click.Parameter, value: str) -> bytes:
    return parse_hash(value)


def _item_name(ctx: click.Context, param: click.Parameter, value: str) -> tuple[bytes, bytes]:
    return parse_item_name(value)


def _asking(command: F) -> F:
    """--bootstrap, --timeout, --json."""
    rows = (
        click.option(
            "--bootstrap",
            type=ENDPOINT,
            multiple=True,
            help="A node to begin with; may be repeated.  Default: the routers of the settings.",
        ),
        click.option(
            "--timeout", type=DURATION, default=60.0, show_default="1m", help="Give up after so long."
        ),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, for machines."),
    )
    for row in reversed(rows):
        command = row(command)
    return command


@click.group("dht")
def command() -> None:
    """Ask the DHT, or store something there.

    The exit status is 0 when there was an answer: peers, an item, somebody who stored it.
    """


@command.command("get-peers")
@click.argument("info_hash", metavar="HASH|MAGNET", callback=_hash)
@_asking
def get_peers(*, info_hash: bytes, bootstrap: Endpoints, timeout: float, as_json: bool) -> None:
    """Find peers of a torrent."""
    with DhtAsker(bootstrap, timeout) as asker:
        asker.join()
        result = asker.run(lambda dht: dht.get_peers(info_hash))
    peers = [endpoint_text(peer) for peer in result.peers]
    _show(
        as_json,
        {"info_hash": info_hash.hex(), "peers": peers, "responses": result.num_responses},
        peers,
    )
    if not peers:
        raise CommandFailed(f"none of {result.num_responses} nodes knows a peer")


@command.command("announce")
@click.argument("info_hash", metavar="HASH|MAGNET", callback=_hash)
@click.argument("port", type=click.IntRange(0, 65535))
@click.option("--seed", "is_seed", is_flag=True, help="Say that we have everything.")
@_asking
def announce(
    *, info_hash: bytes, port: int, is_seed: bool, bootstrap: Endpoints, timeout: float, as_json: bool
) -> None:
    """Tell that a peer of a torrent is at our address and PORT (0: at the port of our datagrams)."""
    with DhtAsker(bootstrap, timeout) as asker:
        asker.join()
        result = asker.run(lambda dht: dht.announce(info_hash, port, is_seed=is_seed))
    peers = [endpoint_text(peer) for peer in result.peers]
    _show(
        as_json,
        {"info_hash": info_hash.hex(), "port": port, "success": result.num_success, "peers": peers},
        [f"{result.num_success} nodes will tell of it; other peers: {len(peers)}"],
    )
    if not result.num_success:
        raise CommandFailed("no node took it")


@command.command("get")
@click.argument("name", metavar="TARGET|KEY[:SALT]", callback=_item_name)
@_asking
def get(*, name: tuple[bytes, bytes], bootstrap: Endpoints, timeout: float, as_json: bool) -> None:
    """Print an item: by its hash, or the newest of a public key (and salt), whose signature is verified."""
    wanted, salt = name
    with DhtAsker(bootstrap, timeout) as asker:
        asker.join()
        result = asker.run(
            lambda dht: dht.get_immutable(wanted) if len(wanted) == 20 else dht.get_mutable(wanted, salt)
        )
    item = result.item
    if item is None:
        raise CommandFailed("nobody has it")
    fields: dict[str, Any] = {
        "target": item.target.hex(),
        "value": as_json_value(item.value),
        "copies": result.num_copies,
    }
    if isinstance(item, MutableItem):
        fields |= _signed_fields(item)
    _show(as_json, fields, [as_text(item.value)])


@command.command("put")
@click.argument("value")
@click.option(
    "--key", "key_file", metavar="FILE", type=click.Path(), help="Sign it with the secret key in FILE."
)
@click.option("--new-key", is_flag=True, help="Make a new secret key in FILE first.")
@click.option("--salt", default="", help="Which of the key's items.")
@_asking
def put(
    *,
    value: str,
    key_file: str | None,
    new_key: bool,
    salt: str,
    bootstrap: Endpoints,
    timeout: float,
    as_json: bool,
) -> None:
    """Store a text, under its hash or, with a key, as the newest item of that key.  Prints where to get it."""
    if key_file is None and (salt or new_key):
        raise click.UsageError("--salt and --new-key belong to --key")
    if key_file is not None and new_key:
        write_key(key_file)
    key = None if key_file is None else read_key(key_file)
    raw = value.encode("utf-8", "surrogateescape")
    try:
        with DhtAsker(bootstrap, timeout) as asker:
            asker.join()
            result = asker.run(
                lambda dht: (
                    dht.put_immutable(raw)
                    if key is None
                    else dht.put_mutable(key, raw, salt=salt.encode("utf-8", "surrogateescape"))
                )
            )
    except ItemError as error:
        raise CommandFailed(str(error), ExitStatus.USAGE) from None
    if result.item is None or not result.num_success:
        reasons = "; ".join(text for _, text in result.errors)
        raise CommandFailed(f"no node stored it{f': {reasons}' if reasons else ''}")
    item = result.item
    fields: dict[str, Any] = {"target": item.target.hex(), "success": result.num_success}
    where = item.target.hex()
    if isinstance(item, MutableItem):
        fields |= _signed_fields(item)
        where = f"{item.public_key.hex()}{f':{salt}' if salt else ''}"
    _show(as_json, fields, [where])


@command.command("sample")
@click.argument("node", metavar="HOST:PORT", type=ENDPOINT)
@click.argument("target", metavar="TARGET", callback=_hash)
@_asking
def sample(
    *, node: tuple[str, int], target: bytes, bootstrap: Endpoints, timeout: float, as_json: bool
) -> None:
    """Ask one node which torrents it knows peers of (BEP 51), and which nodes near TARGET."""
    with DhtAsker(bootstrap, timeout) as asker:
        received = asker.run(lambda dht: dht.sample_infohashes(node, target))
    if received.sample is None:
        raise CommandFailed(f"{endpoint_text(node)} gave no answer")
    found = received.sample
    hashes = [each.hex() for each in found.infohashes]
    fields = {
        "id": received.node_id.hex(),
        "samples": hashes,
        "num_infohashes": found.num_infohashes,
        "interval": found.interval,
        "nodes": [{"id": node_id.hex(), "endpoint": endpoint_text(at)} for node_id, at in received.nodes],
    }
    _show(as_json, fields, [*hashes, f"{len(hashes)} of {found.num_infohashes}"])


@command.command("nodes")
@_asking
def nodes(*, bootstrap: Endpoints, timeout: float, as_json: bool) -> None:
    """List the nodes that a node of ours comes to know when it joins."""
    with DhtAsker(bootstrap, timeout) as asker:
        asker.join()
        known = [contact for node in asker.dht.nodes() for contact in node.live_nodes()]
    known = [contact for contact in known if contact.is_confirmed]
    rows = [
        {"id": each.node_id.hex(), "endpoint": endpoint_text(each.address), "rtt": round(each.rtt, 4)}
        for each in known
    ]
    if as_json:
        click.echo(json.dumps({"nodes": rows}))
    else:
        _print_nodes(rows)
    if not rows:
        raise CommandFailed("no node answered")


def _signed_fields(item: MutableItem) -> dict[str, Any]:
    return {
        "key": item.public_key.hex(),
        "salt": as_json_value(item.salt),
        "seq": item.sequence,
        "signature": item.signature.hex(),
    }


def _show(as_json: bool, fields: dict[str, Any], lines: Sequence[str]) -> None:
    if as_json:
        click.echo(json.dumps(fields))
        return
    for line in lines:
        click.echo(line)


def _print_nodes(rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console  # takes its time to load
    from rich.table import Table

    table = Table("Node", "Address", "Round trip", box=None)
    for row in rows:
        table.add_row(row["id"], row["endpoint"], f"{1000 * row['rtt']:.0f} ms")
    Console(highlight=False, markup=False, soft_wrap=True).print(table)
