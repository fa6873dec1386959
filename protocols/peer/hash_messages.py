"""The messages about hash trees (BEP 52): hash request, hashes, hash reject.  Packed and parsed; sizes are checked before."""

from __future__ import annotations

import struct

from ..errors import RemoteProtocolError
from ..metainfo.hash_request import MAX_HASHES, MAX_LAYERS, HashRequest
from ..types import Buffer, Sha256Hash
from .messages import MessageId

__all__ = [
    "HASH_REQUEST_SIZE",
    "MAX_HASHES_SIZE",
    "pack_hash_message",
    "pack_hashes",
    "parse_hash_request",
    "parse_hashes",
]

_FIELDS = struct.Struct(">32sIIII")
HASH_REQUEST_SIZE = _FIELDS.size
"""Bytes of payload of a hash request, and of a hash reject."""
MAX_HASHES_SIZE = HASH_REQUEST_SIZE + Sha256Hash.LENGTH * (MAX_HASHES + MAX_LAYERS)
"""Bytes of payload of the longest answer."""


def pack_hash_message(kind: MessageId, request: HashRequest) -> bytes:
    """hash request or hash reject"""
    return struct.pack(">IB", 1 + HASH_REQUEST_SIZE, kind) + _FIELDS.pack(*request)


def pack_hashes(request: HashRequest, hashes: bytes) -> bytes:
    """hashes"""
    head = struct.pack(">IB", 1 + HASH_REQUEST_SIZE + len(hashes), MessageId.HASHES)
    return head + _FIELDS.pack(*request) + hashes


def parse_hash_request(payload: Buffer) -> HashRequest:
    """The fields of a hash request or reject.  RemoteProtocolError when no tree could have such hashes."""
    root, *numbers = _FIELDS.unpack(payload)
    return HashRequest(Sha256Hash(root), *numbers).check()


def parse_hashes(payload: Buffer) -> tuple[HashRequest, bytes]:
    """What was asked for, and the hashes.  RemoteProtocolError when they are not as many as belong to it."""
    request = parse_hash_request(payload[:HASH_REQUEST_SIZE])
    hashes = bytes(payload[HASH_REQUEST_SIZE:])
    wanted = request.count + request.num_uncles
    if len(hashes) != wanted * Sha256Hash.LENGTH:
        raise RemoteProtocolError(f"{len(hashes)} bytes of hashes, not {wanted} hashes")
    return request, hashes
