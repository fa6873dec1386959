"""The words of the tracker errors, and which are final."""

from __future__ import annotations

from evtorrent.protocols.tracker.errors import (
    RETRY_NEVER,
    TrackerFailure,
    TrackerHttpStatus,
    TrackerTimeout,
)


def test_words() -> None:
    assert str(TrackerFailure("unregistered torrent")) == "tracker failure: unregistered torrent"
    assert str(TrackerHttpStatus(404, "Not Found")) == "HTTP status 404 Not Found"
    assert str(TrackerHttpStatus(404)) == "HTTP status 404"


def test_final_ones() -> None:
    assert TrackerFailure("no", RETRY_NEVER).is_final
    assert TrackerHttpStatus(410).is_final
    assert not TrackerFailure("no", 60.0).is_final
    assert not TrackerHttpStatus(404).is_final
    assert not TrackerTimeout("late").is_final
