"""What a forked child must not share with its parent.

The kernel's side of a loop (epoll) belongs to both after a fork: whatever the child adds or removes there, the parent
loses or gets.  So every open reactor is cut from it in the child before anything else runs: its poll descriptor is
replaced by an empty one of its own.  What is left of the loop then turns in the void and can be closed like any other;
`Reactor.reinit` moves the reactor to a new loop.  kqueue is not inherited and needs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import weakref
from typing import Protocol

__all__ = ["forget_forkable", "register_forkable", "sever"]


class Forkable(Protocol):
    """Told in the child, before any other code runs there."""

    def on_forked(self) -> None: ...


_forkables: weakref.WeakSet[Forkable] = weakref.WeakSet()


def register_forkable(thing: Forkable) -> None:
    """Tell `thing` in every child forked from now on.  It is not kept alive for that."""
    _forkables.add(thing)


def forget_forkable(thing: Forkable) -> None:
    """No longer."""
    _forkables.discard(thing)


def sever(loop: asyncio.AbstractEventLoop) -> None:
    """Take the kernel's registrations away from an inherited loop and leave the parent's as they are."""
    shared = None if loop.is_closed() else _poll_descriptor(loop)
    if shared is not None and hasattr(select, "epoll"):
        # Without a descriptor to spare nothing can be replaced; `run` is refused all the same.
        with contextlib.suppress(OSError), select.epoll() as empty:
            os.dup2(empty.fileno(), shared, inheritable=False)


def _poll_descriptor(loop: asyncio.AbstractEventLoop) -> int | None:
    """Neither loop has a public name for it; None when it polls by other means."""
    if hasattr(loop, "_get_backend_id"):  # uvloop
        return int(loop._get_backend_id())
    fileno = getattr(getattr(loop, "_selector", None), "fileno", None)
    return None if fileno is None else int(fileno())


def _in_child() -> None:
    for thing in list(_forkables):
        thing.on_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
