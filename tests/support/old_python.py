"""A Python old enough for pyuv, whose last release builds on none that this package supports."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

import pytest

OLD_PYTHONS = ("python3.9", "python3.8")
"""Looked for on PATH when EVTORRENT_PYUV_PYTHON names none."""


def python_of_pyuv() -> str:
    """The path of an interpreter that has pyuv and pycurl, or a visible skip."""
    found = _find()
    if found is None:
        pytest.skip("no old Python with pyuv and pycurl: name one in EVTORRENT_PYUV_PYTHON")
    return found


@cache
def _find() -> str | None:
    named = os.environ.get("EVTORRENT_PYUV_PYTHON")
    for path in [named] if named else filter(None, map(shutil.which, OLD_PYTHONS)):
        ask = [path, "-c", "import pyuv, pycurl"]
        if subprocess.run(ask, capture_output=True, timeout=60).returncode == 0:
            return path
    return None
