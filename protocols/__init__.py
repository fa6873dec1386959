"""Protocols: bytes, messages, state machines, transports and the `Multi` that dispatches them.  Pure: no clock, no socket.

The public names are resolved on first use (PEP 562), so importing one protocol loads no other.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import (
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
        EngineError,
        EngineTypeError,
        Handle,
        Multi,
    )

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
    "SOCKET_TIMEOUT",
    "EngineError",
    "EngineTypeError",
    "Handle",
    "Multi",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(".engine", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
