"""Metadata exchange (BEP 9) between torrents and links that are not there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, cast

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.protocols.peer import codec
from evtorrent.protocols.peer.connection import PeerConnection
from evtorrent.protocols.peer.extensions.registry import ExtensionRegistry
from evtorrent.protocols.peer.extensions.ut_metadata import REJECT_PAUSE
from evtorrent.protocols.peer.extensions.ut_metadata_codec import pack_data, pack_reject, pack_request
from evtorrent.protocols.types import InfoHashes, Sha1Hash
from evtorrent.session.alerts import MetadataFailedAlert
from evtorrent.session.errors import ErrorCode, TorrentErrc
from evtorrent.session.settings import SettingsPack
from evtorrent.session.stats import Counters
from evtorrent.session.torrent.metadata_exchange import MAX_UNSENT_METADATA, MetadataExchange
from evtorrent.session.torrent.rates import TransferMeters
from support.connection_pair import opened

NUM_PIECES = 2000


def info_section(**more: Any) -> bytes:
    table = {
        "name": "film",
        "piece length": 16384,
        "length": NUM_PIECES * 16384,
        "pieces": bytes(20 * NUM_PIECES),
        **more,
    }
    return bencode.encode(table)


INFO = info_section()  # three pieces
FAKE = bytes(len(INFO))


class FakeTimer:
    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeCore:
    """The session's heart as far as the plug-in sees it; also the loop, whose time is moved by hand."""

    def __init__(self, **changes: Any) -> None:
        self.base = self
        self.settings = SettingsPack(changes)
        self.counters = Counters()
        self.now = 100.0
        self.timers: list[FakeTimer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object]) -> FakeTimer:
        self.timers.append(FakeTimer(self.now + delay, callback))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.pending if timer.when <= end]:
            timer = min(due, key=lambda timer: timer.when)
            self.now = timer.when
            callback, timer.callback = timer.callback, None
            assert callback is not None
            callback()
        self.now = end

    @property
    def pending(self) -> list[FakeTimer]:
        return [timer for timer in self.timers if timer.callback is not None]


class FakeSwarm:
    def __init__(self) -> None:
        self.banned: list[Any] = []

    def ban(self, address: Any) -> None:
        self.banned.append(address)


class FakeTorrent:
    def __init__(self, info: bytes | None = None, *, name: bytes = INFO) -> None:
        self.info = None if info is None else TorrentInfo.from_info(info)
        self.info_hashes = InfoHashes(Sha1Hash(hashlib.sha1(name).digest()))
        self.swarm: FakeSwarm | None = FakeSwarm()
        self.user_data: dict[str, Any] | None = None
        self.posted: list[tuple[Any, ...]] = []
        self.error: Exception | None = None

    def post(self, kind: type, *args: Any) -> None:
        self.posted.append((kind, *args))

    def metadata_received(self, info: TorrentInfo) -> None:
        self.info = info

    def set_error(self, error: Exception) -> None:
        self.error = error


class FakeLink:
    """A peer that speaks ut_metadata; what it is sent ends in `said`, unless it does not read."""

    def __init__(self, number: int = 1, *, metadata_size: int | None = None, speaks: bool = True) -> None:
        self.address = (f"10.0.0.{number}", 6881)
        self.connection: PeerConnection = opened(registry=ExtensionRegistry(("ut_metadata",)), shape=False)
        self.meters = TransferMeters()
        self.user_data: dict[str, Any] = {}
        self.closed = False
        self.reads = True
        self.unsent: list[bytes] = []
        self.said: list[bytes] = []
        fields: dict[str, Any] = {"m": {"ut_metadata": 3} if speaks else {}}
        if metadata_size is not None:
            fields["metadata_size"] = metadata_size
        self.connection.receive_data(codec.pack_extended(0, bencode.encode(fields)))
        while self.connection.next_event():
            pass

    def flush(self, now: float) -> None:
        self.unsent += self.connection.data_to_send()
        while self.reads and self.unsent:
            data = self.unsent.pop(0)
            self.meters.up.add(len(data))
            assert data[4:6] == b"\x14\x03"
            self.said.append(data[6:])

    def take(self) -> list[bytes]:
        said, self.said = self.said, []
        return said


class Scene:
    """A torrent, and the exchange."""

    def __init__(self, torrent: FakeTorrent, **settings: Any) -> None:
        self.core = FakeCore(**settings)
        self.torrent = torrent
        self.exchange = MetadataExchange(cast(Any, self.core))

    def shake(self, link: FakeLink) -> FakeLink:
        self.exchange.on_handshake(cast(Any, self.torrent), cast(Any, link))
        return link

    def hear(self, link: FakeLink, payload: bytes) -> None:
        self.exchange.on_message(cast(Any, self.torrent), cast(Any, link), payload)
        link.flush(self.core.now)

    def answer_all(self, link: FakeLink, copy: bytes) -> None:
        while asked := link.take():
            for request in asked:
                number = bencode.decode(request)[b"piece"]  # type: ignore[index, call-overload]
                self.hear(link, pack_data(number, copy))


