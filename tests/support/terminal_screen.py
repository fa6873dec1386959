"""A terminal as a program sees one: what a vt100 would show of the bytes, and a pseudo-terminal to run a program in."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from rich.cells import cell_len

PATIENCE = 60.0

_SEQUENCE = re.compile(r"\x1b\[([?>]?)([0-9;]*)([@-~])|\x1b[()][A-Z0-9]|\x1b[=>78DMHc]|\x1b\][^\x07]*\x07")


class VtScreen:
    """The cells of a vt100, so far as curses makes use of it."""

    def __init__(self, width: int, height: int) -> None:
        self.titles: list[str] = []
        """What the window was renamed to: nothing that is shown may do that."""
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells = [[" "] * width for _ in range(height)]
        self.row = self.column = 0

    def text(self) -> str:
        """Every line, without what is blank at its end."""
        return "\n".join("".join(line).rstrip() for line in self.cells)

    def feed(self, text: str) -> str:
        """Take output; what is left is the beginning of a sequence."""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                match = _SEQUENCE.match(text, at)
                if match is None:
                    if len(text) - at < 64:
                        return text[at:]
                    raise AssertionError(f"a sequence that is none: {text[at : at + 20]!r}")
                self._obey(match)
                at = match.end()
                continue
            self._put(text[at])
            at += 1
        return ""

    def _obey(self, match: re.Match[str]) -> None:
        if match.group().startswith("\x1b]"):
            self.titles.append(match.group())
        kind, numbers = match.group(3), [int(n) for n in (match.group(2) or "").split(";") if n]
        if kind is None or match.group(1):
            return
        first = numbers[0] if numbers else 0
        moves = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1)}
        if kind == "H":
            self._go((numbers or [1])[0] - 1, (numbers[1] if len(numbers) > 1 else 1) - 1)
        elif kind in moves:
            down, right = moves[kind]
            self._go(self.row + down * max(first, 1), self.column + right * max(first, 1))
        elif kind == "K":
            span = {0: (self.column, self.width), 1: (0, self.column + 1), 2: (0, self.width)}[first]
            self._blank(self.row, *span)
        elif kind == "J":
            if first == 0:
                self._blank(self.row, self.column, self.width)
            for row in range(self.row + 1 if first == 0 else 0, self.height):
                self._blank(row, 0, self.width)
        else:
            assert kind in "mrhl", f"unknown: {match.group()!r}"

    def _go(self, row: int, column: int) -> None:
        self.row = max(0, min(row, self.height - 1))
        self.column = max(0, min(column, self.width - 1))

    def _blank(self, row: int, first: int, end: int) -> None:
        self.cells[row][first:end] = [" "] * (end - first)

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._line_feed()
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        elif character == "\t":
            self.column = min((self.column // 8 + 1) * 8, self.width - 1)
        elif character >= " ":
            self._print(character)

    def _line_feed(self) -> None:
        if self.row == self.height - 1:
            self.cells = [*self.cells[1:], [" "] * self.width]
        else:
            self.row += 1

    def _print(self, character: str) -> None:
        width = cell_len(character)
        if not width:
            self.cells[self.row][max(self.column - 1, 0)] += character
            return
        if self.column + width > self.width:
            self.column = 0
            self._line_feed()
        self.cells[self.row][self.column] = character
        if width == 2:
            self.cells[self.row][self.column + 1] = ""
        self.column += width


class TerminalProgram:
    """A Python program on a terminal of its own: type, resize, and see."""

    def __init__(
        self, *arguments: object, size: tuple[int, int] = (80, 24), environment: dict[str, str] | None = None
    ) -> None:
        """`arguments` of the interpreter; `size` is columns and lines."""
        self._ours, theirs = pty.openpty()
        self.screen = VtScreen(*size)
        self.raw = b""
        """Everything it wrote."""
        self._left = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.before: Any = termios.tcgetattr(theirs)
        self._set_size(theirs, size)
        self.process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={
                # The sizes of whoever runs the tests would hold for this terminal, too.
                **{key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")},
                "TERM": "vt100",
                "LANG": "C.UTF-8",
                "LC_ALL": "C.UTF-8",
                **(environment or {}),
            },
        )
        self._theirs = theirs

    def type(self, keys: str) -> None:
        """As if typed."""
        os.write(self._ours, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """The window has another size from now on."""
        self.screen.resize(width, height)
        self._set_size(self._ours, (width, height))

    def wait_for(self, condition: Callable[[str], object]) -> str:
        """Read until what is shown is as it should be; what is shown."""
        deadline = time.monotonic() + PATIENCE
        while not condition(text := self.screen.text()):
            assert time.monotonic() < deadline, f"it never was so:\n{text}"
            assert self._read(0.05) or self.process.poll() is None, f"it ended:\n{text}"
        return text

    def wait(self) -> int:
        """Read to its end; the exit status."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.screen.text()}"
            self._read(0.05)
        while self._read(0.0):
            pass
        return self.process.returncode

    @property
    def is_restored(self) -> bool:
        """The terminal behaves as it did before."""
        return bool(termios.tcgetattr(self._theirs) == self.before)

    def _read(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], timeout)
        if not ready:
            return False
        data = os.read(self._ours, 65_536)
        self.raw += data
        self._left = self.screen.feed(self._left + self._decoder.decode(data))
        return True

    def _set_size(self, descriptor: int, size: tuple[int, int]) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for descriptor in (self._ours, self._theirs):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def script(folder: Path, code: str) -> Path:
    """A program of its own."""
    path = folder / "program.py"
    path.write_text(code, encoding="utf-8")
    return path
