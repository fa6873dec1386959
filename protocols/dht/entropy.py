"""The platform's unpredictable bytes with the methods of `random.Random`, which is what machines are handed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NoReturn

__all__ = ["PlatformRandom"]


class PlatformRandom(Random):
    """As `random.SystemRandom`, over any source."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        super().__init__()

    def random(self) -> float:
        """[0, 1) with 53 bits."""
        return self.getrandbits(53) / (1 << 53)

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` bits."""
        return int.from_bytes(self._random_bytes((k + 7) // 8), "big") >> (-k % 8)

    def randbytes(self, n: int) -> bytes:
        """`n` bytes."""
        return self._random_bytes(n)

    def seed(self, *args: Any, **kwargs: Any) -> None:
        """Has no effect: there is no state.  Any: as `random.Random` takes them."""

    def getstate(self) -> NoReturn:
        """There is none."""
        raise NotImplementedError("the platform's randomness has no state")

    def setstate(self, state: object) -> NoReturn:
        """There is none."""
        raise NotImplementedError("the platform's randomness has no state")
