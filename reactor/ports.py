"""What this package needs of a loop, by shape: `Reactor` has all of it, and so has an engine that is a base itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Loop", "Poster", "Timer", "Watch"]


class Watch(Protocol):
    """Interest in a descriptor."""

    def modify(self, mask: int) -> None: ...
    def close(self) -> None: ...


class Timer(Protocol):
    """An armed call."""

    def cancel(self) -> None: ...


class Poster(Protocol):
    """What a worker pool needs: where results go."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> object: ...
    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> object: ...


class Loop(Protocol):
    """What a driver needs."""

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> Watch: ...
    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer: ...
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer: ...
