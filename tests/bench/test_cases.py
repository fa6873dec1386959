"""The benchmarks of the loop run, with a contender of ours and the one it is compared with; their figures are for people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BASELINES = {"echo": "uvloop", "timers": "uvloop", "idle": "uvloop", "accept": "uvloop", "multi": "pycurl"}


@pytest.mark.slow
@pytest.mark.parametrize("case", BASELINES)
def test_a_case_of_the_loop_runs(case: str, tmp_path: Path) -> None:
    for package in (
        "libtorrent",
        "pycurl",
        "gevent",
    ):  # `make bench` has them; the bench does not start without
        pytest.importorskip(package)
    figures = tmp_path / "figures.json"
    command = [
        sys.executable,
        "-m",
        "bench",
        "--case",
        case,
        "--quick",
        "--only",
        "ours",
        "--only",
        BASELINES[case],
    ]
    size = ["--connections", "50", "--seconds", "0.02", "--dir", str(tmp_path), "--json", str(figures)]
    run = subprocess.run([*command, *size], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (result,) = json.loads(figures.read_text(encoding="utf-8"))["cases"]
    assert set(result["contenders"]) == {"ours", BASELINES[case]}
    for contender in result["contenders"].values():
        *_, last = contender["median"].values()
        assert last > 0
