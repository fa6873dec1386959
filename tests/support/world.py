"""A world by hand for whole sessions: a network of fake sockets, a clock that is moved, disks in memory.

`World` holds any number of `Node`s, each a session on a `Multi` of its own, and `Wire`s, peers that say what a test tells
them to, byte by byte.  Nothing happens until `pump` or `advance`.
"""

from __future__ import annotations

import hashlib
import random
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from evtorrent.listener.endpoint import Endpoint as ListenEndpoint
from evtorrent.listener.gate import Verdict
from evtorrent.listener.group import OpenEndpoint
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.engine.ports import READ, WRITE
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.protocols.peer.handshake import HANDSHAKE_LENGTH, Capability, Handshake
from evtorrent.protocols.peer.hash_messages import HASH_REQUEST_SIZE, parse_hash_request
from evtorrent.protocols.peer.messages import MessageId
from evtorrent.protocols.types import PeerId, Sha1Hash
from evtorrent.session import (
    AddTorrentParams,
    EncPolicy,
    Session,
    SessionParams,
    TorrentFlags,
    global_peer_class_filter,
)
from evtorrent.session.alerts import Alert
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.io import DiskIo
from evtorrent.session.disk.memory import MemoryBackend
from evtorrent.session.torrent.torrent import Torrent

from .disk import make_torrent
from .engine_kit import FakeWakeup

A = TypeVar("A", bound=Alert)
BLOCK = 16384
PORT = 6881
MOST_ROUNDS = 5000


class FakeSocket:
    """One end of a stream in the fake network; `socket.socket` as far as transports use it."""

    def __init__(self, network: World, fd: int, host: str) -> None:
        self.network = network
        self.fd = fd
        self.name = (host, 40000 + fd)
        self.peer: FakeSocket | None = None
        self.inbox = bytearray()
        self.under_way = bytearray()
        """Sent by the other side and not here before the next round."""
        self.is_end_under_way = False
        self.limit = 1 << 20
        self.is_connecting = False
        self.is_ended = False
        self.is_closed = False
        self.error: OSError | None = None
        self.options: list[tuple[int, int, Any]] = []

    def fileno(self) -> int:
        return self.fd

    def connect_ex(self, address: Any) -> int:
        self.is_connecting = True
        self.network.connecting.append((self, (address[0], address[1])))
        return 115

    def recv_into(self, buffer: Any) -> int:
        if self.error is not None:
            raise self.error
        count = min(len(buffer), len(self.inbox))
        if count:
            buffer[:count] = self.inbox[:count]
            del self.inbox[:count]
        elif not self.is_ended:
            raise BlockingIOError
        return count

    def send(self, data: Any) -> int:
        if self.error is not None:
            raise self.error
        if self.peer is None or self.peer.is_closed:
            raise BrokenPipeError(32, "Broken pipe")
        count = min(len(data), self.peer.room)
        if not count:
            raise BlockingIOError
        self.peer.under_way += bytes(data[:count])
        return count

    def sendmsg(self, buffers: Sequence[Any]) -> int:
        return self.send(b"".join(buffers))

    def getsockopt(self, level: int, option: int) -> int:
        return 0

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        self.options.append((level, option, value))

    def getsockname(self) -> Any:
        return self.name

    def getpeername(self) -> Any:
        if self.peer is None:
            raise OSError(107, "not connected")
        return self.peer.name

    def shutdown(self, how: int) -> None:
        if self.peer is not None:
            self.peer.is_end_under_way = True

    def close(self) -> None:
        self.is_closed = True
        self.network.sockets.pop(self.fd, None)
        if self.peer is not None:
            self.peer.is_end_under_way = True

    @property
    def is_moving(self) -> bool:
        """Something is under way to it."""
        return bool(self.under_way) or self.is_end_under_way != self.is_ended

    def deliver(self) -> None:
        """What was under way arrives."""
        self.inbox += self.under_way
        self.under_way.clear()
        self.is_ended = self.is_end_under_way

    @property
    def room(self) -> int:
        """Bytes that may be sent here."""
        return max(0, self.limit - len(self.inbox) - len(self.under_way))

    @property
    def ready(self) -> int:
        """READ | WRITE bits."""
        if self.error is not None:
            return READ | WRITE
        if self.peer is None:
            return 0
        mask = READ if self.inbox or self.is_ended else 0
        return mask | (WRITE if self.peer.is_closed or self.peer.room else 0)


