"""The simulator's benchmark runs; its figures are for people."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench" / "simulator.py"


def test_every_case_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["simulator.py", "--hosts", "20", "--seconds", "2"])
    runpy.run_path(str(BENCH), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert all(float(line[52:].split()[0]) > 0 for line in lines)
