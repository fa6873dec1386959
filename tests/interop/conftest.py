"""The two ends of a download: a libtorrent session for all tests of a file, and one of ours for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.session.alerts import HashFailedAlert, PeerErrorAlert
from support.real_peers import LibtorrentPeer
from support.sessions import Member


@pytest.fixture(scope="module")
def running(require_peer: Any) -> Iterator[LibtorrentPeer]:
    """The session that `theirs` is."""
    with LibtorrentPeer(require_peer("libtorrent")) as peer:
        yield peer


@pytest.fixture
def theirs(running: LibtorrentPeer) -> Iterator[LibtorrentPeer]:
    """One session for all tests, without torrents."""
    yield running
    running.clear()


@pytest.fixture
def ours() -> Iterator[Member]:
    """Nothing went wrong with it."""
    with Member() as member:
        yield member
        assert member.all(PeerErrorAlert) == []
        assert member.all(HashFailedAlert) == []
