"""Disks that fail under a session: the torrent stops and says what, where and why; what was verified stays; it goes on when told."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from evtorrent.session import RemoveFlags, TorrentFlags, TorrentHandle
from evtorrent.session.alerts import (
    FileErrorAlert,
    ListenFailedAlert,
    ListenSucceededAlert,
    PieceFinishedAlert,
    StorageMovedFailedAlert,
    TorrentDeleteFailedAlert,
    TorrentErrorAlert,
    TorrentPausedAlert,
)
from support.raw_peer import RawPeer, frame, request
from support.sessions import Content, Member
from support.waiting import wait_for

CONTENT = Content([("a", 400_000), ("b", 300_000)], 32_768)
LAST = CONTENT.info.num_pieces - 1


@pytest.fixture
def leech() -> Iterator[Member]:
    with Member() as member:
        yield member


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with Member() as member:
        member.seed(CONTENT, tmp_path_factory.mktemp("seed"))
        yield member


def failed(member: Member, handle: TorrentHandle, path: Path, *numbers: int) -> FileErrorAlert:
    """The torrent stopped, with alerts that say what was done to which file, and the system's reason."""
    told = member.wait(FileErrorAlert)
    assert told.error.value in numbers, told.message()
    assert told.filename.startswith(str(path))
    assert told.op.name.startswith("file"), told.message()
    stopped = member.wait(TorrentErrorAlert)
    assert stopped.error == told.error
    assert stopped.filename == told.filename
    member.wait(TorrentPausedAlert)
    status = handle.status()
    assert status.errc == told.error
    assert status.flags & TorrentFlags.paused
    assert os.strerror(told.error.value) in told.message()
    return told


def go_on(member: Member, handle: TorrentHandle, seed: Member, folder: Path) -> None:
    handle.clear_error()
    handle.resume()
    handle.connect_peer(seed.address)
    member.finish(handle)
    assert not handle.status().errc
    CONTENT.assert_in(folder)


# ------------------------------------------------------------------------------------------------------ paths that fail


