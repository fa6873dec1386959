"""One connection of the peer wire, sans-I/O (BEP 3, 4, 6, 10, 20, 21, 52).

The law of its states, and who moves it:

    HANDSHAKE --(68 bytes in)--> ACCEPTING --accept()--> OPEN --(error, close)--> CLOSED
        outgoing connections go from HANDSHAKE straight to OPEN

An incoming connection stops reading at its handshake until `accept` has said which torrent it is for; what came behind
the handshake waits.  Before the number of pieces is known (a magnet link) what the peer has is kept for `set_num_pieces`,
hints about pieces are skipped, and other messages that name a piece are refused.

Whoever breaks a rule is heard no more: the error is raised once, the connection is CLOSED, and only events made before it
can still be taken.  Rules are checked as soon as the bytes that break them are in, not when a message is complete.

Receiving has no copy and no object per block: `receive_buffer` lends a part of a buffer that all connections of a loop
share, `buffer_received` parses frames where they lie, and blocks come out as one `BlocksReceived` of memoryviews into
that buffer, valid until the next read of *any* of these connections.  A frame cut short is kept aside, so an idle
connection holds no buffer.  Blocks and requests of one stretch of bytes come out as two batches, blocks first: the order
between the two means nothing.

Outgoing messages collect in `data_to_send`.  Payloads of blocks are not among them: the owner sends them itself, in slabs
with their headers (see `session/torrent/uploader.py`), keeping their order with the other messages.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum

from ..bits import Bitfield
from ..errors import LocalProtocolError, RemoteProtocolError
from ..metainfo.hash_request import HashRequest
from ..types import Buffer, PieceIndex, Sha1Hash
from . import codec
from .extensions.registry import ExtensionRegistry, PeerExtensions, parse_handshake
from .handshake import HANDSHAKE_LENGTH, Capability, Handshake, check_prefix
from .hash_messages import (
    HASH_REQUEST_SIZE,
    MAX_HASHES_SIZE,
    pack_hash_message,
    pack_hashes,
    parse_hash_request,
    parse_hashes,
)
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
    HashesReceived,
    HashRejectReceived,
    HashRequestReceived,
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
from .wire_counts import WireCounts

__all__ = [
    "MAX_EARLY_BITFIELD",
    "MAX_EARLY_HAVES",
    "MAX_FRAME",
    "MAX_REQUEST_LENGTH",
    "PeerConnection",
    "ReceiveBuffer",
    "State",
]

MAX_FRAME = 1 << 20
"""Bytes of a message; the largest real ones are bitfields (2 Mi pieces: 256 KiB)."""
MAX_REQUEST_LENGTH = 128 * 1024
"""Bytes of a block a peer may ask for, or send; BEP 3 clients drop peers beyond this."""
MAX_EARLY_BITFIELD = 256 * 1024
"""Bytes of a bitfield kept until the number of pieces is known: 2 Mi pieces, the most a torrent may have."""
MAX_EARLY_HAVES = 128 * 1024
"""Pieces from the first on whose have messages count before the number of pieces is known (as in libtorrent)."""

_LEAST_ROOM = 16 * 1024
"""Bytes lent to a connection that has a part of a message."""
_MAX_BLOCK_FRAME = 9 + MAX_REQUEST_LENGTH

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
    """What all connections of one loop share: the buffer they read into, one at a time, and the counts of what they did."""

    __slots__ = ("_most", "counts", "data", "room", "view")

    def __init__(self, size: int = MAX_FRAME + 256 * 1024) -> None:
        if size < MAX_FRAME + 64 * 1024:
            raise ValueError(f"a receive buffer must hold a frame of {MAX_FRAME} bytes and more")
        self.data = bytearray(size)
        self.view = self.room = memoryview(self.data)
        """`room` is the part of it that is lent for one read."""
        self._most = size
        self.counts = WireCounts()

    def set_most(self, count: int) -> None:
        """Lend no more than `count` bytes for one read.  A longer message is taken all the same, in several."""
        self._most = count
        self.room = self.view[:count]

    def behind(self, kept: int) -> memoryview:
        """What is lent to whom `kept` bytes belong already."""
        return self.view[kept : max(self._most, kept + _LEAST_ROOM)]


class PeerConnection:
    """A connection to one peer.  Whoever owns it feeds it bytes, sends what it gives, and takes its events."""

    __slots__ = (
        "_accepted",
        "_blocks",
        "_buffer",
        "_carry",
        "_early_haves",
        "_early_pieces",
        "_events",
        "_fast",
        "_full_pieces",
        "_num_pieces",
        "_out",
        "_piece_length",
        "_requests",
        "_short_pieces",
        "_size",
        "am_choking",
        "am_interested",
        "counts",
        "extensions",
        "handshake",
        "is_v2",
        "local",
        "owner_data",
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
        self.is_v2 = False
        """The torrent was named by its v2 info-hash: hashes may be asked for (BEP 52).  Its owner's to say, and before `accept`."""
        self.owner_data: object = None
        """Its owner's, and not looked at here."""
        self._accepted = local is not None
        self._fast = False
        self._num_pieces: int | None = None
        self._piece_length = 0
        self._size = 0
        self._full_pieces = -1
        """Pieces from the first on that are as long as the torrent says."""
        self._short_pieces: Mapping[int, int] = {}
        self._early_pieces: tuple[MessageId, bytes] | None = None
        self._early_haves = 0
        self._buffer = buffer
        self.counts = buffer.counts
        """Messages of all connections with this buffer."""
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

    def set_num_pieces(
        self,
        num_pieces: int,
        piece_length: int,
        total_size: int,
        *,
        short_pieces: Mapping[int, int] | None = None,
    ) -> None:
        """The torrent's shape, when it is known: at once, or when a magnet link's metadata arrived.

        `short_pieces`: sizes of pieces that are not as long as the others, though not the last (BEP 52).  What the peer
        said it has is checked and delivered, as one event.  RemoteProtocolError when it does not fit.
        """
        self._num_pieces, self._piece_length, self._size = num_pieces, piece_length, total_size
        self._short_pieces = short_pieces or {}
        self._full_pieces = min(self._short_pieces, default=num_pieces - 1)
        early, self._early_pieces = self._early_pieces, None
        bits, self._early_haves = self._early_haves, 0
        if early is None and not bits:
            return
        try:
            if bits >> num_pieces:
                raise RemoteProtocolError(f"piece {bits.bit_length() - 1} of {num_pieces}")
            if early is not None:
                bits |= _piece_bits(*early, num_pieces)
        except RemoteProtocolError:
            self.close()
            raise
        self._events.append(PiecesReceived(bits))

    def send_choke(self, choke: bool) -> None:
        """choke or unchoke; does nothing when nothing changes."""
        if choke != self.am_choking:
            self.am_choking = choke
            self.counts.sent[MessageId.CHOKE if choke else MessageId.UNCHOKE] += 1
            self._out.append(codec.pack_simple(MessageId.CHOKE if choke else MessageId.UNCHOKE))

    def send_interested(self, interested: bool) -> None:
        """interested or not interested; does nothing when nothing changes."""
        if interested != self.am_interested:
            self.am_interested = interested
            self.counts.sent[MessageId.INTERESTED if interested else MessageId.NOT_INTERESTED] += 1
            self._out.append(
                codec.pack_simple(MessageId.INTERESTED if interested else MessageId.NOT_INTERESTED)
            )

    def send_pieces(self, have: Bitfield) -> None:
        """What we have, once, right after the handshake: have all, have none (BEP 6) or a bitfield."""
        if not have.any():  # First: the field of a torrent without metadata is empty, both full and not.
            # BEP 3: "Downloaders which don't have anything yet may skip the 'bitfield' message."
            if self._fast:
                self.counts.sent[MessageId.HAVE_NONE] += 1
                self._out.append(codec.pack_simple(MessageId.HAVE_NONE))
        elif self._fast and have.all():
            self.counts.sent[MessageId.HAVE_ALL] += 1
            self._out.append(codec.pack_simple(MessageId.HAVE_ALL))
        else:
            self.counts.sent[MessageId.BITFIELD] += 1
            self._out.append(codec.pack_bitfield(have.to_wire()))

    def send_have(self, piece: PieceIndex) -> None:
        """have"""
        self.counts.sent[MessageId.HAVE] += 1
        self._out.append(codec.pack_have(piece))

    def send_requests(self, requests: Iterable[tuple[int, int, int]]) -> None:
        """request, any number; leaves as one run of bytes."""
        packed = codec.pack_requests(requests)
        self.counts.sent[MessageId.REQUEST] += len(packed) // _REQUEST_FRAME.size
        self._out.append(packed)

    def send_cancel(self, request: Request) -> None:
        """cancel"""
        self.counts.sent[MessageId.CANCEL] += 1
        self._out.append(codec.pack_request(MessageId.CANCEL, request))

    def send_reject(self, request: Request) -> None:
        """reject (BEP 6); nothing to a peer that does not speak it."""
        if self._fast:
            self.counts.sent[MessageId.REJECT] += 1
            self._out.append(codec.pack_request(MessageId.REJECT, request))

    def send_allowed_fast(self, piece: PieceIndex) -> None:
        """allowed fast (BEP 6); nothing to a peer that does not speak it."""
        if self._fast:
            self.counts.sent[MessageId.ALLOWED_FAST] += 1
            self._out.append(codec.pack_index(MessageId.ALLOWED_FAST, piece))

    def send_suggest(self, piece: PieceIndex) -> None:
        """suggest (BEP 6); nothing to a peer that does not speak it."""
        if self._fast:
            self.counts.sent[MessageId.SUGGEST] += 1
            self._out.append(codec.pack_index(MessageId.SUGGEST, piece))

    def send_port(self, port: int) -> None:
        """port (BEP 5); nothing to a peer without a DHT."""
        if self.supports_dht:
            self.counts.sent[MessageId.PORT] += 1
            self._out.append(codec.pack_port(port))

    def send_hash_request(self, request: HashRequest) -> None:
        """hash request (BEP 52); only where `is_v2`."""
        self.counts.sent[MessageId.HASH_REQUEST] += 1
        self._out.append(pack_hash_message(MessageId.HASH_REQUEST, request))

    def send_hashes(self, request: HashRequest, hashes: bytes) -> None:
        """hashes (BEP 52), those that `request` asks for"""
        self.counts.sent[MessageId.HASHES] += 1
        self._out.append(pack_hashes(request, hashes))

    def send_hash_reject(self, request: HashRequest) -> None:
        """hash reject (BEP 52)"""
        self.counts.sent[MessageId.HASH_REJECT] += 1
        self._out.append(pack_hash_message(MessageId.HASH_REJECT, request))

    def send_keep_alive(self) -> None:
        """An empty message, to be sent when nothing else was for two minutes (BEP 3)."""
        self._out.append(codec.KEEP_ALIVE)

    def send_extension_handshake(self, fields: dict[str, object], *, without: Collection[str] = ()) -> None:
        """The extension handshake (BEP 10), offering all but `without`; nothing to a peer that does not speak it."""
        if self.supports_extensions:
            self.counts.sent[MessageId.EXTENDED] += 1
            self.counts.handshakes_out += 1
            self._out.append(codec.pack_extended(0, self.registry.handshake(fields, without=without)))

    def send_extension(self, name: str, payload: Buffer) -> bool:
        """A message of extension `name`; False when the peer does not speak it."""
        message_id = self.extensions.id_of(name)
        if message_id is None:
            return False
        self.counts.sent[MessageId.EXTENDED] += 1
        self._out.append(codec.pack_extended(message_id, payload))
        return True

    def send_unknown(self, message_id: int, payload: Buffer) -> None:
        """A message of a number that means nothing here.  LocalProtocolError for a number that does, and beyond MAX_FRAME."""
        if len(payload) >= MAX_FRAME:
            raise LocalProtocolError(f"message of {len(payload)} bytes")
        if message_id in _SIZES or not 0 <= message_id <= 255:
            raise LocalProtocolError(f"{message_id} is no number for other messages")
        self.counts.sent[message_id] += 1
        self._out.append(codec.pack_message(message_id, payload))

    def close(self) -> None:
        """No more input is taken; events and output already made may still be taken."""
        self.state = State.CLOSED
        self._carry = b""
        self._early_pieces = None
        self._early_haves = 0
        self._blocks = []
        self._requests = []

    # ------------------------------------------------------------------------------------------------ inputs

    def receive_buffer(self) -> memoryview:
        """Where to read the next bytes to; then say `buffer_received`, before any other connection reads."""
        carry = self._carry
        if not carry:
            return self._buffer.room
        self._buffer.data[: len(carry)] = carry
        return self._buffer.behind(len(carry))

    def buffer_received(self, count: int) -> None:
        """`count` bytes are in the buffer lent last.  RemoteProtocolError, once, when they break a rule."""
        end = len(self._carry) + count
        self._carry = b""
        if self.state is State.CLOSED:
            return
        try:
            used = self._parse(0, end) if self.state is State.OPEN else self._parse_handshake(end)
        except RemoteProtocolError:
            self.close()
            raise
        if used < end:
            self._carry = bytes(self._buffer.view[used:end])

    def receive_data(self, data: Buffer) -> None:
        """The same for bytes that are elsewhere.  LocalProtocolError when there are more than the buffer holds:
        blocks among the first would be overwritten before anybody saw them.
        """
        if self.state is State.CLOSED:
            return
        carry, count = self._carry, len(data)
        self._buffer.data[: len(carry)] = carry
        room = self._buffer.view[len(carry) :]
        if count > len(room):
            raise LocalProtocolError(f"{count} bytes for a buffer with room for {len(room)}")
        room[:count] = data
        self.buffer_received(count)

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
    def torrent_name(self) -> Sha1Hash | None:
        """The info-hash the connection is about, as it was first said; None while it is not known."""
        if self.local is not None:
            return self.local.info_hash
        return self.handshake.info_hash if self.handshake is not None else None

    @property
    def knows_pieces(self) -> bool:
        """The peer has pieces of a torrent whose shape we do not know yet."""
        early = self._early_pieces
        return bool(self._early_haves) or (early is not None and early[0] is not MessageId.HAVE_NONE)

    @property
    def supports_dht(self) -> bool:
        """The peer has a DHT node (BEP 5)."""
        return self.handshake is not None and bool(self.handshake.capabilities & Capability.DHT)

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
            if end > MAX_FRAME:
                raise RemoteProtocolError("more than a message sent before the handshake was answered")
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
        return self._parse(HANDSHAKE_LENGTH, end)

    def _open(self) -> None:
        self.state = State.OPEN
        self._fast = self._both(Capability.FAST)

    def _parse(self, position: int, end: int) -> int:
        """Parse the frames between two positions of the buffer; gives the position of the first that is cut short."""
        data, view = self._buffer.data, self._buffer.view
        unpack_block = _BLOCK_HEAD.unpack_from
        blocks = self._blocks
        longest_block = _MAX_BLOCK_FRAME
        while end - position >= 4:
            if end - position >= 13:
                length, kind, piece, begin = unpack_block(data, position)
                frame_end = position + 4 + length
                if kind == 7 and 9 < length <= longest_block:
                    if frame_end > end:
                        break
                    blocks.append((piece, begin, view[position + 13 : frame_end]))
                    position = frame_end
                    continue
                if kind == 6 and length == 13:
                    if frame_end > end:
                        break
                    position = self._parse_requests(position, end)
                    continue
            (length,) = _U32.unpack_from(data, position)
            frame_end = position + 4 + length
            if length and end - position > 4:
                self._check_size(data[position + 4], length - 1)
            elif length > MAX_FRAME:
                raise RemoteProtocolError(f"message of {length} bytes")
            if frame_end > end:
                break
            if length:
                self._flush_batches()
                blocks = self._blocks
                self._dispatch(data[position + 4], view[position + 5 : frame_end])
            position = frame_end
        self._flush_batches()
        return position

    def _parse_requests(self, position: int, end: int) -> int:
        """Take all requests that follow each other from `position` on; gives the position behind them."""
        count = (end - position) // _REQUEST_FRAME.size
        # Most are inside a full piece; the rest, and what is wrong, is looked at closely.
        full_pieces = self._full_pieces
        piece_length, longest = self._piece_length, MAX_REQUEST_LENGTH
        append, new = self._requests.append, tuple.__new__
        frames = self._buffer.view[position : position + count * _REQUEST_FRAME.size]
        for length, kind, piece, begin, size in _REQUEST_FRAME.iter_unpack(frames):
            if kind != 6 or length != 13:
                break
            if piece < full_pieces and begin + size <= piece_length and 0 < size <= longest:
                append(new(Request, (piece, begin, size)))
            else:
                append(self._checked_block(piece, begin, size))
            position += 17
        return position

    def _check_size(self, kind: int, size: int) -> None:
        """Refuse a message whose payload cannot have `size` bytes, before they are waited for."""
        least, most = _SIZES.get(kind, _ANY_SIZE)
        if not least <= size <= most:
            name = MessageId(kind).name if kind in _SIZES else f"message {kind}"
            raise RemoteProtocolError(f"{name} with {size} bytes of payload")

    def _flush_batches(self) -> None:
        if self._blocks:
            blocks, self._blocks = self._blocks, []
            self.counts.received[MessageId.PIECE] += len(blocks)
            if self._num_pieces is None:
                raise RemoteProtocolError("block before the number of pieces is known")
            self._events.append(BlocksReceived(blocks))
        if self._requests:
            requests, self._requests = self._requests, []
            self.counts.received[MessageId.REQUEST] += len(requests)
            self._events.append(RequestsReceived(requests))

    def _dispatch(self, kind: int, payload: memoryview) -> None:
        self.counts.received[kind] += 1
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, payload)
        else:
            self._handle_unknown(kind, payload)

    def _handle_unknown(self, kind: int, payload: memoryview) -> None:
        """Unknown messages are skipped, as every client does: it is how the protocol has grown.  A subclass may hear them."""

    def _checked_block(self, piece: int, begin: int, length: int) -> Request:
        index = self._checked_piece(piece)
        if not 0 < length <= MAX_REQUEST_LENGTH:
            raise RemoteProtocolError(f"block of {length} bytes asked for")
        size = self._short_pieces.get(piece, self._piece_length)
        if begin + length > min(size, self._size - piece * self._piece_length):
            raise RemoteProtocolError(f"block {begin}+{length} beyond the end of piece {piece}")
        return Request(index, begin, length)

    def _checked_piece(self, piece: int) -> PieceIndex:
        if self._num_pieces is None:
            raise RemoteProtocolError("message names a piece before the number of pieces is known")
        if piece >= self._num_pieces:
            raise RemoteProtocolError(f"piece {piece} of {self._num_pieces}")
        return PieceIndex(piece)

    def _need_fast(self, kind: str) -> None:
        # BEP 6, of each of its messages: "When the fast extension is disabled, if a peer receives …, the peer MUST
        # close the connection."
        if not self._fast:
            raise RemoteProtocolError(f"{kind} without the fast extension")

    def _need_v2(self, kind: str) -> None:
        if not self.is_v2:
            raise RemoteProtocolError(f"{kind} in a torrent that has none")

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
        if self._num_pieces is not None:
            self._events.append(HaveReceived(self._checked_piece(piece)))
        elif piece < MAX_EARLY_HAVES:
            self._early_haves |= 1 << piece

    def _handle_bitfield(self, payload: memoryview) -> None:
        self._pieces_received(MessageId.BITFIELD, payload)

    def _handle_have_all(self, payload: memoryview) -> None:
        self._need_fast("have all")
        self._pieces_received(MessageId.HAVE_ALL, payload)

    def _handle_have_none(self, payload: memoryview) -> None:
        self._need_fast("have none")
        self._pieces_received(MessageId.HAVE_NONE, payload)

    def _pieces_received(self, kind: MessageId, payload: memoryview) -> None:
        # BEP 3 wants a bitfield to come first of all and once.  aria2 sends one later, too, whenever that is shorter than
        # the haves would be, and extension handshakes before it are common: so it may come at any time, and replaces.
        if self._num_pieces is not None:
            self._events.append(PiecesReceived(_piece_bits(kind, payload, self._num_pieces), kind))
            return
        if len(payload) > MAX_EARLY_BITFIELD:
            raise RemoteProtocolError(f"bitfield of {len(payload)} bytes")
        self._early_pieces = (kind, bytes(payload))

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

    def _handle_hash_request(self, payload: memoryview) -> None:
        self._need_v2("hash request")
        self._events.append(HashRequestReceived(parse_hash_request(payload)))

    def _handle_hashes(self, payload: memoryview) -> None:
        self._need_v2("hashes")
        self._events.append(HashesReceived(*parse_hashes(payload)))

    def _handle_hash_reject(self, payload: memoryview) -> None:
        self._need_v2("hash reject")
        self._events.append(HashRejectReceived(parse_hash_request(payload)))

    def _handle_port(self, payload: memoryview) -> None:
        port = int.from_bytes(payload, "big")
        if port:
            self._events.append(PortReceived(port))

    def _handle_extended(self, payload: memoryview) -> None:
        if not self.supports_extensions:
            raise RemoteProtocolError("extended message without the extension protocol")
        if payload[0] == 0:
            self.counts.handshakes_in += 1
            message = parse_handshake(payload[1:])
            self.extensions.update(message)
            self._events.append(ExtensionHandshake(message))
            return
        name = self.registry.name_of(payload[0])
        if name is not None:
            self._events.append(ExtensionMessage(name, bytes(payload[1:])))


