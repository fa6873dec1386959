"""Both sides of MSE without a network, and a source of keys that is the same in each run."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from evtorrent.protocols.mse import Initiator, Responder
from evtorrent.protocols.mse.key_exchange import hash_of_skey

SKEY = bytes(range(20))


def keys_of(seed: int) -> Callable[[int], bytes]:
    """Unpredictable to nobody."""
    return random.Random(seed).randbytes


def find_skey(skey_hash: bytes) -> bytes | None:
    """The one torrent there is."""
    return SKEY if skey_hash == hash_of_skey(SKEY) else None


def initiator(seed: int = 1, **options: Any) -> Initiator:
    return Initiator(options.pop("skey", SKEY), keys_of(seed), **options)


def responder(seed: int = 2, **options: Any) -> Responder:
    return Responder(find_skey, keys_of(seed), **options)


def converse(one: Initiator, two: Responder, *, size: int = 1 << 20) -> None:
    """Carry bytes to and fro, `size` at a time, until nobody says anything."""
    to_two, to_one = bytearray(), bytearray()
    while True:
        to_two += one.data_to_send()
        to_one += two.data_to_send()
        if not (to_two or to_one):
            return
        for pipe, side in ((to_two, two), (to_one, one)):
            while pipe and not side.is_done:
                side.receive_data(bytes(pipe[:size]))
                del pipe[:size]
        if (two.is_done and to_two) or (one.is_done and to_one):
            raise AssertionError("somebody says more than the other expects")
