"""Fetching metadata from honest, slow, lying and vanishing peers (BEP 9)."""

from __future__ import annotations

import random
from contextlib import suppress
from hashlib import sha1, sha256
from typing import Any

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.extensions.ut_metadata import (
    ASK_ELSEWHERE_AFTER,
    FIRST_PATIENCE,
    LATE_PAUSE,
    MAX_ON_ORDER,
    MAX_PAUSE,
    MAX_SOURCES,
    MAX_UNWANTED,
    MAX_WRONG_COPIES,
    REJECT_PAUSE,
    REQUEST_TIMEOUT,
    Action,
    MetadataComplete,
    MetadataFailed,
    MetadataFetcher,
    SendMessage,
)
from evtorrent.protocols.peer.extensions.ut_metadata_codec import (
    METADATA_PIECE_SIZE,
    MetadataKind,
    MetadataMessage,
    num_metadata_pieces,
    pack_data,
    pack_reject,
    pack_request,
    parse_message,
)
from evtorrent.protocols.types import InfoHashes, Sha1Hash, Sha256Hash
from hypothesis import given, settings
from hypothesis import strategies as st

INFO = bytes(range(256)) * 300  # 5 pieces
SIZE = len(INFO)
FAKE = bytes(SIZE)
HASHES = InfoHashes(Sha1Hash(sha1(INFO).digest()))
MAX_SIZE = 100 * METADATA_PIECE_SIZE


class World:
    """A fetcher, and peers of which each has its own idea of the metadata."""

    def __init__(self, *, hashes: InfoHashes = HASHES) -> None:
        self.fetcher = MetadataFetcher(hashes, max_size=MAX_SIZE)
        self.now = 0.0
        self.asked: list[tuple[str, int]] = []
        """Requests not answered yet."""
        self.results: list[MetadataComplete | MetadataFailed] = []
        self.copies: dict[str, bytes] = {}

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, SendMessage):
                message = parse_message(action.payload)
                assert message is not None and message.kind is MetadataKind.REQUEST
                assert action.payload == pack_request(message.piece)
                self.asked.append((str(action.peer), message.piece))
            else:
                self.results.append(action)

    def join(self, peer: str, copy: bytes = INFO, size: int | None = None) -> None:
        self.copies[peer] = copy
        self.take(self.fetcher.add_peer(peer, len(copy) if size is None else size, self.now))

    def leave(self, peer: str) -> None:
        self.asked = [item for item in self.asked if item[0] != peer]
        self.take(self.fetcher.remove_peer(peer, self.now))

    def say(self, peer: str, payload: bytes | MetadataMessage) -> None:
        self.take(self.fetcher.receive_message(peer, payload, self.now))

    def answer(self, peer: str, piece: int) -> None:
        self.asked.remove((peer, piece))
        self.say(peer, pack_data(piece, self.copies[peer]))

    def reject(self, peer: str, piece: int) -> None:
        self.asked.remove((peer, piece))
        self.say(peer, pack_reject(piece))

    def answer_all(self, *silent: str) -> None:
        """Everybody but `silent` answers, until nothing is left to answer."""
        while pending := [item for item in self.asked if item[0] not in silent]:
            self.answer(*pending[0])

    def wait(self) -> float:
        """Time passes until something is due; gives how long."""
        due = self.fetcher.next_timeout()
        assert due is not None, "nothing will ever happen"
        assert due >= self.now, "due in the past"
        waited, self.now = due - self.now, due
        self.take(self.fetcher.handle_timeout(self.now))
        return waited

    def asked_of(self, peer: str) -> list[int]:
        return [piece for name, piece in self.asked if name == peer]

    @property
    def is_complete(self) -> bool:
        return bool(self.results) and isinstance(self.results[-1], MetadataComplete)


# --------------------------------------------------------------------------------------------------- honest peers


def test_one_peer_gives_it_all() -> None:
    world = World()
    world.join("a")
    assert world.asked == [("a", 0), ("a", 1)]
    assert world.fetcher.progress == 0
    world.answer("a", 0)
    assert world.asked == [("a", 1), ("a", 2)]
    assert world.fetcher.progress == pytest.approx(1 / 5)
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]
    assert world.fetcher.is_done and world.fetcher.progress == 1
    assert world.fetcher.next_timeout() is None and world.fetcher.peers == []


