from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.metainfo import FileFlags, LoadLimits, MetainfoError
from evtorrent.protocols.metainfo.limits import MAX_FILE_SIZE
from hypothesis import given
from hypothesis import strategies as st
from support.info_tables import PIECE, hashes, info_of, multi_info, paths_of, single_info, torrent


def entry(path: list[Any], length: Any = 1, **more: Any) -> dict[str, Any]:
    return {"path": path, "length": length} | {key.replace("_", " "): value for key, value in more.items()}


def test_many_files() -> None:
    info = info_of(multi_info([("a", 5), ("d/b", 0), ("d/e/c", PIECE)]))
    files = info.files
    assert [files.path(i) for i in files] == ["top/a", "top/d/b", "top/d/e/c"]
    assert [files.size(i) for i in files] == [5, 0, PIECE]
    assert (info.num_files, info.num_pieces, info.is_multi_file) == (3, 2, True)


def test_one_file_in_a_folder() -> None:
    info = info_of(multi_info([("a", 5)]))
    assert [info.files.path(i) for i in info.files] == ["top/a"]
    assert info.is_multi_file


def test_names_are_made_safe_and_kept() -> None:
    table = multi_info(
        [
            entry(["..", "..", b"/etc", "passwd"]),
            entry(["a"]),
            entry([b"\xff"]),
            entry(["é"]),
            entry([b"x/y", "z"]),
        ]
    )
    files = info_of(table).files
    assert [files.path(i) for i in files] == ["top/_/_/etc/passwd", "top/a", "top/_.1", "top/é", "top/xy/z"]
    assert [files.original_path(i) for i in files] == [
        "top/../..//etc/passwd",
        "top/a",
        "top/\udcff",
        "top/é",
        "top/x/y/z",
    ]


def test_utf8_names_come_first() -> None:
    assert paths_of(multi_info([entry(["a"]) | {"path.utf-8": ["b"]}])) == ["top/b"]


def test_equal_names_are_told_apart() -> None:
    assert paths_of(multi_info([("a.x", 1), ("A.x", 1), ("a.x", 1), ("b", 1), ("b/c", 1)])) == [
        "top/a.x",
        "top/A.1.x",
        "top/a.2.x",
        "top/b.1",
        "top/b/c",
    ]


def test_equal_names_at_the_limit() -> None:
    table = multi_info([("a", 1)] * 4)
    assert len(paths_of(table, limits=LoadLimits(max_duplicate_filenames=3))) == 4
    with pytest.raises(MetainfoError) as caught:
        paths_of(table, limits=LoadLimits(max_duplicate_filenames=2))
    assert caught.value.reason == "too_many_duplicate_filenames"


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@given(
    files=st.lists(
        st.lists(
            st.sampled_from(["a", "A", "b.txt", "B.txt", "..", "", "x" * 250 + ".y"]), min_size=1, max_size=3
        ),
        min_size=1,
        max_size=6,
    )
)
def test_names_are_libtorrents(files: list[list[str]], require_peer: Any) -> None:
    """Unless a file already has the name another is given ("a.1"), where libtorrent leaves two of one name."""
    lt = require_peer("libtorrent")
    table = multi_info([entry(path) for path in files])
    theirs = lt.torrent_info(lt.bdecode(torrent(table))).files()
    assert paths_of(table) == [theirs.file_path(i) for i in range(theirs.num_files())]


def test_attributes() -> None:
    table = multi_info(
        [
            entry(["a"], attr="xh", mtime=7),
            entry(["b"], attr="?x"),
            entry(["p"], attr="p"),
            entry(["c"], attr=5),
        ]
    )
    files = info_of(table).files
    assert [files.flags(i) for i in files] == [
        FileFlags.EXECUTABLE | FileFlags.HIDDEN,
        FileFlags.EXECUTABLE,
        FileFlags.PAD,
        FileFlags(0),
    ]
    assert files.mtime(0) == 7


def test_padding() -> None:
    table = multi_info(
        [
            entry(["a"], 5),
            {"length": 5, "attr": "p"},
            entry([".pad", "5"], 5, attr="p"),
            entry(["_____padding_file_0_x"], 5),
        ]
    )
    files = info_of(table).files
    assert [files.path(i) for i in files] == [
        "top/a",
        "top/.pad/5",
        "top/.pad/5",
        "top/_____padding_file_0_x",
    ]
    assert [files.is_pad(i) for i in files] == [False, True, True, True]
    assert files.size_on_disk == 5


