from __future__ import annotations

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.session.cli.selection import NothingSelected, Selection
from support.torrents import v1_info


def folder_info() -> TorrentInfo:
    files = [
        {"path": ["a.txt"], "length": 10},
        {"path": ["p"], "length": 6, "attr": "p"},
        {"path": ["extras", "b.mkv"], "length": 10},
        {"path": ["c.mkv"], "length": 10},
    ]
    return TorrentInfo.from_info(
        bencode.encode({"name": "dir", "files": files, "piece length": 16384, "pieces": bytes(20)})
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["0"], [0]),
        (["2-9"], [2, 3]),
        (["0,3"], [0, 3]),
        (["0", "extras/*"], [0, 2]),
        (["*.mkv"], [2, 3]),
        (["b.mkv"], [2]),
        (["dir/a.txt"], [0]),
        (["0-3"], [0, 2, 3]),
    ],
)
def test_parts_add_files(given, wanted):
    selection = Selection.of(given)
    assert selection is not None
    assert [i for i, priority in enumerate(selection.priorities(folder_info())) if priority] == wanted


@pytest.mark.parametrize("part", ["9", "1", "*.nope", "-1", "3-2", "9999999999"])
def test_a_part_that_fits_nothing_is_refused(part):
    selection = Selection.of(["0", part])
    assert selection is not None
    with pytest.raises(NothingSelected, match="no file of dir"):
        selection.priorities(folder_info())


def test_no_selection_is_none():
    assert Selection.of([]) is None
    assert Selection.of([" , "]) is None


def test_a_single_file_has_its_name():
    selection = Selection.of(["file"])
    assert selection is not None
    assert selection.priorities(v1_info()) == [4]
