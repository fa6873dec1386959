"""The connection of a session once it is made: it says little, and its end is the session's."""

from __future__ import annotations

from ..types import Buffer
from .errors import SamError
from .line import MAX_LINE, parse_line

__all__ = ["SessionKeeper"]


class SessionKeeper:
    """Reads what the bridge says of its own accord.  `receive_data`, then send what it gives."""

    __slots__ = ("_input",)

    def __init__(self) -> None:
        self._input = bytearray()

    def receive_data(self, data: Buffer) -> bytes:
        """What is to be answered.  SamError, SamRefused: the session is lost."""
        self._input += data
        answer = bytearray()
        while (end := self._input.find(b"\n", 0, MAX_LINE + 1)) >= 0:
            line = bytes(self._input[:end])
            del self._input[: end + 1]
            if line.startswith(b"PING"):  # from version 3.2 on: the same text comes back
                answer += b"PONG" + line[4:] + b"\n"
            else:
                parse_line(line).check()
        if len(self._input) > MAX_LINE:
            raise SamError(f"a line of more than {MAX_LINE} bytes")
        return bytes(answer)
