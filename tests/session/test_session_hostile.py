"""Peers that break the rules: they are dropped, with an error that says why; the session and its other peers do not notice."""

from __future__ import annotations

import random
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from evtorrent.protocols.peer.fast import allowed_fast_set
from evtorrent.protocols.peer.messages import MessageId
from evtorrent.session import CloseReason
from evtorrent.session.alerts import (
    BlockFinishedAlert,
    HashFailedAlert,
    PeerBanAlert,
    PeerDisconnectedAlert,
    PeerErrorAlert,
    PeerSnubbedAlert,
    PieceFinishedAlert,
    TorrentCheckedAlert,
    TorrentErrorAlert,
)
from support.raw_peer import EXTENSION, FAST, PREFIX, RawPeer, RawSeed, block, frame, request
from support.sessions import Content, Member
from support.waiting import wait_for

CONTENT = Content([("a", 200_000), ("b", 131_073)], 65_536)
INFO = CONTENT.info
LAST = INFO.num_pieces - 1


# ------------------------------------------------------------------------------------- against a seed, others looking on


class Scene:
    """A seed, and an honest peer that is connected all the time."""

    def __init__(self, seed: Member, bystander: RawPeer) -> None:
        self.seed, self.bystander = seed, bystander

    def assert_unharmed(self) -> None:
        """The honest peer is served, and a newcomer is, too."""
        assert self.bystander.get_block(1) == CONTENT.piece(1)[:16_384]
        with RawPeer(self.seed, CONTENT) as newcomer:
            newcomer.shake_hands()
            newcomer.send(frame(MessageId.INTERESTED))
            newcomer.read_until(MessageId.UNCHOKE)
            assert newcomer.get_block(2, 16_384, 5) == CONTENT.piece(2)[16_384 : 16_384 + 5]
        assert self.seed.all(TorrentErrorAlert) == []


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    settings = {"handshake_timeout": 1, "unchoke_slots_limit": -1, "close_redundant_connections": False}
    with Member(settings) as seed:
        seed.seed(CONTENT, tmp_path_factory.mktemp("hostile"))
        with RawPeer(seed, CONTENT) as bystander:
            bystander.shake_hands()
            bystander.send(frame(MessageId.INTERESTED))
            bystander.read_until(MessageId.UNCHOKE)
            yield Scene(seed, bystander)


@pytest.fixture
def scene(running: Scene) -> Iterator[Scene]:
    running.seed.forget()
    yield running
    running.assert_unharmed()


@pytest.fixture
def attacker(scene: Scene) -> Iterator[RawPeer]:
    with RawPeer(scene.seed, CONTENT) as peer:
        yield peer


BAD_HANDSHAKES = {
    "garbage": random.Random(1).randbytes(2_000),
    "zeros": bytes(2_000),
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "length of the name": b"\x12" + PREFIX[1:] + bytes(60),
    "name": b"\x13BitTorrent protocoL" + bytes(48),
    "a byte": b"\x00",
    "unknown torrent": PREFIX + bytes(8) + b"?" * 20 + b"-XX0001-abcdefghijkl",
    "a megabyte of the right beginning": PREFIX + bytes(8) + b"?" * 20 + bytes(1 << 20),
}


@pytest.mark.parametrize("data", BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES)
def test_bad_handshake(attacker: RawPeer, data: bytes) -> None:
    attacker.send(data)
    assert attacker.read_to_end() == b"", "a stranger is told nothing"


def triple(kind: int, *numbers: int) -> bytes:
    return frame(kind, struct.pack(f">{len(numbers)}I", *numbers))


