"""What callers hand in, checked before anything is opened.

Every refusal is a ValueError that names the argument and the rule, wrong types included.
"""

from __future__ import annotations

from typing import Any

from .flags import ListenerFlag

__all__ = ["check_backlog", "check_base", "check_callback", "check_flags", "check_limit"]

MAX_BACKLOG = 2**31 - 1
"""What fits into the int of listen(); the kernel caps it far below."""

_ALL_FLAGS = sum(ListenerFlag)


def check_flags(flags: Any) -> ListenerFlag:
    """The flags; ValueError for unknown ones and for such as contradict each other.  (Any: it is what is found out.)"""
    if isinstance(flags, bool) or not isinstance(flags, int):
        raise ValueError(f"flags are a ListenerFlag, not {flags!r}")
    if flags < 0 or flags & ~_ALL_FLAGS:
        raise ValueError(f"flags {int(flags):#x} have bits that no ListenerFlag has")
    both = ListenerFlag.BIND_IPV6ONLY | ListenerFlag.BIND_IPV4_AND_IPV6
    if flags & both == both:
        raise ValueError("flags BIND_IPV6ONLY and BIND_IPV4_AND_IPV6 exclude each other")
    return ListenerFlag(flags)


def check_backlog(backlog: Any) -> None:
    """ValueError unless it is a number listen() could get."""
    if isinstance(backlog, bool) or not isinstance(backlog, int):
        raise ValueError(f"backlog is a number, not {backlog!r}")
    if backlog > MAX_BACKLOG:
        raise ValueError(f"backlog {backlog} is more than {MAX_BACKLOG}")


def check_limit(accept_limit: Any) -> None:
    """ValueError unless it is None or a number that lets something through."""
    if accept_limit is None:
        return
    if isinstance(accept_limit, bool) or not isinstance(accept_limit, int) or accept_limit < 1:
        raise ValueError(f"accept_limit is at least 1 or None, not {accept_limit!r}")


def check_callback(name: str, callback: Any) -> None:
    """ValueError unless it can be called or is None."""
    if callback is not None and not callable(callback):
        raise ValueError(f"{name} is a callable or None, not {callback!r}")


def check_base(base: Any) -> None:
    """ValueError for what is no loop: a disabled listener would only find out when it is enabled."""
    if not callable(getattr(base, "watch", None)):
        raise ValueError(f"base is a Reactor, a Multi or another loop with watch(), not {base!r}")
