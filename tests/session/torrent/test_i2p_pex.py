"""Peer exchange on I2P."""

from __future__ import annotations

from pathlib import Path

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.alerts import PeerConnectAlert
from support.sam_bridge import SamBridge
from support.sessions import Content, Member
from support.waiting import wait_for

I2P = TorrentFlags.i2p_torrent


@pytest.mark.slow
@pytest.mark.parametrize("is_disabled", [False, True])
def test_a_peer_is_told_of_another(tmp_path: Path, is_disabled: bool) -> None:
    content = Content()
    flags = I2P | TorrentFlags.disable_pex if is_disabled else I2P
    with SamBridge() as bridge:
        stay = {**bridge.settings, "close_redundant_connections": False}
        with Member(stay) as first:
            (seed_name,) = bridge.wait_for_sessions()
            first.seed(content, tmp_path / "first", flags=flags)
            with Member({**stay, "upload_rate_limit": 20_000}) as middle:
                middle_name = bridge.wait_for_sessions(2)[1]
                known = middle.seed(content, tmp_path / "middle", flags=flags)
                known.connect_peer((seed_name, 0))
                middle.wait(PeerConnectAlert)
                with Member(stay) as last:
                    own = bridge.wait_for_sessions(3)[2]
                    handle = last.add(content, tmp_path / "last", flags=flags)
                    handle.connect_peer((middle_name, 0))
                    last.wait(PeerConnectAlert)
                    if is_disabled:
                        counter = "ses.num_incoming_pex"
                        wait_for(lambda: handle.status().num_pieces)
                        assert last.session.session_stats()[counter] == 0
                        assert {own, seed_name} not in map(set, bridge.streams)
                        return
                    last.finish(handle)
                    # Both are told, and either may be the one who calls.
                    assert {own, seed_name} in map(set, bridge.streams)
                    stats = [member.session.session_stats() for member in (first, middle, last)]
                    assert stats[1]["ses.num_outgoing_pex"] >= 1
                    assert stats[0]["ses.num_incoming_pex"] + stats[2]["ses.num_incoming_pex"] >= 1
