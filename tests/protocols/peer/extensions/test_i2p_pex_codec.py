from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.peer.extensions.i2p_pex_codec import (
    HASH_SIZE,
    pack_i2p_message,
    parse_i2p_message,
)
from evtorrent.protocols.peer.extensions.ut_pex import PexReceiver, PexSender
from evtorrent.protocols.peer.extensions.ut_pex_codec import (
    MAX_ENTRIES,
    MAX_MESSAGE_SIZE,
    PexError,
    PexFlags,
    PexMessage,
    PexPeer,
)
from evtorrent.protocols.sam import b32_hash
from support.mutation import mutate
from support.sam_kit import destination

ONE, TWO, THREE = (destination(seed) for seed in (1, 2, 3))
NONE = PexFlags(0)


def at(dest: object) -> tuple[str, int]:
    return dest.name, 0  # type: ignore[attr-defined]


def test_there_and_back() -> None:
    raw = pack_i2p_message([PexPeer(at(ONE), PexFlags.SEED), PexPeer(at(TWO), NONE)], [at(THREE)])
    assert raw == bencode.encode({"added": ONE.hash + TWO.hash, "added.f": bytes(2), "dropped": THREE.hash})
    assert parse_i2p_message(raw) == PexMessage(
        (PexPeer(at(ONE), NONE), PexPeer(at(TWO), NONE)), (at(THREE),)
    )


def test_what_is_not_on_i2p_is_left_out() -> None:
    raw = pack_i2p_message([PexPeer(("10.0.0.1", 80), NONE)], [("10.0.0.2", 80)])
    assert raw == bencode.encode({"added": b"", "added.f": b"", "dropped": b""})
    assert parse_i2p_message(raw) == PexMessage()


def test_missing_and_wrong_counts_as_empty() -> None:
    assert parse_i2p_message(b"de") == PexMessage()
    assert parse_i2p_message(b"d5:addedi5e7:droppedlee") == PexMessage()


def test_twice_and_broken_entries_are_passed_over() -> None:
    message = parse_i2p_message(bencode.encode({"added": ONE.hash * 2 + b"x", "dropped": b"x" * 31}))
    assert message == PexMessage((PexPeer(at(ONE), NONE),), (), 3)


def test_limits() -> None:
    many = b"".join(number.to_bytes(HASH_SIZE, "big") for number in range(MAX_ENTRIES + 1))
    message = parse_i2p_message(bencode.encode({"added": many}))
    assert (len(message.added), message.num_ignored) == (MAX_ENTRIES, 1)
    with pytest.raises(PexError, match=f"{MAX_MESSAGE_SIZE + 1} bytes") as caught:
        parse_i2p_message(bytes(MAX_MESSAGE_SIZE + 1))
    assert caught.value.reason == "pex_message_too_large"


@pytest.mark.parametrize("raw", [b"", b"le", b"i5e", b"d", b"\xff"])
def test_what_is_no_message(raw: bytes) -> None:
    with pytest.raises(PexError) as caught:
        parse_i2p_message(raw)
    assert caught.value.reason == "invalid_pex_message"


def test_sender_and_receiver_speak_it() -> None:
    sender, receiver = PexSender(pack_i2p_message), PexReceiver(10, parse_i2p_message)
    first = sender.next_message({at(ONE): NONE, at(TWO): NONE}, 0.0, listener=at(TWO))
    assert first is not None
    assert [peer.address for peer in receiver.receive_message(first, 0.0)] == [at(ONE)]
    second = sender.next_message({at(THREE): NONE}, 60.0)
    assert second is not None
    assert [peer.address for peer in receiver.receive_message(second, 60.0)] == [at(THREE)]
    assert receiver.flags_of(at(ONE)) is None


SAMPLES = [
    pack_i2p_message([PexPeer(at(ONE), NONE), PexPeer(at(TWO), NONE)], [at(THREE)]),
    pack_i2p_message([], [at(THREE)]),
]


def storm(count: int, seed: int) -> None:
    rng = Random(seed)
    for _ in range(count):
        try:
            message = parse_i2p_message(mutate(rng, SAMPLES, [b"d", b"e", b"l", b"5:added", b"32:"]))
        except PexError:
            continue
        assert all(
            b32_hash(host) is not None for host, _ in [*message.dropped, *(p[0] for p in message.added)]
        )


def test_ten_thousand_messages() -> None:
    storm(10_000, 1)


@pytest.mark.soak
def test_a_million_messages() -> None:
    storm(1_000_000, 2)
