"""`evtorrent get`: download, verify, and tell the truth about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from .. import AddTorrentParams, SessionError, TorrentFlags
from .certificates import Certificates, certificate_options
from .exit_status import CommandFailed, ExitStatus
from .folder_lock import FolderLocks
from .interrupts import Interrupts
from .listing import complete_metadata, listing_of, print_listing
from .network import Network, network_options, refuse_around_proxy
from .opening import SessionOptions, open_session
from .options import DURATION, output_options, session_options
from .reporters import Aside, JsonLines, Reporter, reporter_for
from .resume_store import ResumeStore, UnusableResumeData
from .seeding_goal import SeedingGoal, seeding_options
from .selection import NothingSelected, Selection
from .sources import load_source
from .transfers import TransferPlan, Transfers

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be downloaded, and how."""

    uris: tuple[str, ...]
    save_path: str
    peers: tuple[tuple[str, int], ...] = ()
    selection: Selection | None = None
    sequential: bool = False
    resume: bool = True
    certificates: Certificates = field(default_factory=Certificates)


@click.command("get")
@click.argument("uris", metavar="URI...", nargs=-1, required=True)
@click.option(
    "--save-path", "-o", default=".", show_default=True, type=click.Path(file_okay=False), help="Where to."
)
@session_options
@network_options
@certificate_options
@seeding_options
@click.option("--sequential", is_flag=True, help="Fetch the pieces in order.")
@click.option(
    "--files",
    "--select",
    "selected",
    multiple=True,
    metavar="WHICH",
    help="Only these files: indices, ranges and patterns, as 0-3,7,'*.mkv'.  See --list-files.",
)
@click.option("--list-files", is_flag=True, help="Show the files and which --files wants; download nothing.")
@click.option("--no-resume", is_flag=True, help="Neither use nor write resume data; hash what is there.")
@click.option("--timeout", type=DURATION, help="Give up when not complete after so long.")
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    uris: tuple[str, ...],
    save_path: str,
    listen: str | None,
    peers: tuple[tuple[str, int], ...],
    dht_nodes: tuple[tuple[str, int], ...],
    has_dht: bool,
    limit_down: int,
    limit_up: int,
    lsd: bool,
    network: Network,
    certificates: Certificates,
    goal: SeedingGoal,
    sequential: bool,
    selected: tuple[str, ...],
    list_files: bool,
    no_resume: bool,
    timeout: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Download torrents into a folder.

    A URI is a .torrent file, a web address of one, a magnet link or a bare info-hash.  Ctrl-C saves what is unfinished, and
    the same command continues it; nothing that was verified is fetched twice, not even after a crash.

    The exit status is 0 only when every torrent is complete and verified.
    """
    order = Order(uris, save_path, peers, Selection.of(selected), sequential, not no_resume, certificates)
    plan = TransferPlan(seed_time=goal.time or 0.0, seed_ratio=goal.ratio, timeout=timeout)
    options = SessionOptions(
        listen,
        limit_down,
        limit_up,
        lsd,
        has_dht=has_dht,
        dht_nodes=dht_nodes,
        settings={**network.settings(listen), **certificates.settings},
    )
    with reporter_for(as_json=as_json, quiet=quiet) as reporter:
        status = (_list if list_files else _get)(order, options, plan, reporter)
    ctx.exit(status)


def _load(order: Order, options: SessionOptions) -> list[AddTorrentParams]:
    for uri in order.uris:
        refuse_around_proxy(uri, options.settings)
    wanted = [load_source(uri) for uri in order.uris]
    for params in wanted:
        order.certificates.put_on(params)
    return wanted


def _list(order: Order, options: SessionOptions, plan: TransferPlan, reporter: Reporter) -> int:
    wanted = _load(order, options)
    aside = Aside(reporter)
    with Interrupts() as interrupts:
        complete_metadata(
            wanted,
            lambda: open_session(options, aside),
            interrupts,
            plan.timeout,
            order.peers,
            on_alert=lambda alert: order.certificates.answer(alert, aside),
        )
    listing = listing_of(wanted, order.selection)
    if isinstance(reporter, JsonLines):
        for torrent in listing:
            reporter.event("files", "", **torrent)
    else:
        print_listing(listing)
    return ExitStatus.DONE


def _get(order: Order, options: SessionOptions, plan: TransferPlan, reporter: Reporter) -> int:
    wanted = _load(order, options)
    for params in wanted:
        params.save_path = os.path.abspath(order.save_path)
        if order.sequential:
            params.flags |= TorrentFlags.sequential_download
    _refuse_overlap(wanted)
    try:
        os.makedirs(order.save_path, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            f"cannot create the folder {order.save_path}: {error.strerror}", ExitStatus.DISK
        ) from None
    store = ResumeStore() if order.resume else None
    with FolderLocks() as locks, Interrupts() as interrupts:
        for params in wanted:
            hashes = params.ti.info_hashes if params.ti is not None else params.info_hashes
            locks.lock(params.save_path, hashes, params.best_name())
        transfers = Transfers(open_session(options, reporter), reporter, interrupts, plan, store=store)
        transfers.on_alert = lambda alert: order.certificates.answer(alert, reporter)
        try:
            for params in wanted:
                if store is not None:
                    _take_up(store, params, reporter)
                _add(transfers, params, order)
            status = transfers.run()
        finally:
            transfers.close()
        reporter.close()
        _report_end(transfers, status, reporter, plan)
    return status


def _add(transfers: Transfers, params: AddTorrentParams, order: Order) -> None:
    try:
        transfers.add(params, order.selection, order.peers)
    except NothingSelected as error:
        raise CommandFailed(str(error), ExitStatus.USAGE) from None
    except SessionError as error:
        raise CommandFailed(f"{params.best_name()}: {error}", ExitStatus.BAD_INPUT) from None


def _take_up(store: ResumeStore, params: AddTorrentParams, reporter: Reporter) -> None:
    try:
        found = store.take_up(params)
    except UnusableResumeData as error:
        reporter.complain("warning", f"resume data is not used: {error}")
        return
    if found:
        count = params.have_pieces.count() if params.have_pieces is not None else 0
        reporter.event(
            "resumed",
            f"continuing {params.best_name()}",
            name=params.best_name(),
            pieces=count,
        )


def _refuse_overlap(wanted: Sequence[AddTorrentParams]) -> None:
    """Two different torrents that would write the same file or folder."""
    owners: dict[str, object] = {}
    for params in wanted:
        if params.ti is None:
            continue
        top = params.ti.name
        if owners.setdefault(top, params.ti.info_hashes) != params.ti.info_hashes:
            raise CommandFailed(
                f"two different torrents are called {top}: give them folders of their own", ExitStatus.USAGE
            )


def _report_end(transfers: Transfers, status: int, reporter: Reporter, plan: TransferPlan) -> None:
    unfinished = [t for t in transfers.transfers if not t.is_done]
    if status == ExitStatus.TIMEOUT:
        reporter.complain(
            "timeout",
            f"{len(unfinished)} of {len(transfers.transfers)} not complete after {plan.timeout:g} s",
        )
    elif status > 128:
        reporter.complain("interrupted", f"interrupted with {len(unfinished)} not complete")
    failed = sum(transfer.failure is not None for transfer in unfinished)
    reporter.event(
        "end",
        f"{len(transfers.transfers) - len(unfinished)} of {len(transfers.transfers)} complete and verified"
        + (f", {failed} failed" if failed else ""),
        status=int(status),
        complete=len(transfers.transfers) - len(unfinished),
        total=len(transfers.transfers),
    )
