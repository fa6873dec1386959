"""The Diffie-Hellman exchange of MSE: 768 bits, and the hashes made of its secret."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1

from ..types import Buffer
from .agreement import MseError
from .rc4 import Rc4

__all__ = ["KEY_LENGTH", "PRIME", "KeyPair", "RandomBytes", "hash_of_skey", "stream_ciphers"]

PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    16,
)
"""A safe prime: besides 1 and PRIME - 1 every number generates a large group."""
GENERATOR = 2
KEY_LENGTH = 96
"""Bytes of a public key and of the secret."""
_PRIVATE_LENGTH = 20  # "160 bits are enough", more do not add to the strength of a 768 bit group

RandomBytes = Callable[[int], bytes]
"""Gives so many unpredictable bytes."""


class KeyPair:
    """Ours, for one connection."""

    __slots__ = ("_private", "public")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._private = int.from_bytes(random_bytes(_PRIVATE_LENGTH), "big")
        self.public = pow(GENERATOR, self._private, PRIME).to_bytes(KEY_LENGTH, "big")

    def secret_with(self, their_public: Buffer) -> bytes:
        """What both sides know now.  MseError for a key with which everybody would know it."""
        theirs = int.from_bytes(their_public, "big")
        if not 1 < theirs < PRIME - 1:
            raise MseError("invalid_encrypt_handshake", "the other side's key is degenerate")
        return pow(theirs, self._private, PRIME).to_bytes(KEY_LENGTH, "big")


def hash_of_skey(skey: Buffer) -> bytes:
    """What the responder finds a torrent by: HASH('req2', SKEY)."""
    return sha1(b"req2" + skey).digest()


def stream_ciphers(secret: bytes, skey: bytes) -> tuple[Rc4, Rc4]:
    """(initiator to responder, responder to initiator)"""
    return (
        Rc4(sha1(b"keyA" + secret + skey).digest()),
        Rc4(sha1(b"keyB" + secret + skey).digest()),
    )
