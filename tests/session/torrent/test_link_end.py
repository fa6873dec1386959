from __future__ import annotations

from evtorrent.protocols.errors import EvtorrentError
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.torrent.link_end import LinkEnded, PeerHungUp


def test_text():
    assert str(LinkEnded(CloseReason.upload_to_upload)) == "upload to upload"
    assert str(LinkEnded(CloseReason.none, "the torrent was paused")) == "the torrent was paused"
    assert isinstance(LinkEnded(CloseReason.none), EvtorrentError)


def test_a_peer_that_hangs_up_gives_no_reason():
    assert PeerHungUp().reason is CloseReason.none
    assert str(PeerHungUp()) == "the peer closed the connection"
