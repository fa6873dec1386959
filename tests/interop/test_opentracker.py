"""Peers that find each other through a real opentracker, over HTTP and UDP: we on one side, libtorrent or aria2 on the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.session.alerts import PeerConnectAlert, TrackerErrorAlert, TrackerReplyAlert
from evtorrent.session.flags import PeerSource
from support.real_peers import Aria2, LibtorrentPeer
from support.sessions import Content, Member
from support.trackers import OpenTracker
from support.waiting import wait_for

pytestmark = pytest.mark.interop

CASES = [
    (scheme, case)
    for scheme in ("http", "udp")
    for case in ("us to us", "libtorrent to us", "us to libtorrent", "aria2 to us", "us to aria2")
]
CONTENTS = {pair: Content(100_000, 1 << 17, seed=100 + number) for number, pair in enumerate(CASES)}
"""A torrent for each test, so that none finds the peers of another."""


@pytest.fixture(scope="module")
def tracker(require_peer: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenTracker]:
    program = require_peer("opentracker")
    hashes = [bytes(content.info.info_hashes.best()) for content in CONTENTS.values()]
    with OpenTracker(program, tmp_path_factory.mktemp("opentracker"), hashes) as running:
        yield running


@pytest.fixture(scope="module")
def running(tracker: OpenTracker, require_peer: Any) -> Iterator[LibtorrentPeer]:
    with LibtorrentPeer(require_peer("libtorrent")) as peer:
        yield peer


@pytest.fixture
def libtorrent(running: LibtorrentPeer) -> Iterator[LibtorrentPeer]:
    """One session for all tests, without torrents."""
    yield running
    running.clear()


@pytest.fixture
def ours() -> Iterator[Member]:
    with Member() as member:
        yield member


@pytest.fixture(params=["http", "udp"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(tracker: OpenTracker, scheme: str) -> str:
    return tracker.http_url if scheme == "http" else tracker.udp_url


def seed(member: Member, content: Content, folder: Path, url: str) -> None:
    """Seed, and give when the tracker knows."""
    member.seed(content, folder, trackers=[url])
    member.wait(TrackerReplyAlert)


def leech(member: Member, content: Content, folder: Path, url: str) -> None:
    """Download from whom the tracker names."""
    handle = member.add(content, folder, trackers=[url])
    member.finish(handle)
    content.assert_in(folder)
    assert member.all(TrackerErrorAlert) == []
    assert handle.status().current_tracker == url
    assert member.all(PeerConnectAlert)


def test_us_to_us(ours: Member, scheme: str, url: str, tmp_path: Path) -> None:
    content = CONTENTS[scheme, "us to us"]
    seed(ours, content, tmp_path / "seed", url)
    with Member({"upload_rate_limit": 0, "close_redundant_connections": False}) as other:
        leech(other, content, tmp_path / "leech", url)
        sources = [peer.source for peer in other.session.get_torrents()[0].get_peer_info() if peer.pid]
        assert all(source & (PeerSource.tracker | PeerSource.incoming) for source in sources)
        entry = other.session.get_torrents()[0].trackers()[0]
        assert entry.verified
        assert entry.url == url


def test_libtorrent_to_us(
    ours: Member, libtorrent: LibtorrentPeer, scheme: str, url: str, tmp_path: Path
) -> None:
    content = CONTENTS[scheme, "libtorrent to us"]
    theirs = libtorrent.seed(content, tmp_path / "theirs", url)
    wait_for(lambda: theirs.status().current_tracker, libtorrent.story)
    leech(ours, content, tmp_path / "ours", url)


def test_us_to_libtorrent(
    ours: Member, libtorrent: LibtorrentPeer, scheme: str, url: str, tmp_path: Path
) -> None:
    content = CONTENTS[scheme, "us to libtorrent"]
    seed(ours, content, tmp_path / "ours", url)
    libtorrent.finish(libtorrent.add(content, tmp_path / "theirs", url))
    content.assert_in(tmp_path / "theirs")


def test_aria2_to_us(ours: Member, require_peer: Any, scheme: str, url: str, tmp_path: Path) -> None:
    content = CONTENTS[scheme, "aria2 to us"]
    folder = content.write(tmp_path / "theirs")
    with Aria2(require_peer("aria2"), content, folder, tmp_path / "x.torrent", url, verify=True):
        # It may not have announced yet; then it finds us at its own announce, and dials.
        leech(ours, content, tmp_path / "ours", url)


def test_us_to_aria2(ours: Member, require_peer: Any, scheme: str, url: str, tmp_path: Path) -> None:
    content = CONTENTS[scheme, "us to aria2"]
    seed(ours, content, tmp_path / "ours", url)
    with Aria2(require_peer("aria2"), content, tmp_path / "theirs", tmp_path / "x.torrent", url) as theirs:
        theirs.finish()
