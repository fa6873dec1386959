from __future__ import annotations

import pytest
from evtorrent.session import FileStorage, RenamedFiles


@pytest.fixture
def files() -> FileStorage:
    storage = FileStorage(16384, "t")
    for path in ("t/a", "t/b/c"):
        storage.add_file(path, 100)
    return storage


def test_names_are_the_torrents_until_renamed(files: FileStorage) -> None:
    renamed = RenamedFiles()
    assert renamed.file_path(files, 1) == "t/b/c"
    assert renamed.file_name(files, 1) == "c"
    renamed.rename_file(files, 1, "other/d")
    assert renamed.file_path(files, 1) == "other/d"
    assert renamed.file_path(files, 1, "/save/") == "/save/other/d"
    assert renamed.file_name(files, 1) == "d"
    assert renamed.file_path(files, 0, "/save") == "/save/t/a"
    assert not renamed.file_absolute_path(files, 1)
    assert files.path(1) == "t/b/c"
    assert len(renamed) == 1


def test_names_from_outside_may_be_absolute(files: FileStorage) -> None:
    assert RenamedFiles({0: "/etc/passwd"}).file_absolute_path(files, 0)
    assert RenamedFiles({0: "C:\\x"}).file_absolute_path(files, 0)


@pytest.mark.parametrize("name", ["", "/abs", "../up", "a/../../b", "c:\\x", "\\\\host\\share", "a\\..\\b"])
def test_names_that_lead_out_are_refused(files: FileStorage, name: str) -> None:
    renamed = RenamedFiles()
    with pytest.raises(ValueError):
        renamed.rename_file(files, 0, name)
    with pytest.raises(ValueError):
        renamed.import_filenames(files, {1: "fine", 0: name})
    assert renamed == RenamedFiles()


def test_export_is_what_import_takes(files: FileStorage) -> None:
    renamed = RenamedFiles()
    renamed.import_filenames(files, {1: "x", 7: "no such file"})
    assert renamed.export_filenames(files) == {1: "x"}
    other = RenamedFiles()
    other.import_filenames(files, renamed.export_filenames(files))
    assert other == renamed
    assert repr(other) == "RenamedFiles({1: 'x'})"
    with pytest.raises(IndexError):
        renamed.rename_file(files, 2, "x")