def test_links() -> None:
    table = multi_info(
        [
            entry(["a"], 5),
            {"path": ["l"], "attr": "lx", "symlink path": ["a"]},
            entry(["m"], 99, attr="l", symlink_path=[".", "..", "d", "b"]),
            entry(["d", "b"], 3),
            entry(["n"], 4, attr="l"),
            entry(["o"], 0, attr="l", symlink_path=["..", "..", "etc"]),
            entry(["q"], 0, attr="l", symlink_path=[]),
        ],
        total=8,
    )
    files = info_of(table).files
    assert [files.symlink(i) for i in files] == ["", "top/a", "top/d/b", "", "", "top/o", "top"]
    assert [bool(files.flags(i) & FileFlags.SYMLINK) for i in files] == [
        False,
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    assert files.total_size == 8
    assert files.symlink_target(2) == "d/b"


def test_a_single_file() -> None:
    info = info_of(single_info(mtime=9, attr="x"))
    assert (info.num_files, info.is_multi_file) == (1, False)
    files = info.files
    assert files is info.files
    assert (files.path(0), files.size(0), files.mtime(0), files.flags(0)) == (
        "file.bin",
        PIECE * 5 // 2,
        9,
        FileFlags.EXECUTABLE,
    )


def test_a_single_file_cannot_be_a_link() -> None:
    files = info_of(single_info(attr="l", symlink_path=["x"])).files
    assert files.flags(0) == FileFlags(0)
    assert files.symlink(0) == ""


def test_a_single_file_with_an_unsafe_name() -> None:
    files = info_of(single_info(name="../../etc/passwd")).files
    assert files.path(0) == "....etcpasswd"
    assert files.original_path(0) == "../../etc/passwd"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (multi_info([5], total=1), "torrent_file_parse_failed"),
        (multi_info([{"path": ["a"]}], total=1), "torrent_invalid_length"),
        (multi_info([entry(["a"], "5")], total=1), "torrent_invalid_length"),
        (multi_info([entry(["a"], -1)], total=1), "torrent_invalid_length"),
        (multi_info([entry(["a"], MAX_FILE_SIZE + 1)], total=1), "torrent_invalid_length"),
        (multi_info([{"length": 1}]), "torrent_missing_name"),
        (multi_info([entry([])]), "torrent_missing_name"),
        (multi_info([entry(["a", 5])]), "torrent_invalid_name"),
        (multi_info([entry(["a"], 0, attr="l", symlink_path=[1])], total=1), "torrent_invalid_name"),
        (multi_info([], total=1), "no_files_in_torrent"),
        (multi_info([("a", 0)], total=0), "torrent_invalid_length"),
        (single_info(length=None), "torrent_invalid_length"),
        (single_info(length="5"), "torrent_invalid_length"),
        (single_info(length=0, pieces=b""), "torrent_invalid_length"),
        (single_info(length=MAX_FILE_SIZE + 1), "torrent_invalid_length"),
    ],
)
def test_refused(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(MetainfoError) as caught:
        info_of(table)
    assert caught.value.reason == reason


@pytest.mark.parametrize("key", ["path", "symlink_path"])
def test_folders_at_the_limit(key: str) -> None:
    def with_depth(depth: int) -> dict[str, Any]:
        parts = {"path": ["l"], "symlink_path": ["a"]} | {key: ["d"] * depth}
        return multi_info([("a", 1), entry(parts["path"], 0, attr="l", symlink_path=parts["symlink_path"])])

    assert info_of(with_depth(100)).num_files == 2
    with pytest.raises(MetainfoError, match="a path of 101 folders"):
        info_of(with_depth(101))


def test_the_sum_of_sizes_is_limited() -> None:
    with pytest.raises(MetainfoError) as caught:
        info_of(multi_info([(f"{i}", MAX_FILE_SIZE) for i in range(17)], total=1) | {"pieces": hashes(1)})
    assert caught.value.reason == "torrent_invalid_length"
