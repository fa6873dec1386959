"""`evtorrent demo`: a tracker, a seed and a download on this machine, with everything real but the distance.

Two sessions, as two people would have them, find each other through a tracker of their own on loopback, on ports the
system picks.  At the end the files are compared byte by byte.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from .. import AddTorrentParams, Session, TrackerReplyAlert, load_torrent_buffer
from .demo_tracker import DemoTracker
from .exit_status import CommandFailed, ExitStatus, status_of_signal
from .interrupts import Interrupts
from .making import Recipe, make_torrent, write_new_file
from .opening import SessionOptions, open_session
from .options import SIZE, output_options
from .reporters import Aside, Reporter, reporter_for
from .transfers import TransferPlan, Transfers
from .units import format_elapsed, format_rate, format_size

__all__ = ["command"]

PATIENCE = 30.0
"""Seconds the seed may take to check its file and be known to the tracker."""

TIME_PER_GIB = 600.0
"""Seconds a GiB may take; far more than it does."""

_CHUNK = 1024 * 1024
_LOOPBACK = SessionOptions(listen="127.0.0.1:0", has_dht=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it all happens."""

    folder: Path
    size: int
    reporter: Reporter
    interrupts: Interrupts

    @property
    def original(self) -> Path:
        return self.folder / "seed" / "demo.bin"

    @property
    def copy(self) -> Path:
        return self.folder / "download" / "demo.bin"

    def check_interrupt(self) -> None:
        """CommandFailed when a signal came."""
        if self.interrupts.received is not None:
            raise CommandFailed("interrupted", status_of_signal(self.interrupts.received))


@click.command("demo")
@click.option("--size", type=SIZE, default="64MiB", show_default=True, help="How much to transfer.")
@click.option("--keep", is_flag=True, help="Keep the files, and say where they are.")
@output_options
@click.pass_context
def command(ctx: click.Context, /, *, size: int, keep: bool, as_json: bool, quiet: bool) -> None:
    """Download a torrent from a swarm on this machine.

    A tracker, a seed and a download on loopback.  The exit status is 0 only when the copy is identical to the original.
    """
    if size < 1:
        raise click.BadParameter("there is nothing to transfer", ctx, param_hint="--size")
    with Interrupts() as interrupts, reporter_for(as_json=as_json, quiet=quiet, interval=0.1) as reporter:
        folder = Path(tempfile.mkdtemp(prefix="evtorrent-demo-"))
        try:
            status = _demonstrate(Stage(folder, size, reporter, interrupts))
        finally:
            if keep:
                reporter.event("kept", f"the files are in {folder}", folder=str(folder))
            else:
                shutil.rmtree(folder, ignore_errors=True)
    ctx.exit(status)


def _demonstrate(stage: Stage) -> int:
    reporter = stage.reporter
    reporter.event(
        "original",
        f"original: {format_size(stage.size)} of random bytes",
        folder=str(stage.folder),
        size=stage.size,
    )
    _write_random(stage)
    with ExitStack() as cleanup:
        tracker = cleanup.enter_context(DemoTracker())
        reporter.event("tracker", f"tracker: {tracker.url}", url=tracker.url)
        data = make_torrent(str(stage.original), Recipe(trackers=((tracker.url,),)))
        torrent_file = stage.folder / "demo.torrent"
        write_new_file(str(torrent_file), data)
        seed = open_session(_LOOPBACK, Aside(reporter))
        seeding = Transfers(
            seed, Aside(reporter), stage.interrupts, TransferPlan(seed_time=math.inf, must_be_complete=True)
        )
        cleanup.callback(seeding.close)
        _start_seed(stage, seed, seeding, data)
        leech = open_session(_LOOPBACK, Aside(reporter))
        timeout = PATIENCE + stage.size / 2**30 * TIME_PER_GIB
        transfers = Transfers(leech, reporter, stage.interrupts, TransferPlan(timeout=timeout))
        cleanup.callback(transfers.close)
        started = time.monotonic()
        transfers.add(_params(data, stage.copy.parent))
        status = transfers.run()
        seconds = time.monotonic() - started
    reporter.close()
    stage.check_interrupt()
    if status != ExitStatus.DONE:
        reporter.complain("failed", f"the download ended with status {status}", status=status)
        return status
    return _verify(stage, seconds)


def _start_seed(stage: Stage, session: Session, seeding: Transfers, data: bytes) -> None:
    """Until the seed has checked its file and the tracker knows it."""
    announced: list[TrackerReplyAlert] = []
    seeding.on_alert = lambda alert: announced.append(alert) if isinstance(alert, TrackerReplyAlert) else None
    seeding.add(_params(data, stage.original.parent))
    deadline = time.monotonic() + PATIENCE
    while not announced:
        status = seeding.step()
        stage.check_interrupt()
        if status is not None:
            raise CommandFailed("the seed cannot read what was just written", ExitStatus.DISK)
        if time.monotonic() > deadline:
            raise CommandFailed(f"the tracker did not answer the seed within {PATIENCE:g} s")
    port = session.listen_port()
    stage.reporter.event(
        "seed", f"seed: 127.0.0.1:{port}, {format_size(stage.size)} checked and announced", port=port
    )


def _params(data: bytes, folder: Path) -> AddTorrentParams:
    params = load_torrent_buffer(data)
    params.save_path = str(folder)
    return params


def _write_random(stage: Stage) -> None:
    """Bytes that cannot be guessed, so that arriving means having been sent."""
    try:
        stage.original.parent.mkdir()
        stage.copy.parent.mkdir()
        with open(stage.original, "xb") as file:
            left = stage.size
            while left:
                left -= file.write(os.urandom(min(left, _CHUNK)))
                stage.check_interrupt()
    except OSError as error:
        raise CommandFailed(
            f"cannot write {format_size(stage.size)} to {stage.folder}: {error.strerror or error}",
            ExitStatus.DISK,
        ) from None


def _verify(stage: Stage, seconds: float) -> int:
    identical, digest = compare(stage.original, stage.copy, stage.check_interrupt)
    rate = stage.size / max(seconds, 0.001)
    if not identical:
        stage.reporter.complain("different", "the copy is NOT identical to the original")
        return ExitStatus.FAILED
    stage.reporter.event(
        "verified",
        f"verified: {format_size(stage.size)} identical, sha256 {digest[:16]}…, "
        f"in {format_elapsed(seconds)} ({format_rate(rate)})",
        identical=True,
        size=stage.size,
        sha256=digest,
        seconds=round(seconds, 3),
        rate=round(rate),
    )
    return ExitStatus.DONE


def compare(first: Path, second: Path, on_chunk: Callable[[], object] = lambda: None) -> tuple[bool, str]:
    """Whether two files hold the same bytes, and the SHA-256 of the first as far as they do."""
    digest = hashlib.sha256()
    with open(first, "rb") as one, open(second, "rb") as other:
        while True:
            mine, theirs = one.read(_CHUNK), other.read(_CHUNK)
            if mine != theirs:
                return False, digest.hexdigest()
            if not mine:
                return True, digest.hexdigest()
            digest.update(mine)
            on_chunk()
