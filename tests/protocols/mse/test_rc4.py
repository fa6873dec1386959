"""RC4: a published vector, and both directions in place."""

from __future__ import annotations

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.mse import rc4
from evtorrent.protocols.mse.rc4 import Rc4


def test_a_published_vector() -> None:
    # RFC 6229, key 0x0102030405: the key stream at offset 1024.
    cipher = Rc4(bytes([1, 2, 3, 4, 5]))
    assert cipher.apply(bytes(16)).hex() == "30abbcc7c20b01609f23ee2d5f6bb7df"


def test_both_directions_and_in_place() -> None:
    there, back = Rc4(b"some key"), Rc4(b"some key")
    text = bytes(range(256)) * 5
    hidden = bytearray(text)
    there.update_into(memoryview(hidden)[:700], memoryview(hidden)[:700])
    there.update_into(memoryview(hidden)[700:], memoryview(hidden)[700:])
    assert hidden != text
    assert back.apply(memoryview(hidden)) == text
    assert back.apply(b"") == b""


def test_where_there_is_no_rc4(monkeypatch: pytest.MonkeyPatch) -> None:
    cipher, _, unsupported = rc4._load()

    def missing(key: bytes) -> None:
        raise UnsupportedAlgorithm("no legacy provider")

    monkeypatch.setattr(rc4, "_load", lambda: (cipher, missing, unsupported))
    with pytest.raises(LocalProtocolError, match="no legacy provider"):
        Rc4(b"key")
