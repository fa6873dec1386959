"""The session's counters, completed with what is only known when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core import Core

__all__ = ["session_counters"]


def session_counters(core: Core) -> dict[str, int]:
    """Every counter and gauge by its dotted name."""
    return core.counters.snapshot()
