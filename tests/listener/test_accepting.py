"""The short way of accepting gives what the long one gives."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from evtorrent.listener.accepting import accept_of


@pytest.fixture(autouse=True)
def nothing_left(no_fd_survives: None) -> None:
    """Whatever is accepted, no descriptor stays."""


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_as_the_method_of_the_socket(family: socket.AddressFamily, tmp_path: Path) -> None:
    address: Any = {socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0)}.get(
        family, str(tmp_path / "s")
    )
    with socket.socket(family) as sock, socket.socket(family) as first, socket.socket(family) as second:
        sock.bind(address)
        sock.listen()
        sock.setblocking(False)
        first.connect(sock.getsockname())
        second.connect(sock.getsockname())
        long, long_address = sock.accept()
        short, short_address = accept_of(sock)()
        with long, short:
            assert type(short) is socket.socket
            assert (short.family, short.type, short.proto) == (long.family, long.type, long.proto)
            assert long_address == first.getsockname()
            assert short_address == second.getsockname()
            assert not short.get_inheritable()
            short.send(b"x")
            assert second.recv(1) == b"x"
        with pytest.raises(BlockingIOError):
            accept_of(sock)()


def test_a_subclass_keeps_its_own_way() -> None:
    class Named(socket.socket):
        def accept(self) -> Any:
            return "mine", None

    with Named() as sock:
        assert accept_of(sock)() == ("mine", None)


def test_a_socket_by_shape_keeps_its_own_way() -> None:
    class Simulated:
        def accept(self) -> Any:
            return "simulated", None

    assert accept_of(Simulated())() == ("simulated", None)  # type: ignore[arg-type]
