"""Signatures in all forms of keys: RFC 8032's and BEP 44's vectors."""

from __future__ import annotations

from hashlib import sha512

import pytest
from evtorrent.protocols.dht.ed25519 import public_key_of, sign, verify
from evtorrent.protocols.dht.errors import ItemError
from hypothesis import given, settings
from hypothesis import strategies as st

RFC_SEED = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
RFC_PUBLIC = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
RFC_SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)
"""RFC 8032, section 7.1, test 3: the message af 82."""


def expanded(seed: bytes) -> bytes:
    digest = bytearray(sha512(seed).digest())
    digest[0] &= 248
    digest[31] = digest[31] & 63 | 64
    return bytes(digest)


FORMS = {"seed": RFC_SEED, "libsodium": RFC_SEED + RFC_PUBLIC, "expanded": expanded(RFC_SEED)}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_sign_alike(form: str) -> None:
    assert public_key_of(FORMS[form]) == RFC_PUBLIC
    assert sign(b"\xaf\x82", FORMS[form]) == RFC_SIGNATURE


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50))
def test_expanded_keys_sign_as_their_seed(seed: bytes, message: bytes) -> None:
    signature = sign(message, expanded(seed))
    assert signature == sign(message, seed)
    assert verify(message, signature, public_key_of(seed))


def test_what_is_not_signed() -> None:
    assert verify(b"\xaf\x82", RFC_SIGNATURE, RFC_PUBLIC)
    assert not verify(b"\xaf\x83", RFC_SIGNATURE, RFC_PUBLIC)
    assert not verify(b"\xaf\x82", bytes(64), RFC_PUBLIC)
    assert not verify(b"\xaf\x82", RFC_SIGNATURE, bytes(32))
    assert not verify(b"\xaf\x82", RFC_SIGNATURE[:-1], RFC_PUBLIC)
    assert not verify(b"\xaf\x82", RFC_SIGNATURE, RFC_PUBLIC[:-1])


@pytest.mark.parametrize("size", [0, 31, 33, 63, 65])
def test_keys_of_another_length(size: int) -> None:
    with pytest.raises(ItemError):
        public_key_of(bytes(size))
    with pytest.raises(ItemError):
        sign(b"", bytes(size))
