"""What a test leaves behind is found, whatever it is, and nothing else is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from evtorrent.reactor import READ, Reactor
from support import accounting
from support.accounting import Ledger


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is about to close anything."""
    monkeypatch.setattr(accounting, "END_TIMEOUT", 0.01)


def test_nothing_left_is_nothing_found() -> None:
    ledger = Ledger()
    with Reactor() as reactor:
        reactor.call_later(5.0, print)
    socket.socket().close()
    assert ledger.differences() == []


@pytest.mark.usefixtures("impatient")
def test_descriptor_left_open() -> None:
    ledger = Ledger()
    fd = os.open(os.devnull, os.O_RDONLY)
    assert ledger.differences() == [f"descriptor {fd} is open: {os.devnull}"]
    os.close(fd)
    assert ledger.differences() == []


def test_descriptor_a_thread_is_about_to_close_is_waited_for() -> None:
    started, release = threading.Event(), threading.Event()

    def close_soon() -> None:
        started.set()
        release.wait(10.0)
        time.sleep(0.01)
        os.close(fd)
        release.clear()
        release.wait(10.0)

    thread = threading.Thread(target=close_soon)
    thread.start()
    started.wait(10.0)
    ledger = Ledger()
    fd = os.open(os.devnull, os.O_RDONLY)
    release.set()
    assert ledger.differences() == []
    release.set()
    thread.join()


@pytest.mark.usefixtures("impatient")
def test_thread_left_running() -> None:
    ledger = Ledger()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, args=(10.0,), name="lingerer")
    thread.start()
    assert ledger.differences() == ["thread lingerer is running"]
    release.set()
    thread.join()


@pytest.mark.usefixtures("impatient")
def test_child_left_running_and_child_nobody_waited_for() -> None:
    ledger = Ledger()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        (found,) = [entry for entry in ledger.differences() if "child" in entry]
        assert found == f"child process {child.pid} is neither ended nor waited for"
        assert child.stdin
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert ledger.differences() == [found]
    assert ledger.differences() == []


@pytest.mark.usefixtures("impatient")
def test_reactor_left_open() -> None:
    ledger = Ledger()
    with Reactor() as reactor:
        assert f"{reactor!r} is not closed" in ledger.differences()
    assert ledger.differences() == []


@pytest.mark.usefixtures("impatient")
def test_what_is_added_to_a_reactor_of_a_wider_scope() -> None:
    with Reactor() as reactor, socket.socket() as sock:
        kept = reactor.call_later(60.0, print)
        ledger = Ledger()
        timer = reactor.call_later(60.0, print)
        watch = reactor.watch(sock.fileno(), READ, print)
        passive = reactor.event(-1, READ, print)
        passive.add()
        assert ledger.differences() == [
            f"{reactor!r} has 1 watches more, 1 in all",
            f"{reactor!r} has 1 timers more, 2 in all",
            f"{reactor!r} has 1 passive more, 1 in all",
        ]
        timer.cancel()
        watch.close()
        passive.close()
        assert ledger.differences() == []
        kept.cancel()
        assert ledger.differences() == []
