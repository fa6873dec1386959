from __future__ import annotations

import pytest
from evtorrent.protocols.metainfo import FileFlags, FileStorage, MetainfoError
from evtorrent.protocols.metainfo.limits import MAX_FILE_OFFSET, MAX_FILE_SIZE
from evtorrent.protocols.types import Sha256Hash
from hypothesis import given
from hypothesis import strategies as st


def laid_out(sizes: list[int], piece_length: int = 10) -> FileStorage:
    files = FileStorage(piece_length, "t")
    for index, size in enumerate(sizes):
        files.add_file(f"t/{index}", size)
    return files


def test_layout() -> None:
    files = laid_out([7, 0, 5, 3, 0])
    assert (files.num_files, len(files), files.total_size, files.num_pieces) == (5, 5, 15, 2)
    assert [files.offset(i) for i in files] == [0, 7, 7, 12, 15]
    assert [files.size(i) for i in files] == [7, 0, 5, 3, 0]
    assert [files.path(i) for i in files] == ["t/0", "t/1", "t/2", "t/3", "t/4"]
    assert files.file_name(2) == "2"
    assert repr(files) == "FileStorage('t', 5 files, 15 bytes)"


@pytest.mark.parametrize(
    ("offset", "length", "slices"),
    [
        (0, 7, [(0, 0, 7)]),
        (6, 1, [(0, 6, 1)]),
        (7, 1, [(2, 0, 1)]),
        (0, 15, [(0, 0, 7), (2, 0, 5), (3, 0, 3)]),
        (6, 7, [(0, 6, 1), (2, 0, 5), (3, 0, 1)]),
        (8, 4, [(2, 1, 4)]),
        (8, 5, [(2, 1, 4), (3, 0, 1)]),
        (14, 1, [(3, 2, 1)]),
        (5, 0, []),
        (15, 0, []),
    ],
)
def test_mapping(offset: int, length: int, slices: list[tuple[int, int, int]]) -> None:
    assert laid_out([7, 0, 5, 3, 0]).map_range(offset, length) == slices


@pytest.mark.parametrize("sizes", [[15], [7, 8], []])
@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, 16), (15, 1), (5, -1), (16, 0), (-1, 0)])
def test_mapping_out_of_range(sizes: list[int], offset: int, length: int) -> None:
    with pytest.raises(ValueError, match="of a torrent of"):
        laid_out(sizes).map_range(offset, length)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.data())
def test_mapping_covers_a_range_once(sizes: list[int], data: st.DataObject) -> None:
    files = laid_out(sizes)
    offset = data.draw(st.integers(0, files.total_size))
    length = data.draw(st.integers(0, files.total_size - offset))
    at = offset
    for index, start, size in files.map_range(offset, length):
        assert size > 0
        assert start + size <= files.size(index)
        assert files.offset(index) + start == at
        assert files.file_at_offset(at) == index
        at += size
    assert at == offset + length


def test_blocks_and_pieces() -> None:
    files = laid_out([7, 0, 25, 3])
    assert files.map_block(1, 4, 3) == [(2, 7, 3)]
    assert files.map_block(3, 0, 5) == [(2, 23, 2), (3, 0, 3)]
    assert files.map_file(2, 4) == (1, 1)
    assert [files.pieces_of(i) for i in files] == [range(1), range(0), range(4), range(3, 4)]
    assert [files.files_in_piece(p) for p in range(4)] == [range(3), range(2, 3), range(2, 3), range(2, 4)]
    for offset in (-1, 35):
        with pytest.raises(ValueError, match="of a torrent of 35"):
            files.file_at_offset(offset)


def test_pieces_need_a_piece_length() -> None:
    assert laid_out([5], piece_length=0).num_pieces == 0


def test_what_few_files_have() -> None:
    files = FileStorage(10, "t")
    root = Sha256Hash(b"r" * 32)
    files.add_file("t/a", 5, FileFlags.EXECUTABLE | FileFlags.HIDDEN, mtime=99, original="t/A", root=root)
    files.add_file("t/.pad/5", 5, FileFlags.PAD)
    files.add_file("t/b", 1)
    assert files.flags(0) == FileFlags.EXECUTABLE | FileFlags.HIDDEN
    assert files.flags(2) == FileFlags(0)
    assert [files.is_pad(i) for i in files] == [False, True, False]
    assert [files.mtime(i) for i in files] == [99, 0, 0]
    assert [files.original_path(i) for i in files] == ["t/A", "t/.pad/5", "t/b"]
    assert [files.root(i) for i in files] == [root, None, None]
    assert [files.symlink(i) for i in files] == ["", "", ""]
    assert (files.total_size, files.size_on_disk) == (11, 6)
    assert files.has_padding
    files.set_root(2, root)
    assert files.root(2) == root


def test_without_padding() -> None:
    files = laid_out([1, 2])
    assert not files.has_padding
    assert not files.is_pad(0)
    files.add_file("t/x", 1, FileFlags.EXECUTABLE)
    assert not files.has_padding
    assert files.size_on_disk == 4


def test_renaming_keeps_the_original() -> None:
    files = laid_out([1])
    files.rename(0, "t/0.1")
    files.rename(0, "t/0.2")
    assert (files.path(0), files.original_path(0)) == ("t/0.2", "t/0")


@pytest.mark.parametrize(
    ("link", "target", "relative"),
    [
        ("t/l", "t/a", "a"),
        ("t/d/l", "t/a", "../a"),
        ("t/d/e/l", "t/d/f/a", "../f/a"),
        ("t/l", "t/d/e", "d/e"),
        ("t/d/l", "t/d", "../d"),
        ("t/d/e/l", "t", "../../../t"),
        ("t/l", "t/l", "l"),
    ],
)
def test_links_as_the_file_system_wants_them(link: str, target: str, relative: str) -> None:
    files = FileStorage(10, "t")
    files.add_file(link, 0, FileFlags.SYMLINK, symlink=target)
    files.add_file("t/a", 1)
    assert files.symlink(0) == target
    assert files.symlink_target(0) == relative
    assert files.symlink_target(1) == ""


def test_sizes_at_the_limit() -> None:
    files = FileStorage(10, "t")
    for _ in range(16):
        files.add_file("t/a", MAX_FILE_SIZE)
    assert files.total_size <= MAX_FILE_OFFSET
    files.add_file("t/b", MAX_FILE_OFFSET - files.total_size)
    for size in (1, -1):
        with pytest.raises(MetainfoError, match=f"a file of {size} bytes"):
            files.add_file("t/c", size)
    with pytest.raises(MetainfoError):
        FileStorage(10, "t").add_file("t/a", MAX_FILE_SIZE + 1)
    assert files.num_files == 17
