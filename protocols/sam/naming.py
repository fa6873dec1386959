"""What a bridge can be asked without a session: who is behind a name, and for keys of a new destination."""

from __future__ import annotations

from ..dialogue import Script
from .destination import Destination, parse_destination
from .errors import SamError
from .exchange import SamExchange

__all__ = ["GenerateDestination", "LookUpName"]

_SIGNATURE_TYPE = 7


class LookUpName(SamExchange):
    """Look a name up; `destination` is who it belongs to."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.destination: Destination | None = None
        super().__init__()

    def _ask(self) -> Script:
        reply = yield from self._exchange(
            "NAMING", "LOOKUP", {"NAME": self._name}, answer=("NAMING", "REPLY")
        )
        self.destination = parse_destination(reply.value("VALUE"))


class GenerateDestination(SamExchange):
    """Have keys made, for a session that is to have the same destination again."""

    def __init__(self) -> None:
        self.destination: Destination | None = None
        self.keys = ""
        """The destination with its private keys, for `CreateSession`.  Who has them is that destination."""
        super().__init__()

    def _ask(self) -> Script:
        reply = yield from self._exchange(
            "DEST", "GENERATE", {"SIGNATURE_TYPE": _SIGNATURE_TYPE}, answer=("DEST", "REPLY")
        )
        destination, keys = parse_destination(reply.value("PUB")), reply.value("PRIV")
        # The common part is whole groups of four characters but for the last.
        if not keys.startswith(str(destination).rstrip("=")[:-4]):
            raise SamError("private keys of another destination")
        self.destination, self.keys = destination, keys
