"""Users of transports that write down what they hear, sockets by hand, and pairs of every kind of transport."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any

from evtorrent.protocols.dialogue import Dialogue, Script
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import TransportError
from evtorrent.protocols.mse import Method
from evtorrent.protocols.mse.key_exchange import hash_of_skey
from evtorrent.protocols.sam import AcceptStream
from evtorrent.protocols.transport import (
    ChainContext,
    Transport,
    build_chain,
    dial,
    memory_pair,
    wrap_accepted,
)
from evtorrent.protocols.transport.handshaking import HandshakeFilter
from evtorrent.protocols.transport.mse import MseOptions
from evtorrent.protocols.transport.proxy import ProxyOptions
from evtorrent.protocols.transport.sam import SamOptions
from evtorrent.protocols.transport.stream import StreamTransport
from evtorrent.protocols.transport.utp import UtpTransport
from evtorrent.protocols.transport.utp_port import UtpPort
from evtorrent.protocols.utp import PacketType, UtpSettings

from .certificates import HOSTNAME, client_context, server_context
from .datagrams import MemoryDatagrams
from .sam_kit import HELLO, destination
from .simulated_line import SimulatedLine

PATIENCE = 20.0
"""Seconds after which a condition that never comes true fails a test."""


class Listening:
    """A user.  `heard` is what it was told, `received` what it read."""

    def __init__(self, transport: Transport, *, is_reading: bool = True, chunk: int = 65536) -> None:
        self.transport = transport
        self.is_reading = is_reading
        self.chunk = chunk
        self.heard: list[str] = []
        self.received = bytearray()
        self.is_ended = False
        self.error: TransportError | None = None
        self.also: dict[str, Callable[[], object]] = {}
        """Further behaviour, by what was heard."""
        self.calls_depth = 0
        transport.set_user(self)

    def on_connected(self, now: float) -> None:
        self._hear("connected")

    def on_readable(self, now: float) -> None:
        self._hear("readable")
        if self.is_reading:
            self.read()

    def on_writable(self, now: float) -> None:
        self._hear("writable")

    def on_closed(self, error: TransportError, now: float) -> None:
        self.error = error
        self._hear("closed")

    def read(self) -> int:
        """Read once."""
        buffer = bytearray(self.chunk)
        try:
            count = self.transport.recv_into(buffer)
        except TransportError as exc:
            self.error = exc
            return -2
        if count > 0:
            self.received += buffer[:count]
        elif count == 0:
            self.is_ended = True
        return count

    def send_all(self, data: bytes) -> None:
        """Send everything, as room comes."""
        left = memoryview(data)

        def more() -> None:
            nonlocal left
            while left:
                count = self.transport.send(left)
                if not count:
                    break
                left = left[count:]
            self.transport.want_write(bool(left))

        self.also["writable"] = more
        more()

    def count(self, what: str) -> int:
        """How often it heard this."""
        return self.heard.count(what)

    def _hear(self, what: str) -> None:
        assert self.calls_depth == 0, f"{what} inside a call of the user"
        self.heard.append(what)
        if what in self.also:
            self.also[what]()


_lines: dict[Multi, SimulatedLine] = {}
"""Worlds of pairs that are not real, by the engine that stands for them in a test."""


def pump(multi: Multi, until: Callable[[], object]) -> None:
    """Drive an engine until `until()` is true."""
    if multi in _lines:
        _lines[multi].pump(until)
        return
    deadline = multi.platform.time() + PATIENCE
    while not until():
        assert multi.platform.time() < deadline, "it never came true"
        multi.poll(0.5)
        multi.perform()


def settle(multi: Multi, actions: int = 20) -> None:
    """Drive an engine for a while in which nothing is expected."""
    if multi in _lines:
        _lines[multi].settle(actions)
        return
    for _ in range(actions):
        multi.poll(0.001)
        multi.perform()


@contextmanager
def accepting(family: int = socket.AF_INET) -> Iterator[socket.socket]:
    """A listening socket on some port of the loopback."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(PATIENCE)
        yield listener


def accept(listener: socket.socket) -> socket.socket:
    """One accepted, non-blocking socket."""
    sock, _ = listener.accept()
    sock.setblocking(False)
    return sock


