"""Trackers: what is said to them, over HTTP and UDP, and in which order they are asked."""

from __future__ import annotations

from .announce import (
    AnnounceEvent,
    AnnounceRequest,
    AnnounceResponse,
    ScrapeEntry,
    ScrapeResponse,
    TrackerPeer,
)
from .client import TrackerCall, TrackerClient, TrackerClientSettings
from .errors import (
    InvalidTrackerResponse,
    ScrapeNotAvailable,
    TrackerError,
    TrackerFailure,
    TrackerHttpStatus,
    TrackerRefused,
    TrackerSkipped,
    TrackerTimeout,
    TrackerUnreachable,
)
from .local_end import ANYWHERE, LocalEnd
from .tiers import AnnounceAction, TrackerEntry, TrackerList, TrackerListSettings, TrackerSource
from .udp import UdpTimings, UdpTrackers

__all__ = [
    "ANYWHERE",
    "AnnounceAction",
    "AnnounceEvent",
    "AnnounceRequest",
    "AnnounceResponse",
    "InvalidTrackerResponse",
    "LocalEnd",
    "ScrapeEntry",
    "ScrapeNotAvailable",
    "ScrapeResponse",
    "TrackerCall",
    "TrackerClient",
    "TrackerClientSettings",
    "TrackerEntry",
    "TrackerError",
    "TrackerFailure",
    "TrackerHttpStatus",
    "TrackerList",
    "TrackerListSettings",
    "TrackerPeer",
    "TrackerRefused",
    "TrackerSkipped",
    "TrackerSource",
    "TrackerTimeout",
    "TrackerUnreachable",
    "UdpTimings",
    "UdpTrackers",
]
