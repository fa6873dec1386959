"""The upload quota."""

from __future__ import annotations

from evtorrent.protocols.dht.quota import BURST, UploadQuota


def test_spent_and_filled() -> None:
    quota = UploadQuota(100)
    assert quota.is_available(now=0.0)
    quota.spend(int(100 * BURST) + 50)
    assert not quota.is_available(now=0.0)
    assert not quota.is_available(now=0.5)
    assert quota.is_available(now=0.51)


def test_no_more_is_saved_than_the_burst() -> None:
    quota = UploadQuota(100)
    quota.is_available(now=0.0)
    assert quota.is_available(now=1e6)
    quota.spend(int(100 * BURST))
    assert not quota.is_available(now=1e6)


def test_a_rate_of_zero_is_never_available() -> None:
    assert not UploadQuota(0).is_available(now=5.0)
