"""The terminal: draws frames, gives keys, and is as it was before when it is over, whatever ended it.

By curses of the standard library: it knows every terminal's sequences, sends only what changed, and takes care of sizes,
Ctrl-Z and keypads.  `rich`, which the other displays use, reads no keys.  Nothing else in this folder knows a terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final, Self

from ..exit_status import CommandFailed, ExitStatus
from .frame import Frame, Line, Style

try:
    import curses
except ImportError:  # where Python comes without it (Windows)
    _HAS_CURSES = False
else:
    _HAS_CURSES = True

if TYPE_CHECKING:
    Screen = curses.window

__all__ = ["Terminal"]

ESCAPE_DELAY_MS: Final = 25
"""After an escape, how long a key's sequence may go on; longer, and Escape feels slow."""

MAX_KEYS: Final = 10_000
"""Keys taken between two frames: what is pasted comes at once, and a stuck key must not stop the display."""

_KEYS: Final = {
    "KEY_UP": "up",
    "KEY_DOWN": "down",
    "KEY_LEFT": "left",
    "KEY_RIGHT": "right",
    "KEY_PPAGE": "page-up",
    "KEY_NPAGE": "page-down",
    "KEY_HOME": "home",
    "KEY_END": "end",
    "KEY_DC": "delete",
    "KEY_BACKSPACE": "backspace",
    "KEY_ENTER": "enter",
}
_CHARACTERS: Final = {
    "\r": "enter",
    "\n": "enter",
    "\x1b": "escape",
    "\t": "tab",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x15": "ctrl-u",
    "\x0c": "ctrl-l",
}
# Style → attributes, and the colour it has where there are colours.
_LOOKS: Final = {
    Style.PLAIN: ((), None),
    Style.BOLD: (("A_BOLD",), None),
    Style.DIM: (("A_DIM",), None),
    Style.TITLE: (("A_REVERSE", "A_BOLD"), None),
    Style.HEADER: (("A_BOLD", "A_UNDERLINE"), None),
    Style.SELECTED: (("A_REVERSE",), None),
    Style.MARKED: (("A_BOLD",), None),
    Style.GOOD: ((), "COLOR_GREEN"),
    Style.BAD: (("A_BOLD",), "COLOR_RED"),
    Style.BUSY: ((), "COLOR_CYAN"),
    Style.ACCENT: (("A_BOLD",), "COLOR_YELLOW"),
}


class Terminal:
    """The whole screen, within a `with` block."""

    def __init__(self) -> None:
        """CommandFailed where there is no terminal, or none that can be used."""
        if not _HAS_CURSES:
            raise CommandFailed(
                "this Python has no curses: top cannot draw; --json needs none", ExitStatus.USAGE
            )
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise CommandFailed("top needs a terminal; for scripts there is --json", ExitStatus.USAGE)
        self._window: Screen | None = None
        self._looks: dict[Style, int] = {}
        self._drawn: tuple[Line, ...] = ()

    def __enter__(self) -> Self:
        try:
            curses.setupterm()
        except curses.error as error:
            kind = os.environ.get("TERM", "")
            raise CommandFailed(
                f"this terminal cannot be used: TERM is {kind!r}: {error}", ExitStatus.USAGE
            ) from None
        if not curses.tigetstr("cup"):
            raise CommandFailed(
                f"the terminal {os.environ.get('TERM')!r} cannot move its cursor", ExitStatus.USAGE
            )
        curses.set_escdelay(ESCAPE_DELAY_MS)
        self._window = curses.initscr()
        try:
            self._prepare(self._window)
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        height, width = self._screen.getmaxyx()
        return width, height

    def draw(self, frame: Frame) -> None:
        """Show it; only what differs from what is shown is sent."""
        window = self._screen
        height, width = window.getmaxyx()
        for at, line in enumerate(frame.lines[:height]):
            if at >= len(self._drawn) or self._drawn[at] != line:
                self._draw_line(window, at, line, width)
        self._drawn = frame.lines
        with contextlib.suppress(curses.error):
            curses.curs_set(0 if frame.cursor is None else 1)
        if frame.cursor is not None and frame.cursor[0] < height and frame.cursor[1] < width:
            window.move(*frame.cursor)
        window.refresh()

    def redraw(self) -> None:
        """Draw everything anew: something else may have written here."""
        self._drawn = ()
        self._screen.clear()

    def keys(self, timeout: float) -> list[str]:
        """Wait for a key, and give all that are there; none when `timeout` seconds passed."""
        found: list[str] = []
        self._screen.timeout(round(timeout * 1000))
        while len(found) < MAX_KEYS:
            try:
                key = self._screen.get_wch()
            except curses.error:
                break
            self._screen.timeout(0)
            name = self._name(key)
            if name == "resize":
                self.redraw()
                break  # a frame of the new size is due at once
            if name:
                found.append(name)
        return found

    @property
    def _screen(self) -> Screen:
        assert self._window is not None, "only within its with block"
        return self._window

    def _prepare(self, window: Screen) -> None:
        curses.noecho()
        curses.cbreak()
        window.keypad(True)
        colours = False
        if "NO_COLOR" not in os.environ:
            with contextlib.suppress(curses.error):
                curses.start_color()
                curses.use_default_colors()
                colours = curses.has_colors()
        for number, (style, (attributes, colour)) in enumerate(_LOOKS.items(), 1):
            look = 0
            for attribute in attributes:
                look |= int(getattr(curses, attribute))
            if colour is not None and colours:
                curses.init_pair(number, getattr(curses, colour), -1)
                look |= curses.color_pair(number)
            self._looks[style] = look

    def _restore(self) -> None:
        window, self._window = self._window, None
        if window is None:
            return
        # Each on its own: one that fails must not keep the others from being done.
        with contextlib.suppress(curses.error):
            window.keypad(False)
        with contextlib.suppress(curses.error):
            curses.nocbreak()
            curses.echo()
        with contextlib.suppress(curses.error):
            curses.endwin()

    def _draw_line(self, window: Screen, at: int, line: Line, width: int) -> None:
        encoding = window.encoding
        with contextlib.suppress(curses.error):  # the last cell of all: written, but the cursor cannot go on
            window.move(at, 0)
            window.clrtoeol()
            for span in line:
                text = span.text.encode(encoding, "replace").decode(encoding)
                window.addstr(text, self._looks[span.style])

    def _name(self, key: str | int) -> str:
        if isinstance(key, str):
            return _CHARACTERS.get(key, key if key.isprintable() else "")
        name = curses.keyname(key).decode("ascii", "replace")
        return "resize" if name == "KEY_RESIZE" else _KEYS.get(name, "")
