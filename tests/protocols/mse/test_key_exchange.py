from __future__ import annotations

import pytest
from evtorrent.protocols.mse import MseError
from evtorrent.protocols.mse.key_exchange import (
    KEY_LENGTH,
    PRIME,
    KeyPair,
    hash_of_skey,
    stream_ciphers,
)
from support.mse_kit import SKEY, keys_of


def test_both_sides_know_the_same() -> None:
    one, two = KeyPair(keys_of(1)), KeyPair(keys_of(2))
    assert len(one.public) == len(two.public) == KEY_LENGTH
    assert one.public != two.public
    assert one.secret_with(two.public) == two.secret_with(memoryview(one.public))
    assert len(one.secret_with(two.public)) == KEY_LENGTH


@pytest.mark.parametrize("key", [0, 1, PRIME - 1, PRIME, PRIME + 1, 2**768 - 1])
def test_degenerate_keys_are_refused(key: int) -> None:
    with pytest.raises(MseError, match="degenerate") as caught:
        KeyPair(keys_of(1)).secret_with(key.to_bytes(KEY_LENGTH, "big"))
    assert caught.value.reason == "invalid_encrypt_handshake"


@pytest.mark.parametrize("key", [2, PRIME - 2])
def test_keys_beside_them_are_not(key: int) -> None:
    assert len(KeyPair(keys_of(1)).secret_with(key.to_bytes(KEY_LENGTH, "big"))) == KEY_LENGTH


def test_each_direction_has_its_own_key() -> None:
    there, back = stream_ciphers(bytes(KEY_LENGTH), SKEY)
    assert there.apply(bytes(8)) != back.apply(bytes(8))
    other, _ = stream_ciphers(bytes(KEY_LENGTH), bytes(20))
    assert other.apply(bytes(8)) != stream_ciphers(bytes(KEY_LENGTH), SKEY)[0].apply(bytes(8))


def test_the_hash_a_torrent_is_found_by() -> None:
    assert hash_of_skey(bytes(20)).hex() == "a2310e5196f70e3bc4377b442d9bcb53c9d1c4f6"
