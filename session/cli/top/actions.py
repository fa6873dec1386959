"""What a key asks for: each key, what it does, and what is said of it in the help.  The one table of keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

__all__ = ["KEYS", "Action", "Command", "Key"]


class Command(Enum):
    """What can be asked for.  The first group is the screen's own affair."""

    UP = auto()
    DOWN = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()
    HOME = auto()
    END = auto()
    NEXT_PANE = auto()
    PREVIOUS_PANE = auto()
    FOCUS = auto()
    DETAILS = auto()
    SORT = auto()
    HELP = auto()
    REDRAW = auto()

    QUIT = auto()
    PAUSE = auto()
    """`number` is 1 to pause, 0 to go on."""
    FORCE = auto()
    RECHECK = auto()
    ANNOUNCE = auto()
    SEQUENTIAL = auto()
    """`number` is 1 for on, 0 for off."""
    QUEUE_UP = auto()
    QUEUE_DOWN = auto()
    QUEUE_TOP = auto()
    QUEUE_BOTTOM = auto()
    REMOVE = auto()
    DELETE = auto()
    ADD = auto()
    """`text` is the source."""
    LIMIT_DOWN = auto()
    """`number` is bytes a second; 0 is none."""
    LIMIT_UP = auto()
    SESSION_DOWN = auto()
    SESSION_UP = auto()
    WANT_FILE = auto()
    """`number` is the file's index; toggles whether it is wanted."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something the session is to do."""

    command: Command
    key: str = ""
    """The torrent's row."""
    text: str = ""
    number: int = 0


class Key(NamedTuple):
    """One row of the table: any of `keys` does it."""

    keys: tuple[str, ...]
    command: Command
    help: str


KEYS: Final = (
    Key(("up", "k"), Command.UP, "one up"),
    Key(("down", "j"), Command.DOWN, "one down"),
    Key(("page-up",), Command.PAGE_UP, "a page up"),
    Key(("page-down",), Command.PAGE_DOWN, "a page down"),
    Key(("home", "g"), Command.HOME, "to the first"),
    Key(("end", "G"), Command.END, "to the last"),
    Key(("right",), Command.NEXT_PANE, "next pane of the details; 1 to 5 for one of them"),
    Key(("left",), Command.PREVIOUS_PANE, "the pane before"),
    Key(("tab",), Command.FOCUS, "keys go to the list, or to the details"),
    Key(("enter",), Command.DETAILS, "show or hide the details"),
    Key(("o",), Command.SORT, "another order of the list"),
    Key(("p", " "), Command.PAUSE, "pause, go on; in the files: want the file or not"),
    Key(("F",), Command.FORCE, "start now, whatever the queue says"),
    Key(("r",), Command.RECHECK, "hash everything again"),
    Key(("A",), Command.ANNOUNCE, "announce to the trackers now"),
    Key(("s",), Command.SEQUENTIAL, "pieces in order, or rarest first"),
    Key(("+", "="), Command.QUEUE_UP, "one place up in the queue"),
    Key(("-",), Command.QUEUE_DOWN, "one place down"),
    Key(("T",), Command.QUEUE_TOP, "to the top of the queue"),
    Key(("B",), Command.QUEUE_BOTTOM, "to the bottom"),
    Key(("l",), Command.LIMIT_DOWN, "limit its download rate"),
    Key(("u",), Command.LIMIT_UP, "limit its upload rate"),
    Key(("L",), Command.SESSION_DOWN, "limit all downloads together"),
    Key(("U",), Command.SESSION_UP, "limit all uploads together"),
    Key(("a",), Command.ADD, "add a .torrent file, link, URL or info-hash"),
    Key(("x", "delete"), Command.REMOVE, "remove it, with or without its files"),
    Key(("ctrl-l",), Command.REDRAW, "draw everything again"),
    Key(("?", "h"), Command.HELP, "this page"),
    Key(("q",), Command.QUIT, "save and end, as Ctrl-C"),
)
"""Every key."""
