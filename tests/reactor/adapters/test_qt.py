"""What `drive_qt` does beyond the kit that runs over every driver (tests/conformance/test_drivers.py)."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError, drive_qt
from support.driver_hosts import HOSTS, ScriptedMulti


def shape(instance: object) -> Any:
    """As much of QtCore as is asked before anything is made."""
    return SimpleNamespace(QAbstractEventDispatcher=SimpleNamespace(instance=lambda: instance))


def test_thread_without_a_qt_loop_is_refused() -> None:
    multi = ScriptedMulti()
    with pytest.raises(ReactorUsageError, match="QCoreApplication"):
        drive_qt(multi, shape(None))
    assert multi.options == {}


def test_binding_that_is_imported_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PyQt6.QtCore", shape(None))
    with pytest.raises(ReactorUsageError):
        drive_qt(ScriptedMulti())


def test_thread_of_its_own_needs_a_loop_of_its_own() -> None:
    core = pytest.importorskip("PySide6.QtCore", exc_type=ImportError)
    refused: list[BaseException] = []

    def main() -> None:
        try:
            drive_qt(ScriptedMulti(), core)
        except ReactorUsageError as exc:
            refused.append(exc)

    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
    assert len(refused) == 1


def test_each_direction_is_a_notifier_that_ends_before_the_descriptor(pair: Any) -> None:
    host = HOSTS["qt"]()
    multi = ScriptedMulti()
    driver = host.drive(multi)
    fd = pair[0].fileno()
    multi.tell_socket(multi.POLL_INOUT, fd)
    both = list(driver._notifiers.values())
    assert [notifier.isEnabled() for notifier in both] == [True, True]
    multi.tell_socket(multi.POLL_OUT, fd)
    assert list(driver._notifiers) == [(fd, multi.CSELECT_OUT)]
    multi.tell_socket(multi.POLL_REMOVE, fd)
    assert [notifier.isEnabled() for notifier in both] == [False, False]
    driver.close()
    host.close()
