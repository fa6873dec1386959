"""What a peer is asked for of a file's hash tree (BEP 52), and the arithmetic of it: a value, checked when it is made.

Layers are counted from the leaves, which are layer 0.  An answer has `count` hashes of the base layer, then one "uncle" a
proof layer: the siblings on the way up, lowest first, without those that follow from the hashes themselves.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..errors import RemoteProtocolError
from ..types import Sha256Hash

__all__ = ["HASHES_AT_ONCE", "MAX_HASHES", "MAX_LAYERS", "HashRequest"]

MAX_HASHES: Final = 8192
"""Hashes of the base layer in one message, as in libtorrent: the blocks of a piece of 128 MiB."""

HASHES_AT_ONCE: Final = 512
"""Hashes we ask for at a time.  BEP 52: "Length SHOULD NOT be greater than 512." """

MAX_LAYERS: Final = 31
"""Layers of the highest tree there is: above 2**30 blocks, 16 TiB."""


class HashRequest(NamedTuple):
    """Names hashes of one file's tree; request, answer and reject carry it."""

    root: Sha256Hash
    """The file's."""
    base_layer: int
    """Layer of the hashes wanted."""
    index: int  # type: ignore[assignment]  # hides tuple.index
    """Of the first one, in that layer."""
    count: int  # type: ignore[assignment]  # hides tuple.count
    """How many: a power of two."""
    proof_layers: int
    """Layers above the base to be proven."""

    def check(self) -> HashRequest:
        """Itself.  RemoteProtocolError when no tree could have it."""
        if not 0 < self.count <= MAX_HASHES or self.count & (self.count - 1):
            raise RemoteProtocolError(f"{self.count} hashes asked for")
        if self.index % self.count:  # BEP 52: "Index MUST be a multiple of length, this includes zero."
            raise RemoteProtocolError(f"{self.count} hashes from number {self.index} on")
        if self.base_layer >= MAX_LAYERS or self.proof_layers >= MAX_LAYERS:
            raise RemoteProtocolError(f"layer {self.base_layer} and {self.proof_layers} above it")
        return self

    @property
    def height(self) -> int:
        """Layers from the base to the one hash all of them lead to."""
        return self.count.bit_length() - 1

    @property
    def num_uncles(self) -> int:
        """Hashes of proof in the answer.

        BEP 52: "A proof layer is omitted if the requested hashes include the entire child layer."
        """
        return max(0, self.proof_layers - self.height + 1)
