"""What people are told of a tracker that failed."""

from __future__ import annotations

import errno

from .. import ErrorCode, TorrentErrc, TrackerErrorAlert

__all__ = ["why_it_failed"]


def why_it_failed(alert: TrackerErrorAlert) -> str:
    """The reason; empty when it is no news that one of our addresses does not lead to it, as it is asked from the others, too."""
    if alert.error == ErrorCode.of(TorrentErrc.announce_skipped):
        return ""
    has_no_ipv6 = alert.error.category == "system" and alert.error.value == errno.ENETUNREACH
    if has_no_ipv6 and ":" in alert.local_endpoint[0]:
        return ""
    return alert.failure_reason or str(alert.error)
