"""What a listener is asked to do, in libevent's bits (`LEV_OPT_*`)."""

from __future__ import annotations

import enum

__all__ = ["NO_FLAGS", "ListenerFlag"]


class ListenerFlag(enum.IntFlag):
    """Options of `Listener.bind` and `Listener.adopt`; the values are those of libevent's `listener.h`."""

    LEAVE_SOCKETS_BLOCKING = 1 << 0
    """Accepted sockets are handed over blocking.  The listening socket itself never blocks."""
    CLOSE_ON_FREE = 1 << 1
    """`close()` closes the listening socket; without it the descriptor stays open, still listening."""
    CLOSE_ON_EXEC = 1 << 2
    """Descriptors are not inherited.  Accepted and always so: Python's sockets are non-inheritable (PEP 446)."""
    REUSEABLE = 1 << 3
    """The port may be bound again while old connections are in TIME_WAIT.  Refused for unix addresses."""
    THREADSAFE = 1 << 4
    """Methods may be called from any thread; a callback runs under the listener's lock."""
    DISABLED = 1 << 5
    """Created switched off; connections wait in the kernel until `enable()`."""
    DEFERRED_ACCEPT = 1 << 6
    """Report a connection when its first bytes are there (or about a second went by).  Only `bind`; ignored where unknown."""
    REUSEABLE_PORT = 1 << 7
    """Several listeners or processes share the port, and the kernel spreads connections.  Does not imply REUSEABLE."""
    BIND_IPV6ONLY = 1 << 8
    """An IPv6 socket takes IPv6 peers only."""
    BIND_IPV4_AND_IPV6 = 1 << 9
    """An IPv6 socket takes IPv4 peers too, who appear as ::ffff:a.b.c.d."""


NO_FLAGS = ListenerFlag(0)
