"""The extension protocol (BEP 10): which extensions we speak, and the numbers each side gave them.

One `ExtensionRegistry` belongs to a torrent or session and is shared by its connections; the numbers we hand out are
the same for all.  `PeerExtensions` is what one peer announced.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ... import bencode
from ...errors import RemoteProtocolError
from ...types import Buffer

__all__ = [
    "MAX_EXTENSION_NAME",
    "MAX_HANDSHAKE_SIZE",
    "MAX_PEER_EXTENSIONS",
    "ExtensionRegistry",
    "PeerExtensions",
    "parse_handshake",
]

MAX_HANDSHAKE_SIZE = 64 * 1024
"""Bytes of an extension handshake; real ones have a few hundred."""
MAX_PEER_EXTENSIONS = 100
"""Extensions one peer may announce; more are ignored."""
MAX_EXTENSION_NAME = 64
"""Bytes of an extension's name; extensions with longer ones are ignored."""


class ExtensionRegistry:
    """The extensions we announce; message id 0 is the handshake."""

    __slots__ = ("_names",)

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self._names: list[str] = []
        for name in names:
            self.add(name)

    def add(self, name: str) -> int:
        """Announce `name` from now on and give its message id.  ValueError when it is there or there are 255."""
        if name in self._names:
            raise ValueError(f"extension {name} is registered already")
        if len(self._names) == 255:
            raise ValueError("no message id left for another extension")
        self._names.append(name)
        return len(self._names)

    def name_of(self, message_id: int) -> str | None:
        """The extension we gave `message_id`."""
        return self._names[message_id - 1] if 1 <= message_id <= len(self._names) else None

    def handshake(self, fields: dict[str, Any], *, without: Collection[str] = ()) -> bytes:
        """The payload of our extension handshake: our ids, and `fields` beside them (v, p, reqq, …).

        Those in `without` are not offered; the ids of the others stay.
        """
        names = {name: index + 1 for index, name in enumerate(self._names) if name not in without}
        return bencode.encode({"m": names, **fields})


class PeerExtensions:
    """What the peer announced; empty until its handshake arrives, updated by later ones (BEP 10)."""

    __slots__ = (
        "_ids",
        "client",
        "listen_port",
        "metadata_size",
        "request_queue",
        "share_mode",
        "upload_only",
        "your_ip",
    )

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self.client = ""
        """Name and version, "v"; at most 100 characters."""
        self.listen_port: int | None = None
        """TCP port, "p"."""
        self.request_queue: int | None = None
        """Requests it holds before it drops some, "reqq"."""
        self.metadata_size: int | None = None
        """Bytes of the info section, BEP 9."""
        self.upload_only = False
        """It wants nothing (BEP 21)."""
        self.share_mode = False
        """It takes only what it can give away often (libtorrent's share mode)."""
        self.your_ip: bytes | None = None
        """Our address as it sees it: 4 or 16 bytes."""

    def id_of(self, name: str) -> int | None:
        """The message id the peer wants for extension `name`."""
        return self._ids.get(name)

    def names(self) -> list[str]:
        """The extensions the peer speaks."""
        return list(self._ids)

    def update(self, message: dict[bytes, Any]) -> None:
        """Take over a handshake.  Fields of a wrong type are ignored, as every client does."""
        table = message.get(b"m")
        if isinstance(table, dict):
            self._update_ids(table)
        if isinstance(client := message.get(b"v"), bytes):
            self.client = client[:100].decode("utf-8", "replace")
        if (port := _int_of(message, b"p")) is not None and 0 < port < 65536:
            self.listen_port = port
        if (queue := _int_of(message, b"reqq")) is not None and queue > 0:
            self.request_queue = queue
        if (size := _int_of(message, b"metadata_size")) is not None and size > 0:
            self.metadata_size = size
        if (only := _int_of(message, b"upload_only")) is not None:
            self.upload_only = only != 0
        if (share := _int_of(message, b"share_mode")) is not None:
            self.share_mode = share != 0
        if isinstance(address := message.get(b"yourip"), bytes) and len(address) in (4, 16):
            self.your_ip = address

    def _update_ids(self, table: dict[bytes, Any]) -> None:
        for raw, number in table.items():
            if len(raw) > MAX_EXTENSION_NAME or not isinstance(number, int) or not 0 <= number <= 255:
                continue
            name = raw.decode("utf-8", "replace")
            if number == 0:
                # BEP 10: "setting an extension number to zero means that the extension is not supported/disabled"
                self._ids.pop(name, None)
            elif name in self._ids or len(self._ids) < MAX_PEER_EXTENSIONS:
                self._ids[name] = number


def parse_handshake(payload: Buffer) -> dict[bytes, Any]:
    """Decode the payload of an extension handshake.  RemoteProtocolError when it is no dictionary or too large.

    Keys out of order and bytes behind the dictionary are accepted, as libtorrent does.
    """
    if len(payload) > MAX_HANDSHAKE_SIZE:
        raise RemoteProtocolError(f"extension handshake of {len(payload)} bytes")
    message, _ = bencode.decode_prefix(payload, strict=False)
    if not isinstance(message, dict):
        raise RemoteProtocolError("extension handshake is no dictionary")
    return message


def _int_of(message: dict[bytes, Any], key: bytes) -> int | None:
    value = message.get(key)
    return value if isinstance(value, int) else None
