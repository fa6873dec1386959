"""A question on the last line, and the line that is typed as its answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from .frame import Frame, Line, Span, Style, fit, line_of, width_of

__all__ = ["MAX_ANSWER", "Prompt", "PromptEnd", "with_prompt"]

MAX_ANSWER: Final = 8_192
"""Characters; magnet links are long."""


class PromptEnd(Enum):
    """How far it is."""

    OPEN = auto()
    ANSWERED = auto()
    CANCELLED = auto()


@dataclass(slots=True)
class Prompt:
    """A question; the keys are its own until it has ended."""

    question: str
    answer: str = ""
    choices: str = ""
    """When not empty, one of these keys is the whole answer, and any other key cancels."""

    def press(self, key: str) -> PromptEnd:
        """One key."""
        if self.choices:
            self.answer = key
            return PromptEnd.ANSWERED if key in self.choices else PromptEnd.CANCELLED
        if key == "enter":
            return PromptEnd.ANSWERED
        if key == "escape":
            return PromptEnd.CANCELLED
        if key == "backspace":
            self.answer = self.answer[:-1]
        elif key == "ctrl-u":
            self.answer = ""
        elif len(key) == 1 and key.isprintable() and len(self.answer) < MAX_ANSWER:
            self.answer += key
        return PromptEnd.OPEN

    def line(self, width: int) -> tuple[Line, int]:
        """How it looks, and the column of the cursor; of a long answer its end is shown."""
        question = fit(
            self.question, min(width_of(self.question), max(width - (2 if self.choices else 10), 0))
        )
        room = max(width - width_of(question) - 2, 1)
        # Only printable characters came in, so it needs no more than its width.
        shown = "" if self.choices else self.answer[-room:]
        while width_of(shown) > room:
            shown = shown[1:]
        column = width_of(question) + 1 + width_of(shown)
        line = line_of((Span(question, Style.ACCENT), Span(" "), Span(shown)), width)
        return line, min(column, max(width - 1, 0))


def with_prompt(frame: Frame, prompt: Prompt, width: int) -> Frame:
    """The frame with the prompt as its last line."""
    line, column = prompt.line(width)
    return Frame((*frame.lines[:-1], line), (len(frame.lines) - 1, column))
