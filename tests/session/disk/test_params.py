from __future__ import annotations

import pytest
from evtorrent.session.disk.params import DiskSettings


@pytest.mark.parametrize("name", ["max_queued_disk_bytes", "file_pool_size", "hashing_threads"])
def test_limits_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        DiskSettings(**{name: 0})
    assert getattr(DiskSettings(**{name: 1}), name) == 1
