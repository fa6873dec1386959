"""The engine: `Multi` dispatches, a `Handle` is one exchange on it, ports are what it needs from the world."""

from __future__ import annotations

from ..errors import EngineError, EngineTypeError
from .constants import (
    CSELECT_ERR,
    CSELECT_IN,
    CSELECT_OUT,
    M_NOTIFY_EASY_DONE,
    M_NOTIFY_INFO_READ,
    M_NOTIFYFUNCTION,
    M_SOCKETFUNCTION,
    M_TIMERFUNCTION,
    POLL_IN,
    POLL_INOUT,
    POLL_NONE,
    POLL_OUT,
    POLL_REMOVE,
    SOCKET_TIMEOUT,
)
from .endpoint import Handle
from .multi import Multi
from .ports import READ, WRITE, Base, Platform, Timer, Watch

__all__ = [
    "CSELECT_ERR",
    "CSELECT_IN",
    "CSELECT_OUT",
    "M_NOTIFYFUNCTION",
    "M_NOTIFY_EASY_DONE",
    "M_NOTIFY_INFO_READ",
    "M_SOCKETFUNCTION",
    "M_TIMERFUNCTION",
    "POLL_IN",
    "POLL_INOUT",
    "POLL_NONE",
    "POLL_OUT",
    "POLL_REMOVE",
    "READ",
    "SOCKET_TIMEOUT",
    "WRITE",
    "Base",
    "EngineError",
    "EngineTypeError",
    "Handle",
    "Multi",
    "Platform",
    "Timer",
    "Watch",
]
