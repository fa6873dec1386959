from __future__ import annotations

import signal

import pytest
from evtorrent.protocols import bencode
from support.command_line import (
    LOOPBACK,
    Program,
    event,
    events,
    make_sample,
    run,
    same_files,
    seeding,
    wait_until,
)
from support.terminal_screen import TerminalProgram


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path, size=2_000_000)


def arguments(tmp_path, *more):
    return ("top", *more, "--state", tmp_path / "state", "-o", tmp_path / "dl", *LOOPBACK, "--no-lsd")


def top(tmp_path, *more, size=(80, 24)):
    return TerminalProgram("-m", "evtorrent", *arguments(tmp_path, *more), size=size)


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ((), 2, "top needs a terminal"),
        (("--json", "/no/such.torrent"), 3, "cannot read /no/such.torrent"),
        (("--json", "--proxy", "socks5://h:1"), 2, "nothing listens beside a --proxy"),
        (("--json", "-o", "{place}/file/dl"), 1, "cannot create the folder"),
        (("--json", "--state", "{place}/file/state"), 4, "cannot create the folder"),
    ],
)
def test_failures(tmp_path, more, status, words):
    (tmp_path / "file").touch()
    result = run(*arguments(tmp_path), *(each.format(place=tmp_path) for each in more))
    assert (result.exit_code, words in result.stderr) == (status, True), result.output


@pytest.mark.slow
def test_ctrl_c_saves_restores_and_the_next_run_goes_on(sample, tmp_path):
    with seeding(sample, limit_up=400_000) as peer:
        with top(tmp_path, sample.torrent, "--peer", peer) as program:
            program.wait_for(lambda text: "downloading" in text and "1 (1)" in text)
            program.type("5")
            program.wait_for(lambda text: "█" in text and "of 124 pieces" in text)
            program.type("\x03")
            assert program.wait() == 0
            assert "saved: 1 torrent," in program.screen.text()
            assert program.is_restored
            assert b"\x1b[?1l" in program.raw, "the keypad is as it was"
    with seeding(sample) as peer, top(tmp_path, size=(200, 50)) as again:
        text = again.wait_for(lambda text: "sample" in text and "0.0%" not in text)
        assert "Ratio" in text
        again.resize(80, 24)
        again.type("a")
        again.wait_for(lambda text: "Add:" in text)
        again.type(f"{sample.torrent}\r")
        again.wait_for(lambda text: "sample is here already" in text)
        again.type("q")
        assert again.wait() == 0


@pytest.mark.slow
def test_hostile_names_never_reach_the_terminal(sample, tmp_path):
    data = bencode.decode(sample.torrent.read_bytes())
    data[b"announce"] = b"http://127.0.0.1:1/\x1b]0;owned\x07"
    data[b"info"][b"name"] = "evil\u202e\x1b]0;owned\x07\x9b31m".encode()
    data[b"info"][b"files"][0][b"path"] = [b"\x1b[2Jfile\x07"]
    sample.torrent.write_bytes(bencode.encode(data))
    with top(tmp_path, sample.torrent, size=(120, 30)) as program:
        program.wait_for(lambda text: "evil" in text)
        for pane, words in (("3", "file"), ("4", "owned"), ("2", "no peers"), ("1", "Folder")):
            program.type(pane)
            program.wait_for(lambda text, words=words: words in text)
        program.type("q")
        assert program.wait() == 0
    assert program.screen.titles == []
    assert b"\x07" not in program.raw and b"\x1b]" not in program.raw and b"\x1b[2J" not in program.raw
    assert "\u202e".encode() not in program.raw and "\x9b".encode() not in program.raw


@pytest.mark.slow
def test_for_machines_until_a_signal(sample, tmp_path):
    with (
        seeding(sample) as peer,
        Program(tmp_path / "top", *arguments(tmp_path, sample.torrent, "--peer", peer, "--json")) as program,
    ):
        wait_until(lambda: any(each.get("state") == "seeding" for each in events(program.output)))
        other = run(*arguments(tmp_path), "--json")
        assert (other.exit_code, "the state of a live session is in use" in other.stderr) == (4, True)
        got = run("get", sample.torrent, "-o", tmp_path / "dl", *LOOPBACK)
        assert (got.exit_code, f"by process {program.process.pid}" in got.stderr) == (4, True)
        program.signal(signal.SIGTERM)
        assert program.wait() == 0
        assert event(program.output, "end")["torrents"] == 1
        assert program.errors == ""
    assert same_files(sample.root, tmp_path / "dl" / "sample")
