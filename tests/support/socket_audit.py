"""Every address a thread turns to and every name it looks up, as the interpreter itself reports them (PEP 578)."""

from __future__ import annotations

import sys
import threading
from typing import Any, Self

_active: list[SocketAudit] = []
_CONTACTS = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}
_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


class SocketAudit:
    """Of the thread that made it and of the engine's workers.  Use as a context manager."""

    def __init__(self) -> None:
        self.contacts: set[tuple[str, Any]] = set()
        """(event, address)"""
        self.names: set[str] = set()
        """Hosts looked up."""
        self._thread = threading.get_ident()

    def __enter__(self) -> Self:
        _install()
        _active.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _active.remove(self)

    def heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Something happened in this process."""
        thread = threading.current_thread()
        if thread.ident != self._thread and not thread.name.startswith("evtorrent-worker"):
            return
        if event in _LOOK_UPS:
            self.names.add(arguments[0])
        elif isinstance(arguments[1], tuple):  # a name of the file system leads nowhere
            self.contacts.add((event, arguments[1][:2]))


def _install() -> None:
    global _is_installed
    if not _is_installed:  # A hook cannot be taken away again.
        sys.addaudithook(_hook)
        _is_installed = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _active and (event in _CONTACTS or event in _LOOK_UPS):
        for audit in list(_active):
            audit.heard(event, arguments)


_is_installed = False