def test_several_peers_share_the_work() -> None:
    world = World()
    for peer in "abc":
        world.join(peer)
    assert world.asked == [("a", 0), ("a", 1), ("b", 2), ("b", 3), ("c", 4)]
    assert world.fetcher.peers == ["a", "b", "c"]
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]


@pytest.mark.parametrize("size", [1, 16383, 16384, 16385, 32768])
def test_sizes_around_a_piece(size: int) -> None:
    info = INFO[:size]
    world = World(hashes=InfoHashes(Sha1Hash(sha1(info).digest())))
    world.join("a", info)
    assert len(world.asked) == min(MAX_ON_ORDER, num_metadata_pieces(size))
    world.answer_all()
    assert world.results == [MetadataComplete(info)]


@pytest.mark.parametrize(
    ("v1", "v2", "right"),
    [
        (INFO, None, True),
        (None, INFO, True),
        (INFO, INFO, True),
        (FAKE, None, False),
        (None, FAKE, False),
        (INFO, FAKE, False),
        (FAKE, INFO, False),
    ],
)
def test_every_hash_there_is_must_fit(v1: bytes | None, v2: bytes | None, right: bool) -> None:
    world = World(
        hashes=InfoHashes(
            None if v1 is None else Sha1Hash(sha1(v1).digest()),
            None if v2 is None else Sha256Hash(sha256(v2).digest()),
        )
    )
    world.join("a")
    world.answer_all()
    assert world.results == [MetadataComplete(INFO) if right else MetadataFailed(("a",), True)]


def test_after_the_end_nothing_is_heard() -> None:
    world = World()
    world.join("a")
    world.answer_all()
    world.join("b")
    world.say("a", pack_data(0, FAKE))
    world.leave("a")
    world.take(world.fetcher.handle_timeout(1e9))
    assert len(world.results) == 1 and world.asked == []


def test_requests_and_strangers_and_kinds_of_tomorrow_are_ignored() -> None:
    world = World()
    world.join("a")
    asked = list(world.asked)
    world.say("a", pack_request(0))
    world.say("b", pack_data(0, FAKE))
    world.say("a", b"d8:msg_typei7ee")
    world.leave("b")
    assert world.asked == asked and world.results == []


def test_a_message_may_be_parsed_already() -> None:
    world = World()
    world.join("a", INFO[:100])
    world.say("a", MetadataMessage(MetadataKind.DATA, 0, 100, INFO[:100]))
    assert world.results == [MetadataFailed(("a",), True)]


def test_data_may_come_without_the_total_size() -> None:
    world = World()
    world.join("a")
    world.say("a", b"d8:msg_typei1e5:piecei0ee" + INFO[:METADATA_PIECE_SIZE])
    assert world.fetcher.progress == pytest.approx(1 / 5)


# --------------------------------------------------------------------------------------- slow and vanishing peers


def test_what_a_peer_that_left_did_not_send_is_asked_of_another() -> None:
    world = World()
    world.join("a")
    world.answer("a", 0)
    world.leave("a")
    assert world.asked == []
    assert world.fetcher.next_timeout() is None
    world.join("b")
    assert world.asked == [("b", 1), ("b", 2)]
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]


def test_an_idle_peer_is_asked_for_what_is_on_order_elsewhere() -> None:
    world = World()
    for peer in "abcd":
        world.join(peer)
    assert world.asked_of("d") == []
    assert world.wait() == ASK_ELSEWHERE_AFTER
    # The oldest orders go first: to c, who has room for one more, and to d.
    assert world.asked_of("c") == [4, 0]
    assert world.asked_of("d") == [1, 2]
    world.answer_all("a", "b")
    assert world.results == [MetadataComplete(INFO)]


def test_the_second_copy_of_a_piece_changes_nothing() -> None:
    world = World()
    for peer in "abc":
        world.join(peer)
    world.wait()
    assert world.asked_of("c") == [4, 0]
    world.answer("a", 0)
    world.answer("c", 0)
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]


def test_a_late_peer_is_left_alone_longer_each_time() -> None:
    world = World()
    world.join("a")
    pauses = []
    for _ in range(8):
        assert world.wait() == REQUEST_TIMEOUT
        world.asked.clear()
        pauses.append(world.wait())
        assert world.asked_of("a") == [0, 1]
    assert pauses == [LATE_PAUSE * 2**n for n in range(5)] + [MAX_PAUSE] * 3
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]


