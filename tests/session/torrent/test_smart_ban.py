from __future__ import annotations

from hashlib import sha256
from random import Random

from evtorrent.protocols.types import BLOCK_SIZE
from evtorrent.session.torrent.smart_ban import SmartBan, Trust
from hypothesis import given
from hypothesis import strategies as st


def blocks(text: str, last: int = BLOCK_SIZE) -> bytes:
    """A piece, one letter a block."""
    data = b"".join(letter.encode() * BLOCK_SIZE for letter in text)
    return data[: len(data) - BLOCK_SIZE + last]


def test_the_sender_of_the_bad_block_is_found() -> None:
    ban = SmartBan()
    assert ban.piece_failed(3, blocks("gbg"), ["a", "b", "c"]) == []
    assert ban.num_blocks == 3
    assert ban.piece_passed(3, blocks("ggg")) == ["b"]
    assert ban.num_blocks == 0
    assert ban.piece_passed(3, blocks("ggg")) == []


def test_good_pieces_of_nobody_suspected() -> None:
    assert SmartBan().piece_passed(0, blocks("g")) == []


def test_several_bad_blocks() -> None:
    ban = SmartBan()
    ban.piece_failed(0, blocks("xgyzg"), ["a", "b", "a", "c", "c"])
    assert ban.piece_passed(0, blocks("ggggg")) == ["a", "c"]


def test_the_only_sender_is_guilty_at_once() -> None:
    ban = SmartBan()
    assert ban.piece_failed(0, blocks("xg"), ["a", "a"]) == ["a"]
    assert ban.num_blocks == 0


def test_who_sends_a_block_twice_differently_lied() -> None:
    ban = SmartBan()
    ban.piece_failed(0, blocks("xg"), ["a", "b"])
    assert ban.piece_failed(0, blocks("yg"), ["a", "b"]) == ["a"]


def test_second_failure_adds_suspects() -> None:
    ban = SmartBan()
    ban.piece_failed(0, blocks("xg"), ["a", "b"])
    ban.piece_failed(0, blocks("gx"), ["b", "c"])
    ban.check_invariant()
    assert ban.num_blocks == 4
    assert ban.piece_passed(0, blocks("gg")) == ["a", "c"]


def test_restored_blocks_have_nobody_to_blame() -> None:
    ban = SmartBan()
    assert ban.piece_failed(0, blocks("xxg"), [None, None, "a"]) == []
    assert ban.piece_passed(0, blocks("ggg")) == []
    assert ban.piece_failed(1, blocks("xx"), [None, None]) == []
    assert ban.num_blocks == 0


def test_short_last_block() -> None:
    ban = SmartBan()
    ban.piece_failed(0, memoryview(blocks("gx", last=100)), ["a", "b"])
    assert ban.piece_passed(0, memoryview(blocks("gg", last=100))) == ["b"]


def test_the_oldest_piece_is_forgotten_at_the_limit() -> None:
    ban = SmartBan(max_blocks=4)
    for piece in range(3):
        ban.piece_failed(piece, blocks("xg"), ["a", "b"])
        ban.check_invariant()
    assert ban.num_blocks == 4
    assert ban.piece_passed(0, blocks("gg")) == []
    assert ban.piece_passed(1, blocks("gg")) == ["a"]
    assert ban.piece_passed(2, blocks("gg")) == ["a"]


def test_a_piece_beyond_the_limit_is_not_kept() -> None:
    ban = SmartBan(max_blocks=1)
    ban.piece_failed(0, blocks("xg"), ["a", "b"])
    assert ban.num_blocks == 0
    ban.check_invariant()


def test_forgotten_peers_are_not_convicted() -> None:
    ban = SmartBan()
    ban.piece_failed(0, blocks("xy"), ["a", "b"])
    ban.piece_failed(1, blocks("xx"), ["a", None])
    ban.forget("a")
    ban.check_invariant()
    assert ban.piece_passed(0, blocks("gg")) == ["b"]
    assert ban.piece_passed(1, blocks("gg")) == []


@given(st.integers(0, 10_000))
def test_exactly_the_liars_are_convicted(seed: int) -> None:
    rng = Random(seed)
    ban = SmartBan()
    liars: set[str] = set()
    convicted: set[object] = set()
    for _ in range(rng.randint(1, 3)):
        senders = [rng.choice("abcd") for _ in range(4)]
        if len(set(senders)) == 1:
            continue
        bad = {sender for sender in set(senders) if rng.random() < 0.5}
        liars |= bad
        data = b"".join(bytes([sender in bad]) * BLOCK_SIZE for sender in senders)
        convicted.update(ban.piece_failed(0, data, senders))
    convicted.update(ban.piece_passed(0, bytes(4 * BLOCK_SIZE)))
    assert convicted == liars


def test_trust_is_lost_by_failures() -> None:
    trust = Trust()
    assert [trust.piece_failed(alone=False) for _ in range(4)] == [False, False, False, True]
    assert trust.points == Trust.LOWEST
    assert trust.num_failed == 4


def test_a_failure_alone_is_enough() -> None:
    assert Trust().piece_failed(alone=True)


def test_parole_ends_with_a_good_piece_of_its_own() -> None:
    trust = Trust()
    trust.piece_failed(alone=False)
    trust.piece_passed(alone=False)
    assert trust.on_parole
    trust.piece_passed(alone=True)
    assert not trust.on_parole
    for _ in range(20):
        trust.piece_passed(alone=True)
    assert trust.points == Trust.HIGHEST


def test_known_digests_convict_before_there_is_a_good_copy() -> None:
    """In a v2 torrent a peer may tell the hashes of the blocks (BEP 52)."""
    ban = SmartBan(is_v2=True)
    good, bad = b"g" * BLOCK_SIZE, b"b" * BLOCK_SIZE
    assert not ban.suspects(3)
    assert ban.piece_failed(3, good + bad, ["honest", "liar"]) == []
    assert ban.suspects(3)
    leaves = {0: sha256(good).digest(), 1: sha256(good).digest()}
    assert ban.digests_known(3, leaves) == ["liar"]
    assert not ban.suspects(3)
    assert ban.digests_known(3, leaves) == []
    ban.check_invariant()
