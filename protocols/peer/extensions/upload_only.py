"""upload_only (BEP 21): a peer wants nothing, or wants again.  Said in the extension handshake, and later by this message."""

from __future__ import annotations

from ...types import Buffer

__all__ = ["pack_upload_only", "parse_upload_only"]


def pack_upload_only(upload_only: bool) -> bytes:
    """The payload of a message."""
    return b"\1" if upload_only else b"\0"


def parse_upload_only(payload: Buffer) -> bool | None:
    """Whether the peer wants nothing; None for a payload that is no single byte, which is ignored (as libtorrent)."""
    return payload[0] != 0 if len(payload) == 1 else None
