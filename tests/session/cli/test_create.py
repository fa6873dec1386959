from __future__ import annotations

import json

import pytest
from evtorrent.session import load_torrent_file
from evtorrent.session.cli.create import tiers_of
from support.command_line import run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(100_000))
    return path


def test_a_torrent_is_made(file, tmp_path):
    target = tmp_path / "x.torrent"
    result = run(
        "create",
        file,
        "-o",
        target,
        "--piece-size",
        "32KiB",
        "-t",
        "http://a/,http://b/",
        "-t",
        "udp://c:1",
        "-w",
        "http://w/",
    )
    assert result.exit_code == 0
    params = load_torrent_file(target)
    assert params.ti.piece_length == 32768
    assert params.tiers() == [["http://a/", "http://b/"], ["udp://c:1"]]
    assert "97.7 KiB in 4 pieces" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("magnet:?xt=urn:btih:")


def test_the_output_is_named_after_the_input(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("create", file, "-q").output == ""
    assert (tmp_path / "a.bin.torrent").exists()


def test_nothing_is_replaced_without_force(file, tmp_path):
    target = tmp_path / "x.torrent"
    target.write_bytes(b"precious")
    result = run("create", file, "-o", target)
    assert (result.exit_code, target.read_bytes()) == (1, b"precious")
    assert "exists already" in result.stderr
    assert run("create", file, "-o", target, "--force").exit_code == 0
    assert load_torrent_file(target).ti.name == "a.bin"


def test_for_machines(file, tmp_path):
    result = run(
        "create",
        file,
        "-o",
        tmp_path / "x.torrent",
        "--json",
        "--private",
        "--comment",
        "c",
        "--source",
        "s",
        "--no-date",
    )
    made = json.loads(result.stdout)
    assert (made["event"], made["size"], made["name"]) == ("created", 100_000, "a.bin")
    params = load_torrent_file(tmp_path / "x.torrent")
    assert made["info_hash"] == str(params.info_hashes.v1)
    assert (params.ti.is_private, params.comment, params.ti.source, params.creation_date) == (
        True,
        "c",
        "s",
        0,
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["/no/such"], 3),
        ([".", "--piece-size", "17"], 2),
        ([".", "--piece-size", "x"], 2),
        ([".", "--v2", "--hybrid"], 2),
    ],
)
def test_failures(file, tmp_path, monkeypatch, arguments, status):
    monkeypatch.chdir(tmp_path)
    result = run("create", *arguments, "-o", tmp_path / "x.torrent")
    assert result.exit_code == status
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "x.torrent").exists()


def test_tiers():
    assert tiers_of(("a, b", "", ",", "c")) == (("a", "b"), ("c",))


def test_v2_only(file, tmp_path):
    target = tmp_path / "v2.torrent"
    result = run("create", file, "-o", target, "--v2", "--json")
    assert result.exit_code == 0
    info = load_torrent_file(str(target)).ti
    assert not info.info_hashes.has_v1
    (event,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert event["info_hash"] == str(info.info_hashes.v2)
    assert f"xt=urn:btmh:1220{info.info_hashes.v2}" in event["magnet"]
