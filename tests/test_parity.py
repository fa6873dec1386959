"""The page that compares us with libtorrent says what the code says."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from support.sources import ROOT


@pytest.fixture(scope="module")
def parity() -> ModuleType:
    spec = importlib.util.spec_from_file_location("parity", ROOT / "docs" / "parity.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_code_says(parity: ModuleType) -> None:
    assert parity.PAGE.read_text(encoding="utf-8") == parity.page(), "run python docs/parity.py"


def test_nothing_is_lost_again(parity: ModuleType) -> None:
    shares = {count.title: count.share for count in parity.counts()}
    assert shares["Functions"] == 1
    assert shares["Settings"] == 1, "a setting is neither honoured nor refused with a reason"
    assert shares["Methods and properties"] > 0.9
    assert shares["Enumerations and flags"] > 0.85
    assert shares["Statistics"] > 0.6


def test_every_note_is_about_a_name_there_is(parity: ModuleType) -> None:
    api = parity.API
    owners = {"": api["functions"], "alerts": api["alerts"], "metrics": api["metrics"]}
    owners |= {**api["classes"], **api["enums"], **api["flags"]}
    for kind in ("otherwise", "refused"):
        for owner, names in parity.NOTES[kind].items():
            assert owner in owners
            assert set(names) - {"*"} <= set(owners[owner]), f"{kind} {owner}"
    assert set(parity.NOTES["classes"]) <= set(owners)


def test_a_name_is_sorted_by_the_notes_and_the_code(parity: ModuleType) -> None:
    count = parity.Count("some")
    parity.judge(count, "", ["bdecode", "made_up", "add_magnet_uri"], lambda name: False)
    assert [standing.value for _, standing, _ in count.rows] == ["otherwise", "not yet", "deprecated"]
    assert count.share == 0.5
    assert parity.pascal("alert.add_torrent_alert") == "AddTorrentAlert"
