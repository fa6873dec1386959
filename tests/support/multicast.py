"""A multicast group for the sessions of a `World`: whoever joined hears what any of them says."""

from __future__ import annotations

from collections import deque
from typing import Any

from evtorrent.listener.interfaces import Interface
from evtorrent.protocols.engine.ports import READ, WRITE
from evtorrent.session.core.local_discovery import LocalDiscoveryService

from .world import Node, World

PORT = 6771


class GroupSocket:
    """A datagram socket that is a member."""

    def __init__(self, group: Multicast, fd: int, host: str, joined: tuple[str, str]) -> None:
        self.group = group
        self.fd = fd
        self.host = host
        self.joined = joined
        self.inbox: deque[tuple[bytes, Any]] = deque()
        self.sent: list[tuple[bytes, Any]] = []
        self.send_error: OSError | None = None
        self.receive_error: OSError | None = None
        self.is_closed = False
        self.is_moving = False

    def fileno(self) -> int:
        return self.fd

    def sendto(self, data: Any, address: Any) -> int:
        if self.send_error is not None:
            raise self.send_error
        self.sent.append((bytes(data), address))
        self.group.deliver(bytes(data), (self.host, PORT))
        return len(data)

    def recvfrom_into(self, buffer: Any) -> tuple[int, Any]:
        if self.receive_error is not None:
            raise self.receive_error
        if not self.inbox:
            raise BlockingIOError
        data, source = self.inbox.popleft()
        data = data[: len(buffer)]
        buffer[: len(data)] = data
        return len(data), source

    def getsockname(self) -> Any:
        return (self.host, PORT)

    def close(self) -> None:
        self.is_closed = True
        self.group.leave(self)

    def deliver(self) -> None:
        """Called by the world; datagrams arrive at once here."""

    @property
    def ready(self) -> int:
        return (READ if self.inbox or self.receive_error else 0) | WRITE


class Multicast:
    """The group.  `join(node)` lets a node's local discovery run on it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.members: list[GroupSocket] = []
        self.refuses: OSError | None = None
        self._next_fd = 500_000

    def deliver(self, data: bytes, source: Any) -> None:
        for member in self.members:
            member.inbox.append((data, source))

    def leave(self, member: GroupSocket) -> None:
        self.members.remove(member)
        self.world.sockets.pop(member.fd, None)

    def join(self, node: Node, *interfaces: Interface) -> None:
        """Give the node datagram sockets and interfaces; its own host is on one unless others are given."""
        known = list(interfaces) or [Interface("eth0", node.host, 8)]

        def open_socket(family: int, *, bind: Any = None, group: Any = None) -> GroupSocket:
            if self.refuses is not None:
                raise self.refuses
            self._next_fd += 1
            member = GroupSocket(self, self._next_fd, node.host, group)
            self.members.append(member)
            self.world.sockets[member.fd] = member  # type: ignore[assignment]
            return member

        node.platform.datagram_socket = open_socket  # type: ignore[method-assign]
        node.core.local_discovery = LocalDiscoveryService(node.core, lambda: known)
