"""Disks are made in the middle of tests; their files are closed after each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.disk import close_disks


@pytest.fixture(autouse=True)
def disks_are_closed(nothing_survives: None) -> Iterator[None]:
    yield
    close_disks()
