from __future__ import annotations

import resource
import signal
import socket

import pytest
from evtorrent.protocols import bencode
from evtorrent.session import TorrentFlags
from evtorrent.session.cli.resume_store import ResumeStore
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
from support.i2p_tracker import I2pTracker
from support.proxies import LocalProxy
from support.real_peers import torrent_bytes
from support.sam_bridge import SamBridge
from support.sessions import Content, Member
from support.waiting import wait_for

SLOW_RATE = 400_000
"""Bytes per second: so slow that there is time to interrupt."""


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path)


@pytest.fixture
def big(tmp_path):
    return make_sample(tmp_path, "big", size=4_000_000)


def get(*arguments, timeout="60"):
    return run("get", *arguments, *LOOPBACK, "--timeout", timeout)


def test_several_torrents_at_once(sample, tmp_path):
    other = make_sample(tmp_path, "other", size=50_000)
    with seeding(sample, other) as peer:
        result = get(sample.torrent, other.torrent, sample.torrent, "-o", tmp_path / "dl", "--peer", peer)
    assert result.exit_code == 0, result.output
    assert same_files(sample.root, tmp_path / "dl" / "sample")
    assert same_files(other.root, tmp_path / "dl" / "other")
    assert "2 of 2 complete and verified" in result.stdout
    assert not list((tmp_path / "dl").glob(".*"))


def test_for_machines(sample, tmp_path):
    with seeding(sample) as peer:
        result = get(sample.torrent, "-o", tmp_path / "dl", "--peer", peer, "--json", "--sequential")
    assert result.exit_code == 0
    assert event(result.stdout, "complete")["downloaded"] == 1_020_000
    assert events(result.stdout)[-1] | {"time": 0} == {
        "event": "end",
        "time": 0,
        "status": 0,
        "complete": 1,
        "total": 1,
    }
    assert result.stderr == ""


def test_quiet(sample, tmp_path):
    with seeding(sample) as peer:
        result = get(
            sample.torrent,
            "-o",
            tmp_path / "dl",
            "--peer",
            peer,
            "-q",
            "--limit-down",
            "50MiB",
            "--seed-time",
            "0.1",
        )
    assert (result.exit_code, result.output) == (0, "")


def test_some_files_only(sample, tmp_path):
    with seeding(sample) as peer:
        result = get(sample.torrent, "-o", tmp_path / "dl", "--peer", peer, "--select", "*.txt")
        assert result.exit_code == 0
        there = {
            path.name
            for path in (tmp_path / "dl").rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
        assert there == {"ünï.txt"}
        # The rest later: the file that is there is not fetched again (the piece it shares with another is).
        rest = get(sample.torrent, "-o", tmp_path / "dl", "--peer", peer, "--json")
    assert event(rest.stdout, "complete")["downloaded"] < 1_020_000
    assert same_files(sample.root, tmp_path / "dl" / "sample")


def test_what_is_there_is_verified_not_believed(sample, tmp_path):
    assert get(sample.torrent, "-o", sample.folder, "--json").exit_code == 0
    (sample.root / "deep" / "ünï.txt").write_bytes(bytes(20_000))
    assert get(sample.torrent, "-o", sample.folder, timeout="0.5").exit_code == 6


def test_a_magnet_link_waits_for_metadata(sample, tmp_path):
    result = get(run("magnet", sample.torrent).output.strip(), "-o", tmp_path / "dl", timeout="0.3")
    assert result.exit_code == 6
    assert "evtorrent: 1 of 1 not complete after 0.3 s" in result.stderr


def test_a_port_in_use(sample, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = run(
            "get", sample.torrent, "-o", tmp_path / "dl", "--listen", f"127.0.0.1:{server.getsockname()[1]}"
        )
    assert result.exit_code == 5
    assert result.stderr.count("\n") == 1 and "in use" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["/no/such.torrent"], 3, "cannot read /no/such.torrent"),
        (["magnet:?dn=x"], 3, "bad magnet link"),
        (["{sample}", "-o", "/proc/nothing"], 4, "cannot create the folder"),
        (["{sample}", "-o", "{place}/file"], 2, "is a file"),
        (["{sample}", "-o", "{place}/dl", "--files", "*.nope"], 2, "no file of sample"),
        (["{sample}", "--peer", "nonsense"], 2, "not HOST:PORT"),
        (["{sample}", "{twin}", "-o", "{place}/dl"], 2, "two different torrents are called sample"),
    ],
)
def test_failures(sample, tmp_path, arguments, status, words):
    (tmp_path / "file").touch()
    twin = make_sample(tmp_path / "twin", "sample", size=60_000)
    given = [a.format(sample=sample.torrent, place=tmp_path, twin=twin.torrent) for a in arguments]
    result = get(*given)
    assert (result.exit_code, words in result.stderr) == (status, True), result.output
    assert "Traceback" not in result.output


