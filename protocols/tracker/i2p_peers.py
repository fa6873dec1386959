"""Peers as trackers on I2P tell of them: hashes of destinations, 32 bytes each, or dictionaries with whole destinations.

Peers have their short name as the host, and 0 for a port.  What is neither a destination nor a short name is passed over:
other names would have to be looked up, and no tracker is known to give them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..sam.destination import b32_name, parse_peer
from .announce import MAX_PEERS, TrackerPeer
from .errors import InvalidTrackerResponse

__all__ = ["HASH_SIZE", "i2p_peers"]

HASH_SIZE = 32
"""Bytes of a peer in a compact list."""


def i2p_peers(answer: Mapping[bytes, object]) -> list[TrackerPeer]:
    """The peers of an answer.  InvalidTrackerResponse for a broken list, and when not one entry of it is usable."""
    peers = answer.get(b"peers")
    if isinstance(peers, bytes):
        if len(peers) % HASH_SIZE:
            raise InvalidTrackerResponse(
                f"list of I2P peers of {len(peers)} bytes is no multiple of {HASH_SIZE}"
            )
        starts = range(0, min(len(peers), MAX_PEERS * HASH_SIZE), HASH_SIZE)
        return [TrackerPeer(b32_name(peers[start : start + HASH_SIZE]), 0) for start in starts]
    if not isinstance(peers, list):
        return []
    found = [peer for entry in peers[:MAX_PEERS] if (peer := _peer(entry)) is not None]
    if peers and not found:
        raise InvalidTrackerResponse("not one usable entry in the list of I2P peers")
    return found


def _peer(entry: object) -> TrackerPeer | None:
    host = entry.get(b"ip") if isinstance(entry, dict) else None
    known = parse_peer(host.decode("latin-1")) if isinstance(host, bytes) else None
    if known is None:
        return None
    name, destination = known
    peer_id = entry.get(b"peer id") if isinstance(entry, dict) else None
    has_id = isinstance(peer_id, bytes) and len(peer_id) == 20
    return TrackerPeer(name, 0, peer_id if has_id else None, destination)
