from __future__ import annotations

import pytest
from evtorrent.session import Session, TorrentFlags, TorrentHandle, load_torrent_file
from evtorrent.session.cli.top.actions import KEYS, Action, Command
from evtorrent.session.cli.top.performing import _HANDLERS, perform
from support.command_line import make_sample, wait_until


@pytest.fixture
def session():
    with Session({"listen_interfaces": "127.0.0.1:0", "enable_lsd": False}) as session:
        yield session


@pytest.fixture
def add(session, tmp_path):
    def add(name: str, *, here: bool = False) -> TorrentHandle:
        sample = make_sample(tmp_path, name, size=30_000)
        params = load_torrent_file(sample.torrent)
        params.save_path = str(sample.folder if here else tmp_path / "dl")
        return session.add_torrent(params)

    return add


def do(session, handle, command, number=0):
    return perform(session, handle, Action(command, "k", number=number))


def test_pausing_and_going_on(session, add):
    handle = add("a")
    assert do(session, handle, Command.PAUSE, 1) == "paused: a"
    assert handle.flags() & (TorrentFlags.paused | TorrentFlags.auto_managed) == TorrentFlags.paused
    assert do(session, handle, Command.PAUSE, 0) == "goes on when it is its turn: a"
    wait_until(lambda: not handle.flags() & TorrentFlags.paused)
    do(session, handle, Command.PAUSE, 1)
    assert do(session, handle, Command.FORCE) == "started, outside the queue: a"
    assert not handle.flags() & (TorrentFlags.paused | TorrentFlags.auto_managed)


def test_the_queue(session, add):
    one, two, three = add("a"), add("b"), add("c")
    assert do(session, three, Command.QUEUE_UP) == "place 2 in the queue: c"
    assert do(session, three, Command.QUEUE_TOP) == "place 1 in the queue: c"
    assert do(session, three, Command.QUEUE_DOWN) == "place 2 in the queue: c"
    assert do(session, one, Command.QUEUE_BOTTOM) == "place 3 in the queue: a"
    assert [handle.queue_position() for handle in (one, two, three)] == [2, 1, 0]
    done = add("d", here=True)
    wait_until(lambda: done.status().is_seeding)
    assert do(session, done, Command.QUEUE_UP) == "complete, without a place in the queue: d"


def test_limits(session, add):
    handle = add("a")
    assert do(session, handle, Command.LIMIT_DOWN, 2048) == "download limit 2.00 KiB/s: a"
    assert do(session, handle, Command.LIMIT_UP, 1024) == "upload limit 1.00 KiB/s: a"
    assert (handle.download_limit(), handle.upload_limit()) == (2048, 1024)
    assert do(session, handle, Command.LIMIT_UP, 0) == "upload limit none: a"
    assert handle.upload_limit() == -1
    assert do(session, None, Command.SESSION_DOWN, 4096) == "limit of all downloads 4.00 KiB/s"
    assert do(session, None, Command.SESSION_UP, 0) == "limit of all uploads none"
    assert session.get_settings()["download_rate_limit"] == 4096


def test_the_rest(session, add):
    handle = add("a")
    assert do(session, handle, Command.SEQUENTIAL, 1) == "pieces in order: a"
    assert handle.flags() & TorrentFlags.sequential_download
    assert do(session, handle, Command.SEQUENTIAL, 0) == "pieces rarest first: a"
    assert not handle.flags() & TorrentFlags.sequential_download
    assert do(session, handle, Command.WANT_FILE, 1) == "not wanted: a/deep/ünï.txt"
    assert handle.get_file_priorities() == [4, 0, 4]
    assert do(session, handle, Command.WANT_FILE, 1) == "wanted: a/deep/ünï.txt"
    assert do(session, handle, Command.WANT_FILE, 9) == "there is no such file"
    assert do(session, handle, Command.RECHECK) == "hashing again: a"
    assert do(session, handle, Command.ANNOUNCE) == "announcing: a"


@pytest.mark.parametrize("command", [Command.REMOVE, Command.DELETE])
def test_removing(session, add, tmp_path, command):
    handle = add("a", here=True)
    wait_until(lambda: handle.status().is_seeding)
    do(session, handle, command)
    assert session.get_torrents() == []
    wait_until(lambda: (tmp_path / "origin" / "a").exists() is (command is Command.REMOVE))
    assert do(session, handle, Command.PAUSE, 1) == "that torrent is gone"
    assert do(session, None, Command.RECHECK) == "that torrent is gone"


def test_every_key_of_the_session_is_performed():
    first = list(Command).index(Command.PAUSE)
    others = {Command.REMOVE, Command.DELETE, Command.ADD, Command.SESSION_DOWN, Command.SESSION_UP}
    assert set(_HANDLERS) == set(list(Command)[first:]) - others
    assert {row.command for row in KEYS} <= set(Command)
