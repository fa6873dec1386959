"""Which URLs of a torrent or magnet link are worth keeping."""

from __future__ import annotations

import re
from urllib.parse import quote

__all__ = ["is_tracker_url", "quote_url"]

# RFC 3986 wants spaces and controls percent-encoded; left in, they would also let a torrent write HTTP headers.
_TRACKER = re.compile(
    r"(?:https?|udp)://(?:[^\x00-\x20\x7f/?#@]*@)?(?:\[[0-9A-Fa-f:.%]+\]|[^\x00-\x20\x7f/?#@:\[\]]+)"
    r"(?::(\d{1,5}))?(?:[/?#][^\x00-\x20\x7f]*)?",
    re.IGNORECASE,
)
_UNSAFE = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]")


def is_tracker_url(url: str) -> bool:
    """A well-formed URL of a kind of tracker there is."""
    match = _TRACKER.fullmatch(url)
    return match is not None and (match[1] is None or 0 < int(match[1]) < 65536)


def quote_url(url: str) -> str:
    """The URL with what must not stand in one percent-encoded; what is encoded already stays."""
    return _UNSAFE.sub(lambda match: quote(match[0], safe="", errors="surrogateescape"), url)
