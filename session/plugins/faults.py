"""The border between the session and plug-ins: calls hooks, and turns what they raise into a report."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..alerts.plugin import PluginErrorAlert

if TYPE_CHECKING:
    from ..alert_queue import AlertQueue
    from ..handle import TorrentHandle

__all__ = ["FAILED", "Faults", "name_of"]

FAILED: Any = object()
"""What a call gives when the plug-in raised (Any: the hooks' values have nothing in common)."""

_DEPTH = 8
"""Frames of a traceback that are kept."""


class Faults:
    """Calls plug-ins for one session."""

    __slots__ = ("_alerts", "_depth")

    def __init__(self, alerts: AlertQueue) -> None:
        self._alerts = alerts
        self._depth = 0

    @property
    def is_calling(self) -> bool:
        """A hook is running: what it asks for by a command waits until it is through."""
        return self._depth > 0

    def call(
        self,
        plugin: object,
        hook: str,
        *args: Any,
        method: Callable[..., Any],
        torrent: TorrentHandle | None = None,
        passes: tuple[type[Exception], ...] = (),
    ) -> Any:
        """`method(*args)`, which is `hook` of `plugin`; `FAILED` when it raised, which is reported.

        Errors in `passes` go through to the caller.  Any: each hook has its own arguments and value.
        """
        self._depth += 1
        try:
            return method(*args)
        except passes:
            raise
        except Exception as error:
            # A border: the program's code failed inside the session, which goes on.
            self.report(plugin, hook, error, torrent)
            return FAILED
        finally:
            self._depth -= 1

    def report(
        self, plugin: object, hook: str, error: Exception, torrent: TorrentHandle | None = None
    ) -> None:
        """Tell the program that its plug-in failed."""
        if self._alerts.should_post(PluginErrorAlert):
            trace = "".join(traceback.format_exception(error, limit=-_DEPTH))
            self._alerts.emplace(PluginErrorAlert, name_of(plugin), hook, _text_of(error), trace, torrent)


def name_of(plugin: object) -> str:
    """What reports call a plug-in."""
    for name in (getattr(plugin, "name", ""), getattr(plugin, "__qualname__", "")):
        if isinstance(name, str) and name:
            return name
    return type(plugin).__qualname__


def _text_of(error: Exception) -> str:
    # Not `str`: an exception's text may raise, too.
    return traceback.format_exception_only(error)[-1].strip()
