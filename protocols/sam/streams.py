"""Streams of a session: to a destination, and from whoever calls.  What follows the exchange is the stream itself."""

from __future__ import annotations

from collections.abc import Generator

from ..dialogue import Script
from .destination import Destination, b32_hash, parse_destination
from .errors import SamError
from .exchange import SamExchange
from .line import parse_line

__all__ = ["AcceptStream", "ConnectStream"]


class ConnectStream(SamExchange):
    """Connect to a destination, or to a name, which the router looks up first."""

    def __init__(self, session_id: str, target: str | Destination) -> None:
        self._id = session_id
        self._name = "" if isinstance(target, Destination) else target
        self.destination = target if isinstance(target, Destination) else None
        """Whom we are connected to, once that is known."""
        super().__init__()

    def _ask(self) -> Script:
        if self.destination is None:
            self.destination = yield from self._look_up()
        options = {"ID": self._id, "DESTINATION": self.destination, "SILENT": "false"}
        yield from self._exchange("STREAM", "CONNECT", options, answer=("STREAM", "STATUS"))

    def _look_up(self) -> Generator[None, None, Destination]:
        reply = yield from self._exchange(
            "NAMING", "LOOKUP", {"NAME": self._name}, answer=("NAMING", "REPLY")
        )
        found = parse_destination(reply.value("VALUE"))
        digest = b32_hash(self._name)
        if digest is not None and found.hash != digest:
            raise SamError(f"the destination found for {self._name} is another one's")
        return found


class AcceptStream(SamExchange):
    """Wait for somebody to call."""

    def __init__(self, session_id: str) -> None:
        self._id = session_id
        self._is_waiting = False
        self.destination: Destination | None = None
        """Who called."""
        super().__init__()

    @property
    def is_patient(self) -> bool:
        return self._is_waiting

    def _ask(self) -> Script:
        options = {"ID": self._id, "SILENT": "false"}
        yield from self._exchange("STREAM", "ACCEPT", options, answer=("STREAM", "STATUS"))
        self._is_waiting = True
        data = yield from self._take_line()
        self._is_waiting = False
        line = parse_line(data)
        if line.topic == "STREAM":  # the session ended, or the router failed
            line.check()
        # From version 3.2 on ports follow the destination.
        self.destination = parse_destination(line.topic)