def test_hostile_names_are_written_out(tmp_path):
    sample = make_sample(tmp_path, size=20_000)
    data = bencode.decode(sample.torrent.read_bytes())
    data[b"announce"] = b"http://127.0.0.1:1/\x1b]0;owned\x07"
    data[b"info"][b"name"] = "evil\u202e[red]\x9b".encode()
    sample.torrent.write_bytes(bencode.encode(data))
    result = get(sample.torrent, "-o", tmp_path / "dl", timeout="0.5")
    assert result.exit_code == 6
    assert not set(result.output) & set("\x1b\x07\x9b\u202e")


def test_damaged_resume_data_is_told_and_not_used(sample):
    from evtorrent.session import load_torrent_file

    ResumeStore().path(str(sample.folder), load_torrent_file(sample.torrent).info_hashes).write_bytes(
        b"nonsense"
    )
    result = get(sample.torrent, "-o", sample.folder)
    assert result.exit_code == 0
    assert "resume data is not used" in result.stderr
    assert get(sample.torrent, "-o", sample.folder, "--no-resume").stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_saves_and_the_next_run_continues(big, tmp_path, number, status):
    with seeding(big, limit_up=SLOW_RATE) as peer:
        command = ["get", big.torrent, "-o", tmp_path / "dl", "--peer", peer, *LOOPBACK, "--json"]
        with Program(tmp_path / "first", *command) as first:
            wait_until(lambda: first.pieces() > 20)
            first.signal(number)
            assert first.wait() == status
            before = first.pieces()
        assert event(first.output, "saved")["torrents"] == 1
        assert events(first.output)[-1]["status"] == status
        assert first.errors == "evtorrent: interrupted with 1 not complete\n"
    with seeding(big) as peer:
        again = get(big.torrent, "-o", tmp_path / "dl", "--peer", peer, "--json")
    assert again.exit_code == 0
    kept = event(again.stdout, "resumed")["pieces"]
    assert kept >= before
    assert event(again.stdout, "complete")["downloaded"] <= 4_020_000 - kept * 16_384 + 16_384
    assert same_files(big.root, tmp_path / "dl" / "big")


@pytest.mark.slow
def test_a_kill_loses_no_verified_piece(big, tmp_path):
    total = 0
    for turn in range(3):
        with seeding(big, limit_up=SLOW_RATE) as peer:
            with Program(
                tmp_path / f"turn{turn}",
                "get",
                big.torrent,
                "-o",
                tmp_path / "dl",
                "--peer",
                peer,
                *LOOPBACK,
                "--json",
            ) as program:
                wait_until(lambda program=program, least=total: program.pieces() > least + 20)
                program.process.kill()
                assert program.wait() == -signal.SIGKILL
            assert program.pieces() > total
            total = program.pieces()
    with seeding(big) as peer:
        end = get(big.torrent, "-o", tmp_path / "dl", "--peer", peer, "--json")
    assert end.exit_code == 0
    assert event(end.stdout, "complete")["downloaded"] <= 4_020_000 - (total - 1) * 16_384
    assert same_files(big.root, tmp_path / "dl" / "big")


