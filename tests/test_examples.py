"""Every example runs to its own end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.old_python import python_of_pyuv
from support.sources import ROOT, name_of

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

TIMEOUT = 60
"""Seconds an example may take on a slow machine."""

NEEDS = {
    "embed_trio.py": "trio",
    "embed_gevent.py": "gevent",
    "embed_qt.py": "PySide6.QtCore",
    "embed_glib.py": "gi.repository.GLib",
    "host_loop_curl_or_multi.py": "pycurl",
}
"""What an example imports that is no dependency of ours; without it the test skips."""


def interpreter_of(path: Path) -> str:
    """The Python an example runs under, or a visible skip."""
    if path.name == "embed_pyuv.py":
        return python_of_pyuv()
    if path.name in NEEDS:
        pytest.importorskip(NEEDS[path.name], exc_type=ImportError)
    return sys.executable


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_example_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [interpreter_of(path), "-W", "error::ResourceWarning", path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert "identical: False" not in done.stdout, done.stdout
    assert done.stdout.strip(), "an example shows something"


def test_there_are_examples() -> None:
    assert EXAMPLES


def test_needs_are_of_examples_that_exist() -> None:
    assert set(NEEDS) <= {path.name for path in EXAMPLES}