def test_a_peer_that_rejects_is_left_alone() -> None:
    world = World()
    world.join("a")
    world.join("b")
    world.reject("a", 0)
    assert world.asked_of("a") == [1]  # still unanswered, no longer waited for
    world.answer_all("a")
    assert world.results == [MetadataComplete(INFO)]
    world = World()
    world.join("a")
    world.reject("a", 0)
    world.reject("a", 1)
    assert world.asked == []
    assert world.wait() == REJECT_PAUSE
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]


def test_a_rejected_piece_on_order_elsewhere_is_not_asked_for_again() -> None:
    world = World()
    for peer in "abc":
        world.join(peer)
    world.wait()
    assert world.asked_of("c") == [4, 0]
    world.reject("a", 0)
    assert sorted(world.asked_of("b") + world.asked_of("c")) == [0, 2, 3, 4]
    world.asked = [item for item in world.asked if item[0] != "a"]
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]


def test_limit_of_messages_nobody_asked_for() -> None:
    world = World()
    world.join("a")
    world.say("a", pack_data(4, INFO))
    world.answer("a", 0)
    for _ in range(MAX_UNWANTED):
        world.say("a", pack_data(4, INFO))
    with pytest.raises(RemoteProtocolError, match="51 metadata messages nobody asked for"):
        world.say("a", pack_reject(4))


# -------------------------------------------------------------------------------------------------- lying peers


@pytest.mark.parametrize("size", [0, -1, MAX_SIZE + 1, 2**62])
def test_a_size_not_allowed_ends_the_peer(size: int) -> None:
    world = World()
    with pytest.raises(RemoteProtocolError, match=f"metadata of {size} bytes"):
        world.join("a", size=size)
    assert world.fetcher.peers == []


def test_limit_of_the_size() -> None:
    world = World()
    world.join("a", bytes(MAX_SIZE))
    world.answer_all()
    assert world.results == [MetadataFailed(("a",), True)]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(pack_data(0, INFO)[:-1], "metadata piece 0 of 16383 bytes", id="short"),
        pytest.param(pack_data(0, INFO) + b"x", "metadata piece 0 of 16385 bytes", id="long"),
        pytest.param(b"d8:msg_typei1e5:piecei0ee", "metadata piece 0 of 0 bytes", id="empty"),
        pytest.param(pack_data(0, INFO + b"x"), "metadata of 76801 bytes, 76800 were", id="size"),
        pytest.param(b"garbage", "bencode", id="garbage"),
    ],
)
def test_wrong_data_ends_the_peer_and_is_asked_of_another(payload: bytes, message: str) -> None:
    world = World()
    world.join("a")
    world.join("b")
    with pytest.raises(RemoteProtocolError, match=message):
        world.say("a", payload)
    world.leave("a")
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]


def test_a_peer_that_sent_a_wrong_copy_alone_is_proven_bad() -> None:
    world = World()
    world.join("liar", FAKE)
    world.answer_all()
    assert world.results == [MetadataFailed(("liar",), True)]
    assert world.asked == [] and world.fetcher.next_timeout() is None
    world.join("honest")
    world.answer_all()
    assert world.results[1:] == [MetadataComplete(INFO)]


def test_a_liar_that_left_is_still_named() -> None:
    world = World()
    world.join("liar", FAKE)
    for piece in range(4):
        world.answer("liar", piece)
    world.leave("liar")
    world.join("honest")
    world.answer_all()
    assert world.results == [
        MetadataFailed(("liar", "honest"), False),
        MetadataComplete(INFO, ("liar",)),
    ]


def test_of_several_senders_the_good_copy_tells_who_was_wrong() -> None:
    world = World()
    world.join("good")
    world.join("liar", FAKE)
    world.join("late joiner")
    world.answer_all()
    first, *rest = world.results
    assert isinstance(first, MetadataFailed) and not first.is_proven
    assert set(first.suppliers) == {"good", "liar", "late joiner"}
    assert rest == [MetadataComplete(INFO, ("liar",))]


def test_after_a_mixed_failure_copies_come_from_one_peer_each() -> None:
    world = World()
    for liar in ("l1", "l2", "l3"):
        world.join(liar, FAKE)
    world.join("good")
    world.answer_all()
    assert world.results == [
        MetadataFailed(("l1", "l2", "l3"), False),
        MetadataFailed(("l1",), True),
        MetadataFailed(("l2",), True),
        MetadataFailed(("l3",), True),
        MetadataComplete(INFO, ("l1", "l2", "l3")),
    ]