class FlakyBackend(MemoryBackend):
    """A disk in memory that fails, or is slow, when it is told to."""

    def __init__(self, params: Any, pool: Any = None) -> None:
        super().__init__(params, pool)
        self.fail_read: int = 0
        """errno of the next reads."""
        self.fail_write: int = 0
        self.is_cold = False
        """Nothing is in the page cache."""
        self.num_cold_reads = 0
        self.renamed: dict[int, str] = {}
        self.priorities: list[int] = []
        self.syncs = 0
        self.fail_flush = 0

    def read(self, buffers: Any, offset: int) -> None:
        if self.fail_read:
            raise StorageError("read", "/disk/file", OSError(self.fail_read, "reading failed"))
        self.num_cold_reads += 1
        if not super().read_nowait(buffers, offset):
            raise StorageError("read", "/disk/file", OSError(61, "never written"))

    def read_nowait(self, buffers: Any, offset: int) -> bool:
        return not self.is_cold and not self.fail_read and super().read_nowait(buffers, offset)

    def write(self, buffers: Any, offset: int) -> None:
        if self.fail_write:
            raise StorageError("write", "/disk/file", OSError(self.fail_write, "No space left on device"))
        super().write(buffers, offset)

    def rename(self, index: int, name: str) -> None:
        if self.fail_write:
            raise StorageError("rename", "/disk/file", OSError(self.fail_write, "not there"))
        self.renamed[index] = name

    def move(self, save_path: str, mode: Any) -> Any:
        if self.fail_write:
            raise StorageError("move", "/disk/file", OSError(self.fail_write, "not there"))
        return super().move(save_path, mode)

    def set_priorities(self, priorities: Sequence[int]) -> None:
        self.priorities = list(priorities)

    def flush(self, *, sync: bool) -> None:
        if self.fail_flush:
            raise StorageError("sync", "/disk/file", OSError(self.fail_flush, "Input/output error"))
        self.syncs += sync

    def delete(self, flags: Any) -> None:
        if self.fail_write:
            raise StorageError("remove", "/disk/file", OSError(self.fail_write, "not there"))
        super().delete(flags)


