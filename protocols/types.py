"""Types shared by every protocol: hashes, indices, block arithmetic, addresses.

An index or a hash that has one of these types has been checked at the door; inside it is trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NewType, Self, TypeAlias

__all__ = [
    "BLOCK_SIZE",
    "Address",
    "Buffer",
    "FileIndex",
    "InfoHashes",
    "PeerId",
    "PieceIndex",
    "ProtocolVersion",
    "Sha1Hash",
    "Sha256Hash",
]

BLOCK_SIZE = 16 * 1024
"""Bytes in a block, the unit of request on the peer wire (BEP 3)."""

PieceIndex = NewType("PieceIndex", int)
FileIndex = NewType("FileIndex", int)

Address: TypeAlias = tuple[str, int]
"""Numeric host and port.  IPv6 hosts carry no brackets."""

Buffer: TypeAlias = bytes | bytearray | memoryview


class _Hash(bytes):
    """Immutable digest of fixed length; `str()` is its hexadecimal form."""

    LENGTH = 0
    __slots__ = ()

    def __new__(cls, digest: Buffer) -> Self:
        if len(digest) != cls.LENGTH:
            raise ValueError(f"{cls.__name__} takes {cls.LENGTH} bytes, not {len(digest)}")
        return super().__new__(cls, digest)

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hex()!r})"


class Sha1Hash(_Hash):
    """20 bytes: a v1 info-hash, a v1 piece hash, a node id."""

    LENGTH = 20
    __slots__ = ()

    def __new__(cls, digest: Buffer = bytes(20)) -> Self:
        return super().__new__(cls, digest)


class Sha256Hash(_Hash):
    """32 bytes: a v2 info-hash or merkle node (BEP 52)."""

    LENGTH = 32
    __slots__ = ()

    def __new__(cls, digest: Buffer = bytes(32)) -> Self:
        return super().__new__(cls, digest)


class PeerId(_Hash):
    """20 bytes naming a client (BEP 20)."""

    LENGTH = 20
    __slots__ = ()

    def __new__(cls, digest: Buffer) -> Self:
        return super().__new__(cls, digest)


class ProtocolVersion(IntEnum):
    """Which of a torrent's names, with libtorrent's values."""

    V1 = 0
    """BEP 3, SHA-1."""
    V2 = 1
    """BEP 52, SHA-256."""


@dataclass(frozen=True, slots=True)
class InfoHashes:
    """The names of one torrent: v1, v2, or both for a hybrid (libtorrent `info_hash_t`)."""

    v1: Sha1Hash | None = None
    v2: Sha256Hash | None = None

    @property
    def has_v1(self) -> bool:
        """There is a v1 info-hash."""
        return self.v1 is not None

    @property
    def has_v2(self) -> bool:
        """There is a v2 info-hash."""
        return self.v2 is not None

    def best(self) -> Sha1Hash:
        """The 20-byte name used on the wire: v2 truncated when there is one (BEP 52), else v1.

        Raises ValueError when there is neither.
        """
        if self.v2 is not None:
            return Sha1Hash(self.v2[:20])
        if self.v1 is None:
            raise ValueError("a torrent without an info-hash has no name")
        return self.v1

    def has(self, version: ProtocolVersion | int) -> bool:
        """There is a name of that version.  ValueError when there is no such version."""
        return self.has_v1 if ProtocolVersion(version) is ProtocolVersion.V1 else self.has_v2

    def get(self, version: ProtocolVersion | int) -> Sha1Hash:
        """The 20-byte name of that version, zeros when there is none.  ValueError when there is no such version."""
        if ProtocolVersion(version) is ProtocolVersion.V1:
            return self.v1 or Sha1Hash()
        return Sha1Hash(self.v2[:20]) if self.v2 is not None else Sha1Hash()

    def get_best(self) -> Sha1Hash:
        """`best`, and zeros when there is no name."""
        return self.best() if self.wire_names() else Sha1Hash()

    def wire_names(self) -> tuple[Sha1Hash, ...]:
        """Every 20-byte name a peer or tracker may use for this torrent, v1 first."""
        names = [] if self.v1 is None else [self.v1]
        if self.v2 is not None:
            names.append(Sha1Hash(self.v2[:20]))
        return tuple(names)
