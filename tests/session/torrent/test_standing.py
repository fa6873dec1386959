from __future__ import annotations

from types import SimpleNamespace

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.metainfo.torrent_hashes import TorrentHashes
from evtorrent.protocols.types import InfoHashes, Sha1Hash, Sha256Hash
from evtorrent.session.flags import TorrentFlags
from evtorrent.session.torrent.phase import Phase
from evtorrent.session.torrent.standing import TorrentStanding
from support.torrents import v1_info
from support.v2_content import V2Content

INFO = v1_info(100_000)


class Torrent(TorrentStanding):
    """Active, with nothing: the parts a test names are in place of the real ones."""

    def __init__(self, **parts):
        self.info = INFO
        self.flags = TorrentFlags(0)
        self.phase = Phase.ACTIVE
        self.have = Bitfield(INFO.num_pieces)
        self.max_connections = -1
        self.download = self.drain = self.files = self.peers = self.swarm = self.tracking = None
        vars(self).update(parts)


def test_seeds_and_finished() -> None:
    assert not Torrent(info=None).is_seed
    torrent = Torrent()
    assert not torrent.is_seed
    assert torrent.wants_data
    torrent.have.set_all()
    assert torrent.is_seed
    assert torrent.is_finished
    assert not torrent.wants_data
    partly = Torrent(download=SimpleNamespace(picker=SimpleNamespace(is_finished=True)))
    assert partly.is_finished
    assert not partly.is_seed


def test_upload_only() -> None:
    assert not Torrent().is_upload_only
    stopped = Torrent(flags=TorrentFlags.upload_mode)
    assert stopped.is_upload_only
    assert not stopped.wants_data


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ({"phase": Phase.ACTIVE}, True),
        ({"phase": Phase.METADATA}, True),
        ({"phase": Phase.CHECKING}, False),
        ({"phase": Phase.RESUMING}, False),
        ({"drain": object()}, False),
        ({"swarm": None}, False),
    ],
)
def test_who_dials(parts: dict, wanted: bool) -> None:
    assert Torrent(**({"swarm": object()} | parts)).wants_peers == wanted


def test_room_for_connections() -> None:
    swarm = SimpleNamespace(links={1: None, 2: None})
    assert not Torrent().has_room_for_link
    assert Torrent(swarm=swarm).has_room_for_link
    assert Torrent(swarm=swarm, max_connections=3).has_room_for_link
    assert not Torrent(swarm=swarm, max_connections=2).has_room_for_link


def test_bytes_left_knows_the_short_last_piece() -> None:
    assert Torrent(info=None).bytes_left > 0, "0 would call it a seed"
    torrent = Torrent()
    assert torrent.bytes_left == 100_000
    torrent.have.set(INFO.num_pieces - 1)
    assert torrent.bytes_left == 100_000 - INFO.piece_size(INFO.num_pieces - 1)
    torrent.have.set_all()
    assert torrent.bytes_left == 0


def test_wanted_pieces() -> None:
    assert Torrent(info=None).wanted_bits == 0
    full = (1 << INFO.num_pieces) - 1
    assert Torrent().wanted_bits == full
    priorities = [0, 4] + [0] * (INFO.num_pieces - 2)
    files = SimpleNamespace(piece_overrides={1: 4}, priorities=[4], piece_priorities=lambda: priorities)
    assert Torrent(files=files).wanted_bits == 0b10
    files.piece_overrides = {}
    assert Torrent(files=files).wanted_bits == full


def test_swarm_size_is_what_trackers_said_or_what_is_known() -> None:
    class Peers(list):
        num_seeds = 1

    peers = Peers("abc")
    assert Torrent(peers=peers).known_peers() == (1, 2)
    tracking = SimpleNamespace(swarm_size=lambda: (7, -1))
    assert Torrent(peers=peers, tracking=tracking).known_peers() == (7, 2)


V1, V2 = Sha1Hash(b"1" * 20), Sha256Hash(b"2" * 32)


@pytest.mark.parametrize(
    ("hashes", "name"),
    [(InfoHashes(V1), V1), (InfoHashes(V1, V2), V1), (InfoHashes(None, V2), Sha1Hash(V2[:20]))],
)
def test_names_to_peers_and_trackers(hashes: InfoHashes, name: Sha1Hash) -> None:
    torrent = Torrent(info_hashes=hashes)
    assert torrent.wire_name == name
    assert torrent.has_v2_name(V2[:20]) == hashes.has_v2
    assert not torrent.has_v2_name(V1)
    assert not torrent.has_v2_name(None)


def test_what_pieces_are_verified_by() -> None:
    assert Torrent(info=None).piece_hashes is None
    assert Torrent().piece_hashes is None
    assert Torrent().can_verify
    content = V2Content(40_000, 16_384)
    trees = TorrentHashes(content.info.files)
    torrent = Torrent(info=content.info, need_hashes=lambda: SimpleNamespace(trees=trees))
    assert torrent.piece_hashes is trees
    assert not torrent.can_verify
    assert torrent.bytes_left == 40_000
