"""The screen as an object: keys go in, actions for the session and frames to draw come out.

It knows no terminal and no session; what it shows is a `Snapshot`.  What it remembers is what a person chose: the torrent,
the pane, the order, a question half answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from ..printable import printable
from ..units import parse_size
from .actions import KEYS, Action, Command
from .columns import Table
from .frame import Frame, Line, Style, text_of
from .help_page import help_lines
from .panes import FILES, PEERS, TRACKERS, overview, tab_line
from .piece_map import picture, summary
from .prompts import Prompt, PromptEnd, with_prompt
from .records import Pane, Snapshot, TorrentRow
from .torrent_list import TORRENTS, Order, ordered, title_line
from .window import Window

__all__ = ["ScreenModel"]

R = TypeVar("R")

_COMMANDS: Final = {key: row.command for row in KEYS for key in row.keys}
_PANES: Final = {str(number): pane for number, pane in enumerate(Pane, 1)}
_MOVES: Final = (
    Command.UP,
    Command.DOWN,
    Command.PAGE_UP,
    Command.PAGE_DOWN,
    Command.HOME,
    Command.END,
)
_PLAIN: Final = (
    Command.FORCE,
    Command.RECHECK,
    Command.ANNOUNCE,
    Command.QUEUE_UP,
    Command.QUEUE_DOWN,
    Command.QUEUE_TOP,
    Command.QUEUE_BOTTOM,
)
"""Commands that need the selected torrent and nothing else."""

_LIMITS: Final = {
    Command.LIMIT_DOWN: "Download limit of this torrent (500k, 2MiB, 0 for none):",
    Command.LIMIT_UP: "Upload limit of this torrent (500k, 2MiB, 0 for none):",
    Command.SESSION_DOWN: "Limit of all downloads (500k, 2MiB, 0 for none):",
    Command.SESSION_UP: "Limit of all uploads (500k, 2MiB, 0 for none):",
}
_INT_MAX: Final = 2**31 - 1
_HINTS = " ? keys  a add  p pause  x remove  l u limit  + - queue  tab 1-5 details  q quit"
_HELP_HINTS = " ↑ ↓ page-up page-down for more, any other key for back"
_SMALLEST = (20, 4)


class ScreenModel:
    """What a person sees and has chosen."""

    def __init__(self) -> None:
        self.selected = ""
        """The row's key; empty while there is none."""
        self.pane = Pane.OVERVIEW
        self.order = Order.QUEUE
        self.message = ""
        """Shown on the last line until the next key."""
        self.is_bad = False
        """The message is a complaint."""
        self._shows_details = True
        self._details_have_keys = False
        self._shows_help = False
        self._prompt: Prompt | None = None
        self._on_answer: Callable[[str], Action | None] = lambda answer: None
        self._list = Window()
        self._lower = Window()
        self._help = Window()

    # -------------------------------------------------------------------------------------------------- inputs

    def tell(self, message: str, *, is_bad: bool = False) -> None:
        """Something to be read on the last line."""
        self.message, self.is_bad = message, is_bad

    def press(self, key: str, snapshot: Snapshot) -> Action | None:
        """One key; what the session is to do about it, if anything."""
        if self._prompt is not None:
            return self._press_in_prompt(self._prompt, key)
        self.tell("")
        if key in _PANES:
            self._open(_PANES[key])
            return None
        command = _COMMANDS.get(key)
        if self._shows_help and command not in _MOVES and command is not Command.QUIT:
            self._shows_help = False
            return None
        row = self._row(snapshot)
        if command is None or self._press_on_screen(command, snapshot):
            return None
        return self._action(command, row, snapshot)

    @property
    def shown_pane(self) -> tuple[str, Pane]:
        """Of which torrent which details are wanted; an empty key for none."""
        return (self.selected if self._shows_details else ""), self.pane

    # -------------------------------------------------------------------------------------------------- outputs

    def frame(self, snapshot: Snapshot, width: int, height: int) -> Frame:
        """The picture now."""
        if width < _SMALLEST[0] or height < _SMALLEST[1]:
            lines = [text_of("too small", max(width, 1), Style.DIM)] * max(height, 1)
            return Frame(tuple(lines))
        row = self._row(snapshot)
        lines = [title_line(snapshot, self.order, width)]
        room = height - 2
        if self._shows_help:
            page = help_lines(width)
            visible = self._help.visible(len(page), room)
            lines += [page[at] for at in visible]
        else:
            shows_details = self._shows_details and row is not None and room >= 8
            upper = max(room - room * 3 // 5, min(len(snapshot.torrents) + 1, room // 2), 3)
            upper = min(upper, len(snapshot.torrents) + 2) if shows_details else room
            lines += self._upper(snapshot, width, upper)
            if shows_details and row is not None:
                lines += self._details(row, snapshot, width, room - upper)
        lines = lines[: height - 1] + [text_of("", width)] * (height - 1 - len(lines))
        frame = Frame((*lines, self._last_line(width)))
        return frame if self._prompt is None else with_prompt(frame, self._prompt, width)

    def _upper(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        lines = [TORRENTS.header(width)]
        rows = ordered(snapshot.torrents, self.order)
        if not rows:
            lines.append(text_of(" No torrents.  a adds one: a file, a link, a URL or an info-hash.", width))
        chosen = Style.MARKED if self._details_have_keys else Style.SELECTED
        for at in self._list.visible(len(rows), height - 1, self._index(rows)):
            row = rows[at]
            lines.append(TORRENTS.row(row, width, chosen if row.key == self.selected else None))
        return lines + [text_of("", width)] * (height - len(lines))

    def _details(self, row: TorrentRow, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        lines = [tab_line(self.pane, width, has_keys=self._details_have_keys)]
        details = snapshot.details
        if details.key != row.key or details.pane is not self.pane:
            return lines  # not asked for yet
        room = height - 1
        match self.pane:
            case Pane.OVERVIEW:
                facts = overview(row, details, width)
                lines += [facts[at] for at in self._lower.visible(len(facts), room)]
            case Pane.PIECES:
                lines.append(summary(details.pieces, width))
                lines += picture(details.pieces, width, room - 1)
            case Pane.PEERS:
                lines += self._table(PEERS, details.peers, width, room)
            case Pane.FILES:
                lines += self._table(FILES, details.files, width, room)
            case Pane.TRACKERS:
                lines += self._table(TRACKERS, details.trackers, width, room)
        return lines

    def _table(self, table: Table[R], rows: Sequence[R], width: int, height: int) -> list[Line]:
        lines = [table.header(width)]
        for at in self._lower.visible(len(rows), height - 1, self._lower.cursor):
            chosen = self._details_have_keys and at == self._lower.cursor
            lines.append(table.row(rows[at], width, Style.SELECTED if chosen else None))
        if not rows:
            lines.append(text_of(f" no {self.pane.value.lower()}", width, Style.DIM))
        return lines

    def _last_line(self, width: int) -> Line:
        if self.message:
            return text_of(f" {self.message}", width, Style.BAD if self.is_bad else Style.BOLD)
        return text_of(_HELP_HINTS if self._shows_help else _HINTS, width, Style.DIM)

    # -------------------------------------------------------------------------------------------------- private

    def _row(self, snapshot: Snapshot) -> TorrentRow | None:
        """The selected row; when it is gone, the one that took its place in the list."""
        rows = ordered(snapshot.torrents, self.order)
        if not rows:
            self.selected = ""
            return None
        index = self._index(rows)
        if rows[index].key != self.selected:
            self.selected = rows[index].key
            self._lower = Window()
        self._list.cursor = index
        return rows[index]

    def _index(self, rows: Sequence[TorrentRow]) -> int:
        for index, row in enumerate(rows):
            if row.key == self.selected:
                return index
        return min(self._list.cursor, max(len(rows) - 1, 0))

    def _open(self, pane: Pane) -> None:
        if pane is not self.pane:
            self.pane, self._lower = pane, Window()
        self._shows_details, self._shows_help = True, False

    def _press_on_screen(self, command: Command, snapshot: Snapshot) -> bool:
        """What only changes what is seen; False for the rest."""
        panes = list(Pane)
        at = panes.index(self.pane)
        if command in _MOVES:
            self._move(command, snapshot)
        elif command is Command.NEXT_PANE:
            self._open(panes[(at + 1) % len(panes)])
        elif command is Command.PREVIOUS_PANE:
            self._open(panes[at - 1])
        elif command is Command.FOCUS:
            self._details_have_keys = not self._details_have_keys and bool(self.selected)
            self._shows_details = self._shows_details or self._details_have_keys
        elif command is Command.DETAILS:
            self._shows_details = not self._shows_details
            self._details_have_keys = self._details_have_keys and self._shows_details
        elif command is Command.SORT:
            orders = list(Order)
            self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        elif command is Command.HELP:
            self._shows_help, self._help = True, Window()
        else:
            return False
        return True

    def _move(self, command: Command, snapshot: Snapshot) -> None:
        if self._shows_help:
            self._help.move(command)
        elif self._details_have_keys:
            self._lower.move(command)
        elif snapshot.torrents:
            rows = ordered(snapshot.torrents, self.order)
            self._list.move(command)
            row = rows[min(self._list.cursor, len(rows) - 1)]
            if row.key != self.selected:
                self.selected, self._lower = row.key, Window()

    def _action(self, command: Command, row: TorrentRow | None, snapshot: Snapshot) -> Action | None:
        if command in (Command.QUIT, Command.REDRAW):
            return Action(command)
        if command is Command.ADD:
            self._ask(Prompt("Add:"), _added)
        elif command in (Command.SESSION_DOWN, Command.SESSION_UP):
            self._ask_limit(command, "")
        elif row is None:
            self.tell("there is no torrent", is_bad=True)
        elif command in _PLAIN:
            return Action(command, row.key)
        elif command is Command.PAUSE:
            return self._pause(row, snapshot)
        elif command is Command.SEQUENTIAL:
            return Action(command, row.key, number=int(not row.is_sequential))
        elif command is Command.REMOVE:
            self._ask_removal(row)
        else:
            self._ask_limit(command, row.key)
        return None

    def _ask_removal(self, row: TorrentRow) -> None:
        question = f"Remove (y: keep its files, d: delete them too, else no): {printable(row.name)}"
        self._ask(
            Prompt(question, choices="yd"),
            lambda answer: Action(Command.DELETE if answer == "d" else Command.REMOVE, row.key),
        )

    def _pause(self, row: TorrentRow, snapshot: Snapshot) -> Action | None:
        if self._details_have_keys and self.pane is Pane.FILES:
            files = snapshot.details.files
            if snapshot.details.key != row.key or not files:
                return None
            file = files[min(self._lower.cursor, len(files) - 1)]
            return Action(Command.WANT_FILE, row.key, number=file.index)
        return Action(Command.PAUSE, row.key, number=int(row.state not in ("paused", "queued", "error")))

    def _ask(self, prompt: Prompt, on_answer: Callable[[str], Action | None]) -> None:
        self._prompt, self._on_answer = prompt, on_answer

    def _ask_limit(self, command: Command, key: str) -> None:
        def answered(answer: str) -> Action | None:
            try:
                number = parse_size(answer)
            except ValueError as error:
                self.tell(str(error), is_bad=True)
                return None
            if number > _INT_MAX:
                self.tell(f"{answer} is more than there can be", is_bad=True)
                return None
            return Action(command, key, number=number)

        self._ask(Prompt(_LIMITS[command]), answered)

    def _press_in_prompt(self, prompt: Prompt, key: str) -> Action | None:
        end = prompt.press(key)
        if end is PromptEnd.OPEN:
            return None
        self._prompt = None
        return self._on_answer(prompt.answer.strip()) if end is PromptEnd.ANSWERED else None


def _added(answer: str) -> Action | None:
    return Action(Command.ADD, text=answer) if answer else None
