from __future__ import annotations

from evtorrent.session.torrent.smart_ban import SmartBan
from evtorrent.session.torrent.smart_banning import SmartBanning
from support.plugins import Stage


class Download:
    smart_ban = None


class Torrent:
    piece_hashes = None


def test_each_download_gets_one_of_its_own():
    plugin, one, two = SmartBanning(), Download(), Download()
    plugin.on_download(Torrent(), one)
    plugin.on_download(Torrent(), two)
    assert isinstance(one.smart_ban, SmartBan)
    assert one.smart_ban is not two.smart_ban


def test_it_says_nothing_to_peers():
    plugin = SmartBanning()
    assert plugin.on_handshake(None, None) is None
    assert plugin.on_message(None, None, b"") is None
    stage = Stage()
    stage.call()
    assert b"smart_ban" not in stage.numbers
    assert isinstance(stage.torrent.download.smart_ban, SmartBan)
