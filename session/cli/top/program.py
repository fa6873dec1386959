"""`evtorrent top`: a session on the whole screen."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Final

import click

from ..exit_status import CommandFailed
from ..folder_lock import FolderLocks
from ..interrupts import Interrupts
from ..network import Network, network_options, refuse_around_proxy
from ..opening import SessionOptions, open_session
from ..options import session_options
from ..printable import one_line
from ..reporters import JsonLines, Reporter
from ..sources import load_source
from .live_session import LiveSession
from .remarks import Remarks
from .screen_model import ScreenModel
from .showing import show_lines, show_screen
from .state_folder import StateFolder, default_state_folder
from .terminal import Terminal

__all__ = ["command"]

LINES: Final = 0.5
"""Seconds between two lines of --json about one torrent."""


@click.command("top")
@click.argument("uris", metavar="[URI]...", nargs=-1)
@click.option(
    "--save-path",
    "-o",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Where torrents that are added go.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False),
    help="Folder of what is kept between runs.  Default: evtorrent in XDG_STATE_HOME, or in ~/.local/state.",
)
@session_options
@network_options
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="No screen and no keys: one JSON object a line on stdout, until a signal.",
)
@click.pass_context
# Any: what `session_options` gives goes to `SessionOptions` as it is, whatever that has learnt meanwhile.
def command(
    ctx: click.Context,
    /,
    *,
    uris: tuple[str, ...],
    save_path: str,
    state: str | None,
    peers: tuple[tuple[str, int], ...],
    network: Network,
    as_json: bool,
    **session: Any,
) -> None:
    """Run a session on the whole screen: what it has, what it does, and keys to change that.

    Begins with the torrents of the last time and those given: .torrent files, web addresses of them, magnet links and bare
    info-hashes.  Press ? for the keys.  q and Ctrl-C save everything, and the next run goes on from there; the exit status
    is 0 when that is done.
    """
    options = SessionOptions(**session, settings=network.settings(session["listen"]))
    folder = StateFolder(Path(state) if state is not None else default_state_folder())
    terminal = None if as_json else Terminal()
    with FolderLocks() as locks, Interrupts() as interrupts:
        folder.open(locks)
        for uri in uris:
            refuse_around_proxy(uri, options.settings)
        wanted = [load_source(uri) for uri in uris]
        try:
            os.makedirs(save_path, exist_ok=True)
        except OSError as error:
            raise CommandFailed.from_os_error(error, "cannot create the folder") from None
        remarks = Remarks()
        reporter: Reporter = JsonLines(interval=LINES) if as_json else remarks
        live = LiveSession(
            open_session(options, reporter), folder, locks, os.path.abspath(save_path), remarks.say
        )
        try:
            live.resume_state()
            for params in wanted:
                remarks.say(live.add(params, peers), False)
            if terminal is None:
                show_lines(live, reporter, remarks, interrupts)
            else:
                with terminal:
                    show_screen(live, ScreenModel(), terminal, remarks, interrupts)
                _echo("saving...")
        finally:
            count = live.close()
        _say_goodbye(live, reporter, remarks, count)
    ctx.exit(live.status)


def _say_goodbye(live: LiveSession, reporter: Reporter, remarks: Remarks, count: int) -> None:
    if reporter is remarks:
        for complaint in remarks.complaints:
            _echo(f"evtorrent: {one_line(complaint)}", err=True)
        _echo(f"saved: {count} torrent{'s' * (count != 1)}, and the next run goes on from there")
    else:
        for text, is_bad in remarks.take():
            if is_bad:
                reporter.complain("warning", text)
    reporter.event("end", "", status=int(live.status), torrents=count)


def _echo(text: str, *, err: bool = False) -> None:
    # After a hang-up there is nobody to tell, which is no reason not to save.
    with contextlib.suppress(OSError):
        click.echo(text, err=err)
