"""A short exchange that comes before a stream begins, sans-I/O: encryption handshakes and proxies are made of it.

A subclass writes down what is said in turn, as a generator (`_talk`): it puts bytes into `_output` and waits for bytes with
`yield from self._take(…)`.  Whatever arrives in what pieces, `receive_data` raises nothing but RemoteProtocolError, and
what is behind the exchange is left for `take_rest`.  Whoever drives it sends `data_to_send` after every input, and bounds
what it feeds at a time and how long it waits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator

from .errors import LocalProtocolError, ProtocolError
from .types import Buffer

__all__ = ["Dialogue", "Script"]

Script = Generator[None, None, None]
"""What `_talk` gives: it yields whenever it needs more input."""


class Dialogue(ABC):
    """One side of an exchange.  It begins when it is made; a subclass sets its own fields before that."""

    def __init__(self) -> None:
        self.is_done = False
        """The exchange ended well."""
        self._has_failed = False
        self._input = bytearray()
        self._output = bytearray()
        self._script = self._talk()
        self._proceed()

    @abstractmethod
    def _talk(self) -> Script:
        """What is said, in turn."""

    def receive_data(self, data: Buffer) -> None:
        """Bytes of the other side.  RemoteProtocolError ends the exchange; after its end nothing may be fed."""
        if self.is_done or self._has_failed:
            raise LocalProtocolError("the exchange is over")
        self._input += data
        self._proceed()

    def data_to_send(self) -> bytes:
        """Take what must go out."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def take_rest(self) -> bytes:
        """Take what came behind the exchange: the beginning of the stream."""
        rest = bytes(self._input)
        self._input.clear()
        return rest

    def _proceed(self) -> None:
        try:
            next(self._script)
        except StopIteration:
            self.is_done = True
        except ProtocolError:
            self._has_failed = True
            raise

    def _take(self, count: int) -> Generator[None, None, bytes]:
        """Wait for `count` bytes."""
        while len(self._input) < count:
            yield
        taken = bytes(self._input[:count])
        del self._input[:count]
        return taken

    def _skip_to(self, pattern: bytes, limit: int) -> Generator[None, None, bool]:
        """Wait for `pattern` and drop it with what precedes it; False when that would be more than `limit` bytes."""
        most = limit + len(pattern)
        while (at := self._input.find(pattern, 0, most)) < 0:
            if len(self._input) >= most:
                return False
            yield
        del self._input[: at + len(pattern)]
        return True
