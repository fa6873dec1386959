"""What a tracker hears: the same of libtorrent and of us."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from evtorrent.session import ReannounceFlags, write_torrent_file_buf
from evtorrent.session.alerts import TrackerReplyAlert
from support.real_peers import LibtorrentPeer
from support.sessions import Content, Member, plain_flags
from support.trackers import LocalTracker
from support.waiting import wait_for

pytestmark = pytest.mark.interop

CONTENT = Content(100_000)
NAME = bytes(CONTENT.info.info_hashes.best())
BOTH = "127.0.0.1:0,127.0.0.2:0"


def events(tracker: LocalTracker) -> list[str]:
    """Of the announces so far."""
    targets = [urlsplit(target) for target in tracker.requests if target.startswith("/announce")]
    return [parse_qs(target.query).get("event", [""])[0] for target in targets]


def hosts(tracker: LocalTracker) -> set[str]:
    return {host for host, _ in tracker.swarms._torrents.get(NAME, {})}


def theirs(lt: Any, theirs: LibtorrentPeer, tracker: LocalTracker, folder: Path) -> Any:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(lt.bdecode(write_torrent_file_buf(CONTENT.params(folder))))
    params.save_path = str(folder)
    params.trackers = [tracker.http_url]
    params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
    return theirs.session.add_torrent(params)


def partial_seed(
    tracker: LocalTracker, announce: Callable[[], None], want: Callable[[int], None]
) -> list[str]:
    """The events of a torrent that wants all of it, then nothing, then all of it again."""
    wait_for(lambda: len(events(tracker)) == 1)
    for number, priority in enumerate((0, 4), 2):
        want(priority)
        announce()
        wait_for(lambda: len(events(tracker)) == number)  # noqa: B023 - over before the next
    return events(tracker)


def test_a_partial_seed(require_peer: Any, tmp_path: Path) -> None:
    lt = require_peer("libtorrent")
    with LocalTracker(interval=1) as tracker, LibtorrentPeer(lt, min_announce_interval=1) as session:
        handle = theirs(lt, session, tracker, tmp_path)

        def prioritize(priority: int) -> None:
            handle.prioritize_pieces([priority] * CONTENT.info.num_pieces)
            wait_for(lambda: handle.status().is_finished is (priority == 0))

        expected = partial_seed(
            tracker,
            lambda: handle.force_reannounce(0, -1, lt.reannounce_flags_t.ignore_min_interval),
            prioritize,
        )
    with LocalTracker() as tracker, Member() as member:
        mine = member.add(CONTENT, tmp_path, trackers=[tracker.http_url], flags=plain_flags())
        member.wait(TrackerReplyAlert)
        got = partial_seed(
            tracker,
            lambda: mine.force_reannounce(0, -1, ReannounceFlags.ignore_min_interval),
            lambda priority: mine.prioritize_pieces([priority] * CONTENT.info.num_pieces),
        )
    assert got == expected == ["started", "paused", ""]


def test_every_listen_socket(require_peer: Any, tmp_path: Path) -> None:
    lt = require_peer("libtorrent")
    with LocalTracker() as tracker, LibtorrentPeer(lt, listen_interfaces=BOTH) as session:
        handle = theirs(lt, session, tracker, tmp_path)
        wait_for(lambda: len(hosts(tracker)) == 2)
        expected = hosts(tracker)
        endpoints = handle.trackers()[0]["endpoints"]
        shown = sorted(endpoint["local_address"][0] for endpoint in endpoints)
    with LocalTracker() as tracker, Member({"listen_interfaces": BOTH}) as member:
        mine = member.add(CONTENT, tmp_path, trackers=[tracker.http_url], flags=plain_flags())
        wait_for(lambda: len(hosts(tracker)) == 2)
        assert hosts(tracker) == expected == {"127.0.0.1", "127.0.0.2"}
        assert sorted(endpoint.local_endpoint[0] for endpoint in mine.trackers()[0].endpoints) == shown
