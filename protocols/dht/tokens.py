"""Write tokens (BEP 5): proof that whoever announces or puts has received something at the address he uses.

A token is a keyed hash of host and target.  The secret changes every five minutes, and tokens of the one before still
count, so one lives for five to ten minutes.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from random import Random
from typing import Final

__all__ = ["ROTATION_INTERVAL", "TOKEN_SIZE", "Tokens"]

ROTATION_INTERVAL: Final = 300.0
"""Seconds a secret is handed out (BEP 5)."""

TOKEN_SIZE: Final = 8


class Tokens:
    """Makes and checks tokens.  `rng` has to be unpredictable."""

    __slots__ = ("_previous", "_rng", "_secret")

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._secret = rng.randbytes(16)
        self._previous = self._secret

    def issue(self, packed_host: bytes, target: bytes) -> bytes:
        """The token that lets this host write under `target`."""
        return _token(self._secret, packed_host, target)

    def verify(self, token: bytes, packed_host: bytes, target: bytes) -> bool:
        """`token` was issued to this host for this target, lately."""
        return any(
            compare_digest(token, _token(secret, packed_host, target))
            for secret in (self._secret, self._previous)
        )

    def rotate(self) -> None:
        """A new secret; to be called every ROTATION_INTERVAL."""
        self._previous, self._secret = self._secret, self._rng.randbytes(16)


def _token(secret: bytes, packed_host: bytes, target: bytes) -> bytes:
    return blake2b(packed_host + target, key=secret, digest_size=TOKEN_SIZE).digest()