def tcp_pair(multi: Multi) -> tuple[Transport, Transport]:
    """(dialled, accepted) over the loopback."""
    with accepting() as listener:
        dialled = dial(multi, listener.getsockname())
        multi.perform()
        return dialled, wrap_accepted(multi, accept(listener))


def _engines(multi: Multi) -> tuple[Multi, Multi]:
    """Of the side that dials and of the other."""
    line = _lines.get(multi)
    return line.engines if line is not None else (multi, multi)


def over_tls(multi: Multi, pair: tuple[Transport, Transport]) -> tuple[Transport, Transport]:
    """TLS put on both sides of a pair, client first."""
    one, two = _engines(multi)
    client = ChainContext(one, HOSTNAME, 443, False, {"tls_context": client_context()})
    server = ChainContext(two, "", 0, True, {"tls_context": server_context()})
    return build_chain(pair[0], ["tls"], client), build_chain(pair[1], ["tls"], server)


def over_mse(multi: Multi, pair: tuple[Transport, Transport], method: Method) -> tuple[Transport, Transport]:
    """MSE put on both sides of a pair, initiator first; NONE leaves the initiator plain."""
    skey = bytes(range(20))
    caller = MseOptions(skey=skey, methods=method)
    called = MseOptions(find_skey={hash_of_skey(skey): skey}.get)
    one, two = _engines(multi)
    first = pair[0]
    if method:
        first = build_chain(first, ["mse"], ChainContext(one, options={"mse": caller}))
    return first, build_chain(pair[1], ["mse"], ChainContext(two, is_inbound=True, options={"mse": called}))


