"""One connection of the peer wire, sans-I/O (BEP 3, 4, 6, 10, 20, 21).

The law of its states, and who moves it:

    HANDSHAKE --(68 bytes in)--> ACCEPTING --accept()--> OPEN --(error, close)--> CLOSED
        outgoing connections go from HANDSHAKE straight to OPEN

An incoming connection stops reading at its handshake until `accept` has said which torrent it is for; what came behind
the handshake waits.  Before the number of pieces is known (a magnet link) messages that name a piece are refused, except
that the peer's bitfield is kept for `set_num_pieces`.

Receiving has no copy and no object per block: `receive_buffer` lends a part of a buffer that all connections of a loop
share, `buffer_received` parses frames where they lie, and blocks come out as one `BlocksReceived` of memoryviews into
that buffer, valid until the next read of *any* of these connections.  A frame cut short is kept aside, so an idle
connection holds no buffer.

Outgoing messages collect in `data_to_send`.  Payloads of blocks are not among them: the owner sends them itself, in slabs
with their headers (see `session/torrent/uploader.py`), keeping their order with the other messages.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum

from ..bits import Bitfield
from ..errors import LocalProtocolError, RemoteProtocolError
from ..types import Buffer, PieceIndex
from . import codec
from .extensions.registry import ExtensionRegistry, PeerExtensions, parse_handshake
from .handshake import HANDSHAKE_LENGTH, Capability, Handshake, check_prefix
from .messages import (
    AllowedFast,
    Block,
    BlocksReceived,
    CancelReceived,
    ChokeChanged,
    Event,
    ExtensionHandshake,
    ExtensionMessage,
    HandshakeReceived,
    HaveReceived,
    InterestChanged,
    MessageId,
    PiecesReceived,
    PortReceived,
    RejectReceived,
    Request,
    RequestsReceived,
    SuggestReceived,
)

__all__ = ["MAX_FRAME", "MAX_REQUEST_LENGTH", "PeerConnection", "ReceiveBuffer", "State"]

MAX_FRAME = 1 << 20
"""Bytes of a message; the largest real ones are bitfields (2 Mi pieces: 256 KiB)."""
MAX_REQUEST_LENGTH = 128 * 1024
"""Bytes of a block a peer may ask for; BEP 3 clients drop peers beyond this."""

_FRAME_HEAD = struct.Struct(">IB")
_BLOCK_HEAD = struct.Struct(">IBII")
_TRIPLE = struct.Struct(">III")
_REQUEST_FRAME = struct.Struct(">IBIII")
_U32 = struct.Struct(">I")


class State(Enum):
    """Where a connection is; see the law in the module's docstring."""

    HANDSHAKE = "handshake"
    ACCEPTING = "accepting"
    OPEN = "open"
    CLOSED = "closed"


class ReceiveBuffer:
    """The buffer that all connections of one loop read into, one at a time."""

    __slots__ = ("data", "view")

    def __init__(self, size: int = MAX_FRAME + 256 * 1024) -> None:
        if size < MAX_FRAME + 64 * 1024:
            raise ValueError(f"a receive buffer must hold a frame of {MAX_FRAME} bytes and more")
        self.data = bytearray(size)
        self.view = memoryview(self.data)