def test_save_path_is_a_file(leech: Member, seed: Member, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("not a folder")
    handle = leech.add(CONTENT, place)
    handle.connect_peer(seed.address)
    failed(leech, handle, place, errno.ENOTDIR, errno.EEXIST)
    assert place.read_text() == "not a folder"
    place.unlink()
    go_on(leech, handle, seed, place)


def test_a_folder_of_the_torrent_is_a_file(leech: Member, seed: Member, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("in the way")
    handle = leech.add(CONTENT, tmp_path)
    handle.connect_peer(seed.address)
    failed(leech, handle, tmp_path, errno.ENOTDIR, errno.EEXIST)
    (tmp_path / "t").unlink()
    go_on(leech, handle, seed, tmp_path)


def test_a_file_of_the_torrent_is_a_folder(leech: Member, seed: Member, tmp_path: Path) -> None:
    (tmp_path / "t" / "b").mkdir(parents=True)
    handle = leech.add(CONTENT, tmp_path)
    handle.connect_peer(seed.address)
    failed(leech, handle, tmp_path / "t" / "b", errno.EISDIR)
    kept = handle.status().num_pieces
    (tmp_path / "t" / "b").rmdir()
    assert handle.status().num_pieces >= kept, "what was being written when it failed may have come in since"
    go_on(leech, handle, seed, tmp_path)


def test_link_out_of_the_save_path_is_not_followed(leech: Member, seed: Member, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    place = tmp_path / "place"
    place.mkdir()
    (place / "t").symlink_to(outside)
    handle = leech.add(CONTENT, place)
    handle.connect_peer(seed.address)
    leech.wait(TorrentErrorAlert)
    assert list(outside.iterdir()) == []
    (place / "t").unlink()
    go_on(leech, handle, seed, place)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder nobody may write to, root included."""
    place = tmp_path / "read-only"
    place.mkdir()
    if os.geteuid() != 0:
        place.chmod(0o555)
        yield place
        place.chmod(0o755)
        return
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", place], capture_output=True
    ).returncode:
        pytest.skip("root, and may not mount")
    yield place
    subprocess.run(["umount", place], check=True)


def test_no_permission(leech: Member, seed: Member, read_only: Path) -> None:
    handle = leech.add(CONTENT, read_only)
    handle.connect_peer(seed.address)
    failed(leech, handle, read_only, errno.EROFS, errno.EACCES)
    handle.clear_error()
    handle.resume()
    handle.connect_peer(seed.address)
    wait_for(lambda: len(leech.all(TorrentErrorAlert)) == 2, "the same error again")


# ------------------------------------------------------------------------------------------------------------ disk full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for half of the torrent."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_disk_full(leech: Member, seed: Member, small_disk: Path) -> None:
    handle = leech.add(CONTENT, small_disk)
    handle.connect_peer(seed.address)
    failed(leech, handle, small_disk, errno.ENOSPC)

    def have() -> set[int]:
        return {piece for piece in range(CONTENT.info.num_pieces) if handle.have_piece(piece)}

    def told() -> set[int]:
        return {alert.piece_index for alert in leech.all(PieceFinishedAlert)}

    # Another piece may have been under way to the disk when this one failed.
    wait_for(lambda: have() == told(), "every piece that is there to be told")
    finished = have()
    assert finished
    for piece in finished:
        assert read_piece(small_disk, piece) == CONTENT.piece(piece)
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    go_on(leech, handle, seed, small_disk)
    again = [alert.piece_index for alert in leech.all(PieceFinishedAlert)]
    assert sorted(again) == list(range(CONTENT.info.num_pieces)), "no piece was fetched twice"


def read_piece(folder: Path, piece: int) -> bytes:
    data = b""
    start = piece * CONTENT.info.piece_length
    for part in CONTENT.info.files.map_range(start, CONTENT.info.piece_size(piece)):
        with open(folder / CONTENT.info.files.path(part.file_index), "rb") as file:
            file.seek(part.offset)
            data += file.read(part.length)
    return data


LIMITED = """
    import resource, signal, sys
    sys.path.insert(0, {tests!r})
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    from pathlib import Path
    from evtorrent.session.alerts import FileErrorAlert, TorrentErrorAlert
    from support.sessions import Content, Member
    content = Content([("a", 400_000), ("b", 300_000)], 32_768)
    place = Path({place!r})
    with Member() as seed, Member() as leech:
        seed.seed(content, place / "seed")
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        handle = leech.add(content, place / "leech")
        handle.connect_peer(seed.address)
        print(leech.wait(FileErrorAlert).message())
        leech.wait(TorrentErrorAlert)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        handle.clear_error()
        handle.resume()
        handle.connect_peer(seed.address)
        leech.finish(handle)
    content.assert_in(place / "leech")
    print("identical")
"""


def test_file_grows_too_large(tmp_path: Path) -> None:
    """EFBIG, which needs neither root nor a mount; the limit is a process's."""
    script = LIMITED.format(tests=str(Path(__file__).resolve().parents[1]), place=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert os.strerror(errno.EFBIG) in first
    assert str(tmp_path / "leech") in first
    assert last == "identical"


# ----------------------------------------------------------------------------------------------------------- while seeding


def opened(path: Path) -> bool:
    """This process has it open."""
    links = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
    return str(path) in links


def ask(peer: RawPeer, piece: int) -> None:
    peer.shake_hands()
    peer.send(frame(2))
    peer.read_until(1)
    peer.send(request(piece, 0, 100))


@pytest.mark.parametrize("how", ["vanished", "cut short"])
def test_file_is_gone_while_seeding(how: str, tmp_path: Path) -> None:
    with Member() as seed:
        handle = seed.seed(CONTENT, tmp_path)
        victim = tmp_path / "t" / "b"
        if how == "vanished":
            handle.pause()  # An open file can be read without its name.
            seed.wait(TorrentPausedAlert)
            wait_for(lambda: not opened(victim))
            victim.unlink()
            handle.resume()
            wait_for(lambda: handle.status().is_seeding)
            seed.forget()
        else:
            os.truncate(victim, 10)
        with RawPeer(seed, CONTENT) as peer:
            ask(peer, LAST)
            peer.read_to_end()
        failed(seed, handle, victim, errno.ENOENT, errno.ENODATA)
        CONTENT.write(tmp_path)
        handle.clear_error()
        handle.resume()
        wait_for(lambda: handle.status().is_seeding)
        with RawPeer(seed, CONTENT) as peer:
            peer.shake_hands()
            peer.send(frame(2))
            peer.read_until(1)
            assert peer.get_block(LAST, 0, 100) == CONTENT.piece(LAST)[:100]


def test_other_torrents_go_on(leech: Member, seed: Member, tmp_path: Path) -> None:
    other = Content(100_000, seed=77)
    (tmp_path / "file").write_text("")
    broken = leech.add(CONTENT, tmp_path / "file")
    broken.connect_peer(seed.address)
    with Member() as second:
        second.seed(other, tmp_path / "other seed")
        fine = leech.add(other, tmp_path / "other")
        fine.connect_peer(second.address)
        leech.finish(fine)
        leech.wait(TorrentErrorAlert, lambda alert: alert.handle == broken)
        assert not fine.status().errc
        other.assert_in(tmp_path / "other")


# ------------------------------------------------------------------------------------------------- operations that fail


def test_move_to_an_impossible_place(seed: Member, tmp_path: Path) -> None:
    with Member() as member:
        handle = member.seed(CONTENT, tmp_path / "here")
        (tmp_path / "file").write_text("")
        handle.move_storage(str(tmp_path / "file" / "below"))
        told = member.wait(StorageMovedFailedAlert)
        assert told.error.value == errno.ENOTDIR
        assert str(tmp_path / "file") in told.message()
        assert handle.status().save_path == str(tmp_path / "here")
        assert handle.status().is_seeding
        CONTENT.assert_in(tmp_path / "here")


def test_delete_that_fails(tmp_path: Path) -> None:
    with Member() as member:
        handle = member.seed(CONTENT, tmp_path / "here")
        (tmp_path / "here" / "t" / "a").unlink()
        (tmp_path / "here" / "t" / "a").mkdir()
        (tmp_path / "here" / "t" / "a" / "something").write_text("of somebody")
        member.session.remove_torrent(handle, RemoveFlags.delete_files)
        told = member.wait(TorrentDeleteFailedAlert)
        assert told.error
        assert (tmp_path / "here" / "t" / "a" / "something").exists()


# ------------------------------------------------------------------------------------------------------------- port in use


@pytest.mark.parametrize("retries", [10, 0])
def test_port_in_use_is_another_port(retries: int) -> None:
    """The next one, or, without retries, any; the alert says which."""
    with Member() as first:
        port = first.session.listen_port()
        settings = {"listen_interfaces": f"127.0.0.1:{port}", "max_retry_port_bind": retries}
        with Member(settings) as second:
            opened = second.wait(ListenSucceededAlert)
            assert opened.port == second.session.listen_port() != port
            assert retries == 0 or port < opened.port <= port + retries


def test_port_in_use_is_told() -> None:
    with Member() as first:
        port = first.session.listen_port()
        with Member({"listen_interfaces": f"127.0.0.1:{port}"}) as second:
            second.wait(ListenSucceededAlert)
            assert [alert.error.value for alert in second.all(ListenFailedAlert)] == [errno.EADDRINUSE]


def test_address_that_is_not_ours() -> None:
    with Member({"listen_interfaces": "192.0.2.1:0"}) as member:
        told = member.wait(ListenFailedAlert)
        assert told.listen_interface
        assert not member.session.is_listening()
        assert member.session.listen_port() == 0
