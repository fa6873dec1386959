"""What a role of a measured process is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Order = dict[str, Any]
"""What a role is told (Any: as JSON knows it)."""


class Parent(Protocol):
    """Who started this process."""

    def say(self, **table: object) -> None: ...
    def wait(self) -> None: ...


Role = Callable[[Order, Parent], None]
"""Plays one part, and returns when it is over."""
