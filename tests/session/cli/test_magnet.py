from __future__ import annotations

import pytest
from evtorrent.session import load_torrent_file, make_magnet_uri
from support.command_line import make_sample, run


@pytest.fixture
def torrent(tmp_path):
    sample = make_sample(tmp_path, size=20_000)
    target = tmp_path / "t.torrent"
    assert run("create", sample.root, "-o", target, "-t", "http://a/", "-q").exit_code == 0
    return target


def test_the_link(torrent):
    assert run("magnet", torrent).output == make_magnet_uri(load_torrent_file(torrent)) + "\n"


def test_without_trackers(torrent):
    link = run("magnet", torrent, "--no-trackers").output
    assert "tr=" not in link
    assert str(load_torrent_file(torrent).info_hashes.v1) in link


def test_no_torrent():
    assert run("magnet", "/no/such").exit_code == 3
