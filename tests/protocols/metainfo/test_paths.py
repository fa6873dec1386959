from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.metainfo.errors import MetainfoError
from evtorrent.protocols.metainfo.paths import (
    MAX_COMPONENT,
    decode_text,
    fold,
    is_safe_path,
    resolve_duplicates,
    safe_component,
)
from hypothesis import given
from hypothesis import strategies as st
from support.info_tables import multi_info, torrent

NAMES = [
    (b"plain name-1.txt", "plain name-1.txt"),
    (b"", "_"),
    (b".", "_"),
    (b"..", "_"),
    (b"...", "..."),
    (b".hidden", ".hidden"),
    (b"/etc/passwd", "etcpasswd"),
    (b"a\\b", "ab"),
    (b"/", "_"),
    (b"/..", "_"),
    (b"\\.", "_"),
    (b"a\0b\x01\x7f", "ab__"),
    (b"a\xc2\x85", "a_"),
    (b"..\0", "_"),
    ("Grüße.txt".encode(), "Grüße.txt"),
    ("a\u200bb\u202ec\ufeff".encode(), "abc"),
    (b".\xe2\x80\x8b.", "_"),
    (b"a\xff", "a_"),
    (b"\x80\x81", "__"),
    (b"\xe4\xb8", "_"),
    (b"\xc0\x80x", "_x"),
    (b"\xed\xa0\x80", "_"),
    (b"\xf8\x88\x80\x80\x80x", "_x"),
    (b"\xfcx", "_x"),
    (b"\xf0\x9f\x98\x80\xff", "😀_"),
    (b"C:", "C:"),
    (b"aux.c", "aux.c"),
    (b"x" * 300 + b".txt", "x" * 240 + ".txt"),
    (b"x" * 300, "x" * 240),
    ("é".encode() * 200 + b".tar.gz", "é" * 120 + ".gz"),
    (b"x" + "é".encode() * 200, "x" + "é" * 120),
    (b"x" * 240, "x" * 240),
    (b"x" * 245 + b".txt", "x" * 240 + ".txt"),
]


@pytest.mark.parametrize(("raw", "name"), NAMES)
def test_components(raw: bytes, name: str) -> None:
    assert safe_component(raw, windows=False) == name


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("raw", "name"), NAMES)
def test_components_as_libtorrent_has_them(raw: bytes, name: str, require_peer: Any) -> None:
    lt = require_peer("libtorrent")
    table = multi_info([{"path": [raw], "length": 1}])
    assert lt.torrent_info(lt.bdecode(torrent(table))).files().file_path(0) == f"top/{name}"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"C:", "C_"),
        (b'a<b>c|d?e*f"g:', "a_b_c_d_e_f_g_"),
        (b"con", "_con"),
        (b"CON.txt", "_CON.txt"),
        (b"com1", "_com1"),
        (b"console", "console"),
        (b"name. .", "name"),
        (b"...", "_"),
        (b" ", "_"),
    ],
)
def test_components_on_windows(raw: bytes, name: str) -> None:
    assert safe_component(raw, windows=True) == name


def test_what_need_not_be_kept() -> None:
    for windows in (True, False):
        assert safe_component(b"..", keep=False, windows=windows) == ""
        assert safe_component(b"a", keep=False, windows=windows) == "a"
    assert safe_component(b"...", keep=False, windows=True) == ""


@given(st.binary(max_size=400) | st.text("./\\:aé😀\0 \u202e", max_size=300).map(str.encode), st.booleans())
def test_no_component_can_leave_its_folder(raw: bytes, windows: bool) -> None:
    name = safe_component(raw, windows=windows)
    assert name not in ("", ".", "..")
    assert not set(name) & set("/\\\0")
    assert len(name.encode()) <= MAX_COMPONENT
    if windows:
        assert ":" not in name
        assert is_safe_path(name)


@pytest.mark.parametrize("path", ["a", "a/b c/ü", "a/b:c", "..a/b..", "a/..."])
def test_safe_paths(path: str) -> None:
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "C:/a", "C:", "a\\..\\b", "\\a", "a\0"]
)
def test_unsafe_paths(path: str) -> None:
    assert not is_safe_path(path)


def test_text_that_is_not_utf8() -> None:
    assert decode_text("ü".encode()) == "ü"
    assert decode_text(b"a\xff\xfeb") == "a__b"


def test_names_some_file_system_takes_for_one() -> None:
    assert fold("A/ReadMe") == fold("a/README")
    assert fold("u\u0308") == fold("\xdc")
    assert fold("stra\xdfe") == fold("STRASSE")
    assert fold("a") != fold("b")


def never(_: int, __: int) -> bool:
    return False


@pytest.mark.parametrize(
    ("paths", "renamed"),
    [
        (["t/a", "t/b"], {}),
        ([], {}),
        (["t/a.txt", "t/a.txt", "t/a.txt"], {1: "t/a.1.txt", 2: "t/a.2.txt"}),
        (["t/A.txt", "t/a.TXT"], {1: "t/a.1.TXT"}),
        (["t/e\u0301", "t/\xe9"], {1: "t/\xe9.1"}),
        (["t/a", "t/a", "t/a.1"], {1: "t/a.1", 2: "t/a.1.1"}),
        (["t/a", "t/a/b"], {0: "t/a.1"}),
        (["t/a/b", "t/A"], {1: "t/A.1"}),
        (["t/a/b/c", "t/a"], {1: "t/a.1"}),
        (["t/a-b", "t/a", "t/a/c"], {1: "t/a.1"}),
        (["t/a", "t/a/b", "t/a.1/c"], {0: "t/a.2"}),
        (["t/.x", "t/.x"], {1: "t/.1.x"}),
        (["a", "a"], {1: "a.1"}),
        (["t.d/a", "t.d/a"], {1: "t.d/a.1"}),
        (["t/" + "x" * 255, "t/" + "x" * 255], {1: "t/" + "x" * 253 + ".1"}),
        (["t/" + "é" * 127, "t/" + "é" * 127], {1: "t/" + "é" * 126 + ".1"}),
    ],
)
def test_telling_files_apart(paths: list[str], renamed: dict[int, str]) -> None:
    assert resolve_duplicates(paths, never, 500) == renamed


def test_files_that_may_share_a_name() -> None:
    paths = ["t/.pad/5", "t/.pad/5", "t/.pad/5"]
    assert resolve_duplicates(paths, lambda one, other: {one, other} != {0, 2}, 500) == {2: "t/.pad/5.1"}


@given(st.lists(st.text("aA/.", min_size=1, max_size=4), max_size=12))
def test_names_differ_afterwards(paths: list[str]) -> None:
    paths = ["t/" + "/".join(part or "_" for part in path.split("/")) for path in paths]
    renamed = resolve_duplicates(paths, never, 10_000)
    final = [fold(renamed.get(index, path)) for index, path in enumerate(paths)]
    assert len(set(final)) == len(final)
    folders = {name[:at] for name in final for at in range(len(name)) if name[at] == "/"}
    assert not folders & set(final)


def test_attempts_at_the_limit() -> None:
    paths = ["t/a"] * 5  # 0 + 1 + 2 + 3 names are taken already
    assert len(resolve_duplicates(paths, never, 6)) == 4
    with pytest.raises(MetainfoError, match="too many files of the same name"):
        resolve_duplicates(paths, never, 5)
