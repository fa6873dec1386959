"""What uvloop does as a host, where stock asyncio differs or a first implementation stumbles; and what the reactor makes of it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
import uvloop.loop
from evtorrent.protocols.engine import Multi
from evtorrent.reactor import READ, Reactor, ReactorBusy, drive_asyncio
from support.libuv import libuv

uvloop.new_event_loop().close()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = uvloop.new_event_loop()
    yield loop
    if not loop.is_closed():
        loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    yield left, right
    left.close()
    right.close()


def turn(loop: asyncio.AbstractEventLoop, times: int = 2) -> None:
    for _ in range(times):
        loop.call_soon(loop.stop)
        loop.run_forever()


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_descriptor_of_a_transport_belongs_to_it(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    left = pair[0]
    transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=left))
    fd = left.fileno()
    for call in (loop.add_reader, loop.add_writer):
        with pytest.raises(RuntimeError, match="used by transport"):
            call(fd, print)
    for remove in (loop.remove_reader, loop.remove_writer):
        with pytest.raises(RuntimeError, match="used by transport"):
            remove(fd)
    transport.abort()
    turn(loop)


def test_engine_told_of_such_a_descriptor_reports_it_and_the_loop_goes_on(
    loop: asyncio.AbstractEventLoop, pair: Any
) -> None:
    left = pair[0]
    transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=left))
    multi = Multi()
    reported: list[BaseException] = []
    multi.on_error = lambda context, error: reported.append(error)
    failures: list[Any] = []
    loop.set_exception_handler(lambda loop, context: failures.append(context["exception"]))
    driver = drive_asyncio(multi, loop)
    watch = multi.watch(left.fileno(), READ, lambda ready: None)
    turn(loop, 3)
    assert [type(error) for error in reported] == [ReactorBusy]
    assert failures
    watch.close()
    driver.close()
    multi.close()
    transport.abort()
    turn(loop)


def test_descriptor_of_a_server_is_refused(loop: asyncio.AbstractEventLoop) -> None:
    """libuv's EEXIST; asyncio accepts it.  The reactor passes it on and keeps nothing."""
    server = loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
    fd = server.sockets[0].fileno()
    with pytest.raises(FileExistsError):
        loop.add_reader(fd, print)
    reactor = Reactor(loop=loop)
    with pytest.raises(FileExistsError):
        reactor.watch(fd, READ, print)
    server.close()
    loop.run_until_complete(server.wait_closed())
    assert reactor.run() is True
    reactor.close()


def test_poll_is_dead_after_an_error(loop: asyncio.AbstractEventLoop) -> None:
    """Each callback once, and no adding again before removing.  `Poll` does that for whoever stays."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        free.bind(("127.0.0.1", 0))
        sock.connect(free.getsockname())
        sock.setblocking(False)
        free.close()
        called: list[str] = []
        fd = sock.fileno()
        loop.add_reader(fd, called.append, "reader")
        loop.add_writer(fd, lambda: None)
        loop.remove_writer(fd)
        sock.send(b"anybody?")
        turn(loop, 5)
        assert called == ["reader"]
        with pytest.raises(RuntimeError, match="closed"):
            loop.add_reader(fd, called.append, "again")
        loop.remove_reader(fd)
        loop.add_reader(fd, called.append, "again")
        loop.remove_reader(fd)


def test_regular_file_is_refused(loop: asyncio.AbstractEventLoop, tmp_path: Any) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(PermissionError):
        loop.add_reader(file.fileno(), print)


def test_adding_again_replaces_the_callback_and_leaves_the_other_direction(
    loop: asyncio.AbstractEventLoop, pair: Any
) -> None:
    left, right = pair
    called: list[str] = []
    loop.add_reader(left.fileno(), called.append, "old")
    loop.add_writer(left.fileno(), called.append, "writer")
    loop.add_reader(left.fileno(), called.append, "new")
    right.send(b"x")
    turn(loop)
    assert set(called) == {"new", "writer"}
    loop.remove_reader(left.fileno())
    del called[:]
    turn(loop)
    assert set(called) == {"writer"}
    loop.remove_writer(left.fileno())


def test_duplicate_that_stays_open_is_not_polled_on(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    """epoll would go on telling of the closed number while a duplicate of it is open."""
    left, right = pair
    called: list[str] = []
    number = os.dup(left.fileno())
    loop.add_reader(number, called.append, "old")
    turn(loop)
    loop.remove_reader(number)
    os.close(number)
    right.send(b"x")
    turn(loop)
    assert called == []


def test_descriptor_registered_as_an_object_stays_open_until_removed(
    loop: asyncio.AbstractEventLoop, pair: Any
) -> None:
    """Registered by number it closes at once, which is how `Poll` registers."""
    left, right = pair
    by_object, by_number = left.fileno(), right.fileno()
    loop.add_reader(left, print)
    left.close()
    assert is_open(by_object)
    loop.remove_reader(by_object)
    assert not is_open(by_object)
    loop.add_reader(by_number, print)
    loop.remove_reader(by_number)
    right.close()
    assert not is_open(by_number)


def test_pointer_to_libuvs_loop_is_one_a_loop(loop: asyncio.AbstractEventLoop) -> None:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    other = uvloop.new_event_loop()
    pointers = [get(uvloop.loop.libuv_get_loop_t_ptr(each), None) for each in (loop, loop, other)]
    assert pointers[0] == pointers[1] != pointers[2]
    other.close()


def test_run_inside_another_loop_or_after_close_is_refused(loop: asyncio.AbstractEventLoop) -> None:
    refused: list[str] = []

    async def inside() -> None:
        other = uvloop.new_event_loop()
        try:
            other.run_forever()
        except RuntimeError as exc:
            refused.append(str(exc))
        other.close()

    loop.run_until_complete(inside())
    assert len(refused) == 1
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_forever()


def test_run_in_the_main_thread_leaves_a_handle_that_closes(loop: asyncio.AbstractEventLoop) -> None:
    """Why a reactor on uvloop cannot be stepped from outside, and `embed` asks for a SteppedLoop."""
    library = libuv()
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    pointer = ctypes.c_void_p(get(uvloop.loop.libuv_get_loop_t_ptr(loop), None))
    loop.call_later(3600, print)
    turn(loop)
    assert library.uv_backend_timeout(pointer) == 0
