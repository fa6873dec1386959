"""Messages of peer exchange on I2P, libtorrent's "i2p_pex": as those of BEP 11, with hashes of destinations for endpoints."""

from __future__ import annotations

from collections.abc import Iterable

from ... import bencode
from ...errors import RemoteProtocolError
from ...sam import b32_hash, b32_name
from ...types import Address, Buffer
from .ut_pex_codec import MAX_ENTRIES, MAX_MESSAGE_SIZE, PexError, PexFlags, PexMessage, PexPeer

__all__ = ["HASH_SIZE", "pack_i2p_message", "parse_i2p_message"]

HASH_SIZE = 32
"""Bytes of a peer."""

_MAX_ITEMS = 100
_MAX_DEPTH = 10


def pack_i2p_message(added: Iterable[PexPeer], dropped: Iterable[Address]) -> bytes:
    """A message.  What is not on I2P is left out; flags are zero, since none means anything there."""
    hashes = [digest for peer in added if (digest := b32_hash(peer.address[0])) is not None]
    gone = [digest for address in dropped if (digest := b32_hash(address[0])) is not None]
    return bencode.encode(
        {"added": b"".join(hashes), "added.f": bytes(len(hashes)), "dropped": b"".join(gone)}
    )


def parse_i2p_message(payload: Buffer) -> PexMessage:
    """Parse a message.  PexError when it is too large or no dictionary."""
    if len(payload) > MAX_MESSAGE_SIZE:
        raise PexError("pex_message_too_large", f"peer exchange message of {len(payload)} bytes")
    try:
        table, _ = bencode.decode_prefix(payload, max_depth=_MAX_DEPTH, max_items=_MAX_ITEMS, strict=False)
    except RemoteProtocolError as error:
        raise PexError("invalid_pex_message", f"peer exchange message: {error}") from error
    if not isinstance(table, dict):
        raise PexError("invalid_pex_message", "peer exchange message is no dictionary")
    added, num_ignored = _addresses(bencode.find_bytes(table, b"added") or b"")
    dropped, num_more = _addresses(bencode.find_bytes(table, b"dropped") or b"")
    peers = tuple(PexPeer(address, PexFlags(0)) for address in added)
    return PexMessage(peers, dropped, num_ignored + num_more)


def _addresses(raw: bytes) -> tuple[tuple[Address, ...], int]:
    """Addresses, and how many more entries there are that were passed over."""
    count = -(-len(raw) // HASH_SIZE)
    starts = range(0, min(len(raw) // HASH_SIZE, MAX_ENTRIES) * HASH_SIZE, HASH_SIZE)
    found: dict[Address, None] = {(b32_name(raw[at : at + HASH_SIZE]), 0): None for at in starts}
    return tuple(found), count - len(found)