# ------------------------------------------------------------------------------------------------------- fetching


def test_name() -> None:
    assert Scene(FakeTorrent()).exchange.name == "ut_metadata"


def test_a_magnet_link_gets_its_metadata() -> None:
    scene = Scene(FakeTorrent())
    link = scene.shake(FakeLink(metadata_size=len(INFO)))
    assert link.said == [pack_request(0), pack_request(1)]
    scene.answer_all(link, INFO)
    assert scene.torrent.info is not None and scene.torrent.info.info_section == INFO
    assert scene.torrent.posted == [] and scene.torrent.error is None
    assert scene.core.pending == [] and scene.torrent.user_data == {}
    assert scene.core.counters["ses.num_outgoing_metadata"] == 3
    assert scene.core.counters["ses.num_incoming_metadata"] == 3


@pytest.mark.parametrize(
    "link", [FakeLink(), FakeLink(metadata_size=5, speaks=False)], ids=["has none", "does not speak it"]
)
def test_peers_that_cannot_help_are_not_asked(link: FakeLink) -> None:
    scene = Scene(FakeTorrent())
    scene.shake(link)
    scene.hear(link, pack_data(0, INFO))
    assert link.said == [] and scene.torrent.user_data is None


def test_a_torrent_with_metadata_asks_nobody_and_ignores_answers() -> None:
    scene = Scene(FakeTorrent(INFO))
    link = scene.shake(FakeLink(metadata_size=len(INFO)))
    scene.hear(link, pack_data(0, FAKE))
    scene.hear(link, b"d8:msg_typei9ee")
    assert link.said == [] and scene.torrent.posted == []


def test_metadata_too_large_ends_the_peer() -> None:
    scene = Scene(FakeTorrent(), max_metadata_size=len(INFO) - 1)
    with pytest.raises(RemoteProtocolError, match=f"metadata of {len(INFO)} bytes"):
        scene.shake(FakeLink(metadata_size=len(INFO)))
    scene = Scene(FakeTorrent(), max_metadata_size=len(INFO))
    assert scene.shake(FakeLink(metadata_size=len(INFO))).said


def test_garbage_ends_the_peer() -> None:
    scene = Scene(FakeTorrent())
    link = scene.shake(FakeLink(metadata_size=len(INFO)))
    with pytest.raises(RemoteProtocolError):
        scene.hear(link, b"garbage")


def test_a_wrong_copy_of_one_peer_has_it_banned() -> None:
    scene = Scene(FakeTorrent())
    liar = scene.shake(FakeLink(1, metadata_size=len(INFO)))
    scene.answer_all(liar, FAKE)
    code = ErrorCode.of(TorrentErrc.mismatching_info_hash)
    assert scene.torrent.posted == [(MetadataFailedAlert, code)]
    assert scene.torrent.swarm is not None and scene.torrent.swarm.banned == [liar.address]
    honest = scene.shake(FakeLink(2, metadata_size=len(INFO)))
    scene.answer_all(honest, INFO)
    assert scene.torrent.info is not None
    assert scene.torrent.swarm.banned == [liar.address]


def test_of_two_senders_the_liar_is_banned_when_the_good_copy_is_here() -> None:
    scene = Scene(FakeTorrent())
    honest = scene.shake(FakeLink(1, metadata_size=len(INFO)))
    liar = scene.shake(FakeLink(2, metadata_size=len(INFO)))
    scene.answer_all(liar, FAKE)
    assert scene.torrent.swarm is not None
    for payload in honest.take():
        number = bencode.decode(payload)[b"piece"]  # type: ignore[index, call-overload]
        scene.hear(honest, pack_data(number, INFO))
    assert [kind for kind, _ in scene.torrent.posted] == [MetadataFailedAlert]
    assert scene.torrent.swarm.banned == []
    scene.answer_all(honest, INFO)
    assert scene.torrent.info is not None
    assert scene.torrent.swarm.banned == [liar.address]


def test_nobody_is_banned_of_a_torrent_that_was_stopped() -> None:
    scene = Scene(FakeTorrent())
    liar = scene.shake(FakeLink(metadata_size=len(INFO)))
    scene.torrent.swarm = None
    scene.answer_all(liar, FAKE)
    assert len(scene.torrent.posted) == 1


@pytest.mark.parametrize(
    ("info", "settings"),
    [
        pytest.param(b"d4:name1:xe", {}, id="no torrent"),
        pytest.param(INFO, {"max_piece_count": NUM_PIECES - 1}, id="too many pieces"),
        pytest.param(INFO, {"metadata_token_limit": 7}, id="too many items"),
    ],
)
def test_the_right_copy_of_something_useless_stops_the_torrent(info: bytes, settings: dict[str, int]) -> None:
    scene = Scene(FakeTorrent(name=info), **settings)
    link = scene.shake(FakeLink(metadata_size=len(info)))
    scene.answer_all(link, info)
    assert scene.torrent.info is None and scene.torrent.error is not None
    assert scene.torrent.posted == [(MetadataFailedAlert, ErrorCode.from_exception(scene.torrent.error))]
    assert scene.torrent.swarm is not None and scene.torrent.swarm.banned == []
    assert scene.core.pending == []


