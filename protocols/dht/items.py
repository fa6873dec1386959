"""Items stored in the DHT (BEP 44): immutable ones named by their content, mutable ones by a key and a salt.

A `MutableItem` that exists has a valid signature: `verified` checks what others say, `signed` makes our own.  Values are
kept as the bytes that are hashed and signed, because encoding a decoded value again could change them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from ..bencode import BencodeError, BencodeValue, decode, encode
from .ed25519 import public_key_of, sign, verify
from .errors import ItemError, KrpcCode, KrpcError
from .node_id import NodeId

__all__ = [
    "MAX_SALT",
    "MAX_SEQUENCE",
    "MAX_VALUE",
    "ImmutableItem",
    "MutableItem",
    "check_value",
    "immutable_target",
    "mutable_target",
]

MAX_VALUE: Final = 1000
"""Bytes of an item, encoded."""

MAX_SALT: Final = 64
"""Bytes of a salt."""

MAX_SEQUENCE: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ImmutableItem:
    """A value whose hash is its name."""

    encoded: bytes

    @classmethod
    def of(cls, value: BencodeValue | str) -> ImmutableItem:
        """Of anything bencoding knows.  ItemError when it is too big."""
        return cls(_encoded(value))

    @property
    def target(self) -> NodeId:
        """Where it is stored."""
        return immutable_target(self.encoded)

    @property
    def value(self) -> BencodeValue:
        """Decoded."""
        return decode(self.encoded)


@dataclass(frozen=True, slots=True)
class MutableItem:
    """A value signed by the owner of a key."""

    public_key: bytes
    salt: bytes
    sequence: int
    encoded: bytes
    signature: bytes

    @classmethod
    def signed(
        cls, value: BencodeValue | str, secret_key: bytes, *, sequence: int, salt: bytes = b""
    ) -> MutableItem:
        """Sign `value` with a secret key in any form of `ed25519`.  ItemError when any of it is out of bounds."""
        encoded = _encoded(value)
        if not 0 <= sequence <= MAX_SEQUENCE:
            raise ItemError(f"a sequence number is not {sequence}")
        if len(salt) > MAX_SALT:
            raise ItemError(f"a salt has at most {MAX_SALT} bytes, not {len(salt)}")
        text = _signed_text(encoded, sequence, salt)
        return cls(public_key_of(secret_key), salt, sequence, encoded, sign(text, secret_key))

    @classmethod
    def verified(
        cls, public_key: bytes, salt: bytes, sequence: int, encoded: bytes, signature: bytes
    ) -> MutableItem:
        """What somebody says is an item.  KrpcError, with BEP 44's code, when it is none."""
        if len(salt) > MAX_SALT:
            raise KrpcError("salt too big", code=KrpcCode.SALT_TOO_BIG)
        if sequence < 0:
            raise KrpcError("invalid (negative) sequence number")
        check_value(encoded)
        if not verify(_signed_text(encoded, sequence, salt), signature, public_key):
            raise KrpcError("invalid signature", code=KrpcCode.INVALID_SIGNATURE)
        return cls(public_key, salt, sequence, encoded, signature)

    @property
    def target(self) -> NodeId:
        """Where it is stored."""
        return mutable_target(self.public_key, self.salt)

    @property
    def value(self) -> BencodeValue:
        """Decoded."""
        return decode(self.encoded)


def immutable_target(encoded: bytes) -> NodeId:
    """The name of a value."""
    return NodeId(sha1(encoded, usedforsecurity=False).digest())


def mutable_target(public_key: bytes, salt: bytes = b"") -> NodeId:
    """The name of what a key's owner keeps under a salt."""
    return NodeId(sha1(public_key + salt, usedforsecurity=False).digest())


def check_value(encoded: bytes) -> None:
    """KrpcError, with BEP 44's code, unless this is the canonical encoding of a value that is small enough."""
    if not 0 < len(encoded) <= MAX_VALUE:
        raise KrpcError("message too big", code=KrpcCode.VALUE_TOO_BIG)
    try:
        decode(encoded)
    except BencodeError as error:
        raise KrpcError(f"invalid value: {error}") from None


def _encoded(value: BencodeValue | str) -> bytes:
    encoded = encode(value)
    if len(encoded) > MAX_VALUE:
        raise ItemError(f"an item has at most {MAX_VALUE} bytes, not {len(encoded)}")
    return encoded


def _signed_text(encoded: bytes, sequence: int, salt: bytes) -> bytes:
    # BEP 44: the keys salt, seq and v as they stand in a dictionary, without the dictionary.
    prefix = b"4:salt%d:%b" % (len(salt), salt) if salt else b""
    return b"%b3:seqi%de1:v%b" % (prefix, sequence, encoded)
