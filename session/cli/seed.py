"""`evtorrent seed`: upload what is on disk, after checking that all of it is there."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

import click

from .. import AddTorrentParams, TorrentFlags, load_torrent_buffer, make_magnet_uri
from .certificates import Certificates, certificate_options
from .create import tiers_of
from .exit_status import CommandFailed, ExitStatus
from .hashing_bar import HashingBar
from .interrupts import Interrupts
from .making import Recipe, make_torrent, write_new_file
from .network import Network, network_options
from .opening import SessionOptions, open_session
from .options import DURATION, output_options, session_options
from .reporters import Reporter, reporter_for
from .seeding_goal import RATIO
from .sources import load_torrent
from .transfers import TransferPlan, Transfers

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be uploaded."""

    params: AddTorrentParams
    peers: tuple[tuple[str, int], ...] = ()
    certificates: Certificates = field(default_factory=Certificates)


@click.command("seed")
@click.argument("path", type=click.Path())
@click.option(
    "--torrent", "torrent_file", type=click.Path(), help="The .torrent of the file or folder at PATH."
)
@click.option("--create", is_flag=True, help="Make PATH.torrent first.")
@click.option(
    "--save-path",
    "-o",
    type=click.Path(file_okay=False),
    help="The folder the files are in; default: by PATH.",
)
@click.option(
    "--tracker", "-t", "trackers", multiple=True, metavar="URL[,URL...]", help="Announce there as well."
)
@session_options
@network_options
@certificate_options
@click.option("--seed-time", type=DURATION, help="End after so long; default: when interrupted.")
@click.option("--seed-ratio", type=RATIO, help="End when so much of its size is uploaded: 1.5, 150%.")
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    path: str,
    torrent_file: str | None,
    create: bool,
    save_path: str | None,
    trackers: tuple[str, ...],
    listen: str | None,
    peers: tuple[tuple[str, int], ...],
    dht_nodes: tuple[tuple[str, int], ...],
    has_dht: bool,
    limit_down: int,
    limit_up: int,
    lsd: bool,
    network: Network,
    certificates: Certificates,
    seed_time: float | None,
    seed_ratio: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Upload what is on disk until interrupted.

    PATH is a .torrent file (its files are in --save-path, by default the current folder), or with --torrent or --create the
    file or folder itself.  Everything is hashed first; if it is not all there nothing is uploaded and the status is 4.
    """
    if create and torrent_file is not None:
        raise click.UsageError("--create makes the .torrent that --torrent names: give one of them")
    with reporter_for(as_json=as_json, quiet=quiet) as reporter:
        if create:
            data = _create(path, trackers, show=not as_json and not quiet)
            params = load_torrent_buffer(data)
        else:
            params = load_torrent(torrent_file or path)
            tier = max(params.tracker_tiers, default=-1) + 1
            for offset, urls in enumerate(tiers_of(trackers)):
                params.trackers.extend(urls)
                params.tracker_tiers.extend([tier + offset] * len(urls))
        params.save_path = _folder_of(
            params, None if not create and torrent_file is None else path, save_path
        )
        plan = TransferPlan(
            seed_time=math.inf if seed_time is None else seed_time,
            seed_ratio=seed_ratio,
            must_be_complete=True,
        )
        options = SessionOptions(
            listen,
            limit_down,
            limit_up,
            lsd,
            has_dht=has_dht,
            dht_nodes=dht_nodes,
            settings={**network.settings(listen), **certificates.settings},
        )
        certificates.put_on(params)
        status = _seed(Offer(params, peers, certificates), options, plan, reporter)
    ctx.exit(status)


def _seed(offer: Offer, options: SessionOptions, plan: TransferPlan, reporter: Reporter) -> int:
    params = offer.params
    params.flags |= TorrentFlags.upload_mode
    with Interrupts() as interrupts:
        session = open_session(options, reporter)
        if not session.is_listening() and not options.settings.get("proxy_type"):
            session.close()
            raise CommandFailed("cannot listen: nobody could connect", ExitStatus.CANNOT_LISTEN)
        transfers = Transfers(session, reporter, interrupts, plan)
        transfers.on_alert = lambda alert: offer.certificates.answer(alert, reporter)
        try:
            reporter.event("magnet", make_magnet_uri(params), magnet=make_magnet_uri(params))
            transfers.add(params, peers=offer.peers)
            status = transfers.run()
        finally:
            transfers.close()
        reporter.event("end", "", status=int(status), uploaded=sum(v.uploaded for v in transfers.views()))
    return status


def _create(path: str, trackers: tuple[str, ...], *, show: bool) -> bytes:
    target = f"{os.path.abspath(path)}.torrent"
    if os.path.exists(target):
        raise CommandFailed(f"{target} exists already: use --torrent {target}")
    with HashingBar(enabled=show) as bar:
        data = make_torrent(path, Recipe(trackers=tiers_of(trackers)), bar.update)
    write_new_file(target, data)
    return data


def _folder_of(params: AddTorrentParams, content: str | None, save_path: str | None) -> str:
    """The folder the torrent's file or folder is in.  CommandFailed when it is not there."""
    assert params.ti is not None
    name = params.ti.name
    if save_path is not None or content is None:
        folder = os.path.abspath(save_path or ".")
    else:
        place = os.path.abspath(content)
        folder = os.path.dirname(place) if os.path.basename(place) == name else place
    if not os.path.lexists(os.path.join(folder, name)):
        raise CommandFailed(f"there is no {name} in {folder}: see --save-path", ExitStatus.DISK)
    return folder
