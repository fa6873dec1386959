"""What travels: a datagram, or a run of back-to-back TCP segments that share one event."""

from __future__ import annotations

from .address import Address

__all__ = ["DATA", "RST", "SYN", "SYN_ACK", "Datagram", "Packet", "Segments"]

SYN, SYN_ACK, DATA, RST = range(4)
"""What segments are for; DATA without payload acknowledges."""

_KINDS = ("syn", "syn-ack", "data", "rst")
_TCP_HEADER = 20


class Datagram:
    """One UDP datagram, or the ICMP error about one."""

    __slots__ = ("about", "can_fragment", "errno", "payload", "size", "source", "span", "target")

    is_tcp = False
    num_segments = 1

    def __init__(self, source: Address, target: Address, payload: bytes, can_fragment: bool = True) -> None:
        self.source = source
        self.target = target
        self.payload = payload
        self.can_fragment = can_fragment
        """False when the sender forbade it (DF)."""
        self.errno = 0
        """ICMP: the error that the sender of `about` is to see."""
        self.about: Address | None = None
        """ICMP: where the datagram in question went."""
        self.span = 0.0
        """Seconds between its first byte and its last on the line it came from."""
        self.size = len(payload) + (48 if ":" in target[0] else 28)
        """Bytes on the line."""

    @property
    def kind(self) -> str:
        return "icmp" if self.errno else "udp"

    def readdressed(self, source: Address, target: Address) -> Datagram:
        """The same packet under other addresses, as a NAT passes it on."""
        copy = Datagram(source, target, self.payload, self.can_fragment)
        copy.errno, copy.about, copy.span = self.errno, self.about, self.span
        return copy


class Segments:
    """One TCP segment, or a run of them."""

    __slots__ = (
        "ack",
        "code",
        "echo",
        "edge",
        "is_final",
        "mss",
        "num_segments",
        "payload",
        "sacked",
        "sent_at",
        "seq",
        "size",
        "source",
        "span",
        "target",
    )

    is_tcp = True
    can_fragment = False
    errno = 0

    def __init__(self, code: int, source: Address, target: Address, mss: int) -> None:
        self.code = code
        self.source = source
        self.target = target
        self.mss = mss
        """Bytes of payload in each segment of the run; in SYN and SYN_ACK, what the sender of it can take."""
        self.seq = 0
        """Number of the first byte."""
        self.payload: bytes | memoryview = b""
        """Put in by `load`, which keeps `size` right."""
        self.is_final = False
        """The stream ends behind the payload (FIN)."""
        self.ack = 0
        """All bytes before this one have arrived."""
        self.edge = 0
        """The receiver has room for bytes before this one."""
        self.sacked: tuple[tuple[int, int], ...] = ()
        """[first, end) of what arrived behind holes, in order."""
        self.sent_at = 0.0
        """When it left."""
        self.echo = -1.0
        """When the packet that it answers left; negative: it answers none."""
        self.span = 0.0
        """Seconds between its first byte and its last on the line it came from."""
        self.num_segments = 1
        self.size = header_of(target[0]) + _TCP_HEADER
        """Bytes on the line."""

    def load(self, seq: int, payload: bytes | memoryview, is_final: bool) -> None:
        """Put the payload in, once."""
        self.seq = seq
        self.payload = payload
        self.is_final = is_final
        count = len(payload)
        if count > self.mss:
            self.num_segments = -(-count // self.mss)
            self.size = count + self.num_segments * self.size
        else:
            self.size += count

    @property
    def kind(self) -> str:
        return _KINDS[self.code]

    def readdressed(self, source: Address, target: Address) -> Segments:
        """The same packet under other addresses, as a NAT passes it on."""
        copy = self._bare(source, target)
        copy.load(self.seq, self.payload, self.is_final)
        return copy

    def part(self, first: int, end: int) -> Segments:
        """The segments from `first` up to `end` of a run."""
        start, stop = first * self.mss, end * self.mss
        copy = self._bare(self.source, self.target)
        is_final = self.is_final and stop >= len(self.payload)
        copy.load(self.seq + start, memoryview(self.payload)[start:stop], is_final)
        return copy

    def _bare(self, source: Address, target: Address) -> Segments:
        copy = Segments(self.code, source, target, self.mss)
        copy.ack, copy.edge, copy.sacked = self.ack, self.edge, self.sacked
        copy.sent_at, copy.echo, copy.span = self.sent_at, self.echo, self.span
        return copy


Packet = Datagram | Segments


def header_of(host: str) -> int:
    """Bytes of the IP header."""
    return 40 if ":" in host else 20
