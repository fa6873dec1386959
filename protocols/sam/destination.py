"""Who somebody is on I2P: destinations, their Base64 and their short names, "….b32.i2p".

A destination is two public keys and a certificate, some 391 bytes; its name is its SHA-256 hash, in Base32.  As the host of an
`Address` we use the name, and 0 as the port, since the network knows none.
"""

from __future__ import annotations

import binascii
from base64 import b32decode, b32encode, b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

from ..types import Buffer, Sha256Hash
from .errors import SamError

__all__ = [
    "MAX_DESTINATION",
    "SUFFIX",
    "Destination",
    "b32_hash",
    "b32_name",
    "is_i2p_host",
    "parse_destination",
    "parse_peer",
]

SUFFIX = ".i2p"
"""The domain of everything that is on I2P."""
MAX_DESTINATION = 2048
"""Bytes of a destination; the largest kinds of key there are make 1,100."""

_B32_SUFFIX = ".b32.i2p"
_B32_LENGTH = 52
_KEYS = 384
_CERTIFICATE_HEAD = 3
_TO_STANDARD = str.maketrans("-~", "+/")
_TO_I2P = str.maketrans("+/", "-~")
_MAX_TEXT = 4 * -(-MAX_DESTINATION // 3)


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination.  SamError when the bytes are none."""

    raw: bytes
    """The keys, then the certificate."""

    def __post_init__(self) -> None:
        raw = self.raw
        if not _KEYS + _CERTIFICATE_HEAD <= len(raw) <= MAX_DESTINATION:
            raise SamError(f"a destination of {len(raw)} bytes")
        size = int.from_bytes(raw[_KEYS + 1 : _KEYS + _CERTIFICATE_HEAD], "big")
        if _KEYS + _CERTIFICATE_HEAD + size != len(raw):
            raise SamError(f"a destination of {len(raw)} bytes whose certificate has {size}")

    @property
    def hash(self) -> Sha256Hash:
        """What it is called by in compact lists of peers."""
        return Sha256Hash(sha256(self.raw).digest())

    @property
    def name(self) -> str:
        """The name everybody can look up who knows where it is."""
        return b32_name(self.hash)

    def __str__(self) -> str:
        """In the Base64 of I2P."""
        return b64encode(self.raw).decode("ascii").translate(_TO_I2P)

    def __repr__(self) -> str:
        return f"Destination({self.name})"


def parse_destination(text: str) -> Destination:
    """A destination in the Base64 of I2P, which has "-" and "~" for "+" and "/".  SamError."""
    if len(text) > _MAX_TEXT:
        raise SamError(f"a destination of {len(text)} characters")
    if not text.isascii() or "+" in text or "/" in text:
        raise SamError(f"no destination: {text[:20]!r}")
    try:
        raw = b64decode(text.translate(_TO_STANDARD), validate=True)
    except binascii.Error as error:
        raise SamError(f"no destination: {text[:20]!r}") from error
    return Destination(raw)


def b32_name(digest: Buffer) -> str:
    """The name of the destination with this hash.  ValueError unless it has 32 bytes."""
    return b32encode(Sha256Hash(digest)).decode("ascii").rstrip("=").lower() + _B32_SUFFIX


def b32_hash(host: str) -> Sha256Hash | None:
    """The hash a name stands for; None when it is not one of the short names of plain destinations."""
    host = host.lower()
    label = host.removesuffix(_B32_SUFFIX)
    if len(label) != _B32_LENGTH or label == host:
        return None
    try:
        digest = Sha256Hash(b32decode(label.upper() + "===="))
    except (binascii.Error, ValueError):
        return None
    # Four bits of the last letter say nothing: only one spelling is the name.
    return digest if b32_name(digest) == host else None


def is_i2p_host(host: str) -> bool:
    """It is a name on I2P, which no other network should be asked about."""
    return host.rstrip(".").lower().endswith(SUFFIX)


def parse_peer(text: str) -> tuple[str, Destination | None] | None:
    """(name, destination when that is told) of a peer as trackers tell of it: a destination, also with ".i2p" behind it, or a
    short name.  None for anything else.
    """
    if b32_hash(text) is not None:
        return text.lower(), None
    try:
        destination = parse_destination(text.removesuffix(SUFFIX))
    except SamError:
        return None
    return destination.name, destination
