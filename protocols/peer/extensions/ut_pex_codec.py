"""Messages of peer exchange (BEP 11): peers that somebody is connected to now, and those it no longer is.

Left out: flags are taken as they come; those nobody has defined are kept and mean nothing.  What is missing or of a wrong
type counts as empty, as every client does; only what is no dictionary, or too large, is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple

from ... import bencode
from ...bencode import BencodeValue
from ...errors import RemoteProtocolError
from ...types import Address, Buffer
from ..compact import IPV4_ENDPOINT, IPV6_ENDPOINT, pack_endpoints, split_endpoints

__all__ = [
    "MAX_ENTRIES",
    "MAX_MESSAGE_SIZE",
    "PexError",
    "PexFlags",
    "PexMessage",
    "PexPeer",
    "pack_message",
    "parse_message",
]

MAX_MESSAGE_SIZE = 64 * 1024
"""Bytes of a message; fifty endpoints each way are three thousand."""
MAX_ENTRIES = 200
"""Endpoints looked at in each list of a message.  BEP 11 allows 50, libtorrent sends 100 and sometimes all it dropped."""

_MAX_ITEMS = 100
_MAX_DEPTH = 10


class PexError(RemoteProtocolError):
    """A peer breaks a rule of peer exchange."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """libtorrent's name of the error."""


class PexFlags(IntFlag):
    """What is said of a peer, "added.f"."""

    ENCRYPTION = 0x01
    """Prefers encryption."""
    SEED = 0x02
    """Has everything, or wants nothing."""
    UTP = 0x04
    HOLEPUNCH = 0x08
    """Speaks ut_holepunch."""
    OUTGOING = 0x10
    """Was connected to, so it can be reached."""


class PexPeer(NamedTuple):
    """One peer."""

    address: Address
    flags: PexFlags


@dataclass(frozen=True, slots=True)
class PexMessage:
    """One message.  No address twice in one list, and no port 0."""

    added: tuple[PexPeer, ...] = ()
    dropped: tuple[Address, ...] = ()
    num_ignored: int = 0
    """Entries that were no endpoints, twice there, or more than are looked at."""


def pack_message(added: Iterable[PexPeer], dropped: Iterable[Address]) -> bytes:
    """A message.  All fields are there, since some clients look for `added.f` and `dropped` always (as libtorrent)."""
    table: dict[str, bytes] = {}
    for is_ipv6, suffix in ((False, ""), (True, "6")):
        peers = [peer for peer in added if (":" in peer.address[0]) is is_ipv6]
        table["added" + suffix] = pack_endpoints(peer.address for peer in peers)
        table[f"added{suffix}.f"] = bytes(peer.flags & 0xFF for peer in peers)
        table["dropped" + suffix] = pack_endpoints(
            address for address in dropped if (":" in address[0]) is is_ipv6
        )
    return bencode.encode(table)


def parse_message(payload: Buffer) -> PexMessage:
    """Parse a message.  PexError when it is too large or no dictionary."""
    if len(payload) > MAX_MESSAGE_SIZE:
        raise PexError("pex_message_too_large", f"peer exchange message of {len(payload)} bytes")
    try:
        table, _ = bencode.decode_prefix(payload, max_depth=_MAX_DEPTH, max_items=_MAX_ITEMS, strict=False)
    except RemoteProtocolError as error:
        raise PexError("invalid_pex_message", f"peer exchange message: {error}") from error
    if not isinstance(table, dict):
        raise PexError("invalid_pex_message", "peer exchange message is no dictionary")
    added: dict[Address, PexFlags] = {}
    dropped: dict[Address, None] = {}
    num_ignored = 0
    for suffix, size in ((b"", IPV4_ENDPOINT), (b"6", IPV6_ENDPOINT)):
        addresses, num_more = _endpoints(table, b"added" + suffix, size)
        flags = bencode.find_bytes(table, b"added" + suffix + b".f") or b""
        for number, address in enumerate(addresses):
            if address[1] and address not in added:
                added[address] = PexFlags(flags[number] if number < len(flags) else 0)
            else:
                num_ignored += 1
        gone, num_gone = _endpoints(table, b"dropped" + suffix, size)
        dropped.update(dict.fromkeys(gone))
        num_ignored += num_more + num_gone
    return PexMessage(tuple(map(PexPeer._make, added.items())), tuple(dropped), num_ignored)


def _endpoints(table: Mapping[bytes, BencodeValue], key: bytes, size: int) -> tuple[list[Address], int]:
    """Endpoints of a list, and how many more there are."""
    raw = bencode.find_bytes(table, key) or b""
    count = -(-len(raw) // size)
    addresses = split_endpoints(raw[: MAX_ENTRIES * size], size)
    return addresses, count - len(addresses)
