from __future__ import annotations

from evtorrent.protocols.metainfo import parse_torrent
from evtorrent.protocols.types import InfoHashes
from evtorrent.session import AddTorrentParams
from evtorrent.session.alerts import MetadataReceivedAlert, TorrentConflictAlert, TorrentErrorAlert
from evtorrent.session.error_table import TorrentErrc
from evtorrent.session.torrent.commands import set_metadata
from evtorrent.session.torrent.torrent import Torrent
from support.torrents import PIECE_LENGTH, hybrid_torrent
from support.world import Node, World

INFO = parse_torrent(hybrid_torrent(PIECE_LENGTH * 2)).info


def magnet(node: Node, hashes: InfoHashes) -> Torrent:
    torrent = node.session.add_torrent(AddTorrentParams(save_path="/disk", info_hashes=hashes))._torrent
    assert torrent is not None
    return torrent


def test_two_links_to_one_torrent() -> None:
    node = World().node()
    one = magnet(node, InfoHashes(INFO.info_hashes.v1))
    other = magnet(node, InfoHashes(None, INFO.info_hashes.v2))
    node.world.pump()
    assert set_metadata(one, INFO.info_section)
    (alert,) = node.alerts(TorrentConflictAlert)
    assert (alert.handle, alert.conflicting_torrent) == (one.handle, other.handle)
    assert alert.metadata.info_hashes == INFO.info_hashes
    assert [each.error.value for each in (one, other)] == [TorrentErrc.duplicate_torrent] * 2
    assert len(node.alerts(TorrentErrorAlert)) == 2
    assert one.info is None and one.swarm is None and other.swarm is None
    assert node.alerts(MetadataReceivedAlert) == []
    assert [node.core.find(name) for name in INFO.info_hashes.wire_names()] == [one, other]


def test_one_link_gets_both_names() -> None:
    node = World().node()
    torrent = magnet(node, InfoHashes(None, INFO.info_hashes.v2))
    node.world.pump()
    assert set_metadata(torrent, INFO.info_section)
    assert node.alerts(TorrentConflictAlert) == []
    assert [node.core.find(name) for name in INFO.info_hashes.wire_names()] == [torrent] * 2
