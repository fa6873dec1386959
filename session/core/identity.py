"""How we present ourselves to peers, trackers, web seeds and gateways, and what of it `anonymous_mode` leaves out.

As in libtorrent's: no version in extension handshakes, a name of nobody for trackers but those of private torrents (some let known clients
in only), none for web seeds and gateways, no address of ours in announces.  Peer ids keep `peer_fingerprint`, which a program that hides
sets to another client's, or to nothing.
"""

from __future__ import annotations

from dataclasses import replace

from ...protocols.tracker.announce import AnnounceRequest
from ..settings import SettingsPack

__all__ = ["GENERIC_AGENT", "Identity"]

GENERIC_AGENT = "curl/7.81.0"
"""What trackers are told in anonymous mode: libtorrent says the same, so that we do not stand out among those who hide."""


class Identity:
    """Asked anew for each connection, so that settings count from the next one on."""

    __slots__ = ("_settings",)

    def __init__(self, settings: SettingsPack) -> None:
        """`settings` are the session's own, which change."""
        self._settings = settings

    @property
    def is_anonymous(self) -> bool:
        """`anonymous_mode` is on."""
        return self._settings.get_bool("anonymous_mode")

    @property
    def version(self) -> str:
        """For peers, in extension handshakes; "" is to be left out."""
        settings = self._settings
        if self.is_anonymous:
            return ""
        return settings.get_str("handshake_client_version") or settings.get_str("user_agent")

    @property
    def server_agent(self) -> str:
        """For web seeds, and as the description of mappings at gateways; "" is to be left out."""
        return "" if self.is_anonymous else self._settings.get_str("user_agent")

    def tracker_agent(self, *, is_private: bool) -> str:
        """For trackers of a torrent."""
        hides = self.is_anonymous and not is_private
        return GENERIC_AGENT if hides else self._settings.get_str("user_agent")

    def announced(self, request: AnnounceRequest) -> AnnounceRequest:
        """An announce without what must not be told."""
        if self.is_anonymous and (request.ip or request.ipv4 or request.ipv6):
            return replace(request, ip="", ipv4=(), ipv6=())
        return request
