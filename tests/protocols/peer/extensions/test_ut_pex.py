from __future__ import annotations

import random

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.peer.extensions.ut_pex import (
    MAX_ADDED,
    MAX_DROPPED,
    MAX_IN_A_ROW,
    NEWS_INTERVAL,
    PEX_INTERVAL,
    PexReceiver,
    PexSender,
)
from evtorrent.protocols.peer.extensions.ut_pex_codec import (
    PexError,
    PexFlags,
    PexPeer,
    pack_message,
    parse_message,
)

NONE = PexFlags(0)


def peers(count: int, first: int = 0) -> dict[tuple[str, int], PexFlags]:
    return {(f"1.2.{n >> 8}.{n & 255}", 6881): NONE for n in range(first, first + count)}


def said(payload: bytes | None) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    assert payload is not None
    message = parse_message(payload)
    return {peer.address for peer in message.added}, set(message.dropped)


# ------------------------------------------------------------------------------------------------------------- sender


def test_who_comes_and_goes_is_said_once_a_minute() -> None:
    sender, two = PexSender(), peers(2)
    assert sender.next_message({}, 5.0 - NEWS_INTERVAL) is None
    assert sender.next_message(two, 4.9) is None
    assert said(sender.next_message(two, 5.0)) == (set(two), set())
    assert not sender.is_due(64.9) and sender.next_message(peers(9), 64.9) is None
    assert sender.is_due(65.0) and sender.next_message(two, 65.0) is None
    other = peers(2, 1)
    assert said(sender.next_message(other, 80.0)) == ({("1.2.0.2", 6881)}, {("1.2.0.0", 6881)})
    assert said(sender.next_message({}, 200.0)) == (set(), set(other))
    assert sender.next_message({}, 300.0) is None


def test_nobody_is_told_of_itself() -> None:
    sender, two = PexSender(), peers(2)
    assert said(sender.next_message(two, 0.0, listener=("1.2.0.0", 6881))) == ({("1.2.0.1", 6881)}, set())


def test_flags_are_said() -> None:
    payload = PexSender().next_message({("1.2.3.4", 1): PexFlags.SEED}, 0.0)
    assert payload is not None
    assert parse_message(payload).added == (PexPeer(("1.2.3.4", 1), PexFlags.SEED),)


def test_who_came_and_went_in_between_is_never_mentioned() -> None:
    sender = PexSender()
    sender.next_message(peers(1), 0.0)
    assert sender.next_message(peers(1), 60.0) is None


def test_no_message_is_larger_than_allowed_and_the_rest_follows() -> None:
    sender, many = PexSender(), peers(MAX_ADDED + 7)
    first, none = said(sender.next_message(many, 0.0))
    assert (len(first), none) == (MAX_ADDED, set())
    second, _ = said(sender.next_message(many, 60.0))
    assert first | second == set(many) and len(second) == 7
    assert len(said(sender.next_message({}, 120.0))[1]) == MAX_DROPPED
    assert len(said(sender.next_message({}, 180.0))[1]) == 7


@pytest.mark.parametrize("seed", range(5))
def test_a_listener_always_gets_to_know_the_truth(seed: int) -> None:
    rng, sender, receiver = random.Random(seed), PexSender(), PexReceiver(1000)
    everybody = list(peers(200).items())
    now, connected = 0.0, dict[tuple[str, int], PexFlags]()
    for _ in range(50):
        connected = dict(rng.sample(everybody, rng.randrange(120)))
        if (payload := sender.next_message(connected, now)) is not None:
            message = parse_message(payload)
            assert len(message.added) <= MAX_ADDED and len(message.dropped) <= MAX_DROPPED
            assert not {peer.address for peer in message.added} & set(message.dropped)
            receiver.receive_message(payload, now)
        now += PEX_INTERVAL
    while (payload := sender.next_message(connected, now)) is not None:
        receiver.receive_message(payload, now)
        now += PEX_INTERVAL
    assert {address for address, _ in everybody if receiver.flags_of(address) is not None} == set(connected)


# ----------------------------------------------------------------------------------------------------------- receiver


def test_each_peer_is_new_once() -> None:
    receiver = PexReceiver(50)
    first = PexPeer(("1.2.3.4", 1), PexFlags.SEED)
    assert receiver.receive_message(pack_message([first], []), 0.0) == [first]
    assert receiver.flags_of(first.address) is PexFlags.SEED
    assert receiver.receive_message(pack_message([first], []), 60.0) == []
    assert receiver.receive_message(pack_message([], [first.address, ("9.9.9.9", 9)]), 120.0) == []
    assert receiver.flags_of(first.address) is None
    assert receiver.receive_message(pack_message([first], []), 180.0) == [first]


def test_so_many_peers_of_a_family_at_a_time() -> None:
    receiver = PexReceiver(3)
    many = [PexPeer(address, NONE) for address in peers(5)]
    six = [PexPeer((f"2001:db8::{n + 1}", 1), NONE) for n in range(4)]
    assert receiver.receive_message(pack_message(many + six, []), 0.0) == many[:3] + six[:3]
    assert receiver.num_ignored == 3
    gone = pack_message([many[4]], [many[0].address])
    assert receiver.receive_message(gone, 60.0) == [many[4]]


def test_too_many_messages_end_the_peer() -> None:
    receiver, payload = PexReceiver(50), encode({"added": b""})
    for _ in range(MAX_IN_A_ROW - 1):
        receiver.receive_message(payload, 10.0)
    with pytest.raises(PexError) as caught:
        receiver.receive_message(payload, 10.0 + PEX_INTERVAL - 0.1)
    assert caught.value.reason == "too_frequent_pex"


def test_messages_that_were_held_up_and_one_a_minute_are_fine() -> None:
    receiver, payload = PexReceiver(50), encode({"added": b""})
    for _ in range(MAX_IN_A_ROW - 1):
        receiver.receive_message(payload, 10.0)
    for minute in range(1, 30):
        receiver.receive_message(payload, 10.0 + minute * PEX_INTERVAL)


def test_entries_passed_over_are_counted() -> None:
    receiver = PexReceiver(50)
    receiver.receive_message(encode({"added": b"\1\2\3\4\0\0" + b"\1"}), 0.0)
    assert receiver.num_ignored == 2
