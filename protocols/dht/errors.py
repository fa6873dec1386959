"""How KRPC and lookups fail.

RemoteProtocolError
    KrpcError             a datagram that is no message; carries what to answer, if anything
LocalProtocolError
    ItemError             an item that may not be put

A lookup that finds nothing ends well, with nothing.
"""

from __future__ import annotations

from enum import IntEnum

from ..errors import LocalProtocolError, RemoteProtocolError

__all__ = ["ItemError", "KrpcCode", "KrpcError"]


class KrpcCode(IntEnum):
    """Error codes of BEP 5 and BEP 44."""

    GENERIC = 201
    SERVER = 202
    PROTOCOL = 203
    METHOD_UNKNOWN = 204
    VALUE_TOO_BIG = 205
    INVALID_SIGNATURE = 206
    SALT_TOO_BIG = 207
    CAS_MISMATCH = 301
    SEQUENCE_TOO_LOW = 302


class KrpcError(RemoteProtocolError):
    """A message that breaks a rule.  Answered with `code` and `text` when `transaction` is known, else with silence."""

    def __init__(self, text: str, *, code: int = KrpcCode.PROTOCOL, transaction: bytes | None = None) -> None:
        super().__init__(text, code, transaction)
        self.text = text
        self.code = code
        self.transaction = transaction

    def __str__(self) -> str:
        return f"krpc: {self.text} ({int(self.code)})"


class ItemError(LocalProtocolError):
    """An item nobody would store: too big, a bad key, a bad sequence number."""
