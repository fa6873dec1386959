"""The proxy the settings name, for whom it is, and that nothing goes around it.

With a proxy for peer connections no socket listens, so that nobody sees our own address.  Datagrams go through SOCKS 5, which has
them (`relaying.py`): those of UDP trackers and of uTP as the settings say, those of the DHT whenever there is a proxy, as in
libtorrent.  With another kind nothing is sent over UDP: such trackers fail, and there is no uTP and no DHT.  A proxy without a host
name is one that nobody can reach: connections fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.transport.proxy import ProxyOptions
from ..flags import ProxyType

if TYPE_CHECKING:
    from .core import Core

__all__ = ["PROXY_SETTINGS", "Proxying"]

PROXY_SETTINGS = frozenset(
    {
        "proxy_type",
        "proxy_hostname",
        "proxy_port",
        "proxy_username",
        "proxy_password",
        "proxy_hostnames",
        "proxy_peer_connections",
        "proxy_tracker_connections",
        "peer_connect_timeout",
        "socks5_udp_send_local_ep",
    }
)
"""What `Proxying` looks at."""

_KINDS = {
    ProxyType.socks4: "socks4",
    ProxyType.socks5: "socks5",
    ProxyType.socks5_pw: "socks5",
    ProxyType.http: "http_connect",
    ProxyType.http_pw: "http_connect",
}
_WITH_NAME = {ProxyType.socks4, ProxyType.socks5_pw, ProxyType.http_pw}
_NOWHERE = ("0.0.0.0", 0)


class Proxying:
    """Which connections of a session go through a proxy."""

    __slots__ = ("_core", "for_dht", "for_peers", "for_trackers")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.for_peers: ProxyOptions | None = None
        """On the way to peers; None: straight on."""
        self.for_trackers: ProxyOptions | None = None
        """On the way to trackers."""
        self.for_dht: ProxyOptions | None = None
        """On the way to other nodes."""
        self.settings_changed()

    def settings_changed(self) -> None:
        """Take the settings over.  Connections that stand stay as they are."""
        settings = self._core.settings
        proxy = self._proxy()
        self.for_dht = proxy
        self.for_peers = proxy if settings.get_bool("proxy_peer_connections") else None
        self.for_trackers = proxy if settings.get_bool("proxy_tracker_connections") else None
        self._core.relaying.settings_changed(proxy)
        self._core.tracker_client.proxy = self.for_trackers

    def _proxy(self) -> ProxyOptions | None:
        settings = self._core.settings
        kind = ProxyType(settings.get_int("proxy_type"))
        if kind is ProxyType.none:
            return None
        host = settings.get_str("proxy_hostname")
        has_name = kind in _WITH_NAME
        return ProxyOptions(
            kind=_KINDS[kind],
            address=(host, settings.get_int("proxy_port")) if host else _NOWHERE,
            username=settings.get_str("proxy_username") if has_name else "",
            password=settings.get_str("proxy_password") if has_name else "",
            resolves_names=settings.get_bool("proxy_hostnames"),
            timeout=float(settings.get_int("peer_connect_timeout")),
            tells_udp_port=settings.get_bool("socks5_udp_send_local_ep"),
        )