@pytest.mark.slow
def test_a_file_that_cannot_grow_is_a_disk_error(big, tmp_path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    with seeding(big) as peer:
        command = ["get", big.torrent, "-o", tmp_path / "dl", "--peer", peer, *LOOPBACK, "-q"]
        with Program(tmp_path / "full", *command, preexec=limit) as program:
            assert program.wait() == 4
    (line,) = program.errors.splitlines()
    assert line.startswith("evtorrent: big: cannot ")
    assert line.endswith("big/big.bin: File too large")
    with seeding(big) as peer:
        assert get(big.torrent, "-o", tmp_path / "dl", "--peer", peer).exit_code == 0


def test_a_magnet_link_gets_its_metadata_and_then_the_selection(sample, tmp_path):
    link = run("magnet", sample.torrent).output.strip()
    with seeding(sample) as peer:
        result = get(f"{link}&x.pe={peer}", "-o", tmp_path / "dl", "--files", "*.txt", "--json")
        assert result.exit_code == 0, result.output
        assert event(result.stdout, "metadata")["name"] == "sample"
        assert event(result.stdout, "complete")["downloaded"] < 100_000
        wrong = get(f"{link}&x.pe={peer}", "-o", tmp_path / "other", "--files", "*.nope")
    assert (wrong.exit_code, "no file of sample" in wrong.stderr) == (2, True)


def test_a_magnet_link_of_v2_only(tmp_path):
    sample = make_sample(tmp_path, v2=True)
    link = run("magnet", sample.torrent).output.strip()
    assert "btmh" in link
    assert "btih" not in link
    with seeding(sample) as peer:
        result = get(f"{link}&x.pe={peer}", "-o", tmp_path / "dl")
        assert result.exit_code == 0, result.output
        again = get(sample.torrent, "-o", tmp_path / "dl", "--json")
    assert same_files(sample.root, tmp_path / "dl" / "sample")
    assert event(again.stdout, "complete")["downloaded"] == 0


def test_two_of_one_torrent_in_one_folder(sample, tmp_path):
    from evtorrent.session import load_torrent_file
    from evtorrent.session.cli.folder_lock import FolderLocks

    hashes = load_torrent_file(sample.torrent).info_hashes
    (tmp_path / "dl").mkdir()
    with FolderLocks() as other:
        other.lock(str(tmp_path / "dl"), hashes, "sample")
        result = get(sample.torrent, "-o", tmp_path / "dl")
        assert result.exit_code == 4
        assert result.stderr.startswith(f"evtorrent: sample is in use in {tmp_path / 'dl'} by process ")
        with seeding(sample) as peer:
            assert get(sample.torrent, "-o", tmp_path / "elsewhere", "--peer", peer).exit_code == 0
    with seeding(sample) as peer:
        assert get(sample.torrent, "-o", tmp_path / "dl", "--peer", peer).exit_code == 0


def test_it_uploads_up_to_a_ratio(sample, tmp_path):
    with seeding(sample) as peer:
        result = get(sample.torrent, "-o", tmp_path / "dl", "--peer", peer, "--stop-at", "0", "--json")
    assert result.exit_code == 0
    assert event(result.stdout, "end")["complete"] == 1


@pytest.mark.parametrize("policy", ["require", "refuse"])
def test_encryption_and_limits(sample, tmp_path, policy):
    with seeding(sample) as peer:
        result = get(
            sample.torrent, "-o", tmp_path / "dl", "--peer", peer, "--encryption", policy, "--max-connections", "5"
        )  # fmt: skip
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_through_a_proxy(sample, tmp_path, kind):
    with seeding(sample) as peer, LocalProxy(password="secret") as proxy:
        url = f"{kind}://me:secret@127.0.0.1:{proxy.address[1]}"
        result = run(
            "get", sample.torrent, "-o", tmp_path / "dl", "--peer", peer, "--proxy", url, "--timeout", "60"
        )
        assert result.exit_code == 0, result.output
        assert peer in [f"{host}:{port}" for host, port in proxy.asked]
    assert same_files(sample.root, tmp_path / "dl" / "sample")
    around = run("get", "http://127.0.0.1:1/x.torrent", "--proxy", url)
    assert (around.exit_code, "not fetched through a proxy" in around.stderr) == (2, True)


@pytest.mark.slow
def test_a_torrent_on_i2p(tmp_path):
    content = Content()
    torrent = tmp_path / "t.torrent"
    torrent.write_bytes(torrent_bytes(content, "http://tracker.i2p/announce"))
    with SamBridge() as bridge, I2pTracker() as tracker, Member(bridge.settings) as seed:
        bridge.offer("tracker.i2p", tracker.address)
        bridge.wait_for_sessions()
        seed.seed(
            content,
            tmp_path / "seed",
            trackers=["http://tracker.i2p/announce"],
            flags=TorrentFlags.i2p_torrent,
        )
        wait_for(lambda: tracker.announces("started"))
        host, port = bridge.address
        result = get(torrent, "-o", tmp_path / "dl", "--i2p-host", host, "--i2p-port", port)
        assert result.exit_code == 0, result.output
        content.assert_in(tmp_path / "dl")
