"""RC4 as MSE uses it: the first 1024 bytes of the key stream are dropped.

RC4 is broken as a cipher; here it hides what the stream is, nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ..errors import LocalProtocolError
from ..types import Buffer

__all__ = ["DROPPED", "Rc4"]

DROPPED = 1024
"""Bytes of the key stream that are never used, since the first ones tell about the key."""


class Rc4:
    """One direction of a stream.  Encrypting and decrypting are the same."""

    __slots__ = ("update_into",)

    def __init__(self, key: bytes) -> None:
        """LocalProtocolError when the OpenSSL of this machine has no RC4."""
        self.update_into: Callable[[Buffer, Buffer], int] = _make_context(key).update_into
        """`update_into(source, target)`; both may be the same memory, which is then changed in place."""
        scratch = bytearray(DROPPED)
        self.update_into(scratch, scratch)

    def apply(self, data: Buffer) -> bytes:
        """The next bytes of the stream as a new object; for short ones."""
        result = bytearray(data)
        self.update_into(result, result)
        return bytes(result)


@cache
def _load() -> tuple[Any, Any, type[Exception]]:
    # Loaded with the first encrypted connection.  Any: classes of a library that is not imported before.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
    from cryptography.hazmat.primitives.ciphers import Cipher

    return Cipher, ARC4, UnsupportedAlgorithm


def _make_context(key: bytes) -> Any:
    # Any: the library's cipher context.
    cipher, arc4, unsupported = _load()
    try:
        return cipher(arc4(key), mode=None).encryptor()
    except unsupported as exc:
        raise LocalProtocolError(f"RC4 is not to be had here: {exc}") from exc
