"""What every test gets: the `support` package, the thread check, and real peers on request."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent

# With --import-mode=importlib nothing is put on the path; `from support.x import y` needs this one entry.
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))
pytest.register_assert_rewrite("support")

THREAD_END_TIMEOUT = 2.0
"""Seconds a thread that a test has told to end may still take."""

PEER_MODULES = {"libtorrent": "libtorrent"}
"""Peers that are Python modules: `require_peer` returns the module."""

PEER_PROGRAMS = {"aria2": "aria2c", "opentracker": "opentracker"}
"""Peers that are programs: `require_peer` returns the path."""


@pytest.fixture(autouse=True)
def no_thread_survives() -> Iterator[None]:
    """Fail a test that leaves a thread behind; threads of wider fixtures exist before it and do not count."""
    before = set(threading.enumerate())
    yield
    left = []
    for thread in threading.enumerate():
        # A _DummyThread stands for a thread Python did not start (a C library's): nobody can join it.
        if thread in before or isinstance(thread, threading._DummyThread):
            continue
        thread.join(THREAD_END_TIMEOUT)
        if thread.is_alive():
            left.append(thread.name)
    assert not left, f"threads left running: {left}"


@pytest.fixture
def no_fd_survives() -> Iterator[None]:
    """Fail a test that leaves a descriptor open (where the system can list them)."""
    listing = Path("/proc/self/fd")
    if not listing.is_dir():
        yield
        return
    before = set(os.listdir(listing))
    yield
    left = {}
    for fd in set(os.listdir(listing)) - before:
        try:
            left[fd] = os.readlink(listing / fd)
        except OSError:
            continue  # the descriptor of the listing itself
    assert not left, f"descriptors left open: {left}"


@pytest.fixture(scope="session")
def require_peer() -> Callable[[str], Any]:
    """`require_peer("libtorrent" | "aria2" | "opentracker")`: the peer, or a visible skip.

    With EVTORRENT_REQUIRE_PEERS=1 a missing peer fails the test instead.
    """

    def require(name: str) -> Any:
        found = _find_peer(name)
        if found is not None:
            return found
        reason = f"real peer {name!r} is not installed"
        if os.environ.get("EVTORRENT_REQUIRE_PEERS") == "1":
            pytest.fail(f"{reason}, and EVTORRENT_REQUIRE_PEERS=1")
        pytest.skip(reason)

    return require


def _find_peer(name: str) -> Any:
    if name in PEER_MODULES:
        module = PEER_MODULES[name]
        return importlib.import_module(module) if importlib.util.find_spec(module) else None
    return shutil.which(PEER_PROGRAMS[name])
