"""All the listening sockets of a `listen_interfaces` text, opened, kept and replaced together.

A port in use is tried again one higher, as often as allowed, then left to the system; TCP and UDP of an endpoint have one
port.  Failures are values: one endpoint's does not touch the others.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..protocols.engine.ports import Base
from .binding import open_socket, resolve_numeric
from .datagram_mux import DatagramMux
from .endpoint import Endpoint, expand_interface
from .flags import ListenerFlag
from .gate import Gate, Verdict
from .interfaces import Interface
from .listener import DEFAULT_ACCEPT_LIMIT, Listener
from .origin import SocketMaker, interfaces_of, socket_maker
from .spec import parse_interfaces

__all__ = ["GroupSettings", "ListenFailure", "ListenSuccess", "ListenerGroup", "OpenEndpoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """How endpoints are opened; the names are libtorrent's settings."""

    max_retry_port_bind: int = 10
    """Higher ports tried after one in use."""
    listen_system_port_fallback: bool = True
    """After those, take any port the system gives."""
    listen_queue_size: int = 5
    """Connections the kernel holds until they are accepted."""
    accept_limit: int | None = DEFAULT_ACCEPT_LIMIT
    """Connections accepted in one readiness event of one endpoint."""
    with_datagrams: bool = False
    """Open a UDP socket on the same port."""

    def __post_init__(self) -> None:
        if self.max_retry_port_bind < 0:
            raise ValueError(f"max_retry_port_bind is at least 0, not {self.max_retry_port_bind}")
        if self.listen_queue_size == 0:
            raise ValueError("listen_queue_size is not 0")


@dataclass(frozen=True, slots=True)
class OpenEndpoint:
    """An endpoint that listens."""

    endpoint: Endpoint
    """What was asked for."""
    listener: Listener
    datagrams: DatagramMux | None
    """The UDP socket on the same port, when there is one."""
    sockets: tuple[Any, ...] = ()
    """What both run on, to set options of.  Any: sockets by shape."""

    @property
    def host(self) -> str:
        """The address it is bound to."""
        return str(self.listener.address[0])

    @property
    def port(self) -> int:
        """The port it got."""
        return int(self.listener.address[1])


@dataclass(frozen=True, slots=True)
class ListenSuccess:
    """A socket listens (`listen_succeeded_alert`)."""

    opened: OpenEndpoint
    kind: str
    """"tcp", "ssl" or "udp"."""
    address: tuple[str, int]


@dataclass(frozen=True, slots=True)
class ListenFailure:
    """A socket could not be opened (`listen_failed_alert`)."""

    interface: str
    """The element of the list."""
    kind: str
    """"tcp", "ssl" or "udp"."""
    operation: str
    """"parse_address", "enum_if", "sock_open", "sock_bind" or "sock_listen"."""
    address: tuple[str, int]
    """Where it was tried last; ("", 0) when there is no address yet."""
    error: OSError


