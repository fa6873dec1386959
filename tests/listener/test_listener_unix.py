"""Listeners on unix sockets: names, files, and peers without a name (rows L22–L26)."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from evtorrent.listener import Listener, ListenerFlag

FREE = ListenerFlag.CLOSE_ON_FREE

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract names are Linux's")


def test_client_without_a_name(host: Any, clients: Any, accepted: Any, tmp_path: Path) -> None:
    listener = Listener.bind(host.base, tmp_path / "s", accepted, flags=FREE)
    assert listener.address == str(tmp_path / "s")
    (client,) = clients.connect(str(tmp_path / "s"))
    host.turn()
    assert accepted.addresses == [""]
    accepted.sockets[0].send(b"x")
    assert client.recv(1) == b"x"
    listener.close()


@linux_only
@pytest.mark.parametrize("is_abstract", [False, True])
def test_client_with_a_name(host: Any, accepted: Any, tmp_path: Path, is_abstract: bool) -> None:
    listener = Listener.bind(host.base, tmp_path / "s", accepted, flags=FREE)
    name: Any = f"\0evtorrent-test-{os.getpid()}-peer".encode() if is_abstract else str(tmp_path / "client")
    with socket.socket(socket.AF_UNIX) as client:
        client.bind(name)
        client.connect(str(tmp_path / "s"))
        host.turn()
    assert accepted.addresses == [name]
    listener.close()


@pytest.mark.parametrize("extra", [ListenerFlag(0), ListenerFlag.CLOSE_ON_EXEC, ListenerFlag.THREADSAFE])
def test_file_stays_when_the_listener_closes(
    host: Any, accepted: Any, tmp_path: Path, extra: ListenerFlag
) -> None:
    path = tmp_path / "s"
    listener = Listener.bind(host.base, path, accepted, flags=FREE | extra)
    inode = path.stat().st_ino
    listener.close()
    assert path.stat().st_ino == inode
    with pytest.raises(OSError) as caught:
        Listener.bind(host.base, path, accepted, flags=FREE)
    assert caught.value.errno == errno.EADDRINUSE
    assert path.stat().st_ino == inode
    path.unlink()
    Listener.bind(host.base, path, accepted, flags=FREE).close()


def test_without_close_on_free_it_goes_on_listening(
    host: Any, clients: Any, accepted: Any, tmp_path: Path
) -> None:
    listener = Listener.bind(host.base, tmp_path / "s", accepted)
    fd = listener.fileno()
    listener.close()
    with socket.socket(fileno=fd):
        clients.connect(str(tmp_path / "s"))
        again = Listener.adopt(host.base, fd, accepted, backlog=0)
        host.turn()
        assert len(accepted) == 1
        again.close()


@linux_only
def test_abstract_name(host: Any, clients: Any, accepted: Any, tmp_path: Path) -> None:
    name = f"\0evtorrent-test-{os.getpid()}-abstract"
    listener = Listener.bind(host.base, name, accepted, flags=FREE)
    assert listener.address == name.encode()
    assert repr(listener) == f"<Listener unix:{name.encode()!r} enabled>"
    clients.connect(name)
    host.turn()
    assert len(accepted) == 1
    listener.close()
    # The name is free as soon as the last descriptor is gone.
    Listener.bind(host.base, name, accepted, flags=FREE).close()


@pytest.mark.parametrize("flag", [ListenerFlag.REUSEABLE, ListenerFlag.REUSEABLE_PORT])
def test_reuseable_is_refused(host: Any, accepted: Any, tmp_path: Path, flag: ListenerFlag) -> None:
    with pytest.raises(ValueError, match="flags: a unix address"):
        Listener.bind(host.base, tmp_path / "s", accepted, flags=FREE | flag)
    assert not (tmp_path / "s").exists()


def test_a_file_made_for_a_listener_that_failed_is_taken_away(tmp_path: Path, no_fd_survives: None) -> None:
    class Refusing:
        def watch(self, *_args: Any) -> Any:
            raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        Listener.bind(Refusing(), tmp_path / "s", print)  # type: ignore[arg-type]
    assert not (tmp_path / "s").exists()


def test_sequential_packets(host: Any, accepted: Any, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as raw:
        raw.bind(str(tmp_path / "s"))
        listener = Listener.adopt(host.base, raw, accepted)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(str(tmp_path / "s"))
            client.send(b"one")
            client.send(b"two")
            host.turn()
            assert accepted.sockets[0].type == socket.SOCK_SEQPACKET
            assert accepted.sockets[0].recv(10) == b"one"
        listener.close()
