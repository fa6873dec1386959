"""Torrents on I2P with libtorrent, through one bridge: over a tracker there, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import TorrentFlags
from support.i2p_tracker import I2pTracker
from support.real_peers import LibtorrentPeer, one_file
from support.sam_bridge import SamBridge
from support.sessions import Member
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]

URL = "http://tracker.i2p/announce"


@pytest.mark.parametrize("is_compact", [True, False])
@pytest.mark.parametrize("who", ["ours seeds", "theirs seeds"])
def test_a_download(require_peer: Any, tmp_path: Path, who: str, is_compact: bool) -> None:
    lt, content = require_peer("libtorrent"), one_file(65_536)
    with (
        SamBridge() as bridge,
        I2pTracker(is_compact=is_compact) as tracker,
        LibtorrentPeer(lt, **bridge.settings) as theirs,
        Member(bridge.settings) as ours,
    ):
        bridge.offer("tracker.i2p", tracker.address)
        bridge.wait_for_sessions(2)
        flags = TorrentFlags.i2p_torrent
        if who == "ours seeds":
            ours.seed(content, tmp_path / "seed", trackers=[URL], flags=flags)
            wait_for(lambda: tracker.announces("started"))
            handle = theirs.add(content, tmp_path / "leech", URL)
            theirs.finish(handle)
        else:
            theirs.seed(content, tmp_path / "seed", URL)
            wait_for(lambda: tracker.announces("started"))
            ours.finish(ours.add(content, tmp_path / "leech", trackers=[URL], flags=flags))
        content.assert_in(tmp_path / "leech")
        assert all(name.endswith(".b32.i2p") for stream in bridge.streams for name in stream)