class ProxyScript(Dialogue):
    """What a proxy that agrees to everything says; `asked` is what it was asked."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.asked = b""
        super().__init__()

    def _talk(self) -> Script:
        if self._kind == "http_connect":
            while not self._input.endswith(b"\r\n\r\n"):
                yield
            self.asked = self.take_rest()
            self._output += b"HTTP/1.1 200 Connection established\r\n\r\n"
        elif self._kind == "socks4":
            self.asked = yield from self._take(9)
            self._output += bytes((0, 90)) + bytes(6)
        else:
            self.asked = yield from self._take(3)
            self._output += b"\x05\x00"
            self.asked += yield from self._take(10)
            self._output += b"\x05\x00\x00\x01" + bytes(6)


def through_proxy(multi: Multi, pair: tuple[Transport, Transport], kind: str) -> tuple[Transport, Transport]:
    """A pair whose first side reaches the second by asking for it."""
    address = pair[0].peer_address
    assert address is not None
    target = ("192.0.2.1", 80) if address[0] == "memory" else address
    options = {"proxy": ProxyOptions(kind, ("the proxy", 1080))}
    one, two = _engines(multi)
    caller = build_chain(pair[0], [kind], ChainContext(one, *target, options=options))
    return caller, HandshakeFilter(pair[1], two, ProxyScript(kind), timeout=10.0)


class BridgeScript(Dialogue):
    """What a SAM bridge says that finds everybody, or has a caller at once."""

    def _talk(self) -> Script:
        yield from self._skip_to(b"\n", 100)
        self._output += HELLO
        yield from self._skip_to(b" ID=me", 1000)
        yield from self._skip_to(b"\n", 1000)
        self._output += b"STREAM STATUS RESULT=OK\n"


class CallerScript(BridgeScript):
    """The same for one who waits: somebody calls at once."""

    def _talk(self) -> Script:
        yield from super()._talk()
        self._output += f"{destination(1)} FROM_PORT=0 TO_PORT=0\n".encode()


def over_sam(
    multi: Multi, pair: tuple[Transport, Transport], *, is_called: bool = False
) -> tuple[Transport, Transport]:
    """A pair whose first side reaches the second over I2P, or is called by it."""
    exchange = AcceptStream("me") if is_called else None
    proxy = SamOptions(("the bridge", 7656), "me", exchange=exchange, known=destination(1))
    caller = build_chain(pair[0], ["sam"], ChainContext(multi, "x.i2p", options={"proxy": proxy}))
    script = CallerScript() if is_called else BridgeScript()
    return caller, HandshakeFilter(pair[1], multi, script, timeout=10.0)


_ports: list[UtpPort] = []


def utp_pair(multi: Multi, open_port: Callable[..., UtpPort] | None = None) -> tuple[Transport, Transport]:
    """(dialled, accepted) of two ports; `close_ports` ends them."""
    make = open_port or (
        lambda **options: UtpPort.open(multi, multi.platform, bind=("127.0.0.1", 0), **options)
    )
    near, far = make(rng=Random(1)), make(rng=Random(2), on_accept=lambda transport: None)
    _ports.extend((near, far))
    dialled = near.connect(far.address)
    pump(multi, lambda: far.endpoint.half_open)
    # Made here and not when the handshake is over: nobody would hear of that.
    connection = next(iter(far.endpoint.half_open))
    accepted = far._transports[connection] = UtpTransport(far, connection, near.address)
    return dialled, accepted


def lossy_utp_pair(multi: Multi) -> tuple[Transport, Transport]:
    """Over a network in memory that loses, repeats and delays."""
    network = MemoryDatagrams(
        multi,
        Random(3),
        loss=0.03,
        duplicates=0.03,
        delay=0.0005,
        reordering=0.05,
        spares=frozenset({PacketType.RESET << 4 | 1}),  # Nobody would hear of it before the next keep-alive.
    )
    # Quick to repeat and slow to give up: the machine may be busy with other things.
    settings = UtpSettings(
        min_timeout=0.03, connect_timeout=0.05, syn_resends=8, num_resends=8, fin_resends=8
    )

    def open_port(**options: Any) -> UtpPort:
        return network.open_port(settings=settings, **options)

    return utp_pair(multi, open_port)


def simulated_tcp_pair(multi: Multi) -> tuple[Transport, Transport]:
    """Over a bad line of the simulator, with tiny buffers."""
    _lines[multi] = line = SimulatedLine(multi)
    return line.tcp()


def simulated_utp_pair(multi: Multi) -> tuple[Transport, Transport]:
    """Over a bad line of the simulator."""
    _lines[multi] = line = SimulatedLine(multi)
    return utp_pair(multi, line.open_port)


def close_ports() -> None:
    """End the ports of uTP pairs, and worlds that are not real."""
    while _ports:
        _ports.pop().close()
    while _lines:
        _lines.popitem()[1].close()


PAIRS: dict[str, Callable[[Multi], tuple[Transport, Transport]]] = {
    "memory": memory_pair,
    "tiny memory": lambda multi: memory_pair(multi, limit=7),
    "tcp": tcp_pair,
    "utp": utp_pair,
    "utp over a bad network": lossy_utp_pair,
    "tcp, simulated": simulated_tcp_pair,
    "utp, simulated": simulated_utp_pair,
    "tls over tcp, simulated": lambda multi: over_tls(multi, simulated_tcp_pair(multi)),
    "tls over utp, simulated": lambda multi: over_tls(multi, simulated_utp_pair(multi)),
    "rc4 over tcp, simulated": lambda multi: over_mse(multi, simulated_tcp_pair(multi), Method.RC4),
    "rc4 over utp, simulated": lambda multi: over_mse(multi, simulated_utp_pair(multi), Method.RC4),
    "rc4 over socks5 over tcp, simulated": lambda multi: over_mse(
        multi, through_proxy(multi, simulated_tcp_pair(multi), "socks5"), Method.RC4
    ),
    "tls over utp": lambda multi: over_tls(multi, utp_pair(multi)),
    "rc4 over utp": lambda multi: over_mse(multi, utp_pair(multi), Method.RC4),
    "rc4 over utp over a bad network": lambda multi: over_mse(multi, lossy_utp_pair(multi), Method.RC4),
    "plaintext mse over utp": lambda multi: over_mse(multi, utp_pair(multi), Method.PLAINTEXT),
    "tls over memory": lambda multi: over_tls(multi, memory_pair(multi)),
    "tls over tiny memory": lambda multi: over_tls(multi, memory_pair(multi, limit=100)),
    "tls over tcp": lambda multi: over_tls(multi, tcp_pair(multi)),
    "rc4 over memory": lambda multi: over_mse(multi, memory_pair(multi), Method.RC4),
    "rc4 over tiny memory": lambda multi: over_mse(multi, memory_pair(multi, limit=7), Method.RC4),
    "rc4 over tcp": lambda multi: over_mse(multi, tcp_pair(multi), Method.RC4),
    "plaintext mse over memory": lambda multi: over_mse(multi, memory_pair(multi), Method.PLAINTEXT),
    "plaintext mse over tiny memory": lambda multi: over_mse(
        multi, memory_pair(multi, limit=7), Method.PLAINTEXT
    ),
    "plaintext mse over tcp": lambda multi: over_mse(multi, tcp_pair(multi), Method.PLAINTEXT),
    **{
        f"{kind} over {below}": partial(
            lambda multi, kind, make: through_proxy(multi, make(multi), kind), **each
        )
        for kind in ("socks4", "socks5", "http_connect")
        for below, each in {
            "memory": {"kind": kind, "make": memory_pair},
            "tiny memory": {"kind": kind, "make": partial(memory_pair, limit=7)},
            "tcp": {"kind": kind, "make": tcp_pair},
        }.items()
    },
    "rc4 over socks5 over tcp": lambda multi: over_mse(
        multi, through_proxy(multi, tcp_pair(multi), "socks5"), Method.RC4
    ),
    "sam over memory": lambda multi: over_sam(multi, memory_pair(multi)),
    "sam over tiny memory": lambda multi: over_sam(multi, memory_pair(multi, limit=7)),
    "sam over tcp": lambda multi: over_sam(multi, tcp_pair(multi)),
    "called over sam over tiny memory": lambda multi: over_sam(
        multi, memory_pair(multi, limit=7), is_called=True
    ),
    "called over sam over tcp": lambda multi: over_sam(multi, tcp_pair(multi), is_called=True),
    "rc4 over sam over tcp": lambda multi: over_mse(multi, over_sam(multi, tcp_pair(multi)), Method.RC4),
    "rc4 over tls over tcp": lambda multi: over_mse(multi, over_tls(multi, tcp_pair(multi)), Method.RC4),
}
"""Every kind of transport; a new one is added here and must pass the conformance tests."""


class ScriptedSocket:
    """A stream socket by hand.  `incoming` holds bytes (b"" is the end) or errors; empty means would block."""

    def __init__(self, fd: int, *, connect: int = 115, peer: Any = ("10.0.0.2", 80)) -> None:
        self.fd = fd
        self.connect_code = connect
        self.connect_error: OSError | None = None
        self.is_established = False
        self.peer = peer
        self.incoming: list[bytes | OSError] = []
        self.room = 1 << 30
        self.send_error: OSError | None = None
        self.sent = bytearray()
        self.options: list[tuple[int, int, Any]] = []
        self.option_error: OSError | None = None
        self.is_shut_down = False
        self.is_closed = False
        self.connected_to: Any = None

    def fileno(self) -> int:
        return self.fd

    def connect_ex(self, address: Any) -> int:
        self.connected_to = address
        if self.connect_code < 0:
            raise OSError(-self.connect_code, "refused by the platform")
        return self.connect_code

    def recv_into(self, buffer: Any) -> int:
        if not self.incoming or not len(buffer):
            if not len(buffer):
                return 0
            raise BlockingIOError
        item = self.incoming.pop(0)
        if isinstance(item, OSError):
            raise item
        buffer[: len(item)] = item
        return len(item)

    def send(self, data: Any) -> int:
        if self.send_error is not None:
            raise self.send_error
        if not self.room:
            raise BlockingIOError
        count = min(self.room, len(data))
        self.sent += data[:count]
        self.room -= count
        return count

    def sendmsg(self, buffers: Sequence[Any]) -> int:
        return self.send(b"".join(buffers))

    def getsockopt(self, level: int, option: int) -> int:
        return 0

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        if self.option_error is not None:
            raise self.option_error
        self.options.append((level, option, value))

    def getsockname(self) -> Any:
        if self.is_closed:
            raise OSError(9, "closed")
        return (
            ("10.0.0.1", 4000)
            if isinstance(self.peer, tuple) and len(self.peer) == 2
            else ("::1", 4000, 0, 0)
        )

    def getpeername(self) -> Any:
        if not self.is_established:
            raise OSError(107, "not connected")
        return self.peer

    def shutdown(self, how: int) -> None:
        if self.option_error is not None:
            raise self.option_error
        self.is_shut_down = True

    def close(self) -> None:
        self.is_closed = True


def is_stream(transport: Transport) -> StreamTransport:
    """The TCP stream at the bottom of a chain."""
    while not isinstance(transport, StreamTransport):
        transport = transport.below  # type: ignore[attr-defined]
    return transport
