"""Which peer classes a new peer gets: by its address, then by what it is connected through (libtorrent's two filters).

The filter by address is an `IpFilter` whose flags are classes, bit *i* being class *i*.
"""

from __future__ import annotations

from enum import IntEnum

from ..flags import SocketType
from .ip_filter import IpFilter
from .peer_class import GLOBAL, LOCAL, MAX_FILTERED, TCP

__all__ = [
    "PeerClassSocket",
    "PeerClassTypeFilter",
    "default_peer_class_filter",
    "default_type_filter",
    "global_peer_class_filter",
    "socket_kind",
]

_ALL = (1 << MAX_FILTERED) - 1
_LOCAL_RANGES = (
    ("10.0.0.0", "10.255.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("::1", "::1"),
)
"""Private, link-local and loopback addresses."""


class PeerClassSocket(IntEnum):
    """Kinds of connection a `PeerClassTypeFilter` tells apart."""

    tcp_socket = 0
    utp_socket = 1
    ssl_tcp_socket = 2
    ssl_utp_socket = 3
    i2p_socket = 4


_KINDS = {
    SocketType.utp: PeerClassSocket.utp_socket,
    SocketType.i2p: PeerClassSocket.i2p_socket,
    SocketType.tcp_ssl: PeerClassSocket.ssl_tcp_socket,
    SocketType.socks5_ssl: PeerClassSocket.ssl_tcp_socket,
    SocketType.http_ssl: PeerClassSocket.ssl_tcp_socket,
    SocketType.utp_ssl: PeerClassSocket.ssl_utp_socket,
}


def socket_kind(socket_type: SocketType) -> PeerClassSocket:
    """What a connection counts as: through a proxy, as TCP."""
    return _KINDS.get(socket_type, PeerClassSocket.tcp_socket)


class PeerClassTypeFilter:
    """Adds and takes away classes by kind of connection.  A new one changes nothing.

    ValueError for a class of 32 or above, or a kind there is not.
    """

    __slots__ = ("_added", "_allowed")

    tcp_socket = PeerClassSocket.tcp_socket
    utp_socket = PeerClassSocket.utp_socket
    ssl_tcp_socket = PeerClassSocket.ssl_tcp_socket
    ssl_utp_socket = PeerClassSocket.ssl_utp_socket
    i2p_socket = PeerClassSocket.i2p_socket

    def __init__(self) -> None:
        self._allowed = dict.fromkeys(PeerClassSocket, _ALL)
        self._added = dict.fromkeys(PeerClassSocket, 0)

    def add(self, kind: PeerClassSocket | int, peer_class: int) -> None:
        """Peers of that kind are in the class."""
        self._added[PeerClassSocket(kind)] |= _bit(peer_class)

    def remove(self, kind: PeerClassSocket | int, peer_class: int) -> None:
        """Take an `add` back."""
        self._added[PeerClassSocket(kind)] &= ~_bit(peer_class)

    def disallow(self, kind: PeerClassSocket | int, peer_class: int) -> None:
        """Peers of that kind are not in the class whatever the filter by address says; `add` says more."""
        self._allowed[PeerClassSocket(kind)] &= ~_bit(peer_class)

    def allow(self, kind: PeerClassSocket | int, peer_class: int) -> None:
        """Take a `disallow` back."""
        self._allowed[PeerClassSocket(kind)] |= _bit(peer_class)

    def apply(self, kind: PeerClassSocket | int, classes: int) -> int:
        """The classes of a peer of that kind, of which the filter by address said `classes`."""
        kind = PeerClassSocket(kind)
        return classes & self._allowed[kind] | self._added[kind]

    def copy(self) -> PeerClassTypeFilter:
        """An independent one that says the same."""
        other = PeerClassTypeFilter()
        other._allowed, other._added = self._allowed.copy(), self._added.copy()
        return other

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PeerClassTypeFilter)
            and self._allowed == other._allowed
            and self._added == other._added
        )

    __hash__ = None  # type: ignore[assignment]


def global_peer_class_filter() -> IpFilter:
    """The filter under which the session's limits and slots hold for every peer, local ones too."""
    everybody = IpFilter()
    everybody.add_rule("0.0.0.0", "255.255.255.255", 1 << GLOBAL)
    everybody.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1 << GLOBAL)
    return everybody


def default_peer_class_filter() -> IpFilter:
    """Peers on the local network are in the class for them, all others in the global one."""
    peers = global_peer_class_filter()
    for first, last in _LOCAL_RANGES:
        peers.add_rule(first, last, 1 << LOCAL)
    return peers


def default_type_filter() -> PeerClassTypeFilter:
    """All that runs over TCP is in the class for that."""
    kinds = PeerClassTypeFilter()
    for kind in (PeerClassSocket.tcp_socket, PeerClassSocket.ssl_tcp_socket, PeerClassSocket.i2p_socket):
        kinds.add(kind, TCP)
    return kinds


def _bit(peer_class: int) -> int:
    if not 0 <= peer_class < MAX_FILTERED:
        raise ValueError(f"a filter names classes below {MAX_FILTERED}, not {peer_class}")
    return 1 << peer_class