BIG = 0xFFFFFFFF
BAD_MESSAGES = {
    "frame of 4 GiB": b"\xff\xff\xff\xff\x00",
    "frame of 16 MiB": b"\x01\x00\x00\x00\x14",
    "garbage": random.Random(2).randbytes(5_000),
    "handshake again": PREFIX + bytes(48),
    "bitfield too short": frame(MessageId.BITFIELD),
    "bitfield too long": frame(MessageId.BITFIELD, bytes(1_000)),
    "bitfield with spare bits": frame(MessageId.BITFIELD, b"\xff" * ((INFO.num_pieces + 7) // 8)),
    "have": triple(MessageId.HAVE, INFO.num_pieces),
    "have, absurd": triple(MessageId.HAVE, BIG),
    "have without a number": frame(MessageId.HAVE),
    "request, piece": triple(MessageId.REQUEST, INFO.num_pieces, 0, 16_384),
    "request, absurd piece": triple(MessageId.REQUEST, BIG, 0, 16_384),
    "request, begin": triple(MessageId.REQUEST, 0, 65_536, 16_384),
    "request, absurd begin": triple(MessageId.REQUEST, 0, BIG, 16_384),
    "request, end": triple(MessageId.REQUEST, LAST, 0, 65_536),
    "request of nothing": triple(MessageId.REQUEST, 0, 0, 0),
    "request of 4 GiB": triple(MessageId.REQUEST, 0, 0, BIG),
    "request cut short": frame(MessageId.REQUEST, bytes(11)),
    "cancel": triple(MessageId.CANCEL, INFO.num_pieces, 0, 16_384),
    "reject": triple(MessageId.REJECT, BIG, 0, 16_384),
    "block, piece": block(INFO.num_pieces, 0, bytes(100)),
    "block, absurd piece": block(BIG, 0, bytes(16_384)),
    "block, begin": block(0, 65_536, bytes(100)),
    "block beyond its piece": block(LAST, 0, bytes(65_536)),
    "block without a place": frame(MessageId.PIECE, b"12345"),
    "allowed fast": triple(MessageId.ALLOWED_FAST, BIG),
    "suggest": triple(MessageId.SUGGEST, BIG),
    "extended without an id": frame(MessageId.EXTENDED),
    "extension handshake of garbage": frame(MessageId.EXTENDED, b"\x00" + b"dd" * 500),
    "extension handshake, deep": frame(MessageId.EXTENDED, b"\x00" + b"l" * 5_000 + b"e" * 5_000),
}


@pytest.mark.parametrize("data", BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_bad_message(scene: Scene, attacker: RawPeer, data: bytes) -> None:
    attacker.shake_hands()
    attacker.send(data)
    attacker.read_to_end()
    error = scene.seed.wait(PeerErrorAlert, lambda alert: alert.endpoint == attacker.address)
    assert error.message().strip()
    assert str(error.error), "it says what was wrong"


SILLY_MESSAGES = {
    "keep-alives": bytes(4) * 10_000,
    "unknown message": frame(99, b"anything") * 100,
    "chokes": (frame(MessageId.CHOKE) + frame(MessageId.UNCHOKE)) * 1_000,
    "block nobody asked for": block(0, 0, CONTENT.piece(0)[:16_384]) * 20,
    "block of nothing asked for": block(0, 16_384, bytes(7)),
    "cancels of nothing": triple(MessageId.CANCEL, 0, 0, 16_384) * 1_000,
    "rejects of nothing": triple(MessageId.REJECT, 0, 0, 16_384) * 1_000,
    "haves": triple(MessageId.HAVE, 0) * 10_000,
    "allowed fast, many": triple(MessageId.ALLOWED_FAST, 0) * 10_000,
    "port": frame(MessageId.PORT, b"\x00\x00"),
    "extension that nobody has": frame(MessageId.EXTENDED, b"\xc8whatever"),
    "odd extension handshake": frame(
        MessageId.EXTENDED, b"\x00d1:md6:ut_pexi-7ee1:pi99999999e4:reqqi-1e1:vi5e6:yourip2:xxe"
    ),
}


@pytest.mark.parametrize("data", SILLY_MESSAGES.values(), ids=SILLY_MESSAGES)
def test_silly_message_is_borne(attacker: RawPeer, data: bytes) -> None:
    attacker.shake_hands()
    attacker.send(data)
    attacker.send(frame(MessageId.INTERESTED))
    attacker.read_until(MessageId.UNCHOKE)
    assert attacker.get_block(0) == CONTENT.piece(0)[:16_384]


@pytest.mark.parametrize("cut", [1, 19, 40, 67])
def test_handshake_cut_short(scene: Scene, cut: int) -> None:
    with RawPeer(scene.seed, CONTENT) as peer:
        peer.send(peer.handshake_bytes()[:cut])


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x00\x00\x0d\x06\x00", block(0, 0, bytes(16_384))[:-1]])
def test_message_cut_short(scene: Scene, data: bytes) -> None:
    with RawPeer(scene.seed, CONTENT) as peer:
        peer.shake_hands()
        peer.send(data)


def test_a_byte_at_a_time(attacker: RawPeer) -> None:
    for byte in attacker.handshake_bytes() + frame(MessageId.INTERESTED) + request(0, 0):
        attacker.send(bytes([byte]))
    attacker.read_handshake()
    attacker.read_until(MessageId.UNCHOKE)
    assert attacker.get_block(0) == CONTENT.piece(0)[:16_384]


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 30], ids=["silent", "half a handshake"])
def test_handshake_that_never_comes(attacker: RawPeer, size: int) -> None:
    began = time.monotonic()
    attacker.send(attacker.handshake_bytes()[:size])
    assert attacker.read_to_end() == b""
    assert 0.9 < time.monotonic() - began < 3


@pytest.mark.slow
def test_trickling_does_not_extend_the_handshake(attacker: RawPeer) -> None:
    began = time.monotonic()
    attacker.socket.settimeout(0.05)
    for byte in attacker.handshake_bytes():
        attacker.send(bytes([byte]))
        try:
            if not attacker.socket.recv(1):
                break
        except TimeoutError:
            continue
        except ConnectionResetError:
            break
    assert 0.9 < time.monotonic() - began < 3


def test_our_own_peer_id(scene: Scene, attacker: RawPeer) -> None:
    with RawPeer(scene.seed, CONTENT) as first:
        peer_id = first.shake_hands()
    attacker.send(attacker.handshake_bytes(peer_id=peer_id))
    attacker.read_to_end()
    ended = scene.seed.wait(PeerDisconnectedAlert, lambda alert: alert.endpoint == attacker.address)
    assert ended.reason is CloseReason.self_connection


@pytest.mark.parametrize("reserved", [bytes(8), FAST, EXTENSION], ids=["plain", "fast", "extension"])
def test_messages_of_what_was_not_agreed(scene: Scene, attacker: RawPeer, reserved: bytes) -> None:
    attacker.shake_hands(reserved=reserved)
    attacker.send(frame(MessageId.HAVE_NONE) if reserved != FAST else frame(MessageId.EXTENDED, b"\x00de"))
    attacker.read_to_end()
    scene.seed.wait(PeerErrorAlert, lambda alert: alert.endpoint == attacker.address)


def test_requests_of_one_who_is_choked_are_rejected(attacker: RawPeer) -> None:
    attacker.shake_hands()
    fast = allowed_fast_set("127.0.0.1", INFO.info_hashes.best(), INFO.num_pieces, 5)
    piece = next(piece for piece in range(INFO.num_pieces) if piece not in fast)
    attacker.send(request(piece, 0, 1) * 10)
    answers = [attacker.read_until(MessageId.REJECT) for _ in range(10)]
    assert set(answers) == {struct.pack(">III", piece, 0, 1)}


def test_request_flood_beyond_the_queue_is_rejected(tmp_path: Path) -> None:
    with Member({"max_allowed_in_request_queue": 10, "upload_rate_limit": 20_000}) as seed:
        seed.seed(CONTENT, tmp_path)
        with RawPeer(seed, CONTENT) as peer:
            peer.shake_hands()
            peer.send(frame(MessageId.INTERESTED))
            peer.read_until(MessageId.UNCHOKE)
            peer.send(request(0, 0) * 200)
            rejected = 0
            while rejected < 150:
                peer.read_until(MessageId.REJECT)
                rejected += 1


@pytest.mark.slow
def test_flood_whose_answers_are_not_read_is_not_read_either(scene: Scene, attacker: RawPeer) -> None:
    """Every request is answered with a reject at least; they must not pile up.  Once they are read, all is well again."""
    scene.seed.session.apply_settings({"max_rejects": 2**31 - 1})
    attacker.shake_hands()
    fast = allowed_fast_set("127.0.0.1", INFO.info_hashes.best(), INFO.num_pieces, 5)
    piece = next(piece for piece in range(INFO.num_pieces) if piece not in fast)
    one, sent = request(piece, 0, 1), 0
    attacker.socket.settimeout(0.7)
    with pytest.raises(TimeoutError):
        while sent < 64 << 20:
            sent += attacker.socket.send((one * 4_000)[sent % len(one) :])
    attacker.socket.settimeout(10)
    rest = threading.Thread(target=attacker.send, args=(one[sent % len(one) :],))
    rest.start()
    reject = frame(MessageId.REJECT, struct.pack(">III", piece, 0, 1))
    assert len(reject) == len(one)
    for _ in range(sent // len(one) + 1):
        answer = attacker.read_message()
        while answer is not None and answer[0] != MessageId.REJECT:
            answer = attacker.read_message()
        assert answer == (MessageId.REJECT, reject[5:])
    rest.join()


# --------------------------------------------------------------------------------------------------- against a leech


LEECH = {
    "piece_timeout": 1,
    "request_timeout": 2,
    "unchoke_slots_limit": -1,
    "allow_multiple_connections_per_ip": False,
}
BAD, OTHER, GOOD = "127.0.0.2", "127.0.0.3", "127.0.0.9"
BLOCK = 16_384


def spoil(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.fixture
def leech(tmp_path: Path) -> Iterator[Member]:
    with Member(LEECH) as member:
        member.add(CONTENT, tmp_path / "leech")
        member.wait(TorrentCheckedAlert)
        yield member


@pytest.fixture(scope="module")
def good_seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Member(host=GOOD) as seed:
        seed.seed(CONTENT, tmp_path_factory.mktemp("good"))
        yield seed


def finish_from(leech: Member, seed: Member, folder: Path) -> None:
    """The download completes all the same."""
    (handle,) = leech.session.get_torrents()
    handle.connect_peer(seed.address)
    leech.finish(handle)
    CONTENT.assert_in(folder / "leech")
    assert leech.all(TorrentErrorAlert) == []
    assert all(host != seed.host for host, _ in banned(leech))


def banned(member: Member) -> list[tuple[str, int]]:
    return [alert.endpoint for alert in member.all(PeerBanAlert)]


def test_sender_of_a_corrupt_piece_is_banned(leech: Member, good_seed: Member, tmp_path: Path) -> None:
    with RawSeed(leech, CONTENT, lambda p, b, data: block(p, b, spoil(data)), host=BAD) as bad:
        bad.wait_for_end()
        leech.wait(HashFailedAlert)
        assert banned(leech) == [bad.address]
        ended = leech.wait(PeerDisconnectedAlert)
        assert ended.reason is CloseReason.corrupt_pieces
    assert leech.all(PieceFinishedAlert) == []
    with RawPeer(leech, CONTENT, host=BAD) as again:
        again.send(again.handshake_bytes())
        assert again.read_to_end() == b"", "it may not come back"
    finish_from(leech, good_seed, tmp_path)


def test_of_two_senders_the_guilty_one_is_banned(tmp_path: Path) -> None:
    """One piece of sixteen blocks, some from each, which proves nothing until the good copy is here."""
    content = Content(16 * BLOCK, 16 * BLOCK, seed=5)
    asked = {BAD: 0, OTHER: 0}
    gates = {BAD: threading.Event(), OTHER: threading.Event()}

    def held(host: str, change: Callable[[bytes], bytes]) -> Callable[[int, int, bytes], bytes]:
        def answer(piece: int, begin: int, data: bytes) -> bytes:
            asked[host] += 1
            gates[host].wait(10)
            return block(piece, begin, change(data))

        return answer

    settings = {**LEECH, "piece_timeout": 20, "request_timeout": 60}
    with Member(settings) as leech, ExitStack() as stack:
        handle = leech.add(content, tmp_path / "leech")
        leech.wait(TorrentCheckedAlert)
        guilty = stack.enter_context(RawSeed(leech, content, held(BAD, spoil), host=BAD))
        wait_for(lambda: asked[BAD])
        innocent = stack.enter_context(RawSeed(leech, content, held(OTHER, bytes), host=OTHER))
        wait_for(lambda: asked[OTHER])
        gates[BAD].set()
        leech.wait(BlockFinishedAlert, lambda alert: alert.endpoint == guilty.address)
        gates[OTHER].set()
        leech.wait(PeerBanAlert)
        guilty.wait_for_end()
        leech.finish(handle)
        content.assert_in(tmp_path / "leech")
        assert banned(leech) == [guilty.address]
        assert innocent.num_requests
        assert leech.all(HashFailedAlert)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data[:-1], id="a byte short"),
        pytest.param(lambda data: data + b"x", id="a byte long"),
        pytest.param(lambda data: data[:1], id="one byte"),
        pytest.param(lambda data: data + bytes(200_000), id="far too long"),
    ],
)
def test_block_of_another_length_than_asked(
    leech: Member, good_seed: Member, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    with RawSeed(leech, CONTENT, lambda p, b, data: block(p, b, change(data)), host=BAD) as bad:
        bad.wait_for_end()
        error = leech.wait(PeerErrorAlert, lambda alert: alert.endpoint == bad.address)
        assert str(error.error)
    assert leech.all(PieceFinishedAlert) == []
    finish_from(leech, good_seed, tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda p, b, d: None, id="silence"),
        pytest.param(lambda p, b, d: triple(MessageId.REJECT, p, b, len(d)), id="rejects"),
        pytest.param(lambda p, b, d: frame(MessageId.CHOKE) + frame(MessageId.UNCHOKE), id="chokes"),
        pytest.param(lambda p, b, d: block((p + 1) % INFO.num_pieces, 0, bytes(100)), id="other blocks"),
        pytest.param(lambda p, b, d: block(p, b, d) * 2, id="everything twice"),
        pytest.param(lambda p, b, d: frame(MessageId.CHOKE) + block(p, b, d), id="chokes and sends"),
    ],
)
def test_seed_that_does_not_deliver(
    leech: Member, good_seed: Member, tmp_path: Path, answer: Callable[[int, int, bytes], bytes | None]
) -> None:
    with RawSeed(leech, CONTENT, answer, host=BAD) as bad:
        wait_for(lambda: bad.num_requests)
        finish_from(leech, good_seed, tmp_path)
    assert banned(leech) == []


