"""The loops of `evtorrent top`: with a screen and its keys, or without, as lines for machines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Protocol

from ..interrupts import Interrupts
from ..reporters import Reporter
from ..views import view_of
from .actions import Command
from .frame import Frame
from .gathering import state_of
from .live_session import LiveSession
from .remarks import Remarks
from .screen_model import ScreenModel

__all__ = ["Display", "show_lines", "show_screen"]

FRAME: Final = 0.25
"""Seconds between frames when no key is pressed."""


class Display(Protocol):
    """Where frames go and keys come from."""

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        ...

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        ...

    def redraw(self) -> None:
        """Draw everything anew next time."""
        ...

    def keys(self, timeout: float) -> Sequence[str]:
        """Wait for keys, at most so many seconds."""
        ...


def show_screen(
    live: LiveSession, model: ScreenModel, display: Display, remarks: Remarks, interrupts: Interrupts
) -> None:
    """Until somebody asks for the end, by key or by signal."""
    while interrupts.received is None:
        live.step()
        for text, is_bad in remarks.take():
            model.tell(text, is_bad=is_bad)
        # Twice where the drawing found that another row is selected, so that its details are there at once.
        for _ in range(2):
            shown = model.shown_pane
            snapshot = live.gathering.snapshot(*shown)
            frame = model.frame(snapshot, *display.size())
            if model.shown_pane == shown:
                break
        display.draw(frame)
        for key in display.keys(FRAME):
            action = model.press(key, snapshot)
            if action is None:
                continue
            if action.command is Command.QUIT:
                return
            if action.command is Command.REDRAW:
                display.redraw()
            else:
                live.perform(action)


def show_lines(live: LiveSession, reporter: Reporter, remarks: Remarks, interrupts: Interrupts) -> None:
    """Until a signal: how each torrent stands, when that changed."""
    while interrupts.received is None:
        live.step()
        for text, is_bad in remarks.take():
            if is_bad:
                reporter.complain("warning", text)
            else:
                reporter.event("message", text, message=text)
        reporter.progress(
            [
                view_of(
                    status,
                    down_rate=status.download_payload_rate,
                    up_rate=status.upload_payload_rate,
                    state=state_of(status),
                )
                for status in live.gathering.statuses()
            ]
        )
        time.sleep(FRAME)
