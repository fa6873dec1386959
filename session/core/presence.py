"""A session as its engine sees it: one running handle from the start to the end.

So a host loop that goes on while anything runs goes on while a session does, learns of its end by a message, and, when a
function of the host failed and the engine is dead, the session ends in good order instead of staying half alive.
"""

from __future__ import annotations

from collections.abc import Callable

from ...protocols.engine.endpoint import Handle

__all__ = ["SessionPresence"]


class SessionPresence(Handle):
    """Finishes when the session closed; closes the session when the engine ends first."""

    def __init__(self, on_engine_ended: Callable[[], object]) -> None:
        self._on_engine_ended = on_engine_ended

    def stop(self) -> None:
        """The session closed (then this does nothing more), or the engine gave up."""
        self._on_engine_ended()
