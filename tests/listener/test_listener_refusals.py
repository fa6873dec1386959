"""What bad input gets: an error that names the argument, at the call, with nothing opened, closed or registered."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.listener import Listener, ListenerFlag

LOCAL = ("127.0.0.1", 0)

Change = dict[str, Any]


def bind(base: Any, changes: Change) -> None:
    Listener.bind(**{"base": base, "address": LOCAL, "on_accept": print, **changes})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"flags": ListenerFlag.BIND_IPV6ONLY | ListenerFlag.BIND_IPV4_AND_IPV6}, "flags .* exclude"),
        ({"flags": 1 << 12}, "flags 0x1000"),
        ({"flags": "REUSEABLE"}, "flags are"),
        ({"flags": None}, "flags are"),
        ({"backlog": 0}, "backlog 0"),
        ({"backlog": None}, "backlog is"),
        ({"backlog": 2**31}, "backlog 2147483648"),
        ({"accept_limit": 0}, "accept_limit"),
        ({"accept_limit": "many"}, "accept_limit"),
        ({"on_accept": "print"}, "on_accept"),
        ({"on_error": 1}, "on_error"),
        ({"address": None}, "address is"),
        ({"address": ("localhost", 0)}, "address: host 'localhost'"),
        ({"address": ("127.0.0.1", 65536)}, "address: port 65536"),
        ({"base": None}, "base is"),
        ({"base": socket}, "base is"),
    ],
    ids=repr,
)
def test_bind(fake: Any, changes: Change, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        bind(fake.base, changes)
    assert fake.base.num_watches == 0


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"flags": ListenerFlag.BIND_IPV6ONLY | ListenerFlag.BIND_IPV4_AND_IPV6}, "flags .* exclude"),
        ({"flags": -1}, "flags -0x1"),
        ({"backlog": "5"}, "backlog is"),
        ({"accept_limit": -1}, "accept_limit"),
        ({"on_accept": 0}, "on_accept"),
        ({"on_error": "log"}, "on_error"),
        ({"base": 1}, "base is"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("as_fd", [False, True])
def test_adopt(fake: Any, changes: Change, rule: str, as_fd: bool) -> None:
    with socket.socket() as raw:
        raw.bind(LOCAL)
        arguments = {
            "base": fake.base,
            "sock_or_fd": raw.fileno() if as_fd else raw,
            "on_accept": print,
            "flags": ListenerFlag.CLOSE_ON_FREE,
        }
        with pytest.raises(ValueError, match=rule):
            Listener.adopt(**(arguments | changes))
        assert fake.base.num_watches == 0
        assert os.get_blocking(raw.fileno())
        assert not raw.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


@pytest.mark.parametrize("wrong", [None, -1, "3", True, ["socket"]], ids=repr)
def test_adopting_what_cannot_be_a_socket(fake: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="sock_or_fd"):
        Listener.adopt(fake.base, wrong, print)


def test_callbacks_set_later(fake: Any, accepted: Any, clients: Any) -> None:
    listener = Listener.bind(fake.base, LOCAL, accepted, flags=ListenerFlag.CLOSE_ON_FREE)
    setters: list[tuple[Callable[[Any], None], str]] = [
        (listener.set_callback, "on_accept"),
        (listener.set_error_callback, "on_error"),
    ]
    for setter, name in setters:
        with pytest.raises(ValueError, match=name):
            setter("print")
    clients.connect(listener.address)
    fake.turn()
    assert len(accepted) == 1  # the one before still counts
    listener.close()


@pytest.mark.parametrize("kind_of_base", ["reactor", "multi"])
@pytest.mark.parametrize("flags", [ListenerFlag(0), ListenerFlag.THREADSAFE])
def test_a_base_that_is_closed(kind_of_base: str, flags: ListenerFlag, no_fd_survives: None) -> None:
    from support.listener_kit import make_host

    host = make_host(kind_of_base)
    host.close()
    with pytest.raises(Exception, match="closed"):
        Listener.bind(host.base, LOCAL, print, flags=flags)
    with socket.create_server(LOCAL) as raw:
        with pytest.raises(Exception, match="closed"):
            Listener.adopt(host.base, raw.fileno(), print, flags=flags | ListenerFlag.CLOSE_ON_FREE)
        os.fstat(raw.fileno())
        assert os.get_blocking(raw.fileno())
