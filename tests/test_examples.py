"""Every example runs to its own end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.sources import ROOT, name_of

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

TIMEOUT = 60
"""Seconds an example may take on a slow machine."""


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_example_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout.strip(), "an example shows something"


def test_there_are_examples() -> None:
    assert EXAMPLES
