"""What both sides of the MSE handshake share.

    1  A → B   Ya, PadA
    2  B → A   Yb, PadB
    3  A → B   HASH('req1', S), HASH('req2', SKEY) xor HASH('req3', S),
               ENCRYPT(VC, crypto_provide, len(PadC), PadC, len(IA)), ENCRYPT(IA)
    4  B → A   ENCRYPT(VC, crypto_select, len(PadD), PadD), then the stream as selected
    5  A → B   the stream as selected

A is the initiator.  The pads have no marked end: each side looks for the hash or constant that follows, for at most
MAX_PAD bytes.  Left out: multiple encryption methods of the future, which nobody ever defined.
"""

from __future__ import annotations

from collections.abc import Generator
from hashlib import sha1

from ..dialogue import Dialogue
from .agreement import Agreed, MseError
from .key_exchange import RandomBytes
from .rc4 import Rc4

__all__ = ["MAX_INITIAL_PAYLOAD", "MAX_PAD", "VC", "MseHandshake", "blurred_skey"]

MAX_PAD = 512
"""Bytes of each pad."""
MAX_INITIAL_PAYLOAD = 0xFFFF
"""Bytes of IA: what its length field can say."""
VC = bytes(8)
"""The verification constant: who decrypts it right has the right key."""


class MseHandshake(Dialogue):
    """One side.  When `is_done`, `agreed` says how the stream goes on, and `take_rest` gives its beginning, decrypted."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self.agreed: Agreed | None = None
        self._random_bytes = random_bytes
        super().__init__()

    def _pad(self) -> bytes:
        length = int.from_bytes(self._random_bytes(2), "big") % (MAX_PAD + 1)
        return self._random_bytes(length)

    def _take_decrypted(self, cipher: Rc4, count: int) -> Generator[None, None, bytes]:
        data = yield from self._take(count)
        return cipher.apply(data)

    def _take_number(self, cipher: Rc4, size: int) -> Generator[None, None, int]:
        data = yield from self._take_decrypted(cipher, size)
        return int.from_bytes(data, "big")

    def _take_pad(self, cipher: Rc4) -> Generator[None, None, None]:
        length = yield from self._take_number(cipher, 2)
        if length > MAX_PAD:
            raise MseError("invalid_pad_size", f"a pad of {length} bytes")
        yield from self._take_decrypted(cipher, length)


def blurred_skey(skey_hash: bytes, secret: bytes) -> bytes:
    """HASH('req2', SKEY) xor HASH('req3', S): applied twice it gives the first again."""
    mask = sha1(b"req3" + secret).digest()
    return bytes(a ^ b for a, b in zip(skey_hash, mask, strict=True))
