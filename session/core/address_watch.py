"""The listen sockets follow the addresses of this machine while they come and go (`enable_ip_notifier`).

Nothing is watched while nothing listens, nor where the system tells nobody: then a program calls `reopen_network_sockets` itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...listener.address_changes import AddressChanges
from ...listener.origin import address_socket_of
from ...protocols.engine.ports import Timer

if TYPE_CHECKING:
    from .core import Core

__all__ = ["SETTLE", "AddressWatch"]

SETTLE = 0.2
"""Seconds after a change in which others are waited for: an interface that comes up brings several addresses."""


class AddressWatch:
    """One session's ear on the system."""

    __slots__ = ("_changes", "_core", "_timer")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._changes: AddressChanges | None = None
        self._timer: Timer | None = None

    def update(self) -> None:
        """The setting changed, or the sockets were opened."""
        core = self._core
        wanted = (
            core.settings.get_bool("enable_ip_notifier")
            and bool(core.settings.get_str("listen_interfaces"))
            and not core.closing
        )
        if not wanted:
            self.close()
        elif self._changes is None:
            try:
                self._changes = AddressChanges(
                    core.base, self._changed, open_socket=address_socket_of(core.base)
                )
            except OSError:
                return  # The system tells nobody.

    def close(self) -> None:
        """Hear no more.  Repeatable."""
        if self._changes is not None:
            self._changes.close()
            self._changes = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _changed(self) -> None:
        if self._timer is None:
            self._timer = self._core.base.call_later(SETTLE, self._reopen)

    def _reopen(self) -> None:
        self._timer = None
        if not self._core.closing:
            self._core.listen()
