"""The bits are libevent's."""

from __future__ import annotations

from evtorrent.listener import ListenerFlag


def test_values_are_those_of_libevent() -> None:
    names = [
        "LEAVE_SOCKETS_BLOCKING",
        "CLOSE_ON_FREE",
        "CLOSE_ON_EXEC",
        "REUSEABLE",
        "THREADSAFE",
        "DISABLED",
        "DEFERRED_ACCEPT",
        "REUSEABLE_PORT",
        "BIND_IPV6ONLY",
        "BIND_IPV4_AND_IPV6",
    ]
    assert {flag.name: flag.value for flag in ListenerFlag} == {
        name: 1 << bit for bit, name in enumerate(names)
    }
