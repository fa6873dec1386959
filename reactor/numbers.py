"""curl's numbers, as an engine and its host say them to each other.

Drivers know the engine by shape, and pycurl's `CurlMulti` carries no names for most of these: the numbers are the contract
(`curl/multi.h`).  READ and WRITE of this package are the POLL_* and CSELECT_* bits shifted left by one.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "CSELECT_ERR",
    "CSELECT_IN",
    "CSELECT_OUT",
    "MAX_TIMER_MS",
    "M_SOCKETFUNCTION",
    "M_TIMERFUNCTION",
    "POLL_IN",
    "POLL_INOUT",
    "POLL_NONE",
    "POLL_OUT",
    "POLL_REMOVE",
    "SOCKET_TIMEOUT",
]

M_SOCKETFUNCTION: Final = 20001
M_TIMERFUNCTION: Final = 20004
SOCKET_TIMEOUT: Final = -1
"""The descriptor of an action that means "time has passed"."""
CSELECT_IN: Final = 1
CSELECT_OUT: Final = 2
CSELECT_ERR: Final = 4
POLL_NONE: Final = 0
POLL_IN: Final = 1
POLL_OUT: Final = 2
POLL_INOUT: Final = 3
POLL_REMOVE: Final = 4

MAX_TIMER_MS: Final = 2**31 - 1
"""What loops that count milliseconds in 32 bits can wait: 24 days.  An action that comes too early does nothing but ask
for the rest."""