class ListenerGroup:
    """The listening endpoints of one session.

    `on_accept(opened, sock, address)` gets every admitted connection; with a `gate`, its end must be told to the gate.
    `on_refused(opened, address, verdict)` hears of the others, whose sockets are closed already; verdict None is a
    peer outside a local endpoint's network.  `on_closing(opened)` hears of an endpoint before its sockets are closed, so that
    what runs on its UDP socket can take leave.
    """

    def __init__(
        self,
        base: Base,
        on_accept: Callable[[OpenEndpoint, socket.socket, Any], object],
        *,
        settings: GroupSettings | None = None,
        gate: Gate | None = None,
        on_refused: Callable[[OpenEndpoint, Any, Verdict | None], object] | None = None,
        on_closing: Callable[[OpenEndpoint], object] | None = None,
        on_error: Callable[[Endpoint, OSError], object] | None = None,
        interfaces: Callable[[], list[Interface]] | None = None,
    ) -> None:
        self._base = base
        self._on_accept = on_accept
        self._settings = settings or GroupSettings()
        self._gate = gate
        self._on_refused = on_refused
        self._on_closing = on_closing
        self._on_error = on_error
        self._interfaces = interfaces or interfaces_of(base)
        self._make = socket_maker(base)
        self._open: dict[Endpoint, OpenEndpoint] = {}

    def apply(self, text: str) -> list[ListenSuccess | ListenFailure]:
        """Listen where `text` says and nowhere else; endpoints that stay keep their sockets.

        Returns what was newly opened and what failed, in order.  May be repeated: failed endpoints are tried again.
        """
        wanted, outcomes = self._expand(text)
        for endpoint in [each for each in self._open if each not in wanted]:
            self._close(self._open.pop(endpoint))  # first, so that their ports are free
        for endpoint in wanted:
            if endpoint not in self._open:
                outcomes += self._open_endpoint(endpoint)
        return outcomes

    def enable(self) -> None:
        """Accept on every endpoint."""
        for opened in self._open.values():
            opened.listener.enable()

    def disable(self) -> None:
        """Leave connections in the kernel's queues."""
        for opened in self._open.values():
            opened.listener.disable()

    def close(self) -> None:
        """Close every endpoint.  Repeatable."""
        while self._open:
            self._close(self._open.popitem()[1])

    @property
    def endpoints(self) -> list[OpenEndpoint]:
        """What listens, in the order it was asked for."""
        return list(self._open.values())

    @property
    def is_listening(self) -> bool:
        """At least one endpoint is open."""
        return bool(self._open)

    @property
    def port(self) -> int:
        """The port to announce: that of the first endpoint without TLS that is not local only, else of the first without TLS;
        0: none.
        """
        plain = [opened for opened in self._open.values() if not opened.endpoint.is_ssl]
        for opened in plain:
            if not opened.endpoint.is_local:
                return opened.port
        return plain[0].port if plain else 0

    def _expand(self, text: str) -> tuple[dict[Endpoint, None], list[ListenSuccess | ListenFailure]]:
        elements, bad = parse_interfaces(text)
        outcomes: list[ListenSuccess | ListenFailure] = [
            ListenFailure(element, "tcp", "parse_address", ("", 0), _os_error(errno.EINVAL))
            for element in bad
        ]
        wanted: dict[Endpoint, None] = {}
        interfaces: list[Interface] | None = None
        for element in elements:
            if interfaces is None and (element.is_local or not element.is_address):
                interfaces = self._interfaces()
            endpoints = expand_interface(element, interfaces or [])
            if not endpoints:
                error = _os_error(errno.ENODEV)
                outcomes.append(ListenFailure(str(element), _kind(element.is_ssl), "enum_if", ("", 0), error))
            wanted.update(dict.fromkeys(endpoints))
        return wanted, outcomes

    def _open_endpoint(self, endpoint: Endpoint) -> list[ListenSuccess | ListenFailure]:
        """Try port after port; only "in use" moves on.  That the wanted port was in use is told even if another was had."""
        failure: ListenFailure | None = None
        wanted: list[ListenFailure] = []
        for port in self._ports_to_try(endpoint.port):
            result = self._try_port(endpoint, port)
            if isinstance(result, OpenEndpoint):
                self._open[endpoint] = result
                return [*wanted, *_successes(result)]
            failure = result
            wanted = wanted or [failure]
            if result.error.errno != errno.EADDRINUSE:
                break
        assert failure is not None
        return [failure]

    def _ports_to_try(self, port: int) -> Iterator[int]:
        tries = self._settings.max_retry_port_bind
        if port == 0:
            # The system's choice is free for TCP; only UDP may find it taken.
            yield from [0] * (1 + tries)
            return
        yield from range(port, min(port + tries, 65535) + 1)
        if self._settings.listen_system_port_fallback:
            yield from [0] * (1 + tries)

    def _try_port(self, endpoint: Endpoint, port: int) -> OpenEndpoint | ListenFailure:
        kind = _kind(endpoint.is_ssl)
        operation = "sock_open"
        with contextlib.ExitStack() as undo:
            try:
                sock, bind_to = _open(endpoint, port, socket.SOCK_STREAM, self._make)
                undo.callback(sock.close)
                operation = "sock_bind"
                sock.bind(bind_to)
                operation = "sock_listen"
                sock.listen(self._settings.listen_queue_size)
                port = sock.getsockname()[1]
                sockets, datagrams = [sock], None
                if self._settings.with_datagrams:
                    kind, operation = "udp", "sock_open"
                    udp, bind_to = _open(endpoint, port, socket.SOCK_DGRAM, self._make)
                    undo.callback(udp.close)
                    operation = "sock_bind"
                    udp.bind(bind_to)
                    sockets.append(udp)
                    datagrams = DatagramMux(self._base, udp)
                    undo.callback(datagrams.close)
            except OSError as error:
                return ListenFailure(str(endpoint), kind, operation, (endpoint.host, port), error)
            opened = self._start(endpoint, sockets, datagrams)
            undo.pop_all()
        return opened

    def _start(
        self, endpoint: Endpoint, sockets: list[socket.socket], datagrams: DatagramMux | None
    ) -> OpenEndpoint:
        opened: OpenEndpoint | None = None

        def on_accept(_listener: Listener, accepted: socket.socket, address: Any) -> None:
            assert opened is not None
            self._admit(opened, accepted, address)

        def on_error(_listener: Listener, error: OSError) -> None:
            if self._on_error is not None:
                self._on_error(endpoint, error)

        listener = Listener.adopt(
            self._base,
            sockets[0],
            on_accept,
            flags=ListenerFlag.CLOSE_ON_FREE,
            backlog=0,
            on_error=on_error,
            accept_limit=self._settings.accept_limit,
        )
        opened = OpenEndpoint(endpoint, listener, datagrams, tuple(sockets))
        return opened

    def _admit(self, opened: OpenEndpoint, sock: socket.socket, address: Any) -> None:
        verdict: Verdict | None = None
        if opened.endpoint.can_reach(address[0]):
            verdict = Verdict.ADMIT if self._gate is None else self._gate.admit(address[0])
        if verdict is Verdict.ADMIT:
            self._on_accept(opened, sock, address)
            return
        sock.close()
        if self._on_refused is not None:
            self._on_refused(opened, address, verdict)

    def _close(self, opened: OpenEndpoint) -> None:
        if self._on_closing is not None:
            self._on_closing(opened)
        opened.listener.close()
        if opened.datagrams is not None:
            opened.datagrams.close()


def _open(
    endpoint: Endpoint, port: int, kind: socket.SocketKind, make: SocketMaker
) -> tuple[socket.socket, Any]:
    family, bind_to = resolve_numeric((endpoint.host, port))
    flags = ListenerFlag.BIND_IPV6ONLY if family == socket.AF_INET6 else ListenerFlag(0)
    if kind == socket.SOCK_STREAM:
        flags |= ListenerFlag.REUSEABLE
    sock = open_socket(family, flags, kind, make=make)
    if endpoint.device and hasattr(socket, "SO_BINDTODEVICE"):
        # Keeps traffic on the device where we are allowed to ask for it; the address alone does nearly the same.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(endpoint.device))
    return sock, bind_to


def _successes(opened: OpenEndpoint) -> Iterator[ListenSuccess]:
    yield ListenSuccess(opened, _kind(opened.endpoint.is_ssl), (opened.host, opened.port))
    if opened.datagrams is not None:
        host, port = opened.datagrams.address[:2]
        yield ListenSuccess(opened, "udp", (host, port))


def _kind(is_ssl: bool) -> str:
    return "ssl" if is_ssl else "tcp"


def _os_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
