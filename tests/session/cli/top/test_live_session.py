from __future__ import annotations

from pathlib import Path

import pytest
from evtorrent.session import (
    ErrorCode,
    FileErrorAlert,
    Operation,
    Session,
    SessionErrorAlert,
    TorrentDeleteFailedAlert,
    TorrentFlags,
    global_peer_class_filter,
    load_torrent_file,
    parse_magnet_uri,
)
from evtorrent.session.cli.exit_status import CommandFailed
from evtorrent.session.cli.folder_lock import FolderLocks, Locked
from evtorrent.session.cli.resume_store import ResumeStore
from evtorrent.session.cli.top import live_session
from evtorrent.session.cli.top.actions import Action, Command
from evtorrent.session.cli.top.live_session import LiveSession
from evtorrent.session.cli.top.remarks import Remarks
from evtorrent.session.cli.top.state_folder import StateFolder
from support.command_line import make_sample, run, same_files, seeding, wait_until


class Stage:
    """Live sessions over one state folder, one after the other."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.state = StateFolder(place / "state")
        self.remarks = Remarks()
        self.live: LiveSession | None = None

    def open(self) -> LiveSession:
        self.locks = FolderLocks()
        self.state.open(self.locks)
        session = Session(
            {"listen_interfaces": "127.0.0.1:0", "enable_lsd": False, "alert_mask": -1 ^ (1 << 13)}
        )
        session.set_peer_class_filter(global_peer_class_filter())
        self.session = session
        self.live = LiveSession(session, self.state, self.locks, str(self.place / "dl"), self.remarks.say)
        self.live.resume_state()
        return self.live

    def close(self) -> int:
        live, self.live = self.live, None
        if live is None:
            return 0
        count = live.close()
        self.locks.close()
        return count

    def rows(self) -> list:
        assert self.live is not None
        self.live.step()
        return list(self.live.gathering.snapshot().torrents)

    def states(self) -> list[tuple[str, str]]:
        return [(row.name, row.state) for row in self.rows()]

    def said(self) -> list[str]:
        return [text for text, _ in self.remarks.take()]


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setattr(live_session, "ASK_INTERVAL", 0.02)
    made = Stage(tmp_path)
    yield made
    made.close()


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path, size=1_000_000)


def test_a_torrent_is_fetched_kept_and_there_again(stage, sample):
    live = stage.open()
    with seeding(sample) as peer:
        host, port = peer.split(":")
        assert live.add(load_torrent_file(sample.torrent), [(host, int(port))]) == "added sample"
        wait_until(lambda: stage.states() == [("sample", "seeding")])
    assert "complete: sample" in stage.said()
    assert same_files(sample.root, stage.place / "dl" / "sample")
    assert stage.close() == 1
    assert not list((stage.place / "dl").glob(".*")), "no lock, no resume data beside it"
    stage.open()
    wait_until(lambda: stage.states() == [("sample", "seeding")])
    assert stage.live.add(load_torrent_file(sample.torrent), [("127.0.0.1", 1)]) == "sample is here already"
    assert stage.live.status == 0


def test_what_a_person_chose_is_kept(stage, sample, tmp_path):
    other = make_sample(tmp_path, "other", size=30_000)
    live = stage.open()
    live.add(load_torrent_file(sample.torrent))
    live.add(load_torrent_file(other.torrent))
    wait_until(lambda: len(stage.rows()) == 2 and all(state != "checking" for _, state in stage.states()))
    keys = {row.name: row.key for row in stage.rows()}
    live.perform(Action(Command.PAUSE, keys["sample"], number=1))
    live.perform(Action(Command.LIMIT_DOWN, keys["sample"], number=1024))
    live.perform(Action(Command.WANT_FILE, keys["sample"], number=0))
    live.perform(Action(Command.QUEUE_TOP, keys["other"]))
    assert stage.close() == 2
    stage.open()
    wait_until(lambda: sorted(stage.states()) == [("other", "downloading"), ("sample", "paused")])
    rows = {row.name: row for row in stage.rows()}
    assert (rows["other"].queue, rows["sample"].queue) == (0, 1)
    assert rows["sample"].down_limit == 1024
    handle = stage.live.gathering.handle(keys["sample"])
    assert handle.get_file_priorities() == [0, 4, 4]


def test_a_paused_one_knows_what_it_has(stage, sample):
    live = stage.open()
    params = load_torrent_file(sample.torrent)
    live.add(params)
    handle = stage.session.get_torrents()[0]
    wait_until(lambda: handle.status().state.name == "downloading")
    data = (sample.root / "big.bin").read_bytes()
    handle.add_piece(0, data[: params.ti.piece_length])
    wait_until(lambda: stage.rows() and handle.have_piece(0))
    live.perform(Action(Command.PAUSE, str(handle.info_hash()), number=1))
    for _ in range(2):
        stage.close()
        stage.open()
        wait_until(lambda: [(row.state, row.num_pieces) for row in stage.rows()] == [("paused", 1)])


def test_a_magnet_link_that_is_waiting_is_kept(stage, sample):
    link = run("magnet", sample.torrent).output.strip()
    stage.open().add(parse_magnet_uri(link))
    stage.close()
    stage.open()
    wait_until(lambda: [state for _, state in stage.states()] == ["metadata"])


def test_what_get_began_goes_on_here(stage, sample):
    params = load_torrent_file(sample.torrent)
    params.save_path = str(stage.place / "dl")
    assert (
        run(
            "get", sample.torrent, "-o", stage.place / "dl", "--listen", "127.0.0.1:0", "--timeout", "0"
        ).exit_code
        == 6
    )
    beside = ResumeStore().path(params.save_path, params.ti.info_hashes)
    assert beside.exists()
    stage.open().add(load_torrent_file(sample.torrent))
    wait_until(lambda: stage.rows() and not beside.exists())
    assert len(list(stage.state.folder.glob("*.resume"))) == 1


def test_another_process_has_it(stage, sample):
    hashes = load_torrent_file(sample.torrent).info_hashes
    (stage.place / "dl").mkdir()
    live = stage.open()
    with FolderLocks() as other:
        other.lock(str(stage.place / "dl"), hashes, "sample")
        with pytest.raises(Locked):
            live.add(load_torrent_file(sample.torrent))
    live.add(load_torrent_file(sample.torrent))
    stage.close()
    with FolderLocks() as other:
        other.lock(str(stage.place / "dl"), hashes, "sample")
        stage.open()
        assert any("sample is in use" in text for text in stage.said())
        assert stage.rows() == []
        stage.close()
    assert len(list(stage.state.folder.glob("*.resume"))) == 1, "it is kept for another time"


def test_keys_add_and_remove(stage, sample):
    live = stage.open()
    live.perform(Action(Command.ADD, text=str(sample.torrent)))
    wait_until(stage.rows)
    assert stage.said()[-1] == "added sample"
    live.perform(Action(Command.ADD, text="/no/such.torrent"))
    wait_until(lambda: stage.rows() and any("cannot read /no/such.torrent" in text for text in stage.said()))
    (row,) = stage.rows()
    live.perform(Action(Command.REMOVE, row.key))
    wait_until(lambda: not stage.rows())
    assert not list(stage.state.folder.glob("*.resume"))
    live.add(load_torrent_file(sample.torrent))
    live.perform(Action(Command.RECHECK, "gone"))
    assert stage.said()[-1] == "that torrent is gone"


def test_what_is_saved_on_the_way(stage, sample, monkeypatch):
    monkeypatch.setattr(live_session, "SAVE_INTERVAL", 0.0)
    live = stage.open()
    live.add(load_torrent_file(sample.torrent))
    wait_until(lambda: stage.rows() and (stage.state.folder / "queue").exists())
    wait_until(lambda: stage.rows() and list(stage.state.folder.glob("*.resume")))


def test_a_state_that_cannot_be_written_is_told(stage, sample, monkeypatch):
    live = stage.open()
    live.add(load_torrent_file(sample.torrent))

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage.state, "save", refuse)
    monkeypatch.setattr(stage.state, "save_order", refuse)
    monkeypatch.setattr(stage.state, "remove", refuse)
    live.perform(Action(Command.REMOVE, stage.session.get_torrents()[0].info_hash().hex()))
    stage.close()
    assert live.status == 4
    assert any("No space left on device" in text for text in stage.said())


def test_a_torrent_that_cannot_be_added(stage, sample):
    live = stage.open()
    params = load_torrent_file(sample.torrent)
    params.save_path = ""
    params.file_priorities = [99]
    with pytest.raises(CommandFailed, match="sample: ") as failed:
        live.add(params)
    assert failed.value.status == 3
    live.add(load_torrent_file(sample.torrent))  # not locked any more


def test_what_was_asked_for_earlier_is_not_the_last_word(stage, sample):
    """A saving is under way when the end comes: what it brings is older than what is there now."""
    live = stage.open()
    params = load_torrent_file(sample.torrent)
    live.add(params)  # asks for it, and nobody takes the answer
    handle = stage.session.get_torrents()[0]
    wait_until(lambda: handle.status().state.name == "downloading")
    handle.add_piece(0, (sample.root / "big.bin").read_bytes()[: params.ti.piece_length])
    wait_until(lambda: handle.have_piece(0))
    stage.close()
    ((found,), _) = stage.state.load()
    assert found.have_pieces.count() == 1


def test_troubles_are_told(stage, sample):
    live = stage.open()
    live.add(load_torrent_file(sample.torrent))
    handle = stage.session.get_torrents()[0]
    error = ErrorCode(1, "generic", "broken")
    live._take(FileErrorAlert(handle, error, Operation.file_write, "/x", torrent_name="sample"))
    live._take(TorrentDeleteFailedAlert(handle, error, handle.info_hashes(), torrent_name="sample"))
    live._take(SessionErrorAlert(error))
    told = stage.said()
    assert f"sample: /x: {error}" in told
    assert f"sample: its files were not deleted: {error}" in told
    assert any("session error" in text for text in told)


def test_damaged_state_is_told(stage):
    stage.state.folder.mkdir()
    (stage.state.folder / f"{'0' * 40}.resume").write_bytes(b"nonsense")
    stage.open()
    assert "resume data is not used" in stage.said()[0]


def test_the_queue_starts_those_that_waited():
    from evtorrent.session import AddTorrentParams
    from evtorrent.session.cli.top.live_session import _wait_as_before

    managed = AddTorrentParams(flags=TorrentFlags.auto_managed)
    link = AddTorrentParams(flags=TorrentFlags.paused)
    for params in (managed, link):
        _wait_as_before(params)
    assert managed.flags == TorrentFlags.auto_managed | TorrentFlags.paused
    assert link.flags == TorrentFlags.paused
