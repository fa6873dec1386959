from __future__ import annotations

import pytest
from evtorrent.session import (
    AlertsDroppedAlert,
    AnnounceEntry,
    ErrorCode,
    InfoHashes,
    PeerFlags,
    PeerInfo,
    PeerSource,
    Session,
    SocketType,
    TorrentErrorAlert,
    TorrentFlags,
    TorrentState,
    TorrentStatus,
    TrackerErrorAlert,
    TrackerReplyAlert,
    global_peer_class_filter,
    load_torrent_file,
)
from evtorrent.session.cli.top import gathering
from evtorrent.session.cli.top.gathering import FLAGS, Gathering, row_of, state_of
from evtorrent.session.cli.top.records import Pane
from support.command_line import make_sample, run, seeding, wait_until


@pytest.fixture
def session():
    with Session({"listen_interfaces": "127.0.0.1:0", "enable_lsd": False, "alert_mask": -1}) as session:
        session.set_peer_class_filter(global_peer_class_filter())
        yield session


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path, size=1_000_000)


def add(session, sample, folder):
    params = load_torrent_file(sample.torrent)
    params.save_path = str(folder)
    return session.add_torrent(params)


def follow(session, gathered) -> None:
    gathered.ask()
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        gathered.take(alert)


def test_torrents_come_change_and_go(session, sample, tmp_path):
    gathered = Gathering(session)
    assert gathered.snapshot().torrents == ()
    handle = add(session, sample, sample.folder)

    def rows():
        follow(session, gathered)
        return gathered.snapshot().torrents

    wait_until(lambda: [row.state for row in rows()] == ["seeding"])
    (row,) = rows()
    assert (row.name, row.progress, row.wanted, row.num_pieces) == ("sample", 1.0, 1_020_000, 63)
    assert gathered.handle(row.key) == handle and gathered.handles() == [handle]
    assert (
        gathered.queue() == [row.key] == [status.info_hashes.best().hex() for status in gathered.statuses()]
    )
    assert gathered.snapshot().session.port == session.listen_port()
    session.remove_torrent(handle)
    wait_until(lambda: not rows())
    assert gathered.handle(row.key) is None
    assert gathered.snapshot(row.key, Pane.PEERS).details.key == ""


def test_a_session_that_was_there_before(session, sample):
    add(session, sample, sample.folder)
    assert len(Gathering(session).snapshot().torrents) == 1


def test_what_was_dropped_is_asked_for(session, sample):
    gathered = Gathering(session)
    add(session, sample, sample.folder)
    gathered.take(AlertsDroppedAlert({}, frozenset()))
    assert len(gathered.snapshot().torrents) == 1


def test_details(session, sample, tmp_path):
    gathered = Gathering(session)
    handle = add(session, sample, tmp_path / "dl")
    handle.set_download_limit(100_000)
    handle.add_tracker("http://127.0.0.1:1/announce")
    with seeding(sample) as peer:
        host, port = peer.split(":")
        handle.connect_peer((host, int(port)))
        key = str(handle.info_hash())

        def details(pane):
            follow(session, gathered)
            return gathered.snapshot(key, pane).details

        wait_until(lambda: any(row.downloaded for row in details(Pane.PEERS).peers))
        (row,) = [row for row in details(Pane.PEERS).peers if row.downloaded]
        assert (row.address, row.client, row.progress) == (peer, "evtorrent/0.1.0", 1.0)
        assert "D" in row.flags and "I" not in row.flags
        assert [(row.index, row.path, row.size) for row in details(Pane.FILES).files] == [
            (0, "big.bin", 1_000_000), (1, "deep/ünï.txt", 20_000), (2, "empty", 0)
        ]  # fmt: skip
        pieces = details(Pane.PIECES).pieces
        assert len(pieces.have) == 63 and set(pieces.have) <= {"0", "1"}
        wait_until(lambda: "1" in details(Pane.PIECES).pieces.have)
        wait_until(lambda: [row.state for row in details(Pane.TRACKERS).trackers] == ["failed"])
        assert details(Pane.OVERVIEW).info_hashes == (key,)
    assert details(Pane.OVERVIEW).peers == ()


