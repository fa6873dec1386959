from __future__ import annotations

import pytest
from evtorrent.session import load_torrent_buffer
from evtorrent.session.cli.exit_status import CommandFailed, ExitStatus
from evtorrent.session.cli.making import Recipe, make_torrent, write_new_file


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "dir"
    root.mkdir()
    (root / "a").write_bytes(bytes(40_000))
    (root / "b").write_bytes(b"x")
    return root


def test_everything_the_recipe_says(folder):
    seen = []
    recipe = Recipe(
        16384,
        (("http://a/", "http://b/"), ("udp://c:1",)),
        ("http://w/",),
        True,
        "hello",
        "src",
        has_date=False,
    )
    params = load_torrent_buffer(
        make_torrent(str(folder), recipe, lambda done, total: seen.append((done, total)))
    )
    info = params.ti
    assert (info.name, info.piece_length, info.total_size, info.is_private, info.source) == (
        "dir",
        16384,
        40_001,
        True,
        "src",
    )
    assert params.tiers() == [["http://a/", "http://b/"], ["udp://c:1"]]
    assert (params.url_seeds, params.comment, params.creation_date) == (["http://w/"], "hello", 0)
    assert params.created_by.startswith("evtorrent ")
    assert seen[-1] == (40_001, 40_001)


def test_the_same_files_give_the_same_torrent(folder):
    assert make_torrent(str(folder), Recipe(has_date=False)) == make_torrent(
        str(folder), Recipe(has_date=False)
    )


def test_the_source_changes_the_info_hash(folder):
    plain, sourced = (load_torrent_buffer(make_torrent(str(folder), Recipe(source=s))) for s in ("", "x"))
    assert plain.ti.info_hashes != sourced.ti.info_hashes


def test_hybrid(folder):
    assert load_torrent_buffer(make_torrent(str(folder), Recipe(hybrid=True))).ti.info_hashes.has_v2


def test_v2_only(folder):
    hashes = load_torrent_buffer(make_torrent(str(folder), Recipe(v2=True))).ti.info_hashes
    assert hashes.has_v2
    assert not hashes.has_v1


@pytest.mark.parametrize("piece_size", [16_384, 65_536])
@pytest.mark.parametrize("name", ["v2", "hybrid"])
def test_libtorrent_makes_the_same(require_peer, folder, name, piece_size):
    """A folder of files of all kinds, and a single file."""
    lt = require_peer("libtorrent")
    (folder / "sub").mkdir()
    (folder / "sub" / "empty").write_bytes(b"")
    (folder / "sub" / "block").write_bytes(b"b" * 16_384)
    for place in (folder, folder / "a"):
        storage = lt.list_files(str(place))
        made = lt.create_torrent(storage, piece_size, lt.create_torrent.v2_only if name == "v2" else 0)
        lt.set_piece_hashes(made, str(place.parent))
        theirs = lt.load_torrent_buffer(lt.bencode(made.generate())).ti.info_hashes()
        recipe = Recipe(piece_size, v2=name == "v2", hybrid=name == "hybrid")
        ours = load_torrent_buffer(make_torrent(str(place), recipe)).ti.info_hashes
        assert str(ours.v2) == str(theirs.v2)
        assert ours.has_v1 == theirs.has_v1() == (name == "hybrid")
        assert str(ours.v1 or "0" * 40) == str(theirs.v1)


def test_what_a_download_left_and_the_output_stay_out(folder):
    (folder / ".abc.evtorrent").write_bytes(b"x")
    (folder / ".abc.parts").write_bytes(b"x")
    (folder / "out.torrent").write_bytes(b"x")
    info = load_torrent_buffer(make_torrent(str(folder), Recipe(), exclude=str(folder / "out.torrent"))).ti
    assert [info.files.path(i) for i in info.files] == ["dir/a", "dir/b"]


def test_what_cannot_be_made(folder, tmp_path):
    with pytest.raises(CommandFailed, match="pieces of 5 bytes") as failure:
        make_torrent(str(folder), Recipe(5))
    assert failure.value.status == ExitStatus.USAGE
    with pytest.raises(CommandFailed, match=r"cannot read .*No such file"):
        make_torrent(str(tmp_path / "none"), Recipe())
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandFailed, match="no files"):
        make_torrent(str(tmp_path / "empty"), Recipe())


def test_a_file_is_written_whole_and_replaces_only_on_request(tmp_path):
    target = tmp_path / "x"
    write_new_file(str(target), b"one")
    with pytest.raises(CommandFailed, match="exists already"):
        write_new_file(str(target), b"two")
    write_new_file(str(target), b"three", replace=True)
    assert target.read_bytes() == b"three"
    with pytest.raises(CommandFailed, match="cannot write") as failure:
        write_new_file(str(tmp_path / "none" / "x"), b"")
    assert failure.value.status == ExitStatus.DISK
    assert list(tmp_path.iterdir()) == [target]
