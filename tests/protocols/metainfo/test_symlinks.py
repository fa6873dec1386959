from __future__ import annotations

import pytest
from evtorrent.protocols.metainfo import FileFlags, FileStorage
from evtorrent.protocols.metainfo.symlinks import MAX_HOPS, confine_symlinks
from hypothesis import given
from hypothesis import strategies as st


def confined(links: dict[str, str], files: tuple[str, ...] = ("t/a", "t/d/b", "t/d/e/c")) -> dict[str, str]:
    storage = FileStorage(10, "t")
    for path in files:
        storage.add_file(path, 1)
    for path, target in links.items():
        storage.add_file(path, 0, FileFlags.SYMLINK, symlink=target)
    confine_symlinks(storage)
    return {storage.path(i): storage.symlink(i) for i in storage if storage.path(i) in links}


@pytest.mark.parametrize(
    ("links", "targets"),
    [
        ({}, {}),
        ({"t/l": "t/a"}, {"t/l": "t/a"}),
        ({"t/l": "t/d"}, {"t/l": "t/d"}),
        ({"t/l": "t/d/e"}, {"t/l": "t/d/e"}),
        ({"t/l": "t/nope"}, {"t/l": "t/l"}),
        ({"t/l": "other/a"}, {"t/l": "t/l"}),
        ({"t/l": ""}, {"t/l": "t/l"}),
        # relative to the link, as older programs have it
        ({"t/d/l": "t/b"}, {"t/d/l": "t/d/b"}),
        ({"t/d/l": "t/e/c"}, {"t/d/l": "t/d/e/c"}),
        # by way of another link
        ({"t/l": "t/m/b", "t/m": "t/d"}, {"t/l": "t/m/b", "t/m": "t/d"}),
        ({"t/l": "t/m", "t/m": "t/a"}, {"t/l": "t/m", "t/m": "t/a"}),
        ({"t/l": "t/m/x", "t/m": "t/d"}, {"t/l": "t/l", "t/m": "t/d"}),
        # in circles
        ({"t/l": "t/l"}, {"t/l": "t/l"}),
        ({"t/l": "t/m", "t/m": "t/l"}, {"t/l": "t/l", "t/m": "t/m"}),
        ({"t/l": "t/l/l"}, {"t/l": "t/l"}),
    ],
)
def test_links_stay_inside(links: dict[str, str], targets: dict[str, str]) -> None:
    assert confined(links) == targets


def chain(count: int) -> dict[str, str]:
    return {f"t/l{i:02}": f"t/l{i + 1:02}" for i in range(count - 1)} | {f"t/l{count - 1:02}": "t/a"}


def test_hops_at_the_limit() -> None:
    assert confined(chain(MAX_HOPS)) == chain(MAX_HOPS)
    assert confined(chain(MAX_HOPS + 1))["t/l00"] == "t/l00"


paths = st.sampled_from(["t/a", "t/d", "t/d/b", "t/x", "t/y", "t/d/z", "t/x/b", "t/y/d/b", "q", "t"])


@given(st.dictionaries(st.sampled_from(["t/x", "t/y", "t/d/z"]), paths))
def test_a_link_ends_in_the_torrent_or_at_itself(links: dict[str, str]) -> None:
    for link, target in confined(links).items():
        assert target == link or target.startswith("t/") or target == "t"