def test_silent_seed_is_snubbed(leech: Member, good_seed: Member, tmp_path: Path) -> None:
    with RawSeed(leech, CONTENT, lambda p, b, data: None, host=BAD) as bad:
        leech.wait(PeerSnubbedAlert, lambda alert: alert.endpoint == bad.address)
        finish_from(leech, good_seed, tmp_path)


def test_seed_that_leaves_in_the_middle_of_a_block(leech: Member, good_seed: Member, tmp_path: Path) -> None:
    with RawSeed(leech, CONTENT, lambda p, b, data: block(p, b, data)[:9_000], host=BAD) as bad:
        wait_for(lambda: bad.num_requests)
    finish_from(leech, good_seed, tmp_path)


def test_unasked_blocks_are_not_written(leech: Member, good_seed: Member, tmp_path: Path) -> None:
    with RawPeer(leech, CONTENT, host=BAD) as peer:
        peer.shake_hands()
        for piece in range(INFO.num_pieces):
            for begin in range(0, len(CONTENT.piece(piece)), BLOCK):
                peer.send(block(piece, begin, CONTENT.piece(piece)[begin : begin + BLOCK]))
        (handle,) = leech.session.get_torrents()
        wait_for(lambda: handle.status().total_redundant_bytes == len(CONTENT.data))
        assert handle.status().num_pieces == 0
        finish_from(leech, good_seed, tmp_path)


def test_swarm_of_liars(leech: Member, good_seed: Member, tmp_path: Path) -> None:
    """Many at once, each with its own way to be wrong."""
    ways = [
        lambda p, b, data: block(p, b, spoil(data)),
        lambda p, b, data: block(p, b, data[:-1]),
        lambda p, b, data: None,
        lambda p, b, data: random.Random(p).randbytes(100),
        lambda p, b, data: block(p, b, bytes(len(data))),
    ]
    with ExitStack() as stack:
        for number, way in enumerate(ways):
            stack.enter_context(RawSeed(leech, CONTENT, way, host=f"127.0.1.{number + 1}"))
        finish_from(leech, good_seed, tmp_path)
