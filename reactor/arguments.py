"""What a caller may hand in: each check names the argument and the rule, before anything was registered."""

from __future__ import annotations

import errno
import math
import operator
from collections.abc import Callable
from contextlib import suppress
from typing import SupportsIndex

from .errors import ReactorUsageError
from .flags import READ, WRITE

__all__ = [
    "MAX_DESCRIPTOR",
    "check_callback",
    "check_mask",
    "descriptor_of",
    "is_callable",
    "is_integer",
    "number_of",
    "seconds_of",
]

MAX_DESCRIPTOR = 0x7FFF_FFFF
"""The largest number the system's interfaces can carry (C's int)."""


is_callable: Callable[[object], bool] = callable
"""For paths where `check_callback` costs too much while all is well."""


def is_integer(value: object) -> bool:
    """Flags and enumerations are integers too."""
    return isinstance(value, int)


def number_of(name: str, value: SupportsIndex) -> int:
    """An integer, and not something that could be made one."""
    try:
        return operator.index(value)
    except TypeError:
        raise ReactorUsageError(f"{name} must be an integer, not {type(value).__name__}") from None


def descriptor_of(fd: SupportsIndex) -> int:
    """A number that can be a descriptor; whether it is open shows when it is polled."""
    number = number_of("fd", fd)
    if not 0 <= number <= MAX_DESCRIPTOR:
        raise OSError(errno.EBADF, f"fd {number} cannot be a descriptor")
    return number


def check_callback(callback: object, name: str = "callback") -> None:
    """It can be called."""
    if not is_callable(callback):
        raise ReactorUsageError(f"{name} must be callable, not {type(callback).__name__}")


def check_mask(mask: int) -> None:
    """Nothing but READ and WRITE, or neither."""
    if number_of("mask", mask) & ~(READ | WRITE):
        raise ReactorUsageError(f"mask is made of READ and WRITE, not {mask:#x}")


def seconds_of(name: str, value: float) -> float:
    """A number of seconds; infinite is allowed and never comes."""
    given: object = value
    seconds = math.nan
    if not isinstance(given, (str, bytes)):
        with suppress(TypeError, ValueError, OverflowError):
            seconds = float(value)
    if math.isnan(seconds):
        raise ReactorUsageError(f"{name} must be a number of seconds, not {value!r}")
    return seconds
