from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.session import PeerPlugin, PluginErrorAlert
from evtorrent.session.alert_queue import AlertQueue
from evtorrent.session.plugins.faults import FAILED, Faults, name_of


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")


def faults_and_queue(mask=1):
    queue = AlertQueue(lambda: 0.0, mask=mask)
    return Faults(queue), queue


def test_a_call_gives_what_the_plugin_gives():
    faults, queue = faults_and_queue()
    assert faults.call(None, "hook", 3, 4, method=max) == 4
    assert not queue.pop_all()


def test_a_failed_call_is_reported_once_with_where_it_failed():
    faults, queue = faults_and_queue()

    def divide(number):
        return number // 0

    assert faults.call(PeerPlugin(), "tick", 1, method=divide) is FAILED
    (told,) = queue.pop_all()
    assert isinstance(told, PluginErrorAlert)
    assert (told.plugin, told.hook) == ("PeerPlugin", "tick")
    assert told.error.startswith("ZeroDivisionError: ")
    assert "in divide" in told.traceback


@pytest.mark.parametrize("error", [Unprintable(), RecursionError("deep"), MemoryError(), OSError(5, "x")])
def test_whatever_is_raised_is_reported(error):
    faults, queue = faults_and_queue()

    def fail():
        raise error

    assert faults.call("me", "hook", method=fail) is FAILED
    (told,) = queue.pop_all()
    assert type(error).__name__ in told.message()


def test_what_ends_the_program_is_not_kept_from_it():
    faults, _ = faults_and_queue()

    def leave():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        faults.call("me", "hook", method=leave)
    assert not faults.is_calling


def test_errors_the_caller_wants_pass():
    faults, queue = faults_and_queue()

    def fail():
        raise RemoteProtocolError("theirs")

    with pytest.raises(RemoteProtocolError):
        faults.call("me", "hook", method=fail, passes=(RemoteProtocolError,))
    assert not queue.pop_all()
    assert faults.call("me", "hook", method=fail) is FAILED


def test_it_says_when_a_hook_is_running():
    faults, _ = faults_and_queue()
    seen = []

    def outer():
        faults.call(None, "inner", method=lambda: seen.append(faults.is_calling))
        seen.append(faults.is_calling)

    faults.call(None, "outer", method=outer)
    assert [*seen, faults.is_calling] == [True, True, False]


def test_nobody_who_does_not_want_to_know_is_told():
    faults, queue = faults_and_queue(mask=0)
    assert faults.call(None, "hook", method=lambda: 1 // 0) is FAILED
    assert not queue.pop_all()


class Named:
    name = "my plug-in"


class Misnamed:
    name = 7


@pytest.mark.parametrize(
    ("plugin", "name"),
    [(Named(), "my plug-in"), (Misnamed(), "Misnamed"), (Misnamed, "Misnamed"), (7, "int")],
)
def test_names(plugin, name):
    assert name_of(plugin) == name
