"""One connected peer: a transport below, the peer wire beside it, a pipeline each way.

The link moves bytes and keeps state of this one peer; what concerns the torrent it tells its owner (the lobby until the
handshake named a torrent, then the torrent's swarm).  Order after any input: events, then everything there is to send in
as few calls as possible.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ...protocols.errors import EvtorrentError, RemoteProtocolError, TransportError
from ...protocols.peer.connection import PeerConnection, State
from ...protocols.peer.messages import (
    AllowedFast,
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
    UnknownMessage,
)
from ...protocols.transport.base import Transport
from ...protocols.types import BLOCK_SIZE, Address, PeerId
from ..flags import SocketType
from .link_end import PeerHungUp
from .piece_picker import PickMode
from .rates import TransferMeters
from .requester import Requester
from .uploader import Slab, Uploader

if TYPE_CHECKING:
    from ..plugins.peer_hooks import PeerPlugins
    from .hash_exchange import HashMessage
    from .torrent import Torrent

__all__ = ["LinkOwner", "PeerLink", "ReadBlock", "socket_type_of"]

_MAX_ALLOWED_FAST = 100
"""Pieces a peer may name as allowed fast; more are ignored."""
_KEEP_ALIVE_AFTER = 100.0
"""Seconds without sending after which a keep-alive leaves; peers wait 120 (BEP 3)."""
_MAX_SLAB = 64 * 16384
_MAX_UNSENT_BYTES = 1 << 20
"""Bytes of messages a peer may leave unread before nothing more is read from it: answers must not pile up."""
_MAX_UNSENT_MESSAGES = 4000
"""The same while they wait behind a block, as a number."""


class ReadBlock:
    """Reason bits for not reading from a transport; each subsystem clears only its own."""

    DISK = 1
    BANDWIDTH = 2
    BACKLOG = 4
    ALL = DISK | BANDWIDTH | BACKLOG


class LinkOwner:
    """Who a link belongs to.  What an owner does not care about does nothing."""

    __slots__ = ()

    def on_handshake(self, link: PeerLink, event: HandshakeReceived) -> None:
        """The peer said who it is."""

    def on_closed(self, link: PeerLink, error: EvtorrentError) -> None:
        """The link ended."""

    def on_pieces(self, link: PeerLink, bits: int) -> None:
        """What it has, at the beginning."""

    def on_have(self, link: PeerLink, piece: int) -> None:
        """It has one more piece."""

    def on_choke_changed(self, link: PeerLink) -> None:
        """It chokes us, or no longer does."""

    def on_interest_changed(self, link: PeerLink) -> None:
        """It wants our pieces, or no longer does."""

    def on_requests(self, link: PeerLink, requests: list[Request]) -> None:
        """It asks for blocks."""

    def on_cancelled(self, link: PeerLink) -> None:
        """It no longer wants a block that it asked for."""

    def on_extension_handshake(self, link: PeerLink) -> None:
        """Its extensions are known."""

    def on_extension_message(self, link: PeerLink, name: str, payload: bytes) -> None:
        """It sent a message of an extension."""

    def on_hash_message(self, link: PeerLink, event: HashMessage) -> None:
        """It asks for hashes, sends them or will not (BEP 52)."""

    def on_port(self, link: PeerLink, port: int) -> None:
        """It has a DHT node."""

    def on_suggest(self, link: PeerLink, piece: int) -> None:
        """It would rather send this piece."""

    def on_unchoke(self, link: PeerLink) -> None:
        """It is about to be unchoked."""

    def on_snubbed(self, link: PeerLink) -> None:
        """It let requests time out."""

    def on_unsnubbed(self, link: PeerLink) -> None:
        """It sends again."""

    def on_idle(self, link: PeerLink) -> None:
        """Nothing is on order from it and nothing could be."""


class LinkQuota(Protocol):
    """Rate limits as a link sees them."""

    def take_down(self, link: PeerLink, wanted: int) -> int: ...
    def take_up(self, link: PeerLink, wanted: int) -> int: ...
    def return_down(self, link: PeerLink, unused: int) -> None: ...
    def return_up(self, link: PeerLink, unused: int) -> None: ...


def socket_type_of(transport: Transport) -> SocketType:
    """What a connection runs over, in libtorrent's words."""
    if transport.query("i2p"):
        return SocketType.i2p
    is_ssl = transport.query("tls_context") is not None
    if transport.query("utp_connection") is not None:
        return SocketType.utp_ssl if is_ssl else SocketType.utp
    first = str(transport.query("chain")).partition("+")[0]
    plain, ssl = _THROUGH_PROXY.get(first, (SocketType.tcp, SocketType.tcp_ssl))
    return ssl if is_ssl else plain