def test_a_magnet_link_has_no_files(session, sample):
    from evtorrent.session import parse_magnet_uri

    params = parse_magnet_uri(run("magnet", sample.torrent).output.strip())
    params.save_path = "/nowhere"
    key = str(session.add_torrent(params).info_hash())
    gathered = Gathering(session)
    assert gathered.snapshot(key, Pane.FILES).details.files == ()
    assert gathered.snapshot(key, Pane.PIECES).details.pieces.have == ""


def test_troubles_are_noted_and_end(session, sample):
    handle = add(session, sample, sample.folder)
    gathered = Gathering(session)

    def note() -> str:
        return gathered.snapshot().torrents[0].note

    error = ErrorCode(1, "generic", "broken")
    gathered.take(TrackerErrorAlert(handle, "http://t/", 1, error))
    assert note() == f"tracker http://t/: {error}"
    gathered.take(TrackerReplyAlert(handle, "http://t/", 3))
    assert note() == ""
    gathered.take(TorrentErrorAlert(handle, error, ""))
    assert note() == str(error)


@pytest.mark.parametrize(
    ("state", "flags", "word"),
    [
        (TorrentState.downloading, 0, "downloading"),
        (TorrentState.downloading, TorrentFlags.paused, "paused"),
        (TorrentState.downloading, TorrentFlags.paused | TorrentFlags.auto_managed, "queued"),
        (TorrentState.checking_files, TorrentFlags.paused | TorrentFlags.auto_managed, "checking"),
        (TorrentState.checking_resume_data, TorrentFlags.paused, "paused"),
        (TorrentState.finished, TorrentFlags.auto_managed, "complete"),
        (TorrentState.seeding, 0, "seeding"),
        (TorrentState.downloading_metadata, 0, "metadata"),
    ],
)
def test_states(state, flags, word):
    assert state_of(TorrentStatus(state=state, flags=TorrentFlags(flags))) == word
    assert state_of(TorrentStatus(state=state, errc=ErrorCode(1, "generic", "no"))) == "error"


def test_the_time_left_needs_a_rate():
    status = TorrentStatus(
        info_hashes=InfoHashes(), state=TorrentState.downloading, total_wanted=100, total_wanted_done=40
    )
    assert row_of("k", status).eta is None
    status.download_payload_rate = 20
    assert row_of("k", status).eta == 3.0
    status.state = TorrentState.seeding
    assert row_of("k", status).eta is None


def test_letters_of_peers():
    flags, source = PeerFlags, PeerSource

    def letters(given, known_from=PeerSource(0)):
        return gathering._letters(PeerInfo(flags=given | flags.outgoing_connection, source=known_from))

    assert letters(flags.interesting) == "D"
    assert letters(flags.interesting | flags.remote_choked) == "d"
    assert letters(flags.remote_interested) == "U"
    assert letters(flags.remote_interested | flags.choked) == "u"
    assert letters(flags.optimistic_unchoke | flags.snubbed | flags.rc4_encrypted) == "OSE"
    assert letters(flags.connecting, source.pex | source.dht | source.lsd) == "cXHL"
    assert gathering._letters(PeerInfo()) == "I"
    assert len({letter for letter, _ in FLAGS}) == len(FLAGS)


def test_peers_by_kind():
    peer = gathering._peer(PeerInfo(ip=("::1", 5), socket_type=SocketType.utp))
    assert (peer.address, peer.transport) == ("[::1]:5", "uTP")


@pytest.mark.parametrize(
    ("entry", "state"),
    [(AnnounceEntry("u"), "not yet"), (AnnounceEntry("u", verified=True), "working")],
)
def test_trackers(entry, state):
    assert gathering._tracker_state(entry) == state