def test_a_solo_copy_ends_with_its_peer() -> None:
    world = World()
    world.join("a", FAKE)
    world.join("b", FAKE)
    world.answer_all()
    assert world.results == [
        MetadataFailed(("a", "b"), False),
        MetadataFailed(("a",), True),
        MetadataFailed(("b",), True),
    ]
    world.join("c")
    world.join("d")
    assert {peer for peer, _ in world.asked} == {"c"}
    world.answer("c", 0)
    world.leave("c")
    assert world.asked == [("d", 0), ("d", 1)]
    assert world.fetcher.progress == 0
    world.answer_all()
    assert world.results[-1] == MetadataComplete(INFO, ("a", "b"))


def test_sizes_that_differ_are_tried_in_turn() -> None:
    world = World()
    world.join("liar", bytes(3 * METADATA_PIECE_SIZE))
    world.join("a")
    world.join("b")
    assert {peer for peer, _ in world.asked} == {"liar"}
    assert world.wait() == REQUEST_TIMEOUT  # the liar never answers
    assert {peer for peer, _ in world.asked} == {"liar", "a", "b"}
    world.answer_all("liar")
    assert world.results == [MetadataComplete(INFO)]


def test_the_size_most_peers_name_is_tried_first() -> None:
    world = World()
    world.join("liar", bytes(3 * METADATA_PIECE_SIZE))
    world.join("a")
    world.join("b")
    world.join("other", bytes(5))
    world.leave("liar")
    assert {peer for peer, _ in world.asked} == {"a", "b"}


def test_a_slow_liar_holds_others_up_for_so_long_only() -> None:
    world = World()
    world.join("liar", bytes(MAX_SIZE))
    world.join("a")
    while not world.asked_of("a"):
        if world.asked_of("liar") and world.now % 14 < 7:
            world.answer("liar", world.asked_of("liar")[0])
        world.wait()
        assert world.now <= FIRST_PATIENCE
    world.answer_all("liar")
    assert world.results == [MetadataComplete(INFO)]


def test_patience_grows_so_that_a_slow_copy_comes_in() -> None:
    big = bytes(range(251)) * 4000
    world = World(hashes=InfoHashes(Sha1Hash(sha1(big).digest())))
    world.join("slow", big)
    world.join("liar", bytes(MAX_SIZE))
    for _ in range(3000):
        world.now += 5.0
        world.take(world.fetcher.handle_timeout(world.now))
        for peer in ("slow", "liar"):
            if world.asked_of(peer):
                world.answer(peer, world.asked_of(peer)[0])
        if world.is_complete:
            break
    assert world.is_complete


def test_a_peer_may_name_another_size() -> None:
    world = World()
    world.join("a", size=7 * METADATA_PIECE_SIZE)
    world.join("a", size=7 * METADATA_PIECE_SIZE)
    assert world.asked_of("a") == [0, 1]
    world.asked.clear()
    world.join("a")
    assert world.asked_of("a") == [0, 1]
    world.answer_all()
    assert world.results == [MetadataComplete(INFO)]


def test_a_wrong_copy_of_another_size_has_only_culprits() -> None:
    world = World()
    world.join("x", bytes(2 * METADATA_PIECE_SIZE))
    world.join("y", bytes(2 * METADATA_PIECE_SIZE))
    world.answer("x", 0)
    world.leave("x")
    world.answer_all()
    assert world.results == [MetadataFailed(("x", "y"), False), MetadataFailed(("y",), True)]
    world.join("good")
    world.answer_all()
    assert world.results[-1] == MetadataComplete(INFO, ("x", "y"))


# ---------------------------------------------------------------------------------------------------- limits


@pytest.mark.slow
def test_limit_of_sources() -> None:
    world = World()
    for number in range(MAX_SOURCES):
        world.join(f"p{number}")
    world.join("one too many")
    assert len(world.fetcher.peers) == MAX_SOURCES
    world.leave("p0")
    world.join("one too many")
    assert "one too many" in world.fetcher.peers


def test_limit_of_orders() -> None:
    world = World()
    for peer in "ab":
        world.join(peer)
    while world.asked:
        assert max(len(world.asked_of(peer)) for peer in "ab") <= MAX_ON_ORDER
        world.answer(*world.asked[-1])


