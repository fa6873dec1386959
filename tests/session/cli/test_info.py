from __future__ import annotations

import json

import pytest
from evtorrent.protocols import bencode
from support.command_line import run
from support.torrents import hybrid_torrent

EVIL = "dir\x1b[31m\u202e"


@pytest.fixture
def torrent(tmp_path):
    files = [
        {"path": ["a\x1b.txt"], "length": 10, "attr": "x"},
        {"path": ["pad"], "length": 6, "attr": "p"},
        {"path": ["b"], "length": 20},
    ]
    info = {
        "name": "dir",
        "files": files,
        "piece length": 16384,
        "pieces": bytes(20),
        "source": "s",
        "private": 1,
    }
    path = tmp_path / "x.torrent"
    path.write_bytes(
        bencode.encode(
            {
                "info": info,
                "announce-list": [["http://a/"], ["udp://b:1"]],
                "comment": "one\x1b]0;title\x07two",
                "created by": "me",
                "creation date": 1_700_000_000,
                "url-list": "http://w/",
                "nodes": [["router", 6881]],
            }
        )
    )
    return path


def test_for_people(torrent):
    result = run("info", torrent, "--files")
    assert result.exit_code == 0
    for words in (
        "Name            dir",
        "30 B (30 bytes)",
        "yes: peers only",
        "Tracker, tier 1 udp://b:1",
        "one\\x1b]0;title\\x07two",
        "2023-11-14 22:13:20 UTC",
        "router:6881",
        "dir/a_.txt  (executable)",
        "      2        20 B  dir/b",
    ):
        assert words in result.stdout, words
    assert "\x1b" not in result.stdout
    assert "dir/b" not in run("info", torrent).stdout


def test_for_machines(torrent):
    fields = json.loads(run("info", torrent, "--json", "--files").stdout)
    assert fields["files"] == [
        {"index": 0, "path": "dir/a_.txt", "size": 10, "attributes": ["executable"]},
        {"index": 2, "path": "dir/b", "size": 20},
    ]
    assert (fields["size"], fields["pieces"], fields["private"], fields["source"]) == (30, 1, True, "s")
    assert "files" not in json.loads(run("info", torrent, "--json").stdout)


def test_a_magnet_link():
    link = f"magnet:?xt=urn:btih:{'11' * 20}&dn=na%1bme&tr=http%3A%2F%2Fa%2F&x.pe=10.0.0.1:5"
    result = run("info", link)
    assert "na\\x1bme" in result.stdout
    assert "10.0.0.1:5" in result.stdout
    assert "not known" in run("info", "11" * 20).stdout
    assert json.loads(run("info", link, "--json", "--files").stdout)["trackers"] == [["http://a/"]]


def test_v2_is_shown(tmp_path):
    path = tmp_path / "h.torrent"
    path.write_bytes(hybrid_torrent(65536, 100))
    assert "Info-hash v2" in run("info", path).stdout
    assert run("info", "magnet:?xt=urn:btmh:1220" + "11" * 32).exit_code == 0


def test_an_absurd_date(tmp_path, torrent):
    data = bencode.decode(torrent.read_bytes())
    data[b"creation date"] = 2**62
    torrent.write_bytes(bencode.encode(data))
    assert run("info", torrent).exit_code == 0


def test_what_is_no_torrent(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"nonsense")
    assert run("info", path).exit_code == 3
