"""What two sides of MSE agree on, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from ..errors import RemoteProtocolError
from .rc4 import Rc4

__all__ = ["ANY_METHOD", "Agreed", "Method", "MseError", "choose_method"]


class Method(IntFlag):
    """Bits of crypto_provide and crypto_select."""

    NONE = 0
    """No MSE at all: the connection began with a BitTorrent handshake."""
    PLAINTEXT = 1
    """Only the handshake is hidden."""
    RC4 = 2
    """Everything is."""


ANY_METHOD = Method.PLAINTEXT | Method.RC4
"""Both."""


class MseError(RemoteProtocolError):
    """The handshake failed."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        """libtorrent's name of the error, for programs: "invalid_encryption_constant", …"""


@dataclass(frozen=True, slots=True)
class Agreed:
    """The result of a handshake."""

    method: Method
    skey: bytes = b""
    """The info-hash both sides know; empty without MSE."""
    encrypt: Rc4 | None = None
    """For what is sent from now on; None when that is plain."""
    decrypt: Rc4 | None = None
    """For what is read from now on; what came behind the handshake is decrypted already."""


def choose_method(offered: int, accepted: Method, *, prefer_rc4: bool) -> Method:
    """One method of both sides.  MseError when there is none."""
    both = Method(offered & accepted & ANY_METHOD)
    if both == ANY_METHOD:
        return Method.RC4 if prefer_rc4 else Method.PLAINTEXT
    if not both:
        raise MseError(
            "unsupported_encryption_mode", f"methods {offered:#x} offered, {accepted.value:#x} accepted"
        )
    return both