def test_limit_of_wrong_copies_remembered() -> None:
    world = World()
    fetcher = world.fetcher
    for number in range(MAX_WRONG_COPIES + 3):
        # A shared copy fails only once; after that each pair leaves its failed copy by a solo peer that leaves.
        world.join(f"x{number}", FAKE)
        world.join(f"y{number}", FAKE)
        world.answer_all()
        world.leave(f"x{number}")
        world.leave(f"y{number}")
    assert len(fetcher._wrong_copies) <= MAX_WRONG_COPIES
    world.join("good")
    world.answer_all()
    assert world.is_complete


# --------------------------------------------------------------------------------------------------- any history


def check_invariant(world: World) -> None:
    due = world.fetcher.next_timeout()
    assert due is None or due >= world.now
    assert len(world.fetcher.peers) <= MAX_SOURCES
    if not world.fetcher.is_done and any(peer.startswith("good") for peer in world.fetcher.peers):
        assert due is not None, "stuck"


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_with_one_patient_honest_peer_it_always_ends_well(seed: int, num_good: int, num_bad: int) -> None:
    rng = random.Random(seed)
    world = World()
    roles: dict[str, str] = {}
    for number in range(num_good):
        roles[f"good{number}"] = "honest"
    for number in range(num_bad):
        roles[f"bad{number}"] = rng.choice(["wrong", "size", "silent", "reject", "rude", "leaver"])
    for peer in rng.sample(list(roles), len(roles)):
        copy = {"wrong": FAKE, "size": bytes(SIZE + rng.choice([-1, 1, 40_000]))}.get(roles[peer], INFO)
        world.join(peer, copy)
    for _ in range(2000):
        check_invariant(world)
        if world.is_complete:
            break
        talkers = [item for item in world.asked if roles.get(item[0]) not in ("silent", None)]
        if not talkers or rng.random() < 0.1:
            world.wait()
            continue
        peer, piece = rng.choice(talkers)
        _play(world, roles[peer], peer, piece)
    assert world.is_complete
    end = world.results[-1]
    assert isinstance(end, MetadataComplete) and end.info_section == INFO
    assert all(roles[str(peer)] in ("wrong", "size") for peer in end.culprits)
    for result in world.results[:-1]:
        assert isinstance(result, MetadataFailed)
        if result.is_proven:
            assert roles[str(result.suppliers[0])] in ("wrong", "size")


def _play(world: World, role: str, peer: str, piece: int) -> None:
    if role == "reject":
        world.reject(peer, piece)
    elif role == "leaver":
        world.leave(peer)
    elif role == "rude":
        with suppress(RemoteProtocolError):  # unless it is late
            world.say(peer, pack_data(piece, INFO)[:-1])
        world.leave(peer)
    else:
        world.answer(peer, piece)


any_payload = st.one_of(
    st.binary(max_size=30),
    st.builds(pack_request, st.integers(0, 9)),
    st.builds(pack_reject, st.integers(0, 9)),
    st.builds(pack_data, st.integers(0, 9), st.sampled_from([INFO, FAKE, b"", INFO + b"x"])),
)
any_step = st.one_of(
    st.tuples(st.just("add"), st.sampled_from("abc"), st.integers(-1, SIZE + 2)),
    st.tuples(st.just("add"), st.sampled_from("abc"), st.just(SIZE)),
    st.tuples(st.just("remove"), st.sampled_from("abc")),
    st.tuples(st.just("say"), st.sampled_from("abc"), any_payload),
    st.tuples(st.just("wait"), st.floats(0, 100)),
)


@given(st.lists(any_step, max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_state_and_any_input(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    fetcher = world.fetcher
    for what, *rest in steps:
        try:
            if what == "add":
                world.take(fetcher.add_peer(rest[0], rest[1], world.now))
            elif what == "remove":
                world.take(fetcher.remove_peer(rest[0], world.now))
            elif what == "say":
                world.say(rest[0], rest[1])
            else:
                world.now += rest[0]
                world.take(fetcher.handle_timeout(world.now))
                due = fetcher.next_timeout()
                assert due is None or due > world.now
        except RemoteProtocolError:
            if rest[0] in "abc" and what == "say":
                world.take(fetcher.remove_peer(rest[0], world.now))
        assert 0 <= fetcher.progress <= 1
    assert not world.is_complete or world.results[-1].info_section == INFO  # type: ignore[union-attr]
