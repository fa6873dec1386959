"""What trackers on I2P are told, and which are asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.alerts import ScrapeReplyAlert, TrackerErrorAlert, TrackerReplyAlert
from evtorrent.session.core.i2p_bridge import I2P_PORT
from evtorrent.session.errors import TorrentErrc
from support.i2p_tracker import I2pTracker
from support.sam_bridge import SamBridge
from support.sam_kit import destination
from support.sessions import Content, Member

I2P = TorrentFlags.i2p_torrent
URL = "http://tracker.i2p/announce"


def test_what_is_said(tmp_path: Path) -> None:
    content = Content()
    with SamBridge() as bridge, I2pTracker() as tracker:
        bridge.offer("tracker.i2p", tracker.address)
        with Member(bridge.settings) as member:
            (name,) = bridge.wait_for_sessions()
            handle = member.seed(content, tmp_path, trackers=[URL], flags=I2P)
            alert = member.wait(TrackerReplyAlert)
            assert alert.tracker_url() == URL and alert.num_peers == 0
            handle.scrape_tracker()
            assert member.wait(ScrapeReplyAlert).complete == 3
            first = tracker.requests[0]
            assert first["ip"] == f"{bridge.destinations[name]}.i2p"
            assert first["port"] == str(I2P_PORT)
            assert first["host"] == "tracker.i2p"
            (entry,) = handle.trackers()
            assert entry.verified


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "no i2p router is set up"),
        ({"i2p_hostname": "127.0.0.1", "i2p_port": 1}, "no session on I2P yet"),
    ],
)
def test_without_a_session_it_is_not_asked(tmp_path: Path, settings: dict[str, object], text: str) -> None:
    with Member(settings) as member:
        handle = member.seed(Content(), tmp_path, trackers=[URL], flags=I2P)
        alert = member.wait(TrackerErrorAlert)
        assert (alert.error.value, alert.error.category) == (TorrentErrc.no_i2p_router, "libtorrent")
        assert text in alert.message()
        handle.scrape_tracker()


def test_it_is_asked_once_there_is_one(tmp_path: Path) -> None:
    with SamBridge() as bridge, I2pTracker() as tracker, Member() as member:
        bridge.offer("tracker.i2p", tracker.address)
        member.seed(Content(), tmp_path, trackers=[URL], flags=I2P)
        member.wait(TrackerErrorAlert)
        member.session.apply_settings(bridge.settings)
        member.wait(TrackerReplyAlert)


@pytest.mark.parametrize(
    "answer",
    [
        b"d5:peers31:" + bytes(31) + b"e",
        b"d5:peersld2:ip8:10.0.0.14:porti80eeee",
        b"not bencoded",
        b"d14:failure reason2:noe",
    ],
)
def test_answers_that_are_none(tmp_path: Path, answer: bytes) -> None:
    with SamBridge() as bridge, I2pTracker() as tracker, Member(bridge.settings) as member:
        tracker.answer = answer
        bridge.offer("tracker.i2p", tracker.address)
        bridge.wait_for_sessions()
        handle = member.seed(Content(), tmp_path, trackers=[URL], flags=I2P)
        member.wait(TrackerErrorAlert)
        assert handle.status().list_peers == 0


def test_a_tracker_outside_that_tells_of_peers_there(tmp_path: Path) -> None:
    """It could have their names looked up by whoever is asked."""
    from support.trackers import LocalTracker

    there = destination(1).name.encode()
    with LocalTracker() as tracker, Member() as member:
        tracker.http_answer = (200, b"d5:peersld2:ip%d:%s4:porti80eeee" % (len(there), there))
        handle = member.seed(Content(), tmp_path, trackers=[tracker.http_url])
        member.wait(TrackerReplyAlert)
        assert handle.status().list_peers == 0