def _piece_bits(kind: MessageId, payload: Buffer, num_pieces: int) -> int:
    """The pieces a bitfield, have all or have none names, piece i at bit i."""
    if kind is MessageId.BITFIELD:
        return Bitfield.from_wire(payload, num_pieces).bits
    return (1 << num_pieces) - 1 if kind is MessageId.HAVE_ALL else 0


_HANDLERS: dict[int, Callable[[PeerConnection, memoryview], None]] = {
    MessageId.CHOKE: PeerConnection._handle_choke,
    MessageId.UNCHOKE: PeerConnection._handle_unchoke,
    MessageId.INTERESTED: PeerConnection._handle_interested,
    MessageId.NOT_INTERESTED: PeerConnection._handle_not_interested,
    MessageId.HAVE: PeerConnection._handle_have,
    MessageId.BITFIELD: PeerConnection._handle_bitfield,
    MessageId.CANCEL: PeerConnection._handle_cancel,
    MessageId.PORT: PeerConnection._handle_port,
    MessageId.SUGGEST: PeerConnection._handle_suggest,
    MessageId.HAVE_ALL: PeerConnection._handle_have_all,
    MessageId.HAVE_NONE: PeerConnection._handle_have_none,
    MessageId.REJECT: PeerConnection._handle_reject,
    MessageId.ALLOWED_FAST: PeerConnection._handle_allowed_fast,
    MessageId.EXTENDED: PeerConnection._handle_extended,
    MessageId.HASH_REQUEST: PeerConnection._handle_hash_request,
    MessageId.HASHES: PeerConnection._handle_hashes,
    MessageId.HASH_REJECT: PeerConnection._handle_hash_reject,
}
"""Message id → what is done about it.  Requests and blocks are the data plane: `_parse` takes them itself."""

