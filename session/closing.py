"""Ending a session within a deadline: trackers are told first, then everything is closed whether they answered or not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Session

__all__ = ["SessionProxy", "close"]

_GRACE = 5.0
"""Seconds beyond the trackers' share in which sockets, disk and thread must end."""


def close(session: Session, timeout: float | None, on_closed: Callable[[], object] | None = None) -> bool:
    """`Session.close`"""
    done = _begin(session, on_closed)
    if session.runtime.is_loop_thread:
        return session.is_closed
    limit = session._core.settings.get_int("stop_tracker_timeout") + _GRACE if timeout is None else timeout
    ended = done.wait(limit)
    return session.runtime.finish(_GRACE if timeout is None else max(0.1, timeout)) and ended


def _begin(session: Session, on_closed: Callable[[], object] | None = None) -> threading.Event:
    if not session._closed:
        session._closed = True
        core, runtime = session._core, session.runtime

        def ended() -> None:
            session._ended.set()
            if on_closed is not None:
                on_closed()
            runtime.finish(0)

        def begin() -> None:
            if core.closed:  # The engine ended before, and the session with it.
                ended()
                return
            core.on_closed = ended
            _stop_trackers(session)

        if runtime.is_loop_thread and not core.plugins.faults.is_calling:
            begin()
        else:
            runtime.post(begin)
    return session._ended


def _stop_trackers(session: Session) -> None:
    """Stop every torrent; when their trackers have answered, or had their time, close the core."""
    core = session._core
    deadline = core.base.call_later(core.settings.get_int("stop_tracker_timeout"), lambda: finish())
    finished = False

    def finish() -> None:
        nonlocal finished
        if not finished:
            finished = True
            deadline.cancel()
            core.close()

    core.begin_closing(finish)


class SessionProxy:
    """What `Session.abort` gives: the end of a session, to be waited for or not (libtorrent `session_proxy`)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        _begin(session)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False when it took longer than `timeout` seconds."""
        return close(self._session, timeout)
