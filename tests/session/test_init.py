from __future__ import annotations

import subprocess
import sys

import evtorrent.session
import pytest


@pytest.mark.parametrize("name", evtorrent.session.__all__)
def test_every_public_name_resolves(name):
    value = getattr(evtorrent.session, name)
    assert value is getattr(evtorrent.session, name)
    assert name in dir(evtorrent.session)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        evtorrent.session.Nonsense  # noqa: B018


def test_the_contract_is_exported():
    assert {
        "AddTorrentParams", "AlertCategory", "AnnounceEntry", "CreateTorrent", "IpFilter", "PeerClassInfo", "PeerInfo",
        "PortFilter", "Session", "SessionParams", "SettingsPack", "TorrentFlags", "TorrentHandle", "TorrentInfo",
        "TorrentStatus", "load_torrent_buffer", "load_torrent_file", "make_magnet_uri", "parse_magnet_uri",
        "read_resume_data", "read_session_params", "write_resume_data", "write_resume_data_buf",
        "write_session_params", "write_session_params_buf", "write_torrent_file",
    } <= set(evtorrent.session.__all__)  # fmt: skip


def test_importing_loads_nothing_until_a_name_is_used():
    program = (
        "import sys, evtorrent.session as s\n"
        "before = {m for m in sys.modules if m.startswith('evtorrent.session.')}\n"
        "s.SettingsPack\n"
        "after = {m for m in sys.modules if m.startswith('evtorrent.')}\n"
        "assert not before, before\n"
        "assert 'evtorrent.session.settings' in after\n"
        "assert not any('metainfo' in m or 'engine' in m or 'reactor' in m for m in after), after\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