class PeerConnection:
    """A connection to one peer.  Whoever owns it feeds it bytes, sends what it gives, and takes its events."""

    __slots__ = (
        "_accepted",
        "_blocks",
        "_buffer",
        "_carry",
        "_early_pieces",
        "_events",
        "_fast",
        "_got_pieces",
        "_num_pieces",
        "_out",
        "_piece_length",
        "_requests",
        "_size",
        "am_choking",
        "am_interested",
        "extensions",
        "handshake",
        "local",
        "peer_choking",
        "peer_interested",
        "registry",
        "state",
    )

    def __init__(
        self,
        *,
        buffer: ReceiveBuffer,
        local: Handshake | None = None,
        registry: ExtensionRegistry | None = None,
    ) -> None:
        """An outgoing connection when `local`, our handshake, is given; else an incoming one, to be accepted."""
        self.state = State.HANDSHAKE
        self.local = local
        """Our handshake, once we know for which torrent."""
        self.handshake: Handshake | None = None
        """Theirs, once it came."""
        self.registry = registry if registry is not None else ExtensionRegistry()
        self.extensions = PeerExtensions()
        self.am_choking = True
        self.am_interested = False
        self.peer_choking = True
        self.peer_interested = False
        self._accepted = local is not None
        self._fast = False
        self._num_pieces: int | None = None
        self._piece_length = 0
        self._size = 0
        self._got_pieces = False
        self._early_pieces: bytes | None = None
        self._buffer = buffer
        self._carry = b""
        self._events: deque[Event] = deque()
        self._blocks: list[Block] = []
        self._requests: list[Request] = []
        self._out: list[bytes] = []
        if local is not None:
            self._out.append(local.pack())

    # ---------------------------------------------------------------------------------------------- commands

    def accept(self, local: Handshake, registry: ExtensionRegistry | None = None) -> None:
        """Answer an incoming handshake: `local` names the torrent.  What came behind it is parsed now."""
        if self.state is not State.ACCEPTING:
            raise LocalProtocolError(f"nothing to accept in state {self.state.value}")
        self.local = local
        if registry is not None:
            self.registry = registry
        self._accepted = True
        self._out.append(local.pack())
        self._open()
        carry, self._carry = self._carry, b""
        self.receive_data(carry)

    def set_num_pieces(self, num_pieces: int, piece_length: int, total_size: int) -> None:
        """The torrent's shape, when it is known: at once, or when a magnet link's metadata arrived.

        A bitfield that came earlier is checked and delivered.  RemoteProtocolError when it does not fit.
        """
        self._num_pieces, self._piece_length, self._size = num_pieces, piece_length, total_size
        early, self._early_pieces = self._early_pieces, None
        if early is not None:
            self._got_pieces = False
            _, handler = _HANDLERS[early[0]]
            handler(self, memoryview(early)[1:])

    def send_choke(self, choke: bool) -> None:
        """choke or unchoke; does nothing when nothing changes."""
        if choke != self.am_choking:
            self.am_choking = choke
            self._out.append(codec.pack_simple(MessageId.CHOKE if choke else MessageId.UNCHOKE))

    def send_interested(self, interested: bool) -> None:
        """interested or not interested; does nothing when nothing changes."""
        if interested != self.am_interested:
            self.am_interested = interested
            self._out.append(
                codec.pack_simple(MessageId.INTERESTED if interested else MessageId.NOT_INTERESTED)
            )

    def send_pieces(self, have: Bitfield) -> None:
        """What we have, once, right after the handshake: have all, have none (BEP 6) or a bitfield."""
        if self._fast and have.all():
            self._out.append(codec.pack_simple(MessageId.HAVE_ALL))
        elif self._fast and not have.any():
            self._out.append(codec.pack_simple(MessageId.HAVE_NONE))
        elif (
            have.any()
        ):  # BEP 3: "Downloaders which don't have anything yet may skip the 'bitfield' message."
            self._out.append(codec.pack_bitfield(have.to_wire()))

    def send_have(self, piece: PieceIndex) -> None:
        """have"""
        self._out.append(codec.pack_have(piece))

    def send_requests(self, requests: Iterable[tuple[int, int, int]]) -> None:
        """request, any number; leaves as one run of bytes."""
        self._out.append(codec.pack_requests(requests))

    def send_cancel(self, request: Request) -> None:
        """cancel"""
        self._out.append(codec.pack_request(MessageId.CANCEL, request))

    def send_reject(self, request: Request) -> None:
        """reject (BEP 6); nothing to a peer that does not speak it."""
        if self._fast:
            self._out.append(codec.pack_request(MessageId.REJECT, request))

    def send_allowed_fast(self, piece: PieceIndex) -> None:
        """allowed fast (BEP 6); nothing to a peer that does not speak it."""
        if self._fast:
            self._out.append(codec.pack_index(MessageId.ALLOWED_FAST, piece))

    def send_suggest(self, piece: PieceIndex) -> None:
        """suggest (BEP 6); nothing to a peer that does not speak it."""
        if self._fast:
            self._out.append(codec.pack_index(MessageId.SUGGEST, piece))

    def send_port(self, port: int) -> None:
        """port (BEP 5); nothing to a peer without a DHT."""
        if self.handshake is not None and self.handshake.capabilities & Capability.DHT:
            self._out.append(codec.pack_port(port))

    def send_keep_alive(self) -> None:
        """An empty message, to be sent when nothing else was for two minutes (BEP 3)."""
        self._out.append(codec.KEEP_ALIVE)

    def send_extension_handshake(self, fields: dict[str, object]) -> None:
        """The extension handshake (BEP 10); nothing to a peer that does not speak it."""
        if self.supports_extensions:
            self._out.append(codec.pack_extended(0, self.registry.handshake(fields)))

    def send_extension(self, name: str, payload: Buffer) -> bool:
        """A message of extension `name`; False when the peer does not speak it."""
        message_id = self.extensions.id_of(name)
        if message_id is None:
            return False
        self._out.append(codec.pack_extended(message_id, payload))
        return True

    def close(self) -> None:
        """No more input is taken; output already made may still be sent."""
        self.state = State.CLOSED
        self._carry = b""
        self._early_pieces = None

    # ------------------------------------------------------------------------------------------------ inputs

    def receive_buffer(self) -> memoryview:
        """Where to read the next bytes to; then say `buffer_received`, before any other connection reads."""
        carry = self._carry
        if carry:
            self._buffer.data[: len(carry)] = carry
        return self._buffer.view[len(carry) :]

    def buffer_received(self, count: int) -> None:
        """`count` bytes are in the buffer lent last.  RemoteProtocolError when they break a rule."""
        end = len(self._carry) + count
        self._carry = b""
        if self.state is State.CLOSED:
            return
        used = self._parse(end) if self.state is State.OPEN else self._parse_handshake(end)
        if used < end:
            self._carry = bytes(self._buffer.view[used:end])
            if len(self._carry) > MAX_FRAME + 4 + HANDSHAKE_LENGTH:
                raise RemoteProtocolError("more than a message sent before the handshake was answered")

    def receive_data(self, data: Buffer) -> None:
        """The same for bytes that are elsewhere.  Events are not to be left until later: see `receive_buffer`."""
        view = memoryview(data)
        while len(view) and self.state is not State.CLOSED:
            room = self.receive_buffer()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            self.buffer_received(count)
            view = view[count:]

    # ----------------------------------------------------------------------------------------------- outputs

    def data_to_send(self) -> list[bytes]:
        """Messages to send, in order; they are yours now."""
        out = self._out
        if out:
            self._out = []
        return out

    @property
    def has_data_to_send(self) -> bool:
        """`data_to_send` would give something."""
        return bool(self._out)

    def next_event(self) -> Event | None:
        """What happened, in order; None when that was all."""
        return self._events.popleft() if self._events else None

    # ----------------------------------------------------------------------------------------------- queries

    @property
    def supports_fast(self) -> bool:
        """Both sides speak BEP 6."""
        return self._fast

    @property
    def supports_extensions(self) -> bool:
        """Both sides speak BEP 10."""
        return self._both(Capability.EXTENSION)

    # ----------------------------------------------------------------------------------------------- private

    def _both(self, capability: Capability) -> bool:
        local, remote = self.local, self.handshake
        return (
            local is not None
            and remote is not None
            and bool(local.capabilities & remote.capabilities & capability)
        )

    def _parse_handshake(self, end: int) -> int:
        if self.state is State.ACCEPTING:
            return 0
        view = self._buffer.view[:end]
        check_prefix(view)
        if end < HANDSHAKE_LENGTH:
            return 0
        handshake = Handshake.parse(view[:HANDSHAKE_LENGTH])
        if self.local is not None and handshake.info_hash != self.local.info_hash:
            raise RemoteProtocolError(f"handshake for another torrent, {handshake.info_hash}")
        self.handshake = handshake
        self._events.append(HandshakeReceived(handshake.info_hash, handshake.peer_id, handshake.reserved))
        if not self._accepted:
            self.state = State.ACCEPTING
            return HANDSHAKE_LENGTH
        self._open()
        # Messages behind the handshake wait for the owner, who must say `set_num_pieces` first.
        return HANDSHAKE_LENGTH + self._parse_behind(end)

    def _parse_behind(self, end: int) -> int:
        rest = end - HANDSHAKE_LENGTH
        if rest:
            self._buffer.data[:rest] = self._buffer.data[HANDSHAKE_LENGTH:end]
        return self._parse(rest) if rest else 0

    def _open(self) -> None:
        self.state = State.OPEN
        self._fast = self._both(Capability.FAST)

    def _parse(self, end: int) -> int:
        """Parse the frames in the first `end` bytes of the buffer; gives how many bytes they took."""
        data, view = self._buffer.data, self._buffer.view
        unpack_block, unpack_request = _BLOCK_HEAD.unpack_from, _REQUEST_FRAME.unpack_from
        blocks = self._blocks
        position = 0
        while end - position >= 4:
            if end - position >= 13:
                length, kind, piece, begin = unpack_block(data, position)
                frame_end = position + 4 + length
                if kind == 7 and length > 9:
                    if frame_end > end:
                        self._check_length(length)
                        break
                    blocks.append(Block(piece, begin, view[position + 13 : frame_end]))
                    position = frame_end
                    continue
                if kind == 6 and length == 13:
                    if frame_end > end:
                        break
                    _, _, piece, begin, size = unpack_request(data, position)
                    self._add_request(piece, begin, size)
                    position = frame_end
                    continue
            (length,) = _U32.unpack_from(data, position)
            self._check_length(length)
            frame_end = position + 4 + length
            if frame_end > end:
                break
            if length:
                self._flush_batches()
                blocks = self._blocks
                self._dispatch(data[position + 4], view[position + 5 : frame_end])
            position = frame_end
        self._flush_batches()
        return position

    def _check_length(self, length: int) -> None:
        if length > MAX_FRAME:
            raise RemoteProtocolError(f"message of {length} bytes")

    def _flush_batches(self) -> None:
        if self._blocks:
            blocks, self._blocks = self._blocks, []
            if self._num_pieces is None:
                raise RemoteProtocolError("block before the number of pieces is known")
            self._events.append(BlocksReceived(blocks))
        if self._requests:
            requests, self._requests = self._requests, []
            self._events.append(RequestsReceived(requests))

    def _dispatch(self, kind: int, payload: memoryview) -> None:
        entry = _HANDLERS.get(kind)
        if entry is None:
            return  # Unknown messages are skipped, as every client does: it is how the protocol has grown.
        size, handler = entry
        if size is not None and len(payload) != size:
            raise RemoteProtocolError(f"{MessageId(kind).name} with {len(payload)} bytes of payload")
        handler(self, payload)

    def _add_request(self, piece: int, begin: int, length: int) -> None:
        if self._blocks:
            self._flush_batches()
        self._requests.append(self._checked_block(piece, begin, length))

    def _checked_block(self, piece: int, begin: int, length: int) -> Request:
        index = self._checked_piece(piece)
        if not 0 < length <= MAX_REQUEST_LENGTH:
            raise RemoteProtocolError(f"block of {length} bytes asked for")
        if begin + length > min(self._piece_length, self._size - piece * self._piece_length):
            raise RemoteProtocolError(f"block {begin}+{length} beyond the end of piece {piece}")
        return Request(index, begin, length)

    def _checked_piece(self, piece: int) -> PieceIndex:
        if self._num_pieces is None:
            raise RemoteProtocolError("message names a piece before the number of pieces is known")
        if piece >= self._num_pieces:
            raise RemoteProtocolError(f"piece {piece} of {self._num_pieces}")
        return PieceIndex(piece)

    def _need_fast(self, kind: str) -> None:
        # BEP 6: "If the fast extension is not negotiated … the peer MUST close the connection."
        if not self._fast:
            raise RemoteProtocolError(f"{kind} without the fast extension")

    # One method a message.  Sizes are checked by the table below.

    def _handle_choke(self, _: memoryview) -> None:
        self.peer_choking = True
        self._events.append(ChokeChanged(True))

    def _handle_unchoke(self, _: memoryview) -> None:
        self.peer_choking = False
        self._events.append(ChokeChanged(False))

    def _handle_interested(self, _: memoryview) -> None:
        self.peer_interested = True
        self._events.append(InterestChanged(True))

    def _handle_not_interested(self, _: memoryview) -> None:
        self.peer_interested = False
        self._events.append(InterestChanged(False))

    def _handle_have(self, payload: memoryview) -> None:
        (piece,) = _U32.unpack(payload)
        if self._num_pieces is None:
            return  # Nothing can be checked yet, and the peer says it again in no other way: libtorrent ignores it too.
        self._events.append(HaveReceived(self._checked_piece(piece)))

    def _handle_bitfield(self, payload: memoryview) -> None:
        if not self._first_pieces(MessageId.BITFIELD, payload):
            return
        assert self._num_pieces is not None
        self._events.append(PiecesReceived(Bitfield.from_wire(payload, self._num_pieces).bits))

    def _handle_have_all(self, payload: memoryview) -> None:
        self._need_fast("have all")
        if self._first_pieces(MessageId.HAVE_ALL, payload):
            assert self._num_pieces is not None
            self._events.append(PiecesReceived((1 << self._num_pieces) - 1))

    def _handle_have_none(self, payload: memoryview) -> None:
        self._need_fast("have none")
        if self._first_pieces(MessageId.HAVE_NONE, payload):
            self._events.append(PiecesReceived(0))

    def _first_pieces(self, kind: MessageId, payload: memoryview) -> bool:
        if self._got_pieces:
            raise RemoteProtocolError(f"{kind.name} a second time")
        self._got_pieces = True
        if self._num_pieces is None:
            self._early_pieces = bytes([kind]) + bytes(payload)
            return False
        return True

    def _handle_request(self, payload: memoryview) -> None:
        self._add_request(*_TRIPLE.unpack(payload))

    def _handle_piece(self, payload: memoryview) -> None:
        raise RemoteProtocolError(f"block with {len(payload) - 8} bytes of payload")

    def _handle_cancel(self, payload: memoryview) -> None:
        self._events.append(CancelReceived(self._checked_block(*_TRIPLE.unpack(payload))))

    def _handle_reject(self, payload: memoryview) -> None:
        self._need_fast("reject")
        self._events.append(RejectReceived(self._checked_block(*_TRIPLE.unpack(payload))))

    def _handle_suggest(self, payload: memoryview) -> None:
        self._need_fast("suggest")
        if self._num_pieces is not None:
            self._events.append(SuggestReceived(self._checked_piece(_U32.unpack(payload)[0])))

    def _handle_allowed_fast(self, payload: memoryview) -> None:
        self._need_fast("allowed fast")
        if self._num_pieces is not None:
            self._events.append(AllowedFast(self._checked_piece(_U32.unpack(payload)[0])))

    def _handle_port(self, payload: memoryview) -> None:
        self._events.append(PortReceived(int.from_bytes(payload, "big")))

    def _handle_extended(self, payload: memoryview) -> None:
        if not self.supports_extensions:
            raise RemoteProtocolError("extended message without the extension protocol")
        if not len(payload):
            raise RemoteProtocolError("extended message without an id")
        if payload[0] == 0:
            message = parse_handshake(payload[1:])
            self.extensions.update(message)
            self._events.append(ExtensionHandshake(message))
            return
        name = self.registry.name_of(payload[0])
        if name is not None:
            self._events.append(ExtensionMessage(name, bytes(payload[1:])))


