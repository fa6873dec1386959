from __future__ import annotations

import os
import random
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.metainfo import CreateError, CreateFlags, CreateTorrent, FileFlags, parse_torrent
from evtorrent.session.disk import create_files
from evtorrent.session.disk.create_files import list_files, set_piece_hashes

PIECE = 16 * 1024
SIZES = {"a": 40_000, "b.txt": 0, "sub/ü": PIECE, "sub/d/z": 1, "c": 3 * PIECE + 1}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    rng = random.Random(1)
    for name, size in SIZES.items():
        path = tmp_path / "top" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(size))
    return tmp_path / "top"


def made(top: Path, flags: int, **options: Any) -> bytes:
    torrent = CreateTorrent(list_files(top, flags), PIECE, flags)
    set_piece_hashes(torrent, top.parent, **options)
    return torrent.generate_buf()


def test_files_are_listed_by_name(top: Path) -> None:
    assert [(entry.path, entry.size) for entry in list_files(top)] == [
        ("top/a", 40_000),
        ("top/b.txt", 0),
        ("top/c", 3 * PIECE + 1),
        ("top/sub/d/z", 1),
        ("top/sub/ü", PIECE),
    ]


def test_a_single_file(top: Path) -> None:
    [entry] = list_files(str(top / "a"))
    assert (entry.path, entry.size, entry.mtime) == ("a", 40_000, int((top / "a").stat().st_mtime))
    info = parse_torrent(made(top / "a", 64)).info
    assert (info.name, info.num_files) == ("a", 1)


def test_a_predicate_leaves_files_out(top: Path) -> None:
    found = list_files(top, predicate=lambda path: not path.endswith(("sub", "/a")))
    assert [entry.path for entry in found] == ["top/b.txt", "top/c"]


def test_executables(top: Path) -> None:
    (top / "a").chmod(0o755)
    (top / "c").chmod(0o655)
    assert [entry.flags for entry in list_files(top)][:3] == [FileFlags.EXECUTABLE, 0, 0]
    assert not any(entry.flags for entry in list_files(top, CreateFlags.NO_ATTRIBUTES))


def test_links_kept_as_links(top: Path) -> None:
    (top / "in").symlink_to("sub/d")
    (top / "sub/up").symlink_to(top / "a")
    (top / "sub/out").symlink_to("../../elsewhere")
    (top / "sub/root").symlink_to("..")
    (top / "secret").symlink_to("/etc/passwd")
    links = {entry.path: entry.symlink for entry in list_files(top, CreateFlags.SYMLINKS) if entry.symlink}
    assert links == {"top/in": "sub/d", "top/sub/up": "a"}
    kept = list_files(top, CreateFlags.SYMLINKS, predicate=lambda path: not path.endswith("/a"))
    assert [entry.path for entry in kept if entry.symlink] == ["top/in"]


def test_links_followed(top: Path) -> None:
    (top / "in").symlink_to("sub/d")
    (top / "loop").symlink_to(".")
    (top / "gone").symlink_to("nowhere")
    paths = [entry.path for entry in list_files(top)]
    assert "top/in/z" in paths
    assert not any(path.startswith(("top/loop/", "top/gone")) for path in paths)


def test_what_is_no_file_is_left_out(top: Path) -> None:
    os.mkfifo(top / "pipe")
    assert len(list_files(top)) == len(SIZES)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_files(tmp_path / "nope")


@pytest.mark.parametrize("flags", [0, 32, 64, 64 | 128])
@pytest.mark.parametrize("workers", [1, 3])
def test_hashes_are_those_of_the_pieces(
    top: Path, flags: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create_files, "_STRETCH", 2 * PIECE)
    info = parse_torrent(made(top, flags, workers=workers)).info
    data = b"".join(
        bytes(info.files.size(i)) if info.files.is_pad(i) else (top.parent / info.files.path(i)).read_bytes()
        for i in info.files
    )
    if info.info_hashes.has_v1:
        for index in range(info.num_pieces):
            assert info.piece_hash(index) == sha1(data[index * PIECE : (index + 1) * PIECE]).digest()


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("flags", [0, 32, 64, 64 | 128, 64 | 512, 64 | 8 | 4, 8 | 4])
@pytest.mark.parametrize("size", [0, PIECE, 4 * PIECE])
def test_the_torrent_is_libtorrents(top: Path, flags: int, size: int, require_peer: Any) -> None:
    lt = require_peer("libtorrent")
    (top / "l").symlink_to("sub/ü")
    entries = list_files(top, flags)
    ours = CreateTorrent(entries, size, flags)
    set_piece_hashes(ours, top.parent)
    storage = lt.file_storage()
    for entry in entries:
        storage.add_file(entry.path, entry.size, int(entry.flags), entry.mtime, entry.symlink)
    theirs = lt.create_torrent(storage, size, flags=flags)
    theirs.set_creation_date(0)
    lt.set_piece_hashes(theirs, str(top.parent))
    assert ours.generate_buf() == lt.bencode(theirs.generate())


def test_progress_is_in_order(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create_files, "_STRETCH", PIECE)
    seen: list[int] = []
    made(top, 64, progress=seen.append, workers=3)
    assert seen == list(range(7))


def test_progress_may_end_it(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create_files, "_STRETCH", PIECE)

    def stop(index: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(top, 64, progress=stop, workers=1)


def test_a_file_that_shrank(top: Path) -> None:
    torrent = CreateTorrent(list_files(top, 64), PIECE, 64)
    (top / "a").write_bytes(b"short")
    with pytest.raises(CreateError, match="has become shorter"):
        set_piece_hashes(torrent, top.parent)


def test_a_file_that_vanished(top: Path) -> None:
    torrent = CreateTorrent(list_files(top, 64), PIECE, 64)
    (top / "a").unlink()
    with pytest.raises(FileNotFoundError):
        set_piece_hashes(torrent, top.parent)
