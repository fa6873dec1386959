from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from evtorrent.session.cli import demo
from support.command_line import event, events, run


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where the demo puts its folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.slow
def test_the_copy_is_identical(temporary):
    result = run("demo", "--size", "3MiB", "--json")
    assert result.exit_code == 0, result.output
    assert [e["event"] for e in events(result.stdout) if e["event"] != "progress"] == [
        "original",
        "tracker",
        "seed",
        "added",
        "complete",
        "verified",
    ]
    assert event(result.stdout, "verified")["identical"]
    assert event(result.stdout, "verified")["size"] == 3 << 20
    assert event(result.stdout, "complete")["downloaded"] == 3 << 20
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_the_files_can_be_kept(temporary):
    result = run("demo", "--size", "100000", "--keep")
    assert result.exit_code == 0
    (folder,) = temporary.iterdir()
    assert f"the files are in {folder}" in result.stdout
    assert "verified: 97.7 KiB identical" in result.stdout
    assert (folder / "seed" / "demo.bin").read_bytes() == (folder / "download" / "demo.bin").read_bytes()


@pytest.mark.slow
def test_a_copy_that_differs_fails(monkeypatch):
    monkeypatch.setattr(demo, "compare", lambda *args: (False, ""))
    result = run("demo", "--size", "1")
    assert result.exit_code == 1
    assert "NOT identical" in result.stderr


def test_no_size_is_wrong_usage():
    assert run("demo", "--size", "0").exit_code == 2


def test_a_full_disk_is_told(monkeypatch, temporary):
    def full(count):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo.os, "urandom", full)
    result = run("demo")
    assert (result.exit_code, "No space left" in result.stderr) == (4, True)
    assert list(temporary.iterdir()) == []


def test_files_are_compared_to_the_end(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    data = bytes(2_500_000)
    one.write_bytes(data)
    for content, same in (
        (data, True),
        (data[:-1], False),
        (data + b"x", False),
        (data[:-1] + b"x", False),
        (b"", False),
    ):
        other.write_bytes(content)
        assert demo.compare(one, other)[0] is same
