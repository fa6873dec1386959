"""The loops a listener is tested on, one shape: `.base`, `.turn()`, `.run_until()`, `.close()`, `.errors`."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from typing import Any

from support.selector_base import SelectorBase

KINDS = ["fake", "reactor", "multi"]


class FakeHost:
    """The selectors base; its clock is moved by hand."""

    def __init__(self) -> None:
        self.base: Any = SelectorBase()

    def turn(self) -> None:
        self.base.turn()

    def run_until(self, condition: Callable[[], bool]) -> None:
        for _ in range(10_000):
            if condition():
                return
            self.base.turn(0.001)
            self.base.advance(0.001)
        raise AssertionError("the condition never came true")

    @property
    def errors(self) -> list[BaseException]:
        return self.base.errors  # type: ignore[no-any-return]

    def close(self) -> None:
        self.base.close()


class ReactorHost:
    """The libuv reactor: one non-blocking round a turn, one ordinary run for `run_until`."""

    def __init__(self) -> None:
        from evtorrent.reactor import Reactor, RunMode

        self.errors: list[BaseException] = []
        self.base: Any = Reactor()
        self.base.on_error = lambda *args: self.errors.append(args[-1])
        self._nowait = RunMode.NOWAIT

    def turn(self) -> None:
        self.base.run(self._nowait)

    def run_until(self, condition: Callable[[], bool]) -> None:
        left = [2_000]

        def look() -> None:
            left[0] -= 1
            if condition() or not left[0]:
                self.base.stop()
            else:
                self.base.call_later(0.001, look)

        self.base.call_soon(look)
        self.base.run()
        assert left[0], "the condition never came true"

    def close(self) -> None:
        self.base.close()


class MultiHost:
    """The engine on a bare selectors loop."""

    def __init__(self) -> None:
        from evtorrent.protocols.engine import Multi
        from evtorrent.reactor.adapters import drive_selectors

        self.errors: list[BaseException] = []
        self.base: Any = Multi()
        self.base.on_error = lambda *args: self.errors.append(args[-1])
        self._driver = drive_selectors(self.base)

    def turn(self) -> None:
        # Interest changed between actions is told to the host in the next timeout action; then one pass of the loop.
        self.base.socket_action(-1, 0)
        self._driver.run_once(0)

    def run_until(self, condition: Callable[[], bool]) -> None:
        _turn_until(self.turn, condition)

    def close(self) -> None:
        self._driver.close()
        self.base.close()


def make_host(kind: str) -> Any:
    return {"fake": FakeHost, "reactor": ReactorHost, "multi": MultiHost}[kind]()


def _turn_until(turn: Callable[[], None], condition: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if condition():
            return
        turn()
        select.select([], [], [], 0.001)
    raise AssertionError("the condition never came true")


class Clients:
    """Connections made by a test; all closed with it."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def connect(self, address: Any, count: int = 1) -> list[socket.socket]:
        """Connect; over loopback the connection is in the listener's queue when this returns."""
        made = []
        for _ in range(count):
            sock = socket.socket(_family_of(address))
            self._stack.enter_context(sock)
            sock.settimeout(5)
            sock.connect(address)
            made.append(sock)
        return made

    def keep(self, *socks: socket.socket) -> None:
        for sock in socks:
            self._stack.enter_context(sock)

    def close(self) -> None:
        self._stack.close()


class Accepted:
    """An `on_accept` that remembers; closes what it got at the end."""

    def __init__(self, then: Callable[[Any], object] | None = None) -> None:
        self.sockets: list[socket.socket] = []
        self.addresses: list[Any] = []
        self._then = then

    def __call__(self, listener: Any, sock: socket.socket, address: Any) -> None:
        self.sockets.append(sock)
        self.addresses.append(address)
        if self._then is not None:
            self._then(listener)

    def __len__(self) -> int:
        return len(self.sockets)

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def _family_of(address: Any) -> socket.AddressFamily:
    if not isinstance(address, tuple):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET
