"""Torrents that are updated through a mutable item (BEP 46): what the item says, and the links that name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from ..bencode import BencodeValue
from ..types import Sha1Hash
from .items import MAX_SALT, MutableItem, mutable_target
from .node_id import NodeId

__all__ = ["MutableTorrentLink", "mutable_torrent_value", "torrent_of"]

_KEY_HEX: Final = 64
_URN: Final = "urn:btpk:"


@dataclass(frozen=True, slots=True)
class MutableTorrentLink:
    """`magnet:?xs=urn:btpk:<key>&s=<salt>`."""

    public_key: bytes
    salt: bytes = b""

    @classmethod
    def parse(cls, uri: str) -> MutableTorrentLink:
        """From a magnet link.  ValueError when it names no mutable torrent."""
        parts = urlsplit(uri)
        arguments = dict(reversed(parse_qsl(parts.query)))  # the first of each counts
        source = arguments.get("xs", "")
        if parts.scheme != "magnet" or not source.lower().startswith(_URN):
            raise ValueError("not a link to a mutable torrent")
        key, salt = source[len(_URN) :], arguments.get("s", "")
        if len(key) != _KEY_HEX or len(salt) > 2 * MAX_SALT:
            raise ValueError("a public key has 64 hexadecimal digits, a salt at most 128")
        return cls(bytes.fromhex(key), bytes.fromhex(salt))

    @property
    def target(self) -> NodeId:
        """Where the item is stored."""
        return mutable_target(self.public_key, self.salt)

    def __str__(self) -> str:
        arguments = {"xs": _URN + self.public_key.hex()}
        if self.salt:
            arguments["s"] = self.salt.hex()
        return "magnet:?" + urlencode(arguments, safe=":")


def mutable_torrent_value(info_hash: bytes) -> BencodeValue:
    """The value of an item that points to this torrent."""
    return {b"ih": bytes(Sha1Hash(info_hash))}


def torrent_of(item: MutableItem) -> Sha1Hash | None:
    """The info-hash an item points to; None when it is about something else."""
    value = item.value
    info_hash = value.get(b"ih") if isinstance(value, dict) else None
    return Sha1Hash(info_hash) if isinstance(info_hash, bytes) and len(info_hash) == 20 else None
