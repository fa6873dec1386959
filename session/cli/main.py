"""The `evtorrent` command: finds the sub-command and turns every foreseeable failure into one line and an exit status.

Sub-commands are loaded when they are used, so that `--version` and a mistyped name cost nothing.
"""

from __future__ import annotations

import contextlib
import errno
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from ... import __version__
from .exit_status import CommandFailed, ExitStatus, status_of_signal

__all__ = ["command", "main"]

COMMANDS = {
    "get": "Download torrents, and verify them.",
    "seed": "Upload what is on disk.",
    "top": "Run a session on the whole screen.",
    "create": "Make a .torrent file.",
    "info": "Show what is in a .torrent file or magnet link.",
    "magnet": "Print the magnet link of a .torrent file.",
    "dht": "Ask the DHT, or store something there.",
    "demo": "Download a torrent from a swarm on this machine.",
}
"""Name → one line.  Each is the attribute `command` of the module of that name."""

EPILOG = (
    "Exit status: 0 done and verified, 1 failed, 2 wrong usage, 3 unusable torrent or link, 4 disk error, "
    "5 cannot listen, 6 timeout, 130 interrupted (Ctrl-C), 143 terminated."
)


class Program(click.Group):
    """The sub-commands, loaded late, and the border at which errors become messages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """click's"""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """click's"""
        if cmd_name not in COMMANDS:
            return None
        found = import_module(f".{cmd_name}", __package__).command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """click's, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """click's (Any: its own return type), with the errors of our library translated."""
        try:
            return super().invoke(ctx)
        except CommandFailed as error:
            failure = error
        except (KeyboardInterrupt, click.Abort):
            failure = CommandFailed("interrupted", status_of_signal(signal.SIGINT))
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of our output went away: click ends quietly
            failure = CommandFailed.from_os_error(error)
        except _library_errors() as error:
            failure = CommandFailed(str(error))
        click.echo(f"evtorrent: {failure}", err=True)
        ctx.exit(failure.status)


@click.group(
    cls=Program,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, "--version", prog_name="evtorrent")
def command() -> None:
    """A BitTorrent client.

    The exit status is 0 only when the job is done and verified.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name in a script the terminal cannot show must not end a download.
            stream.reconfigure(errors="replace")
    try:
        command.main(args=None if arguments is None else list(arguments), prog_name="evtorrent")
    except SystemExit as ending:
        code = ending.code
        return code if isinstance(code, int) else ExitStatus.DONE if code is None else ExitStatus.FAILED
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()


def _library_errors() -> tuple[type[Exception], ...]:
    """What the library raises on purpose; loaded only when something was raised."""
    from ...protocols.bencode import BencodeError
    from ...protocols.metainfo import CreateError, MagnetError, MetainfoError
    from .. import SessionError

    return (SessionError, BencodeError, MetainfoError, MagnetError, CreateError)
