"""What every exchange with a SAM bridge begins with: the versions that are spoken, and lines read with a limit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Mapping

from ..dialogue import Dialogue, Script
from .errors import SamError
from .line import MAX_LINE, SamLine, format_line, parse_line

__all__ = ["MAX_VERSION", "MIN_VERSION", "SamExchange", "version_number"]

MIN_VERSION = "3.1"
"""The first in which sessions name the kind of their keys."""
MAX_VERSION = "3.3"


class SamExchange(Dialogue):
    """One connection to a bridge.  A subclass says what follows the greeting (`_ask`)."""

    def __init__(self) -> None:
        self.version = ""
        """What the bridge chose."""
        super().__init__()

    @property
    def is_patient(self) -> bool:
        """It waits for somebody who may never come: no deadline is of use."""
        return False

    @abstractmethod
    def _ask(self) -> Script:
        """What is said after the greeting."""

    def _talk(self) -> Script:
        reply = yield from self._exchange(
            "HELLO", "VERSION", {"MIN": MIN_VERSION, "MAX": MAX_VERSION}, answer=("HELLO", "REPLY")
        )
        version = reply.value("VERSION")
        if not version_number(MIN_VERSION) <= version_number(version) <= version_number(MAX_VERSION):
            raise SamError(f"the bridge chose version {version[:20]}, which was not offered")
        self.version = version
        yield from self._ask()

    def _exchange(
        self, topic: str, opcode: str, options: Mapping[str, object], *, answer: tuple[str, str]
    ) -> Generator[None, None, SamLine]:
        """Say a line and wait for the one that answers it, which must say OK."""
        self._output += format_line(topic, opcode, options)
        line = parse_line((yield from self._take_line()))
        line.expect(*answer)
        line.check()
        return line

    def _take_line(self) -> Generator[None, None, bytes]:
        while (end := self._input.find(b"\n", 0, MAX_LINE + 1)) < 0:
            if len(self._input) > MAX_LINE:
                raise SamError(f"a line of more than {MAX_LINE} bytes")
            yield
        line = bytes(self._input[:end])
        del self._input[: end + 1]
        return line


def version_number(text: str) -> tuple[int, int]:
    """(3, 1) of "3.1".  (0, 0) for what is no version."""
    major, _, minor = text.partition(".")
    if not (text.isascii() and major.isdigit() and minor.isdigit() and len(text) < 8):
        return 0, 0
    return int(major), int(minor)
