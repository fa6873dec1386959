"""Content codings of a response body, undone as it arrives, with a limit on what comes out (RFC 9110 8.4).

gzip and deflate can blow a kilobyte up to a megabyte; `max_size` bounds what leaves, not what enters.
"""

from __future__ import annotations

import zlib

from ..types import Buffer
from .errors import HttpProtocolError, HttpTooLarge

__all__ = ["ACCEPT_ENCODING", "ContentDecoder"]

ACCEPT_ENCODING = "gzip, deflate"

ENCODING_OVERHEAD = 1024
"""Bytes by which a body may be longer encoded than decoded; bounds padding after a compressed stream."""

_GZIP = {"gzip", "x-gzip"}
_WRAPPED_GZIP = 16 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


class ContentDecoder:
    """One body.  `receive_data` gives what is decoded so far, `finish` checks that it was whole."""

    __slots__ = ("_encoded_size", "_has_begun", "_inflater", "_is_deflate", "_max_size", "_size")

    def __init__(self, encoding: str = "", *, max_size: int | None = None) -> None:
        """`encoding` is the header's value.  HttpProtocolError for one we did not offer."""
        name = encoding.strip().lower()
        if name not in _GZIP and name not in ("", "identity", "deflate"):
            raise HttpProtocolError(f"content encoding {name[:40]!r} was not offered")
        self._is_deflate = name == "deflate"
        self._inflater = zlib.decompressobj(_WRAPPED_GZIP) if name in _GZIP else None
        self._has_begun = False
        self._max_size = max_size
        self._size = 0
        self._encoded_size = 0

    @property
    def size(self) -> int:
        """Decoded bytes so far."""
        return self._size

    def receive_data(self, data: Buffer) -> bytes:
        """Decode the next part.  HttpTooLarge beyond the limit, HttpProtocolError for a corrupt stream."""
        if not data:
            return b""
        if self._is_deflate and not self._has_begun:
            # "deflate" means zlib by the RFC and raw deflate by half the servers: the first byte tells them apart.
            is_zlib = data[0] & 0x0F == 8 and data[0] >> 4 <= 7
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else _RAW_DEFLATE)
        self._has_begun = True
        self._encoded_size += len(data)
        decoded = bytes(data) if self._inflater is None else self._inflate(data)
        self._size += len(decoded)
        limit = self._max_size
        if limit is not None and (self._size > limit or self._encoded_size > limit + ENCODING_OVERHEAD):
            raise HttpTooLarge(f"body of more than {limit} bytes")
        return decoded

    def finish(self) -> None:
        """The body has ended.  HttpProtocolError when the compressed stream has not."""
        if self._has_begun and self._inflater is not None and not self._inflater.eof:
            raise HttpProtocolError("compressed body ends early")

    def _inflate(self, data: Buffer) -> bytes:
        inflater = self._inflater
        assert inflater is not None
        if inflater.eof:
            return b""  # padding after the stream, which some servers send
        room = 0 if self._max_size is None else self._max_size - self._size + 1
        try:
            return inflater.decompress(data, room)
        except zlib.error as error:
            raise HttpProtocolError(f"corrupt compressed body: {error}") from error
