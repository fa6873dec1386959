"""The picker's benchmark runs; its figures are for people."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench" / "picker.py"


def test_every_case_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["picker.py", "--pieces", "300", "--peers", "4", "--blocks", "2000"])
    runpy.run_path(str(BENCH), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 17
    assert all(float(line.split(" µs")[0].split()[-1]) > 0 for line in lines)
