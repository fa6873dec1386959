"""A peer by hand that speaks extensions (BEP 10): messages by name, both ways."""

from __future__ import annotations

import struct
from typing import Any

from evtorrent.protocols.bencode import decode, encode
from evtorrent.protocols.peer.handshake import Capability
from evtorrent.session.torrent.torrent import Torrent

from .world import Node, Wire, World

NUMBERS = {
    "ut_metadata": 1,
    "ut_pex": 2,
    "lt_donthave": 3,
    "upload_only": 4,
    "ut_holepunch": 5,
    "share_mode": 6,
}
"""The numbers this peer gives the extensions."""


class ExtensionWire(Wire):
    """A `Wire` that shakes hands with extensions."""

    def __init__(self, world: World, torrent: Torrent, *, host: str = "10.9.9.1") -> None:
        name = f"-XX0000-{host}".ljust(20, "x")[:20].encode()
        super().__init__(
            world,
            bytes(torrent.info_hashes.best()),
            host=host,
            peer_id=name,
            capabilities=Capability.FAST | Capability.EXTENSION,
        )
        self.theirs: dict[str, int] = {}
        self.fields: dict[bytes, Any] = {}
        """What the other side's handshake said."""
        self._messages: list[tuple[str, bytes]] = []

    def meet(self, node: Node, *without: str, **fields: Any) -> ExtensionWire:
        """Connect to a node and exchange extension handshakes."""
        self.call(node)
        return self.introduce(*without, **fields)

    def introduce(self, *without: str, **fields: Any) -> ExtensionWire:
        """Say which extensions we speak: all but `without`."""
        numbers = {name: number for name, number in NUMBERS.items() if name not in without}
        self.say(_frame(0, encode({"m": numbers, **fields})))
        self.heard()
        return self

    def tell(self, name: str, payload: bytes) -> None:
        """Send a message of an extension."""
        self.heard()
        self.say(_frame(self.theirs[name], payload))

    def told(self, name: str) -> list[bytes]:
        """Messages of an extension since the last call."""
        self.heard()
        found = [payload for said, payload in self._messages if said == name]
        self._messages = [message for message in self._messages if message[0] != name]
        return found

    def heard(self, *kinds: str) -> list[tuple[Any, ...]]:
        """As of a `Wire`, but messages of extensions stay for `told`."""
        found = super().heard()
        self._keep([message[1] for message in found if message[0] == "extended"])
        return [message for message in found if not kinds or message[0] in kinds]

    def _keep(self, bodies: list[bytes]) -> None:
        names = {number: name for name, number in NUMBERS.items()}
        for body in bodies:
            if body[0]:
                self._messages.append((names[body[0]], body[1:]))
                continue
            self.fields = decode(body[1:])  # type: ignore[assignment]
            self.theirs = {name.decode(): number for name, number in self.fields[b"m"].items()}


def _frame(number: int, payload: bytes) -> bytes:
    return struct.pack(">IBB", 2 + len(payload), 20, number) + payload
