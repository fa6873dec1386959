"""Trackers that are down, slow or lie: they are told of and left alone for a while, the next one is asked, the session goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.session import TorrentHandle
from evtorrent.session.alerts import (
    TrackerAnnounceAlert,
    TrackerErrorAlert,
    TrackerReplyAlert,
    TrackerWarningAlert,
)
from support.sessions import Content, Member
from support.trackers import LocalTracker
from support.waiting import wait_for

CONTENT = Content(200_000)
QUICK: dict[str, Any] = {"tracker_receive_timeout": 1, "tracker_completion_timeout": 1}


@pytest.fixture
def member() -> Iterator[Member]:
    with Member(QUICK) as member:
        yield member


@pytest.fixture
def tracker() -> Iterator[LocalTracker]:
    with LocalTracker() as tracker:
        yield tracker


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Member() as member:
        member.seed(CONTENT, tmp_path_factory.mktemp("seed"))
        yield member


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def assert_goes_on(member: Member, handle: TorrentHandle, seed: Member, folder: Path) -> None:
    """Peers that are found otherwise serve all the same."""
    handle.connect_peer(seed.address)
    member.finish(handle)
    CONTENT.assert_in(folder)
    assert not handle.status().errc


# ------------------------------------------------------------------------------------------------------------------ down


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_down(member: Member, seed: Member, scheme: str, tmp_path: Path) -> None:
    url = f"{scheme}://127.0.0.1:{closed_port()}/announce"
    handle = member.add(CONTENT, tmp_path, trackers=[url])
    told = member.wait(TrackerErrorAlert)
    assert told.url == url
    assert told.times_in_row == 1
    assert told.error
    (entry,) = handle.trackers()
    assert not entry.verified
    state = entry.endpoints[0].info_hashes[0]
    assert state.fails == 1
    assert state.last_error == told.error
    assert handle.status().next_announce > 2, "it is left alone for a while"
    assert_goes_on(member, handle, seed, tmp_path)


def test_name_that_does_not_exist(member: Member, seed: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path, trackers=["http://nobody.invalid/announce"])
    assert member.wait(TrackerErrorAlert).error
    assert_goes_on(member, handle, seed, tmp_path)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/announce", "http://", "nonsense", "udp://127.0.0.1/", "http://[::1"]
)
def test_url_that_is_none(member: Member, seed: Member, url: str, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path, trackers=[url])
    assert member.wait(TrackerErrorAlert).url == url
    assert_goes_on(member, handle, seed, tmp_path)


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_next_tier_is_asked(member: Member, tracker: LocalTracker, scheme: str, tmp_path: Path) -> None:
    dead = f"http://127.0.0.2:{closed_port()}/announce"
    alive = tracker.http_url if scheme == "http" else tracker.udp_url
    handle = member.add(CONTENT, tmp_path, trackers=[dead, alive], tracker_tiers=[0, 1])
    assert member.wait(TrackerReplyAlert).url == alive
    assert [alert.url for alert in member.all(TrackerAnnounceAlert)] == [dead, alive]
    assert handle.status().current_tracker == alive
    assert [entry.verified for entry in handle.trackers()] == [False, True]


def test_other_tracker_of_the_tier_moves_to_the_front(
    member: Member, tracker: LocalTracker, tmp_path: Path
) -> None:
    dead = [f"http://127.0.0.1:{closed_port()}/announce" for _ in range(3)]
    handle = member.add(CONTENT, tmp_path, trackers=[*dead, tracker.http_url], tracker_tiers=[0, 0, 0, 0])
    member.wait(TrackerReplyAlert)
    assert handle.trackers()[0].url == tracker.http_url, "BEP 12"


def test_pause_between_failures_grows(member: Member, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/announce"
    handle = member.add(CONTENT, tmp_path, trackers=[url])
    pauses = []
    for fails in range(1, 4):
        member.wait(TrackerErrorAlert, lambda alert, fails=fails: alert.times_in_row == fails)
        pauses.append(handle.status().next_announce)
        handle.force_reannounce()
    assert pauses[0] < pauses[1] < pauses[2]


# ------------------------------------------------------------------------------------------------------------------ slow


class Silent:
    """Accepts connections and says what it is told, or nothing."""

    def __init__(self, greeting: bytes = b"") -> None:
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/announce"
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, name="silent-tracker")
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            sock.sendall(self._greeting)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for sock in self._open:
            sock.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "greeting",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nd8:inter", b"HTTP/1.1 200 OK\r\nX: "],
    ids=["silent", "stops in the body", "stops in the head"],
)
def test_slow(member: Member, seed: Member, greeting: bytes, tmp_path: Path) -> None:
    tracker = Silent(greeting)
    try:
        handle = member.add(CONTENT, tmp_path, trackers=[tracker.url])
        assert_goes_on(member, handle, seed, tmp_path)
        assert member.wait(TrackerErrorAlert).url == tracker.url
    finally:
        tracker.close()


@pytest.mark.slow
def test_the_end_of_many_torrents_with_a_tracker_that_died(tracker: LocalTracker, tmp_path: Path) -> None:
    """It answered once, so they want to say goodbye; `close` says that everything ended within its time."""
    contents = [Content(40_000, 16_384, name=f"t{number}", seed=number) for number in range(20)]
    with Member({"stop_tracker_timeout": 1}) as member:
        handles = [member.add(content, tmp_path, trackers=[tracker.udp_url]) for content in contents]
        for handle in handles:
            member.wait(TrackerReplyAlert, lambda alert, handle=handle: alert.handle == handle)
        tracker.is_udp_silent = True
        assert member.session.close()


@pytest.mark.slow
def test_udp_tracker_that_never_answers(member: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    tracker.is_udp_silent = True
    member.add(CONTENT, tmp_path, trackers=[tracker.udp_url, tracker.http_url], tracker_tiers=[0, 1])
    assert member.wait(TrackerReplyAlert).url == tracker.http_url
    assert [alert.url for alert in member.all(TrackerErrorAlert)] == [tracker.udp_url]


# ------------------------------------------------------------------------------------------------------------------ lying


GARBAGE = {
    "empty": b"",
    "html": b"<html><body>It works!</body></html>",
    "bytes": bytes(range(256)) * 4,
    "no dictionary": b"i5e",
    "cut short": b"d8:intervali1800e5:peers6:abc",
    "too deep": b"d5:peers" + b"l" * 100_000,
    "a string of 4 GiB": b"d5:peers4294967296:",
    "peers of seven bytes": encode({"interval": 1800, "peers": b"1234567"}),
    "two megabytes": b"x" * (2 << 20),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_garbage(member: Member, seed: Member, tracker: LocalTracker, answer: bytes, tmp_path: Path) -> None:
    tracker.http_answer = (200, answer)
    handle = member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    told = member.wait(TrackerErrorAlert)
    assert str(told.error) or told.failure_reason
    assert_goes_on(member, handle, seed, tmp_path)


@pytest.mark.parametrize("status", [404, 500, 503, 204])
def test_status(member: Member, tracker: LocalTracker, status: int, tmp_path: Path) -> None:
    tracker.http_answer = (status, b"")
    member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    assert str(member.wait(TrackerErrorAlert).error)


def test_failure_reason_is_told(member: Member, seed: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    tracker.http_answer = (200, encode({"failure reason": "not today"}))
    handle = member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    assert member.wait(TrackerErrorAlert).failure_reason == "not today"
    assert handle.trackers()[0].endpoints[0].info_hashes[0].message == "not today"
    assert_goes_on(member, handle, seed, tmp_path)


def test_udp_error_is_told(member: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    tracker.udp_error = "go away"
    member.add(CONTENT, tmp_path, trackers=[tracker.udp_url])
    assert member.wait(TrackerErrorAlert).failure_reason == "go away"


def test_warning_is_told(member: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    tracker.http_answer = (200, encode({"interval": 1800, "peers": b"", "warning message": "slow down"}))
    member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    assert member.wait(TrackerWarningAlert).warning_message == "slow down"


def test_absurd_numbers(member: Member, seed: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    """An interval of nothing must not become a flood, an absurd one not the end of announcing."""
    big = 2**63 - 1
    table = {"interval": -5, "min interval": -1, "complete": big, "incomplete": -big, "peers": 5}
    tracker.http_answer = (200, encode(table))
    handle = member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    wait_for(lambda: member.all(TrackerReplyAlert) or member.all(TrackerErrorAlert))
    assert_goes_on(member, handle, seed, tmp_path)
    wait_for(lambda: handle.status().next_announce > 3, "a pause")
    assert len([target for target in tracker.requests if "announce" in target]) <= 2, "started, completed"


@pytest.mark.slow
def test_bad_peers(member: Member, seed: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    """Port 0, multicast, nobody, ourselves, thousands; and one that is good."""
    bad = [
        b"\x7f\x00\x00\x01\x00\x00",
        b"\xe0\x00\x00\x01\x1a\xe1",
        bytes(6),
        b"\xff" * 6,
        socket.inet_aton("127.0.0.1") + member.session.listen_port().to_bytes(2, "big"),
        *[socket.inet_aton(f"127.1.{number >> 8}.{number & 255}") + b"\x00\x09" for number in range(5_000)],
    ]
    good = socket.inet_aton("127.0.0.1") + seed.session.listen_port().to_bytes(2, "big")
    tracker.http_answer = (200, encode({"interval": 1800, "peers": b"".join([good, *bad])}))
    # Over TCP alone: the dead refuse that at once, while an answer over uTP is waited for a moment.
    member.session.apply_settings(
        {"connection_speed": 2_000, "connections_limit": 1_000, "enable_outgoing_utp": False}
    )
    handle = member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    assert member.wait(TrackerReplyAlert).num_peers >= 1
    member.finish(handle)
    CONTENT.assert_in(tmp_path)
    assert handle.status().list_peers <= 3_000


def test_peers_that_are_names(member: Member, seed: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    peers = [
        {"ip": "nobody.invalid", "port": 5, "peer id": b"x" * 20},
        {"ip": "", "port": 5},
        {"ip": b"\xff\xfe", "port": 5},
        {"ip": "localhost", "port": seed.session.listen_port()},
    ]
    tracker.http_answer = (200, encode({"interval": 1800, "peers": peers}))
    handle = member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    member.finish(handle)
    CONTENT.assert_in(tmp_path)


def test_redirect_loop(member: Member, seed: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    tracker.http_location = tracker.http_url
    handle = member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    assert "redirect" in str(member.wait(TrackerErrorAlert).message()).lower()
    assert len(tracker.requests) <= 10
    assert_goes_on(member, handle, seed, tmp_path)


def test_redirect_to_nowhere(member: Member, seed: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    tracker.http_location = "gopher://127.0.0.1/announce"
    handle = member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    member.wait(TrackerErrorAlert)
    assert_goes_on(member, handle, seed, tmp_path)


def test_recovers(member: Member, seed: Member, tracker: LocalTracker, tmp_path: Path) -> None:
    """A tracker that failed is asked again and forgiven."""
    tracker.http_answer = (503, b"")
    handle = member.add(CONTENT, tmp_path, trackers=[tracker.http_url])
    member.wait(TrackerErrorAlert)
    tracker.http_answer = None
    handle.force_reannounce()
    member.wait(TrackerReplyAlert)
    state = handle.trackers()[0].endpoints[0].info_hashes[0]
    assert state.fails == 0
    assert not state.last_error
