"""Local service discovery (BEP 14), sans-I/O: announcing torrents to a multicast group, and hearing of others'.

One `LocalDiscovery` stands for one interface and family; those of a session share a cookie, by which they know their own
datagrams.  Torrents that are due at the same time share a datagram, as BEP 14 allows, up to its 1400 bytes.  Departure: BEP
14 wants one announce a minute at most; here that is the average, and `MAX_BURST` may be sent before, a second apart, so that
torrents added one by one do not wait for minutes.

What is heard is an address and a port per torrent; whether to connect is the owner's to decide.  The address is the
datagram's source, never something it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from .errors import RemoteProtocolError
from .types import Address, Buffer, Sha1Hash

__all__ = [
    "FIRST_DELAY",
    "GROUP_V4",
    "GROUP_V6",
    "LSD_PORT",
    "MAX_ANNOUNCED",
    "MAX_BURST",
    "MAX_HEARD_PER_SECOND",
    "MAX_RECEIVED_HASHES",
    "MAX_RECEIVED_SIZE",
    "MAX_SENT_SIZE",
    "MIN_GAP",
    "REFILL_INTERVAL",
    "LocalDiscovery",
    "LsdAnnounce",
    "pack_announce",
    "parse_announce",
]

GROUP_V4 = "239.192.152.143"
GROUP_V6 = "ff15::efc0:988f"
LSD_PORT = 6771

MAX_SENT_SIZE = 1400
"""Bytes of a datagram of ours (BEP 14)."""
MAX_ANNOUNCED = 20
"""Torrents announced in one datagram; with all headers these are within `MAX_SENT_SIZE`."""
MAX_RECEIVED_SIZE = 2048
"""Bytes of a datagram that is looked at."""
MAX_RECEIVED_HASHES = 40
"""Torrents of one datagram that are looked at."""
MAX_HEARD_PER_SECOND = 100
"""Datagrams looked at in a second; the rest is dropped."""
FIRST_DELAY = 0.5
"""Seconds a new torrent waits for others to share its datagram."""
MIN_GAP = 1.0
"""Seconds between two datagrams at least."""
MAX_BURST = 5
"""Datagrams that may leave before the average of one in `REFILL_INTERVAL` holds."""
REFILL_INTERVAL = 60.0
"""Seconds for one more datagram (BEP 14)."""

_METHOD = re.compile(rb"BT-SEARCH \S+ HTTP/1\.[0-9]", re.IGNORECASE)
_HEX = re.compile(rb"[0-9a-fA-F]{40}")
_MAX_COOKIE = 64
_NO_HASH = bytes(20)


@dataclass(frozen=True, slots=True)
class LsdAnnounce:
    """What one datagram says."""

    port: int
    """TCP port of the client that sent it."""
    info_hashes: tuple[Sha1Hash, ...]
    """Its torrents, each once; those that were no info-hash are left out."""
    cookie: bytes = b""
    """Names the sender to itself; empty when there is none."""


def pack_announce(announce: LsdAnnounce, *, host: str) -> bytes:
    """A datagram.  `host` is the group it goes to, with its port, as a Host header has it."""
    lines = [b"BT-SEARCH * HTTP/1.1", b"Host: " + host.encode("ascii"), b"Port: %d" % announce.port]
    lines += [b"Infohash: " + name.hex().encode("ascii") for name in announce.info_hashes]
    if announce.cookie:
        lines.append(b"cookie: " + announce.cookie)
    return b"\r\n".join([*lines, b"", b"", b""])


def parse_announce(data: Buffer) -> LsdAnnounce:
    """Parse a datagram.  RemoteProtocolError when it is too large, cut short, or no announce."""
    if len(data) > MAX_RECEIVED_SIZE:
        raise RemoteProtocolError(f"local discovery datagram of {len(data)} bytes")
    head, end, _ = bytes(data).partition(b"\r\n\r\n")
    if not end:
        raise RemoteProtocolError("local discovery datagram without an end")
    first, *lines = head.split(b"\r\n")
    if not _METHOD.fullmatch(first):
        raise RemoteProtocolError(f"local discovery datagram begins with {first[:40]!r}")
    port, cookie = 0, b""
    hashes: dict[Sha1Hash, None] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if name == b"port":
            port = _port_of(value)
        elif name == b"cookie":
            cookie = value[:_MAX_COOKIE]
        elif name == b"infohash" and _HEX.fullmatch(value) and len(hashes) < MAX_RECEIVED_HASHES:
            hashes[Sha1Hash(bytes.fromhex(value.decode("ascii")))] = None
    if not port:
        raise RemoteProtocolError("local discovery datagram without a port")
    hashes.pop(Sha1Hash(_NO_HASH), None)
    return LsdAnnounce(port, tuple(hashes), cookie)


class LocalDiscovery:
    """One interface.  Call `datagrams_to_send` whenever `next_timeout` is due, and after `add`."""

    __slots__ = (
        "_allowance",
        "_allowance_at",
        "_cookie",
        "_due",
        "_heard",
        "_heard_since",
        "_host",
        "_last_sent",
        "interval",
        "num_dropped",
        "num_own",
        "port",
    )

    def __init__(self, *, is_ipv6: bool, cookie: bytes, interval: float = 300.0) -> None:
        self._host = f"[{GROUP_V6}]:{LSD_PORT}" if is_ipv6 else f"{GROUP_V4}:{LSD_PORT}"
        self._cookie = cookie
        self.interval = interval
        """Seconds between two announces of a torrent."""
        self.port = 0
        """Where we listen; nothing is announced while it is 0."""
        self.num_dropped = 0
        """Datagrams that were no announce, or too many."""
        self.num_own = 0
        """Datagrams that were our own."""
        self._due: dict[Sha1Hash, float] = {}
        """Torrent → when it is announced next, in the order of having been announced."""
        self._last_sent = -inf
        self._allowance = float(MAX_BURST)
        self._allowance_at = -inf
        self._heard = 0
        self._heard_since = -inf

    def add(self, info_hash: Sha1Hash, now: float) -> None:
        """Announce a torrent from now on.  May be repeated."""
        self._due.setdefault(info_hash, now + FIRST_DELAY)

    def hurry(self, info_hash: Sha1Hash, now: float) -> None:
        """Announce a torrent that was added as soon as may be, and from then on at the usual interval."""
        if info_hash in self._due:
            self._due[info_hash] = min(self._due[info_hash], now)

    def remove(self, info_hash: Sha1Hash) -> None:
        """Announce a torrent no more.  May be repeated."""
        self._due.pop(info_hash, None)

    def receive_datagram(self, data: Buffer, source: Address, now: float) -> list[tuple[Address, Sha1Hash]]:
        """A datagram came; gives who has which torrent.  Never raises: what is no announce is counted and dropped."""
        if now - self._heard_since >= 1.0:
            self._heard, self._heard_since = 0, now
        self._heard += 1
        if self._heard > MAX_HEARD_PER_SECOND:
            self.num_dropped += 1
            return []
        try:
            announce = parse_announce(data)
        except RemoteProtocolError:
            self.num_dropped += 1
            return []
        if announce.cookie == self._cookie:
            self.num_own += 1
            return []
        peer = (source[0], announce.port)
        return [(peer, info_hash) for info_hash in announce.info_hashes]

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """What leaves now: nothing, or one datagram."""
        due_at = self.next_timeout()
        if due_at is None or now < due_at:
            return []
        names = [name for name, due in self._due.items() if due <= now][:MAX_ANNOUNCED]
        for name in names:
            del self._due[name]
            self._due[name] = now + self.interval
        self._spend(now)
        return [pack_announce(LsdAnnounce(self.port, tuple(names), self._cookie), host=self._host)]

    def next_timeout(self) -> float | None:
        """When `datagrams_to_send` has something; None while there is nothing to announce."""
        if not self._due or not self.port:
            return None
        allowed_at = self._last_sent + MIN_GAP
        if self._allowance < 1.0:
            allowed_at = max(allowed_at, self._allowance_at + (1.0 - self._allowance) * REFILL_INTERVAL)
        return max(min(self._due.values()), allowed_at)

    def _spend(self, now: float) -> None:
        gained = (now - self._allowance_at) / REFILL_INTERVAL
        self._allowance = min(float(MAX_BURST), self._allowance + gained) - 1.0
        self._allowance_at = self._last_sent = now

    @property
    def torrents(self) -> Iterable[Sha1Hash]:
        """The torrents that are announced."""
        return self._due.keys()


def _port_of(value: bytes) -> int:
    """A port; 0 for what is none."""
    if not value.isdigit() or len(value) > 5:
        return 0
    port = int(value)
    return port if port <= 0xFFFF else 0