class WorldPlatform:
    """The OS of one node.  Disk jobs wait for `pump`, or, with `holds_disk`, for `run_jobs`."""

    def __init__(self, world: World, host: str) -> None:
        self.world = world
        self.host = host
        self.rng = random.Random(host)
        self.jobs: deque[Callable[[], None]] = deque()
        self.holds_disk = False
        self.sources: list[Any] = []
        self.num_polls = 0

    def time(self) -> float:
        return self.world.now

    def wall_time(self) -> float:
        return 1_000_000_000.0 + self.world.now

    def random_bytes(self, count: int) -> bytes:
        return self.rng.randbytes(count)

    def open_socket(self, family: int, kind: int) -> Any:
        return socket.socket(family, kind)

    def wakeup(self) -> FakeWakeup:
        return FakeWakeup(1_000_000)

    def stream_socket(self, family: int, *, source: Any = None) -> FakeSocket:
        self.sources.append(source)
        return self.world.open_socket(self.host)

    def datagram_socket(self, family: int, *, bind: Any = None, group: Any = None) -> Any:
        raise OSError("no datagrams here")

    def connect_error(self, sock: FakeSocket) -> OSError | None:
        return sock.error

    def resolve(self, base: Any, host: str, port: int, callback: Any, *, family: int = 0) -> Any:
        if not host.replace(".", "").isdigit():
            return base.call_soon(callback, OSError("there are no names"))
        return base.call_soon(callback, [(socket.AF_INET, (host, port))])

    def submit(self, base: Any, function: Callable[..., Any], *args: Any, on_done: Any) -> None:
        def job() -> None:
            try:
                result = function(*args)
            except Exception as error:
                base.call_soon(on_done, None, error)
            else:
                base.call_soon(on_done, result, None)

        self.jobs.append(job)

    def run_jobs(self, count: int = 1_000_000) -> None:
        while self.jobs and count:
            count -= 1
            self.jobs.popleft()()

    def poll(self, wanted: Sequence[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
        self.num_polls += 1
        return self.ready(wanted)

    def ready(self, wanted: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        found = []
        for fd, mask in wanted:
            sock = self.world.sockets.get(fd)
            if sock is not None and sock.ready & mask:
                found.append((fd, sock.ready & mask))
        return found

    def thread_id(self) -> int:
        return 1


class World:
    """The network, the clock, and everybody on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sockets: dict[int, FakeSocket] = {}
        self.connecting: list[tuple[FakeSocket, tuple[str, int]]] = []
        self.listening: dict[tuple[str, int], Callable[[FakeSocket, tuple[str, int]], object]] = {}
        self.black_holes: set[str] = set()
        self.nodes: list[Node] = []
        self._next_fd = 1000

    def node(self, host: str = "", *, parts: Mapping[str, Any] | None = None, **settings: Any) -> Node:
        """One more session; it listens at `host`, port 6881.  `parts`: fields of its `SessionParams`."""
        return Node(self, host or f"10.0.0.{len(self.nodes) + 1}", settings, parts or {})

    def open_socket(self, host: str) -> FakeSocket:
        self._next_fd += 1
        sock = self.sockets[self._next_fd] = FakeSocket(self, self._next_fd, host)
        return sock

    def pair(self, one: str, two: str) -> tuple[FakeSocket, FakeSocket]:
        """A connection between two hosts."""
        a, b = self.open_socket(one), self.open_socket(two)
        a.peer, b.peer = b, a
        return a, b

    def pump(self) -> None:
        """Let everything happen that takes no time."""
        for _ in range(MOST_ROUNDS):
            self._connect()
            for sock in list(self.sockets.values()):
                sock.deliver()
            for node in self.nodes:
                if not node.platform.holds_disk:
                    node.platform.run_jobs()
                node.multi.perform()
            if not self._is_moving() and not any(node.is_busy for node in self.nodes):
                return
        raise AssertionError("the world does not come to rest")

    def advance(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + step)
            self.pump()

    def _is_moving(self) -> bool:
        return bool(self.connecting) or any(sock.is_moving for sock in self.sockets.values())

    def _connect(self) -> None:
        connecting, self.connecting = self.connecting, []
        for sock, address in connecting:
            accept = self.listening.get(address)
            if sock.is_closed or address[0] in self.black_holes:
                continue
            if accept is None:
                sock.error = ConnectionRefusedError(111, "Connection refused")
                continue
            other = self.open_socket(address[0])
            other.name = address
            sock.peer, other.peer = other, sock
            accept(other, sock.name)

    def check(self) -> None:
        """No callback failed unseen."""
        for node in self.nodes:
            assert not node.errors, node.errors


class Node:
    """A session with its own engine and platform."""

    def __init__(self, world: World, host: str, settings: dict[str, Any], parts: Mapping[str, Any]) -> None:
        self.world = world
        self.host = host
        self.platform = WorldPlatform(world, host)
        self.multi = Multi(self.platform)  # type: ignore[arg-type]
        self.errors: list[tuple[str, BaseException]] = []
        self.multi.on_error = lambda what, error: self.errors.append((what, error))
        given = {
            "listen_interfaces": "",
            "alert_mask": -1,
            "alert_queue_size": 100_000,
            "enable_dht": False,
            "in_enc_policy": EncPolicy.disabled,  # A `Wire` speaks plainly.
            "out_enc_policy": EncPolicy.disabled,
            **settings,
        }
        self.session = Session(SessionParams(given, **parts), multi=self.multi)
        # Limits and slots hold for everybody: these hosts' addresses would count as local.
        self.session.set_peer_class_filter(global_peer_class_filter())
        self.core = self.session._core
        self.backends: list[FlakyBackend] = []
        disk = DiskIo(
            self.multi,
            self.platform.submit,
            settings=self.core.disk.settings,
            backend=self._backend,
        )
        disk.on_low_watermark = self.core.disk.on_low_watermark
        self.core.disk = disk
        self.seen: list[Alert] = []
        world.nodes.append(self)
        world.listening[host, PORT] = self.accept

    @property
    def address(self) -> tuple[str, int]:
        return (self.host, PORT)

    @property
    def backend(self) -> FlakyBackend:
        """The disk of the torrent opened last."""
        return self.backends[-1]

    def _backend(self, params: Any, pool: Any) -> FlakyBackend:
        self.backends.append(FlakyBackend(params, pool))
        return self.backends[-1]

    def accept(self, sock: FakeSocket, address: tuple[str, int]) -> None:
        """What a listener does with a connection."""
        if self.core.gate.admit(address[0]) is Verdict.ADMIT:
            listening = OpenEndpoint(ListenEndpoint(self.host, PORT), None, None)  # type: ignore[arg-type]
            self.core._on_accept(listening, sock, address)  # type: ignore[arg-type]
        else:
            sock.close()

    def add(
        self,
        info: TorrentInfo,
        content: bytes | None = None,
        *,
        pieces: Sequence[int] | None = None,
        start: bool = True,
        **fields: Any,
    ) -> Torrent:
        """Add a torrent; with `content` its pieces (or those named) are on disk and believed."""
        flags = fields.pop("flags", TorrentFlags.default_flags & ~TorrentFlags.auto_managed)
        flags = flags & ~TorrentFlags.paused if start else flags | TorrentFlags.paused
        params = AddTorrentParams(
            save_path="/disk", ti=info, flags=flags & ~TorrentFlags.auto_managed, **fields
        )
        if content is None:
            handle = self.session.add_torrent(params)
        else:
            params.flags |= TorrentFlags.paused
            handle = self.session.add_torrent(params)
            torrent = handle._torrent
            assert torrent is not None
            torrent.need_storage()
            fill(self.backend, info, content, pieces)
            if start:
                handle.resume()
        assert handle._torrent is not None
        return handle._torrent

    def seed(self, info: TorrentInfo, content: bytes, **fields: Any) -> Torrent:
        """A torrent with all its pieces, checked."""
        torrent = self.add(info, content, **fields)
        self.world.pump()
        assert torrent.is_seed
        return torrent

    def alerts(self, kind: type[A]) -> list[A]:
        """Every alert of a class so far, oldest first."""
        self.seen += self.session.pop_alerts()
        return [alert for alert in self.seen if type(alert) is kind]

    def forget_alerts(self) -> None:
        self.session.pop_alerts()
        self.seen.clear()

    @property
    def is_busy(self) -> bool:
        """Something could happen without time passing."""
        if self.platform.jobs and not self.platform.holds_disk:
            return True
        return self.multi.timeout() == 0 or bool(self.platform.ready(self.multi._sockets.wanted()))


def fill(
    backend: MemoryBackend, info: TorrentInfo, content: bytes, pieces: Sequence[int] | None = None
) -> None:
    """Put pieces on a disk."""
    for piece in range(info.num_pieces) if pieces is None else pieces:
        start = piece * info.piece_length
        MemoryBackend.write(backend, [content[start : start + info.piece_size(piece)]], start)


def torrent_of(*piece_blocks: int, piece_blocks_each: int = 2, tail: int = 0, name: str = "t") -> Any:
    """(info, content) of a torrent of `piece_blocks[0]` whole pieces of `piece_blocks_each` blocks, and `tail` bytes."""
    (count,) = piece_blocks
    size = count * piece_blocks_each * BLOCK + tail
    return make_torrent(size, piece_blocks_each * BLOCK, name=name)


class Wire:
    """A peer by hand.  `say` sends messages, `heard` gives what came since, as (name, fields…) in order."""

    def __init__(
        self,
        world: World,
        info_hash: bytes,
        *,
        host: str = "10.9.9.1",
        peer_id: bytes = b"-XX0000-123456789012",
        capabilities: Capability = Capability.FAST,
    ) -> None:
        self.world = world
        self.host = host
        self.handshake = Handshake.with_capabilities(Sha1Hash(info_hash), PeerId(peer_id), capabilities)
        self.sock: FakeSocket | None = None
        self.buffer = bytearray()
        self.their_handshake: Handshake | None = None
        self.blocks: dict[tuple[int, int], bytes] = {}

    def call(self, node: Node, *, handshake: bool = True) -> Wire:
        """Connect to a node and say who we are."""
        ours, theirs = self.world.pair(self.host, node.host)
        self.sock = ours
        node.accept(theirs, ours.name)
        if handshake:
            self.send(self.handshake.pack())
        self.world.pump()
        return self

    def listen(self, port: int = PORT) -> Wire:
        """Wait to be called."""
        self.world.listening[self.host, port] = self._accept
        return self

    def _accept(self, sock: FakeSocket, address: tuple[str, int]) -> None:
        self.sock = sock
        self.send(self.handshake.pack())

    def send(self, data: bytes) -> None:
        assert self.sock is not None and self.sock.peer is not None
        self.sock.peer.under_way += data

    def say(self, *messages: bytes) -> Wire:
        """Send messages and let everything happen."""
        self.send(b"".join(messages))
        self.world.pump()
        return self

    def hang_up(self) -> None:
        assert self.sock is not None
        self.sock.close()
        self.world.pump()

    @property
    def is_closed(self) -> bool:
        """The other side ended it."""
        return self.sock is not None and self.sock.is_ended

    def heard(self, *kinds: str) -> list[tuple[Any, ...]]:
        """Messages since the last call; with `kinds`, only these (the others are gone, too)."""
        assert self.sock is not None
        self.buffer += self.sock.inbox
        self.sock.inbox.clear()
        if self.their_handshake is None and len(self.buffer) >= HANDSHAKE_LENGTH:
            self.their_handshake = Handshake.parse(self.buffer[:HANDSHAKE_LENGTH])
            del self.buffer[:HANDSHAKE_LENGTH]
        found = []
        while len(self.buffer) >= 4:
            (length,) = struct.unpack_from(">I", self.buffer)
            if len(self.buffer) < 4 + length:
                break
            frame = bytes(self.buffer[4 : 4 + length])
            del self.buffer[: 4 + length]
            found.append(self._read(frame))
        return [message for message in found if not kinds or message[0] in kinds]

    def _read(self, frame: bytes) -> tuple[Any, ...]:
        if not frame:
            return ("keep_alive",)
        kind, body = MessageId(frame[0]), frame[1:]
        if kind is MessageId.PIECE:
            piece, begin = struct.unpack_from(">II", body)
            self.blocks[piece, begin] = body[8:]
            return ("piece", piece, begin, len(body) - 8)
        if kind in (MessageId.BITFIELD, MessageId.EXTENDED):
            return (kind.name.lower(), body)
        if kind in (MessageId.HASH_REQUEST, MessageId.HASHES, MessageId.HASH_REJECT):
            request = parse_hash_request(body[:HASH_REQUEST_SIZE])
            return (kind.name.lower(), request, body[HASH_REQUEST_SIZE:])
        return (kind.name.lower(), *struct.unpack(f">{len(body) // 4}I", body))


def simple(kind: MessageId) -> bytes:
    """A message without fields."""
    return struct.pack(">IB", 1, kind)


def numbers(kind: MessageId, *values: int) -> bytes:
    """A message of 32-bit fields."""
    return struct.pack(f">IB{len(values)}I", 1 + 4 * len(values), kind, *values)


def block(piece: int, begin: int, data: bytes) -> bytes:
    return struct.pack(">IBII", 9 + len(data), MessageId.PIECE, piece, begin) + data


def request(piece: int, begin: int, length: int = BLOCK) -> bytes:
    return numbers(MessageId.REQUEST, piece, begin, length)


def bitfield(bits: int, size: int) -> bytes:
    """Piece i is bit i of `bits`."""
    data = bytearray((size + 7) // 8)
    for piece in range(size):
        if bits >> piece & 1:
            data[piece // 8] |= 0x80 >> piece % 8
    return struct.pack(">IB", 1 + len(data), MessageId.BITFIELD) + bytes(data)


CHOKE = simple(MessageId.CHOKE)
UNCHOKE = simple(MessageId.UNCHOKE)
INTERESTED = simple(MessageId.INTERESTED)
NOT_INTERESTED = simple(MessageId.NOT_INTERESTED)
HAVE_ALL = simple(MessageId.HAVE_ALL)
HAVE_NONE = simple(MessageId.HAVE_NONE)


def answer(
    wire: Wire, content: bytes, piece_length: int, *, spoil: Callable[[int], bool] | None = None
) -> int:
    """Send the blocks a wire was asked for (pieces for which `spoil` is true with wrong bytes); how many."""
    count = 0
    for _, piece, begin, length in wire.heard("request"):
        start = piece * piece_length + begin
        data = content[start : start + length]
        if spoil is not None and spoil(piece):
            data = hashlib.sha1(data).digest()[:1].ljust(1) + bytes(255 - byte for byte in data[1:])
        wire.send(block(piece, begin, data))
        count += 1
    wire.world.pump()
    return count
