from __future__ import annotations

import signal

import pytest
from support.command_line import LOOPBACK, Program, event, events, make_sample, run, same_files, wait_until


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path, size=300_000)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_seeds_until_it_is_told_to_stop(sample, tmp_path, number):
    with Program(tmp_path / "seed", "seed", sample.torrent, "-o", sample.folder, *LOOPBACK, "--json") as seed:
        wait_until(lambda: any(e["event"] == "complete" for e in events(seed.output)))
        port = event(seed.output, "listening")["port"]
        got = run(
            "get",
            sample.torrent,
            "-o",
            tmp_path / "dl",
            "--peer",
            f"127.0.0.1:{port}",
            *LOOPBACK,
            "--timeout",
            "60",
        )
        assert got.exit_code == 0
        assert same_files(sample.root, tmp_path / "dl" / "sample")
        seed.signal(number)
        assert seed.wait() == 0
        end = event(seed.output, "end")
        assert end["uploaded"] >= 320_000
        assert seed.errors == ""


@pytest.mark.parametrize("path", ["folder", "parent"])
def test_files_with_their_torrent(sample, path):
    place = sample.root if path == "folder" else sample.folder
    result = run(
        "seed",
        place,
        "--torrent",
        sample.torrent,
        *LOOPBACK,
        "--seed-time",
        "0.05",
        "-t",
        "http://127.0.0.1:1/announce",
    )
    assert result.exit_code == 0
    assert "complete: sample" in result.stdout
    assert "magnet:?xt=urn:btih:" in result.stdout


def test_a_torrent_made_on_the_way(sample, tmp_path):
    result = run("seed", sample.root, "--create", *LOOPBACK, "--seed-time", "0.05", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    made = sample.root.parent / "sample.torrent"
    assert made.exists()
    again = run("seed", sample.root, "--create", *LOOPBACK)
    assert (again.exit_code, "use --torrent" in again.stderr) == (1, True)


def test_what_is_not_all_there_is_not_seeded(sample):
    (sample.root / "deep" / "ünï.txt").write_bytes(b"other")
    result = run("seed", sample.torrent, "-o", sample.folder, *LOOPBACK)
    assert result.exit_code == 4
    assert "evtorrent: sample: only " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["/no/such.torrent"], 3, "cannot read"),
        (["{torrent}", "-o", "/proc"], 4, "there is no sample in /proc"),
        (["{torrent}", "--create", "--torrent", "{torrent}"], 2, "give one of them"),
        (["{torrent}", "-o", "{folder}", "--listen", "192.0.2.1:0"], 5, "cannot listen"),
    ],
)
def test_failures(sample, arguments, status, words):
    given = [a.format(torrent=sample.torrent, folder=sample.folder) for a in arguments]
    result = run("seed", *given)
    assert (result.exit_code, words in result.stderr) == (status, True)
