"""Items: BEP 44's vectors, and what is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.dht.errors import ItemError, KrpcError
from evtorrent.protocols.dht.items import (
    MAX_SALT,
    MAX_SEQUENCE,
    MAX_VALUE,
    ImmutableItem,
    MutableItem,
    check_value,
    immutable_target,
    mutable_target,
)

PUBLIC = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
SECRET = bytes.fromhex(
    "e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d"
    "b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d"
)
VECTORS: dict[str, tuple[bytes, str, str]] = {
    "test 1": (
        b"",
        "4a533d47ec9c7d95b1ad75f576cffc641853b750",
        (
            "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
            "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"
        ),
    ),
    "test 2": (
        b"foobar",
        "411eba73b6f087ca51a3795d9c8c938d365e32c1",
        (
            "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
            "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"
        ),
    ),
}
VALUE = b"Hello World!"
SEED = bytes(range(32))


@pytest.mark.parametrize("name", VECTORS)
def test_bep44_mutable_vectors(name: str) -> None:
    salt, target, signature = VECTORS[name]
    item = MutableItem.signed(VALUE, SECRET, sequence=1, salt=salt)
    assert item.public_key == PUBLIC
    assert item.encoded == b"12:Hello World!"
    assert item.signature.hex() == signature
    assert item.target.hex() == target
    assert mutable_target(PUBLIC, salt).hex() == target
    assert MutableItem.verified(PUBLIC, salt, 1, item.encoded, item.signature) == item
    assert item.value == VALUE


def test_bep44_immutable_vector() -> None:
    item = ImmutableItem.of(VALUE)
    assert item.target.hex() == "e5f96f6f38320f0f33959cb4d3d656452117aadb"
    assert immutable_target(b"12:Hello World!") == item.target
    assert item.value == VALUE


def refused(**changes: Any) -> int:
    item = replace(MutableItem.signed(VALUE, SEED, sequence=1, salt=b"s"), **changes)
    with pytest.raises(KrpcError) as caught:
        MutableItem.verified(item.public_key, item.salt, item.sequence, item.encoded, item.signature)
    return caught.value.code


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": 2},
        {"salt": b"t"},
        {"salt": b""},
        {"encoded": b"5:Hello"},
        {"signature": bytes(64)},
        {"signature": b"short"},
        {"public_key": b"short"},
        {"public_key": bytes(32)},
    ],
)
def test_a_signature_covers_everything(changes: dict[str, Any]) -> None:
    assert refused(**changes) == 206


def test_sizes_of_others() -> None:
    assert refused(salt=bytes(MAX_SALT + 1)) == 207
    assert refused(encoded=encode(bytes(MAX_VALUE))) == 205
    assert refused(encoded=b"") == 205
    assert refused(encoded=b"d1:b0:1:a0:e") == 203
    assert refused(encoded=b"i1ei2e") == 203
    assert refused(sequence=-1) == 203


def test_sizes_of_our_own() -> None:
    largest = bytes(MAX_VALUE - 4)
    assert len(ImmutableItem.of(largest).encoded) == MAX_VALUE
    MutableItem.signed(largest, SEED, sequence=MAX_SEQUENCE, salt=bytes(MAX_SALT))
    for value, sequence, salt in (
        (largest + b"x", 1, b""),
        (b"", MAX_SEQUENCE + 1, b""),
        (b"", -1, b""),
        (b"", 1, bytes(MAX_SALT + 1)),
    ):
        with pytest.raises(ItemError):
            MutableItem.signed(value, SEED, sequence=sequence, salt=salt)
    with pytest.raises(ItemError):
        ImmutableItem.of(largest + b"x")


def test_values_are_canonical() -> None:
    check_value(b"d1:a0:1:b0:e")
    with pytest.raises(KrpcError):
        check_value(b"i01e")
