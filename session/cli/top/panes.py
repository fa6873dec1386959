"""The lower part of the screen: the panes of the torrent that is selected, each as a table or as lines."""

from __future__ import annotations

import math
from typing import Final

from ..units import format_duration, format_rate, format_size
from .columns import Column, Table
from .frame import Align, Line, Span, Style, fit, line_of
from .records import Details, FileRow, Pane, PeerRow, TorrentRow, TrackerRow

__all__ = ["FILES", "PEERS", "TRACKERS", "overview", "tab_line"]


def tab_line(pane: Pane, width: int, *, has_keys: bool) -> Line:
    """The names of the panes, the open one marked."""
    spans = []
    for number, each in enumerate(Pane, 1):
        chosen = Style.SELECTED if has_keys else Style.MARKED
        spans.append(Span(f" {number} {each.value} ", chosen if each is pane else Style.HEADER))
    return line_of(spans, width, Style.HEADER)


def overview(row: TorrentRow, details: Details, width: int) -> list[Line]:
    """What there is to say of the torrent itself."""
    facts = [
        ("Name", row.name),
        ("Folder", row.save_path),
        ("State", _state(row)),
        ("Size", _size(row)),
        ("Pieces", _pieces(row)),
        ("Rates", _rates(row)),
        ("Given", _given(row)),
        ("Peers", f"{row.num_peers} connected, {row.num_seeds} of them seeds; {row.known_peers} known"),
        ("Tracker", _tracker(row)),
        *(("Info-hash", each) for each in details.info_hashes),
    ]
    lines = [
        line_of([Span(f" {label:<10}", Style.DIM), Span(fit(value, max(width - 11, 0)))], width)
        for label, value in facts
        if value
    ]
    if row.note:
        lines.insert(3, line_of([Span(fit(f" {'Trouble':<10}{row.note}", width), Style.BAD)], width))
    return lines


def _state(row: TorrentRow) -> str:
    text = f"{row.state}, {row.progress:.2%}"
    if row.eta is not None:
        text += f", {format_duration(row.eta)} to go"
    if row.queue >= 0:
        text += f", place {row.queue + 1} in the queue"
    return text + (", pieces in order" if row.is_sequential else "")


def _size(row: TorrentRow) -> str:
    if not row.size:
        return ""
    text = f"{format_size(row.done)} of {format_size(row.wanted)}"
    return text + (f" wanted, {format_size(row.size)} in all" if row.wanted != row.size else "")


def _pieces(row: TorrentRow) -> str:
    if not row.total_pieces:
        return ""
    text = f"{row.num_pieces:,} of {row.total_pieces:,}, {format_size(row.piece_length)} each"
    return text + (f", {math.floor(row.copies * 100) / 100:.2f} copies around" if row.copies > 0 else "")


def _rates(row: TorrentRow) -> str:
    def limited(limit: int) -> str:
        return f" (limit {format_rate(limit)})" if limit > 0 else ""

    down = f"↓ {format_rate(row.down_rate)}{limited(row.down_limit)}"
    return f"{down}  ↑ {format_rate(row.up_rate)}{limited(row.up_limit)}"


def _given(row: TorrentRow) -> str:
    ratio = f", ratio {row.ratio:.2f}" if row.ratio is not None else ""
    text = f"{format_size(row.uploaded)} uploaded, {format_size(row.downloaded)} downloaded{ratio}"
    return text + (f", active for {format_duration(row.active_time)}" if row.active_time else "")


def _tracker(row: TorrentRow) -> str:
    if row.next_announce is None:
        return row.tracker
    return f"{row.tracker or 'none has answered'}, next announce in {format_duration(row.next_announce)}"


def _rate(rate: int) -> str:
    return format_rate(rate) if rate else ""


def _amount(size: int) -> str:
    return format_size(size) if size else ""


def _count(number: int) -> str:
    return str(number) if number >= 0 else ""


def _file_progress(row: FileRow) -> str:
    return f"{row.done / row.size:.1%}" if row.size else "100.0%"


def _file_style(row: FileRow) -> Style:
    if not row.is_wanted:
        return Style.DIM
    return Style.GOOD if row.done >= row.size else Style.PLAIN


def _tracker_style(row: TrackerRow) -> Style:
    return {"working": Style.GOOD, "failed": Style.BAD, "updating": Style.BUSY}.get(row.state, Style.DIM)


def _priority(row: FileRow) -> str:
    if not row.is_wanted:
        return "no"
    return "yes" if row.priority == 4 else f"yes, {row.priority}"


PEERS: Final[Table[PeerRow]] = Table(
    (
        Column("Address", 22, lambda row: row.address, 0, Align.LEFT),
        Column("Client", 0, lambda row: row.client, 0, Align.LEFT),
        Column("Flags", 7, lambda row: row.flags, 2, Align.LEFT),
        Column("Via", 7, lambda row: row.transport, 6, Align.LEFT),
        Column("Has", 6, lambda row: f"{row.progress:.1%}", 1),
        Column("Down", 11, lambda row: _rate(row.down_rate), 1),
        Column("Up", 11, lambda row: _rate(row.up_rate), 1),
        Column("Received", 10, lambda row: _amount(row.downloaded), 4),
        Column("Sent", 10, lambda row: _amount(row.uploaded), 5),
        Column("Asked", 5, lambda row: _amount_of_requests(row), 7),
    ),
    least=12,
)
FILES: Final[Table[FileRow]] = Table(
    (
        Column("#", 5, lambda row: str(row.index), 2),
        Column("Path", 0, lambda row: row.path, 0, Align.LEFT, _file_style),
        Column("Size", 10, lambda row: format_size(row.size), 1),
        Column("Done", 6, _file_progress, 0),
        Column("Wanted", 7, _priority, 0, Align.LEFT),
    ),
    least=20,
)
TRACKERS: Final[Table[TrackerRow]] = Table(
    (
        Column("Tier", 4, lambda row: str(row.tier), 5),
        Column("Tracker", 0, lambda row: row.url, 0, Align.LEFT),
        Column("State", 8, lambda row: row.state, 0, Align.LEFT, _tracker_style),
        Column("Seeds", 6, lambda row: _count(row.seeds), 3),
        Column("Peers", 6, lambda row: _count(row.leechers), 2),
        Column("Next", 7, lambda row: format_duration(row.next_announce), 4),
        Column("Message", 30, lambda row: row.message, 1, Align.LEFT),
    ),
    least=30,
)


def _amount_of_requests(row: PeerRow) -> str:
    return str(row.requests) if row.requests else ""