_HANDLERS: dict[int, tuple[int | None, Callable[[PeerConnection, memoryview], None]]] = {
    MessageId.CHOKE: (0, PeerConnection._handle_choke),
    MessageId.UNCHOKE: (0, PeerConnection._handle_unchoke),
    MessageId.INTERESTED: (0, PeerConnection._handle_interested),
    MessageId.NOT_INTERESTED: (0, PeerConnection._handle_not_interested),
    MessageId.HAVE: (4, PeerConnection._handle_have),
    MessageId.BITFIELD: (None, PeerConnection._handle_bitfield),
    MessageId.REQUEST: (12, PeerConnection._handle_request),
    MessageId.PIECE: (None, PeerConnection._handle_piece),
    MessageId.CANCEL: (12, PeerConnection._handle_cancel),
    MessageId.PORT: (2, PeerConnection._handle_port),
    MessageId.SUGGEST: (4, PeerConnection._handle_suggest),
    MessageId.HAVE_ALL: (0, PeerConnection._handle_have_all),
    MessageId.HAVE_NONE: (0, PeerConnection._handle_have_none),
    MessageId.REJECT: (12, PeerConnection._handle_reject),
    MessageId.ALLOWED_FAST: (4, PeerConnection._handle_allowed_fast),
    MessageId.EXTENDED: (None, PeerConnection._handle_extended),
}
"""Message id → (bytes of payload or None when any, handler)."""