_THROUGH_PROXY = {
    # libtorrent knows one kind of SOCKS.
    "socks4": (SocketType.socks5, SocketType.socks5_ssl),
    "socks5": (SocketType.socks5, SocketType.socks5_ssl),
    "http_connect": (SocketType.http, SocketType.http_ssl),
}
"""How a chain begins → what it is called, without TLS and with it."""


class PeerLink:
    """A connection to a peer, from dialling to the end.  `TransportUser` of its transport."""

    __slots__ = (
        "_front",
        "_is_backlogged",
        "_out_of_quota",
        "_queue",
        "_slab_floor",
        "_slab_size",
        "_slabs",
        "address",
        "choked_at",
        "closed",
        "closing_error",
        "connected_at",
        "connection",
        "handlers",
        "idle_since",
        "is_connected",
        "is_punched",
        "is_seed",
        "last_received",
        "last_sent",
        "last_unchoked",
        "meters",
        "num_rejects",
        "optimistic",
        "outgoing",
        "owner",
        "peer",
        "peer_id",
        "pick_mode",
        "pieces",
        "plugins",
        "quota",
        "requester",
        "send_watermark",
        "source",
        "torrent",
        "transport",
        "unchoked_payload",
        "uploader",
        "user_data",
    )

    def __init__(
        self,
        owner: LinkOwner,
        transport: Transport,
        connection: PeerConnection,
        *,
        address: Address,
        outgoing: bool,
        now: float,
    ) -> None:
        self.owner = owner
        self.transport = transport
        self.connection = connection
        self.address = address
        """Where the peer is, as we see it."""
        self.torrent: Torrent | None = None
        """The torrent it is for, once that is known."""
        self.outgoing = outgoing
        """We called them."""
        self.source = 0
        """Where we know it from (`PeerSource` bits)."""
        self.peer: Any = None
        """Its entry in the torrent's peer list."""
        self.peer_id: PeerId | None = None
        self.pieces = 0
        """Pieces it has, piece i at bit i."""
        self.is_seed = False
        self.pick_mode = PickMode(0)
        self.requester: Requester | None = None
        self.uploader: Uploader | None = None
        self.quota: LinkQuota | None = None
        """None while no rate limit concerns this link."""
        self.send_watermark = _MAX_SLAB
        """Bytes read from disk ahead of the socket at most."""
        self.idle_since = now
        """When it was last of use: one side interested in the other."""
        self.meters = TransferMeters()
        self.is_connected = not outgoing
        self.connected_at = now
        self.last_received = now
        self.last_sent = now
        self.last_unchoked = 0.0
        self.choked_at = now
        """Since when we serve it nothing, while we do not."""
        self.num_rejects = 0
        """Requests in a row that it made nevertheless."""
        self.unchoked_payload = 0
        self.is_punched = False
        """Dialled because a common peer introduced us (BEP 55)."""
        self.optimistic = False
        """Unchoked to see what it gives."""
        self.closed = False
        self.closing_error: EvtorrentError | None = None
        self.user_data: dict[str, Any] = {}
        """State of extensions, by name."""
        self.handlers: Mapping[type[Event], Callable[[PeerLink, Any, float], None]] = _HANDLERS
        """Event → what is done about it.  One table for all links but those whose plug-ins are asked first."""
        self.plugins: PeerPlugins | None = None
        """Plug-ins of this connection, if it has any."""
        self._queue: deque[memoryview | bytes | Slab] = deque()
        self._front = 0
        self._is_backlogged = False
        self._out_of_quota = False
        self._slab_size = self._slab_floor = BLOCK_SIZE

    # -------------------------------------------------------------------------------- calls from the transport

    def on_connected(self, now: float) -> None:
        """The transport is up: our handshake, made with the connection, leaves."""
        self.is_connected = True
        self.connected_at = self.last_received = now
        if self.plugins is not None:
            self.plugins.tell("on_connected")
        self.flush(now)

    def on_readable(self, now: float) -> None:
        """Bytes are waiting."""
        connection = self.connection
        room = connection.receive_buffer()
        quota = self.quota
        if quota is not None:
            granted = quota.take_down(self, len(room))
            if not granted:
                return
            room = room[:granted]
        try:
            count = self.transport.recv_into(room)
        except TransportError as error:
            self.close(error)
            return
        if quota is not None and count < len(room):
            quota.return_down(self, len(room) - max(count, 0))
        if count <= 0:
            if count == 0:
                self.close(PeerHungUp())
            return
        self.last_received = now
        self.meters.down.add(count)
        connection.counts.count_read(count)
        try:
            connection.buffer_received(count)
            self.handle_events(now)
        except RemoteProtocolError as error:
            self.close(error)
            return
        if not self.closed:
            self.flush(now)

    def on_writable(self, now: float) -> None:
        """There is room again."""
        self.flush(now)

    def on_closed(self, error: TransportError, now: float) -> None:
        """The transport failed."""
        self.close(error)

    # ------------------------------------------------------------------------------------------------ commands

    def close(self, error: EvtorrentError) -> None:
        """End the link, saying why; the owner is told.  Repeatable."""
        if self.closed:
            return
        self.closed = True
        self.closing_error = error
        self.transport.close()
        self.connection.close()
        if self.requester is not None:
            self.requester.drop_all()
        if self.uploader is not None:
            for item in self._queue:
                if isinstance(item, Slab):
                    self.uploader.give_back(item)
            self.uploader.close()
        self._queue.clear()
        self.owner.on_closed(self, error)

    def flush(self, now: float) -> None:
        """Send what there is until the transport takes no more."""
        if self.closed or not self.is_connected:
            return
        connection, queue = self.connection, self._queue
        try:
            while True:
                if connection.has_data_to_send:
                    queue.extend(connection.data_to_send())
                if not queue and not self._next_slab():
                    break
                if not self._send_front(now):
                    # A link out of quota is flushed again by the limiter, not by the transport.
                    self.transport.want_write(not self._out_of_quota)
                    self._mind_backlog()
                    return
        except TransportError as error:
            self.close(error)
            return
        self.transport.want_write(False)
        if self._is_backlogged:
            self._mind_backlog()

    def set_window(self, first: int, most: int) -> None:
        """Bytes read ahead of the socket: to begin with, and at most."""
        self._slab_floor, self.send_watermark = first, most
        self._slab_size = max(self._slab_size, first)

    def excuse(self, now: float, elapsed: float) -> None:
        """Before `tick`: what the peer cannot have sent while we do not read is not held against it.

        One that takes none of our answers is nevertheless silent: then only what we could send counts.
        """
        held = self.transport.read_suspended & ReadBlock.ALL
        if not held:
            return
        if held & ReadBlock.BACKLOG:
            self.last_received = max(self.last_received, self.last_sent)
        else:
            self.last_received = min(now, self.last_received + elapsed)
        if self.requester is not None:
            self.requester.excuse(now, elapsed)

    def tick(self, now: float, elapsed: float) -> None:
        """Once a second or so: rates, late blocks, keep-alive."""
        self.meters.tick(elapsed, self.torrent.meters if self.torrent is not None else None)
        if self.requester is not None:
            self.requester.tick(now, self.meters.payload_down.rate)
            if not self.closed:
                snubbed = self.requester.snubbed
                cause = "picker.snubbed_piece_picks" if snubbed else "picker.interesting_piece_picks"
                self.requester.fill(now, cause)
        if (
            self.is_connected
            and now - self.last_sent > _KEEP_ALIVE_AFTER
            and self.connection.state is State.OPEN
        ):
            self.connection.send_keep_alive()
        self.flush(now)

    def choke(self, choke: bool, now: float) -> int:
        """Choke or unchoke the peer; queued requests of a choked one are rejected (BEP 6) or forgotten: how many."""
        connection = self.connection
        dropped = 0
        if connection.am_choking == choke:
            return dropped
        if not choke:
            self.owner.on_unchoke(self)
        connection.send_choke(choke)
        if choke:
            self.optimistic = False
            self.choked_at = now
            if self.uploader is not None:
                requests = self.uploader.clear()
                dropped = len(requests)
                for request in requests:
                    connection.send_reject(request)
        else:
            self.last_unchoked = now
            self.num_rejects = 0
            self.unchoked_payload = self.meters.payload_up.total
        self.flush(now)
        return dropped

    # ------------------------------------------------------------------------------------------------- queries

    @property
    def is_choked_by_us(self) -> bool:
        """We serve it nothing."""
        return self.connection.am_choking

    @property
    def socket_type(self) -> SocketType:
        """What it runs over."""
        return socket_type_of(self.transport)

    @property
    def is_interested(self) -> bool:
        """It wants something we have."""
        return self.connection.peer_interested

    def __repr__(self) -> str:
        return f"PeerLink({self.address[0]}:{self.address[1]})"

    # ----------------------------------------------------------------------------------------------- receiving

    def handle_events(self, now: float) -> None:
        """Take what the connection made of the bytes."""
        next_event = self.connection.next_event
        while not self.closed and (event := next_event()) is not None:
            self.handlers[type(event)](self, event, now)

    def _on_blocks(self, event: BlocksReceived, now: float) -> None:
        requester = self.requester
        if requester is None:
            raise RemoteProtocolError("block that was never asked for")
        before = len(requester.on_order)
        self.meters.payload_down.add(requester.on_blocks(event.blocks, now))
        needed = len(requester.on_order) < before
        requester.fill(
            now, "picker.incoming_piece_picks" if needed else "picker.incoming_redundant_piece_picks"
        )
        if not requester.on_order and self.connection.am_interested:
            self.owner.on_idle(self)

    def _on_requests(self, event: RequestsReceived, now: float) -> None:
        self.owner.on_requests(self, event.requests)

    def _on_handshake(self, event: HandshakeReceived, now: float) -> None:
        self.peer_id = event.peer_id
        self.owner.on_handshake(self, event)

    def _on_choke(self, event: ChokeChanged, now: float) -> None:
        if self.requester is not None:
            if event.choked:
                self.requester.on_choked(keeps_requests=self.connection.supports_fast)
            else:
                self.requester.fill(now, "picker.unchoke_piece_picks")
        self.owner.on_choke_changed(self)

    def _on_interest(self, event: InterestChanged, now: float) -> None:
        self.owner.on_interest_changed(self)

    def _on_have(self, event: HaveReceived, now: float) -> None:
        bit = 1 << event.piece
        if not self.pieces & bit:
            self.pieces |= bit
            self.owner.on_have(self, event.piece)

    def _on_pieces(self, event: PiecesReceived, now: float) -> None:
        self.owner.on_pieces(self, event.bits)

    def _on_cancel(self, event: CancelReceived, now: float) -> None:
        if self.uploader is not None and self.uploader.cancel(event.request):
            # BEP 6: each request "is guaranteed to result in EXACTLY ONE response", a cancelled one too.
            self.connection.send_reject(event.request)
            self.owner.on_cancelled(self)

    def _on_reject(self, event: RejectReceived, now: float) -> None:
        if self.requester is not None:
            self.requester.on_rejected(event.request)
            self.requester.fill(now, "picker.reject_piece_picks")

    def _on_allowed_fast(self, event: AllowedFast, now: float) -> None:
        requester = self.requester
        if requester is not None and len(requester.allowed_fast) < _MAX_ALLOWED_FAST:
            requester.allowed_fast.add(event.piece)
            requester.fill(now)

    def _on_suggest(self, event: SuggestReceived, now: float) -> None:
        self.owner.on_suggest(self, event.piece)

    def _on_port(self, event: PortReceived, now: float) -> None:
        self.owner.on_port(self, event.port)

    def _on_extension_handshake(self, event: ExtensionHandshake, now: float) -> None:
        extensions = self.connection.extensions
        if self.requester is not None and extensions.request_queue is not None:
            self.requester.set_remote_limit(extensions.request_queue)
        self.owner.on_extension_handshake(self)

    def _on_extension_message(self, event: ExtensionMessage, now: float) -> None:
        self.owner.on_extension_message(self, event.name, event.payload)

    def _on_hash_message(self, event: HashMessage, now: float) -> None:
        self.owner.on_hash_message(self, event)

    def _on_unknown(self, event: UnknownMessage, now: float) -> None:
        """Whom it was for has heard it."""

    # ------------------------------------------------------------------------------------------------- sending

    def _next_slab(self) -> bool:
        if self.uploader is None:
            return False
        slab = self.uploader.next_slab(min(self._slab_size, self.send_watermark))
        if slab is None:
            return False
        self._queue.append(slab)
        return True

    def _mind_backlog(self) -> None:
        """Read nothing from a peer that does not take our answers, until it does."""
        queue = self._queue
        unsent = len(queue[0]) - self._front if queue and not isinstance(queue[0], Slab) else 0
        full = unsent > _MAX_UNSENT_BYTES or len(queue) > _MAX_UNSENT_MESSAGES
        if full != self._is_backlogged:
            self._is_backlogged = full
            if full:
                self.transport.suspend_reading(ReadBlock.BACKLOG)
            else:
                self.transport.resume_reading(ReadBlock.BACKLOG)

    def _send_front(self, now: float) -> bool:
        """Send the front of the queue; False when the transport (or a rate limit) takes no more."""
        queue = self._queue
        item = queue[0]
        if isinstance(item, Slab):
            data: memoryview | bytes = item.view[self._front :] if self._front else item.view
        elif len(queue) > 1 and not isinstance(queue[1], Slab):
            return self._send_small(now)
        else:
            data = item[self._front :] if self._front else item
        sent = self._send(data, now)
        if sent < len(data):
            self._front += sent
            if isinstance(item, Slab) and 0 < sent < len(data) // 4:
                self._slab_size = max(self._slab_floor, self._slab_size // 2)
            return False
        queue.popleft()
        self._front = 0
        if isinstance(item, Slab):
            self.meters.payload_up.add(item.payload)
            self.connection.counts.sent[MessageId.PIECE] += item.num_blocks
            self._slab_size = max(self._slab_floor, min(_MAX_SLAB, self._slab_size * 2))
            if self.plugins is not None:
                self.plugins.slab_sent(item)
            if self.uploader is not None:
                self.uploader.give_back(item)
        return True

    def _send_small(self, now: float) -> bool:
        """Join the small messages at the front, so that they leave in one segment."""
        queue = self._queue
        parts: list[bytes] = []
        while queue and not isinstance(queue[0], Slab):
            parts.append(bytes(queue.popleft()))  # type: ignore[arg-type]
        joined = b"".join(parts)[self._front :]
        self._front = 0
        queue.appendleft(joined)
        return self._send_front(now)

    def _send(self, data: memoryview | bytes, now: float) -> int:
        quota = self.quota
        granted = len(data)
        self._out_of_quota = False
        if quota is not None:
            wanted, granted = granted, quota.take_up(self, granted)
            self._out_of_quota = granted < wanted
            if not granted:
                return 0
            data = data[:granted]
        sent = self.transport.send(data)
        if sent:
            self.last_sent = now
            self.meters.up.add(sent)
            self.connection.counts.count_write(sent)
        if quota is not None and sent < granted:
            quota.return_up(self, granted - sent)
            self._out_of_quota = False
        return sent


_HANDLERS: dict[type[Event], Callable[[PeerLink, Any, float], None]] = {
    AllowedFast: PeerLink._on_allowed_fast,
    BlocksReceived: PeerLink._on_blocks,
    CancelReceived: PeerLink._on_cancel,
    ChokeChanged: PeerLink._on_choke,
    ExtensionHandshake: PeerLink._on_extension_handshake,
    ExtensionMessage: PeerLink._on_extension_message,
    HandshakeReceived: PeerLink._on_handshake,
    HashesReceived: PeerLink._on_hash_message,
    HashRejectReceived: PeerLink._on_hash_message,
    HashRequestReceived: PeerLink._on_hash_message,
    HaveReceived: PeerLink._on_have,
    InterestChanged: PeerLink._on_interest,
    PiecesReceived: PeerLink._on_pieces,
    PortReceived: PeerLink._on_port,
    RejectReceived: PeerLink._on_reject,
    RequestsReceived: PeerLink._on_requests,
    SuggestReceived: PeerLink._on_suggest,
    UnknownMessage: PeerLink._on_unknown,
}
"""Event → what the link does about it."""
