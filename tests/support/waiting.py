"""Waiting for what another thread or process does: poll with a deadline, never sleep and hope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds after which something that does not happen fails its test; generous, since it costs nothing when all is well."""
_POLL = 0.002


def wait_for(condition: Callable[[], T], what: object = "it", *, timeout: float = PATIENCE) -> T:
    """Poll until `condition` gives something true, and give that."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what() if callable(what) else what} did not come true in {timeout} s")
        time.sleep(_POLL)
    return value
