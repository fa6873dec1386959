from __future__ import annotations

import errno

from evtorrent.session.alerts import ReadPieceAlert
from evtorrent.session.error_table import TorrentErrc
from evtorrent.session.torrent.reading import read_piece
from support.world import World, torrent_of


def test_a_piece_is_read():
    world = World()
    node = world.node()
    info, content = torrent_of(3, tail=100)
    torrent = node.seed(info, content)
    read_piece(torrent, 3)
    world.pump()
    (alert,) = node.alerts(ReadPieceAlert)
    assert (alert.piece, bytes(alert.buffer)) == (3, content[3 * info.piece_length :])


def test_what_is_not_here_and_what_cannot_be_read():
    world = World()
    node = world.node()
    info, content = torrent_of(3)
    torrent = node.seed(info, content)
    read_piece(torrent, 3)
    node.backend.fail_read = errno.EIO
    read_piece(torrent, 1)
    world.pump()
    first, second = node.alerts(ReadPieceAlert)
    assert first.error.value == TorrentErrc.invalid_piece_index
    assert (second.error.value, second.size) == (errno.EIO, 0)
