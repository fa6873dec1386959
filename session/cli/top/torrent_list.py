"""The upper part of the screen: the session in one line, and its torrents as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from ..units import format_duration, format_rate, format_size
from .columns import Column, Table
from .frame import Align, Line, Span, Style, fit, line_of, width_of
from .records import SessionRow, Snapshot, TorrentRow

__all__ = ["TORRENTS", "Order", "ordered", "title_line"]


class Order(Enum):
    """By what the list is sorted."""

    QUEUE = "queue"
    NAME = "name"
    PROGRESS = "progress"
    DOWN = "download"
    UP = "upload"
    STATE = "state"


_LAST = 1 << 40

_SORTING: Final[dict[Order, Callable[[TorrentRow], tuple[object, ...]]]] = {
    Order.QUEUE: lambda row: (row.queue if row.queue >= 0 else _LAST,),
    Order.NAME: lambda row: (row.name.casefold(),),
    Order.PROGRESS: lambda row: (row.progress,),
    Order.DOWN: lambda row: (-row.down_rate,),
    Order.UP: lambda row: (-row.up_rate,),
    Order.STATE: lambda row: (row.state,),
}

_STYLES: Final = {
    "error": Style.BAD,
    "downloading": Style.BUSY,
    "metadata": Style.BUSY,
    "checking": Style.BUSY,
    "seeding": Style.GOOD,
    "complete": Style.GOOD,
}


def ordered(rows: Sequence[TorrentRow], order: Order) -> list[TorrentRow]:
    """Sorted; equals stay as they were added."""
    return sorted(rows, key=_SORTING[order])


def title_line(snapshot: Snapshot, order: Order, width: int) -> Line:
    """Counts and rates of everything; what does not fit is left out from the left end on."""
    rows = snapshot.torrents
    active = sum(row.down_rate > 0 or row.up_rate > 0 for row in rows)
    left = f" evtorrent  {len(rows)} torrent{'s' * (len(rows) != 1)}, {active} active, by {order.value}"
    down, up = sum(row.down_rate for row in rows), sum(row.up_rate for row in rows)
    session = snapshot.session
    right = f"↓ {_rate(down, session.down_limit)}  ↑ {_rate(up, session.up_limit)}  {_port(session)} "
    room = width - width_of(right)
    if room < 12:
        return line_of([Span(fit(right, width), Style.TITLE)], width, Style.TITLE)
    return line_of([Span(fit(left, room), Style.TITLE), Span(right, Style.TITLE)], width, Style.TITLE)


def _rate(rate: int, limit: int) -> str:
    return format_rate(rate) + (f" (≤ {format_rate(limit)})" if limit > 0 else "")


def _port(session: SessionRow) -> str:
    return f"port {session.port}" if session.port else "not listening"


def _place(row: TorrentRow) -> str:
    return str(row.queue + 1) if row.queue >= 0 else ""


def _some_rate(rate: int) -> str:
    return format_rate(rate) if rate else ""


def _state_style(row: TorrentRow) -> Style:
    return _STYLES.get(row.state, Style.DIM)


TORRENTS: Final[Table[TorrentRow]] = Table(
    (
        Column("#", 3, _place, 6),
        Column("Name", 0, lambda row: row.name, 0, Align.LEFT),
        Column("Size", 10, lambda row: format_size(row.wanted) if row.wanted else "", 7),
        Column("Done", 6, lambda row: f"{row.progress:.1%}", 1),
        Column("Down", 11, lambda row: _some_rate(row.down_rate), 2),
        Column("Up", 11, lambda row: _some_rate(row.up_rate), 4),
        Column("ETA", 7, lambda row: format_duration(row.eta) if row.eta is not None else "", 3),
        Column("Peers", 7, lambda row: f"{row.num_peers} ({row.num_seeds})" if row.num_peers else "", 5),
        Column("Ratio", 6, lambda row: f"{row.ratio:.2f}" if row.ratio is not None else "", 8),
        Column("State", 11, lambda row: row.state, 1, Align.LEFT, _state_style),
    ),
    least=20,
)
"""The columns of the list."""
