"""One whole download, whatever turns the wheel: our reactor, asyncio, uvloop, a bare selectors loop, or a thread of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.reactor.net import SystemPlatform
from evtorrent.session import Session
from evtorrent.session.alerts import PieceFinishedAlert, TrackerReplyAlert
from support.driver_hosts import HOSTS
from support.sessions import LOOPBACK, Content, Member
from support.trackers import LocalTracker
from support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("no_fd_survives")

WORKERS = 2


@pytest.fixture(scope="module")
def content() -> Content:
    return Content([("a/one", 700_001), ("empty", 0), ("b/c/two", 300_000)], 65_536)


class Place:
    """A loop of the caller's with an engine on it."""

    def __init__(self, make_host: Callable[[], Any]) -> None:
        self.threads_before = set(threading.enumerate())
        self.platform = SystemPlatform(WORKERS)
        self.multi = Multi(self.platform)
        self.host = make_host()
        self.driver = self.host.drive(self.multi)

    def session(self) -> Session:
        return Session(LOOPBACK, multi=self.multi)

    def run_until(self, condition: Callable[[], object]) -> None:
        self.host.run_until(condition)

    def new_threads(self) -> set[threading.Thread]:
        return set(threading.enumerate()) - self.threads_before

    def close(self) -> None:
        self.driver.close()
        self.multi.close()
        self.host.close()
        self.platform.close()
        assert self.host.errors == []


@pytest.fixture(params=HOSTS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    place = Place(HOSTS[request.param])
    yield place
    place.close()


def test_the_same_download_on_every_loop(place: Place, content: Content, tmp_path: Path) -> None:
    seed, leech = place.session(), place.session()
    source = seed.add_torrent(content.params(content.write(tmp_path / "seed")))
    copy = leech.add_torrent(content.params(tmp_path / "leech"))
    place.run_until(lambda: source.status().is_seeding and copy.status().state.name == "downloading")
    copy.connect_peer(("127.0.0.1", seed.listen_port()))
    place.run_until(lambda: copy.status().is_seeding)
    content.assert_in(tmp_path / "leech")
    finished = [alert.piece_index for alert in leech.pop_alerts() if isinstance(alert, PieceFinishedAlert)]
    assert sorted(finished) == list(range(content.info.num_pieces))
    assert len(place.new_threads()) <= WORKERS, "the pool's threads and no other"
    place.run_until(lambda: copy.status().total_payload_download == len(content.data))
    place.run_until(
        lambda: source.status().total_payload_upload == len(content.data)
    )  # told at the next tick
    close_and_drain(place, seed, leech)


def close_and_drain(place: Place, *sessions: Session) -> None:
    """Nothing of closed sessions is left on the loop: no socket, no timer."""
    for session in sessions:
        session.close()
    place.run_until(lambda: all(session.is_closed for session in sessions))
    place.run_until(lambda: place.multi.timeout() == -1)
    assert sessions_fds(place.multi) == []


def sessions_fds(multi: Multi) -> list[int]:
    """Descriptors an engine watches, its own wake-up apart."""
    fds = [fd for fd, _ in multi.waitfds()]
    return [fd for fd in fds if not os.readlink(f"/proc/self/fd/{fd}").endswith("[eventfd]")]


def test_methods_run_at_once_on_the_loops_thread(place: Place, content: Content, tmp_path: Path) -> None:
    session = place.session()
    handle = session.add_torrent(content.params(tmp_path))
    assert handle.is_valid()
    assert session.get_torrents() == [handle]
    session.remove_torrent(handle)
    assert not handle.is_valid()
    close_and_drain(place, session)


def test_another_thread_may_call(place: Place, content: Content, tmp_path: Path) -> None:
    session = place.session()
    handle = session.add_torrent(content.params(tmp_path))
    names: list[str] = []
    caller = threading.Thread(target=lambda: names.append(handle.status().name))
    caller.start()
    place.run_until(lambda: names)
    caller.join()
    assert names == ["t"]
    close_and_drain(place, session)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["selectors"], indirect=True)
def test_silent_tracker_does_not_hold_up_the_end(place: Place, content: Content, tmp_path: Path) -> None:
    with LocalTracker() as tracker:
        session = place.session()
        session.add_torrent(content.params(tmp_path, trackers=[tracker.udp_url]))
        place.run_until(lambda: session.get_torrents()[0].status().current_tracker)
        tracker.is_udp_silent = True
        began = time.monotonic()
        close_and_drain(place, session)
        assert 0.9 < time.monotonic() - began < LOOPBACK["stop_tracker_timeout"] + 2


# ----------------------------------------------------------------------------------------------- a thread of its own


def test_download_between_two_threads(content: Content, tmp_path: Path) -> None:
    with Member() as seed, Member() as leech:
        seed.seed(content, tmp_path / "seed")
        copy = leech.add(content, tmp_path / "leech")
        copy.connect_peer(seed.address)
        leech.finish(copy)
        content.assert_in(tmp_path / "leech")


def test_close_ends_the_thread_in_time(content: Content, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    member = Member()
    member.seed(content, tmp_path)
    began = time.monotonic()
    assert member.session.close()
    assert time.monotonic() - began < 2
    assert set(threading.enumerate()) == before
    assert member.session.close(), "again is fine"


def test_close_during_a_download(content: Content, tmp_path: Path) -> None:
    seed, leech = Member({"upload_rate_limit": 100_000}), Member()
    seed.seed(content, tmp_path / "seed")
    leech.add(content, tmp_path / "leech").connect_peer(seed.address)
    leech.wait(PieceFinishedAlert)
    assert leech.session.close()
    assert seed.session.close()


def test_close_while_checking(tmp_path: Path) -> None:
    content = Content(30_000_000, 16_384)
    member = Member()
    member.add(content, content.write(tmp_path))
    assert member.session.close()


def test_abort_waits_when_asked(content: Content, tmp_path: Path) -> None:
    member = Member()
    member.seed(content, tmp_path)
    proxy = member.session.abort()
    assert not member.session.is_valid()
    assert proxy.wait(5)


@pytest.mark.slow
def test_silent_tracker_gets_its_time_and_no_more(content: Content, tmp_path: Path) -> None:
    with LocalTracker() as tracker:
        member = Member()
        member.add(content, tmp_path, trackers=[tracker.udp_url])
        member.wait(TrackerReplyAlert)
        tracker.is_udp_silent = True
        began = time.monotonic()
        assert member.session.close()
        assert time.monotonic() - began < 3


def test_close_from_an_alert_notification(content: Content, tmp_path: Path) -> None:
    """On the loop's own thread `close` cannot wait, and does not."""
    member = Member()
    outcome: list[bool] = []
    member.session.set_alert_notify(lambda: outcome.append(member.session.close()) if not outcome else None)
    wait_for(lambda: outcome)
    wait_for(lambda: member.session.is_closed)
    assert member.session.close()