_ANY_SIZE = (0, MAX_FRAME - 1)
_SIZES: dict[int, tuple[int, int]] = {
    MessageId.CHOKE: (0, 0),
    MessageId.UNCHOKE: (0, 0),
    MessageId.INTERESTED: (0, 0),
    MessageId.NOT_INTERESTED: (0, 0),
    MessageId.HAVE: (4, 4),
    MessageId.BITFIELD: (0, MAX_FRAME - 1),
    MessageId.REQUEST: (12, 12),
    MessageId.PIECE: (9, _MAX_BLOCK_FRAME - 1),
    MessageId.CANCEL: (12, 12),
    MessageId.PORT: (2, 2),
    MessageId.SUGGEST: (4, 4),
    MessageId.HAVE_ALL: (0, 0),
    MessageId.HAVE_NONE: (0, 0),
    MessageId.REJECT: (12, 12),
    MessageId.ALLOWED_FAST: (4, 4),
    MessageId.EXTENDED: (1, MAX_FRAME - 1),
    MessageId.HASH_REQUEST: (HASH_REQUEST_SIZE, HASH_REQUEST_SIZE),
    MessageId.HASHES: (HASH_REQUEST_SIZE + 32, MAX_HASHES_SIZE),
    MessageId.HASH_REJECT: (HASH_REQUEST_SIZE, HASH_REQUEST_SIZE),
}
"""Message id → least and most bytes of payload."""
