"""Bits of the reactor's interface, with libevent's values."""

from __future__ import annotations

from enum import IntFlag

__all__ = ["READ", "WRITE", "EventFlags", "RunMode"]

READ = 0x02
"""The descriptor can be read, or has an error to fetch.  Equals `EventFlags.READ`."""
WRITE = 0x04
"""The descriptor can be written, or has an error to fetch.  Equals `EventFlags.WRITE`."""


class EventFlags(IntFlag):
    """What an event waits for, what it got, and how it behaves (libevent `EV_*`)."""

    TIMEOUT = 0x01
    """The timeout given to `Event.add` has passed.  Reported, never asked for."""
    READ = 0x02
    """The descriptor is readable, at its end, or broken."""
    WRITE = 0x04
    """The descriptor is writable, connected, or broken."""
    SIGNAL = 0x08
    """The number is a signal, not a descriptor."""
    PERSIST = 0x10
    """Stays added after its callback ran."""
    ET = 0x20
    """Edge triggering.  libuv polls by level only, so asking for it is refused."""
    FINALIZE = 0x40
    """Removal never waits for a running callback.  Always so here: events belong to one thread."""
    CLOSED = 0x80
    """Peer closed, seen without reading.  libuv does not offer it apart from READ, so asking for it is refused."""


class RunMode(IntFlag):
    """How far `Reactor.run` goes (libevent `EVLOOP_*`)."""

    DEFAULT = 0x00
    """Until nothing is pending or active, or somebody ends it."""
    ONCE = 0x01
    """Wait until something is active, run all that is, return."""
    NOWAIT = 0x02
    """One round: poll without waiting, run what is active, return."""
    NO_EXIT_ON_EMPTY = 0x04
    """With DEFAULT: also wait while nothing is registered; only `stop` and `exit_later` end it."""
