"""Alerts about plug-ins.  libtorrent has none: there, a plug-in that throws ends the connection or the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..flags import AlertCategory
from .base import USER_ALERT_ID, Alert, AlertPriority, alert

if TYPE_CHECKING:
    from ..handle import TorrentHandle

__all__ = ["PluginErrorAlert"]


@alert(USER_ALERT_ID - 1, AlertCategory.error, AlertPriority.high)
class PluginErrorAlert(Alert):
    """A plug-in raised, or gave something a hook must not give; the session went on."""

    plugin: str
    """Its name."""
    hook: str
    """What was called."""
    error: str
    """The exception's type and text."""
    traceback: str
    """Where it was raised, as the interpreter prints it; empty where nothing was raised."""
    handle: TorrentHandle | None = None
    """The torrent it was about, if there was one."""

    def message(self) -> str:
        return f"plug-in {self.plugin} failed in {self.hook}: {self.error}"
