"""What is to be told to a person, kept until there is a place for it."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from ..reporters import Quiet

__all__ = ["Remarks"]

MAX_KEPT: Final = 20
"""Remarks that wait, and complaints that are said again at the end."""


class Remarks(Quiet):
    """A reporter that keeps what it is told: the screen shows the latest, and the end tells the complaints."""

    def __init__(self) -> None:
        self._new: deque[tuple[str, bool]] = deque(maxlen=MAX_KEPT)
        self.complaints: deque[str] = deque(maxlen=MAX_KEPT)
        """The latest, each once."""

    def say(self, text: str, is_bad: bool) -> None:
        """Something a person should know."""
        self._new.append((text, is_bad))
        if is_bad and text not in self.complaints:
            self.complaints.append(text)

    def complain(self, kind: str, text: str, **fields: Any) -> None:
        """Reporter's."""
        self.say(text, True)

    def take(self) -> list[tuple[str, bool]]:
        """What was said since the last time, and whether it is bad."""
        said = list(self._new)
        self._new.clear()
        return said