def test_limits_at_the_limit() -> None:
    scene = Scene(FakeTorrent(), max_piece_count=NUM_PIECES, metadata_token_limit=9)
    scene.answer_all(scene.shake(FakeLink(metadata_size=len(INFO))), INFO)
    assert scene.torrent.info is not None


def test_the_clock_asks_again_and_finds_who_left() -> None:
    scene = Scene(FakeTorrent())
    first = scene.shake(FakeLink(1, metadata_size=len(INFO)))
    second = scene.shake(FakeLink(2, metadata_size=len(INFO)))
    assert (first.take(), second.take()) == ([pack_request(0), pack_request(1)], [pack_request(2)])
    first.closed = True
    scene.core.advance(1.0)
    assert second.take() == [pack_request(0)]
    scene.hear(second, pack_reject(2))
    scene.core.advance(REJECT_PAUSE - 1.0)
    assert second.take() == []
    scene.core.advance(2.0)
    assert second.take() == [pack_request(0), pack_request(2)]
    second.closed = True
    scene.core.advance(2.0)
    assert scene.core.pending == []


@pytest.mark.parametrize("event", ["stopped", "told otherwise"])
def test_the_clock_ends_with_the_fetch(event: str) -> None:
    scene = Scene(FakeTorrent())
    scene.shake(FakeLink(metadata_size=len(INFO)))
    if event == "stopped":
        scene.torrent.swarm = None
    else:
        scene.torrent.info = TorrentInfo.from_info(INFO)
    scene.core.advance(1.0)
    assert scene.core.pending == [] and scene.torrent.user_data == {}


def test_data_of_the_user_stays() -> None:
    scene = Scene(FakeTorrent())
    scene.torrent.user_data = {"mine": 1}
    scene.answer_all(scene.shake(FakeLink(metadata_size=len(INFO))), INFO)
    assert scene.torrent.user_data == {"mine": 1}


# -------------------------------------------------------------------------------------------------------- serving


def test_a_peer_gets_what_it_asks_for() -> None:
    scene = Scene(FakeTorrent(INFO))
    link = FakeLink()
    for piece in (2, 0):
        scene.hear(link, pack_request(piece))
    assert link.said == [pack_data(2, INFO), pack_data(0, INFO)]
    assert scene.core.counters["ses.num_outgoing_metadata"] == 2
    assert scene.core.pending == []


def test_without_metadata_requests_are_rejected_until_there_is_some() -> None:
    scene = Scene(FakeTorrent())
    link = FakeLink()
    scene.hear(link, pack_request(0))
    assert link.take() == [pack_reject(0)]
    assert scene.core.counters["ses.num_outgoing_metadata"] == 1
    scene.torrent.info = TorrentInfo.from_info(INFO)
    scene.hear(link, pack_request(0))
    assert link.take() == [pack_data(0, INFO)]


def test_metadata_of_private_torrents_is_not_given() -> None:
    scene = Scene(FakeTorrent(info_section(private=1)))
    link = FakeLink()
    scene.hear(link, pack_request(0))
    assert link.take() == [pack_reject(0)]


def test_a_peer_that_cannot_be_answered_is_not() -> None:
    scene = Scene(FakeTorrent(INFO))
    link = FakeLink(speaks=False)
    scene.hear(link, pack_request(0))
    assert link.said == [] and scene.core.pending == []


def test_a_peer_that_does_not_read_holds_no_more_than_the_limit() -> None:
    info = info_section(ballast=bytes(60 * 16384))
    scene = Scene(FakeTorrent(info))
    link = FakeLink()
    link.reads = False
    for piece in range(60):
        scene.hear(link, pack_request(piece))
    held = sum(map(len, link.unsent))
    assert MAX_UNSENT_METADATA <= held < MAX_UNSENT_METADATA + 17_000
    scene.core.advance(5.0)
    assert sum(map(len, link.unsent)) == held
    link.reads = True
    link.flush(scene.core.now)
    for _ in range(20):
        scene.core.advance(0.2)
    assert link.said == [pack_data(piece, info) for piece in range(60)]
    assert scene.core.pending == []


def test_a_peer_that_left_is_answered_no_more() -> None:
    info = info_section(ballast=bytes(60 * 16384))
    scene = Scene(FakeTorrent(info))
    link = FakeLink()
    link.reads = False
    for piece in range(60):
        scene.hear(link, pack_request(piece))
    held = len(link.unsent)
    link.closed = True
    scene.core.advance(1.0)
    assert len(link.unsent) == held and scene.core.pending == []
