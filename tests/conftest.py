"""What every test gets: the `support` package, an account of what it left behind, and real peers on request."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import uvloop

TESTS = Path(__file__).resolve().parent

# With --import-mode=importlib nothing is put on the path; `from support.x import y` needs this one entry.
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))
pytest.register_assert_rewrite("support")

from support.accounting import Ledger  # noqa: E402 - after the path
from support.tracebacks import give_lines  # noqa: E402

# libuv opens a pipe for signals with the first loop of a process and keeps it: not a leak of any one test.
uvloop.new_event_loop().close()

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("evtorrent", deadline=None)
hypothesis.settings.load_profile("evtorrent")

PEER_MODULES = {"libtorrent": "libtorrent"}
"""Peers that are Python modules: `require_peer` returns the module."""

PEER_PROGRAMS = {
    "aria2": "aria2c",
    "dante": "danted",
    "microsocks": "microsocks",
    "miniupnpd": "miniupnpd",
    "opentracker": "opentracker",
    "tinyproxy": "tinyproxy",
}
"""Peers that are programs: `require_peer` returns the path."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> None:
    """Before anybody prints it."""
    if call.excinfo is not None and give_lines(call.excinfo.value):
        call.excinfo = pytest.ExceptionInfo.from_exception(call.excinfo.value)


@pytest.fixture(autouse=True)
def nothing_survives() -> Iterator[None]:
    """Fail a test that leaves something behind; what fixtures of a wider scope hold exists before it."""
    ledger = Ledger()
    yield
    left = ledger.differences()
    assert not left, f"left behind: {'; '.join(left)}"


os.environ["EVTORRENT_LSD"] = "0"  # For the command, also in processes of its own.


@pytest.fixture(autouse=True)
def no_multicast_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local discovery is off unless a test asks for it, and then on the loopback interface only."""
    from evtorrent.reactor import net

    join_group = net.join_group

    def join_on_loopback(sock: socket.socket, group: str, interface: str) -> None:
        assert interface == "lo" or interface.startswith("127."), f"multicast on {interface}"
        join_group(sock, group, interface)

    monkeypatch.setattr(net, "join_group", join_on_loopback)


@pytest.fixture
def no_fd_survives(nothing_survives: None) -> None:
    """For fixtures that say so: they are set up after the count begins, and torn down before it ends."""


@pytest.fixture(scope="session")
def require_peer() -> Callable[[str], Any]:
    """`require_peer("libtorrent" | a key of PEER_PROGRAMS)`: the peer, or a visible skip.

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
    # Debian keeps servers in /usr/sbin, which is not on everybody's path.
    return shutil.which(PEER_PROGRAMS[name], path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
