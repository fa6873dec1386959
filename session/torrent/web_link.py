"""A connection to a web seed: blocks asked for as ranges of files, several requests at a time (BEP 19).

To picker, download and rate limits it is what a `PeerLink` is: an owner of blocks on order.  What it brings is verified, and judged,
as what peers bring.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol, cast

from ...protocols.errors import EvtorrentError, RemoteProtocolError, TransportBroken, TransportError
from ...protocols.http.errors import HttpError, HttpProtocolError, HttpStatusError, HttpTimeout
from ...protocols.http.exchange import ResponseStarted
from ...protocols.http.pipeline import BodyPart, HttpPipeline
from ...protocols.http.url import Url
from ...protocols.transport.base import Transport
from ...protocols.types import BLOCK_SIZE, PeerId
from ..flags import SocketType
from .block_cutter import BlockCutter
from .link_end import PeerHungUp
from .peer_link import LinkQuota, PeerLink
from .picker_modes import PickMode
from .rates import TransferMeters
from .web_ranges import WebRange, check_head, ranges_of
from .web_seed import WebAddress, WebSeed

if TYPE_CHECKING:
    from .download import Download

__all__ = ["FileLost", "WebLimits", "WebLink", "WebLinkOwner"]

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_LOST = frozenset((403, 404, 410))
_FIRST_REQUEST = 1 << 20
"""Bytes of the first requests; they double while the server is quick."""
_QUICK, _SLOW = 0.5, 4.0
"""Seconds for one request below which the next ones are larger, above which they are smaller."""
_ZEROS = memoryview(bytes(64 * 1024))


class FileLost(HttpStatusError):
    """The server has not got a file."""

    def __init__(self, file: int, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.file = file


class WebLimits(Protocol):
    """The settings of a connection."""

    @property
    def urlseed_pipeline_size(self) -> int: ...
    @property
    def urlseed_max_request_bytes(self) -> int: ...
    @property
    def urlseed_timeout(self) -> float: ...
    @property
    def always_send_user_agent(self) -> bool: ...


class WebLinkOwner(Protocol):
    """Who is told."""

    def on_link_closed(self, link: WebLink, error: EvtorrentError) -> None:
        """It ended."""

    def on_link_moved(self, link: WebLink) -> None:
        """It needs a new connection, to where `next_file` is; `attach` it."""


class WebLink:
    """What is on order from one web seed.  `TransportUser` of its transport, which may be replaced on the way."""

    __slots__ = (
        "_cutter",
        "_download",
        "_limits",
        "_num_answered",
        "_origin",
        "_owner",
        "_pipeline",
        "_received",
        "_request_bytes",
        "_sent",
        "_sent_at",
        "_unsent",
        "_user_agent",
        "_view",
        "_waiting",
        "address",
        "closed",
        "is_connected",
        "last_received",
        "meters",
        "on_order",
        "peer_id",
        "pick_mode",
        "picked_bits",
        "quota",
        "seed",
        "transport",
    )

    def __init__(
        self,
        owner: WebLinkOwner,
        seed: WebSeed,
        download: Download,
        *,
        view: memoryview,
        limits: WebLimits,
        user_agent: str,
        now: float,
    ) -> None:
        """`view`: the buffer to receive into, shared with others on the loop.  `attach` a transport next."""
        self.seed = seed
        self.transport: Transport | None = None
        self.address = WebAddress("", 0, seed.url)
        self.peer_id: PeerId | None = None
        self.on_order: set[int] = set()
        """Blocks requested and not yet here, numbered as a `Requester`'s."""
        self.pick_mode = PickMode.WHOLE_PIECES | PickMode.END_GAME
        self.picked_bits = seed.bits
        """What the picker was told that it has."""
        self.meters = TransferMeters()
        self.quota: LinkQuota | None = None
        self.closed = False
        self.is_connected = False
        self.last_received = now
        self._owner = owner
        self._download = download
        self._limits = limits
        self._user_agent = user_agent
        self._origin: tuple[str, str, int | None] | None = None
        self._num_answered = 0
        """Responses on this connection."""
        self._view = view
        self._pipeline = HttpPipeline(user_agent=user_agent)
        self._cutter = BlockCutter(seed.info.piece_length, seed.info.total_size)
        self._waiting: deque[WebRange] = deque()
        """Ordered and not asked for yet."""
        self._sent: deque[WebRange] = deque()
        """Asked for, the one that is answered first."""
        self._received = 0
        """Bytes of that one's body."""
        self._sent_at = now
        self._request_bytes = _FIRST_REQUEST
        self._unsent = b""

    def attach(self, transport: Transport, url: Url) -> None:
        """A connection to the server of `url` is on its way."""
        self.transport = transport
        self.address = WebAddress(url.host, url.port or 0, self.seed.url)
        self._origin = url.origin
        self._num_answered = 0
        transport.set_user(self)

    # ------------------------------------------------------------------------------------- calls from the transport

    def on_connected(self, now: float) -> None:
        """The transport is up."""
        self.is_connected = True
        self.last_received = now
        peer = self.transport.peer_address if self.transport is not None else None
        if peer is not None:
            self.address = WebAddress(peer[0], peer[1], self.seed.url)
        self.fill(now)

    def on_readable(self, now: float) -> None:
        """Bytes are waiting."""
        room, quota, transport = self._view, self.quota, self.transport
        assert transport is not None
        by_shape = cast("PeerLink", self)  # What limits and download need of a link, this has too.
        if quota is not None:
            granted = quota.take_down(by_shape, len(room))
            if not granted:
                return
            room = room[:granted]
        try:
            count = transport.recv_into(room)
            if quota is not None and count < len(room):
                quota.return_down(by_shape, len(room) - max(count, 0))
            if count > 0:
                self._receive(room[:count], now)
            elif count == 0:
                self._receive_eof(now)
        except (TransportError, RemoteProtocolError, HttpError) as error:
            self.close(error)

    def on_writable(self, now: float) -> None:
        """There is room again."""
        self.flush(now)

    def on_closed(self, error: TransportError, now: float) -> None:
        """The transport failed."""
        self.close(error)

    # ----------------------------------------------------------------------------------------------------- commands

    def close(self, error: EvtorrentError) -> None:
        """End it, saying why; what is on order may be had from others.  Repeatable."""
        if self.closed:
            return
        self.closed = True
        if self.transport is not None:
            self.transport.close()
        self.on_order.clear()
        self._waiting.clear()
        self._sent.clear()
        self._owner.on_link_closed(self, error)

    def cancel(self, key: int) -> None:
        """A block came from somebody else.  The server sends it all the same."""
        self.on_order.discard(key)

    def drop_all(self) -> None:
        """For who takes it for a peer's `Requester`: its orders end with it."""

    @property
    def requester(self) -> WebLink:
        """Itself, for who looks at a link's orders."""
        return self

    def why_unordered(self, key: int) -> str:
        """The counter of what a block is that came without being on order: another had sent it."""
        return "ses.waste_piece_end_game"

    @property
    def socket_type(self) -> SocketType:
        """What it counts as."""
        return SocketType.tcp

    @property
    def peer(self) -> WebSeed:
        """Who answers for what it sends."""
        return self.seed

    def fill(self, now: float) -> None:
        """Ask for as much as may be outstanding."""
        if self.closed or not self.is_connected:
            return
        depth = self._limits.urlseed_pipeline_size if self._pipeline.is_persistent else 1
        if not self._sent:
            self._sent_at = now
        try:
            while len(self._sent) < depth and (self._waiting or self._order()):
                if not self._ask(self._waiting[0]):
                    break
                self._sent.append(self._waiting.popleft())
                self._feed_padding(now)
        except EvtorrentError as error:
            self.close(error)
            return
        self.flush(now)

    def flush(self, now: float) -> None:
        """Send what there is until the transport takes no more."""
        transport = self.transport
        if self.closed or not self.is_connected or transport is None:
            return
        self._unsent += self._pipeline.data_to_send()
        try:
            sent = transport.send(self._unsent) if self._unsent else 0
        except TransportError as error:
            self.close(error)
            return
        self.meters.up.add(sent)
        self._unsent = self._unsent[sent:]
        transport.want_write(bool(self._unsent))

    def tick(self, now: float, elapsed: float, into: TransferMeters | None) -> None:
        """Once a tick: rates, and a server that says nothing any more."""
        self.meters.tick(elapsed, into)
        if not self._sent or (self.transport is not None and self.transport.read_suspended):
            self.last_received = now  # Nothing is expected, or it is we who do not read.
        elif now - self.last_received > self._limits.urlseed_timeout:
            self.close(HttpTimeout("receiving" if self._received else "waiting"))
            return
        self.fill(now)

    @property
    def is_idle(self) -> bool:
        """Nothing is outstanding."""
        return not self._sent and not self._waiting

    # ------------------------------------------------------------------------------------------------------ ordering

    def _order(self) -> bool:
        room = min(self._request_bytes, self._limits.urlseed_max_request_bytes)
        room = max(room, self.seed.info.piece_length)
        by_shape = cast("PeerLink", self)
        runs = self._download.pick(self.seed.bits, max(1, room // BLOCK_SIZE), by_shape)
        per_piece = self._download.blocks_per_piece
        for piece, first, count in runs:
            key = piece * per_piece + first
            self.on_order.update(range(key, key + count))
        limit = max(BLOCK_SIZE, self._limits.urlseed_max_request_bytes)
        for each in ranges_of(self.seed.info, runs):
            self._waiting.extend(each.parts(limit))
        return bool(self._waiting)

    def _ask(self, wanted: WebRange) -> bool:
        """Send the request; False when it has to wait, or needs a connection to another server."""
        if wanted.is_pad:
            return True
        url = self.seed.place_of(wanted.file).url
        if url.origin != self._origin:
            if not self._sent:
                self._move()
            return False
        says_who = self._pipeline.is_fresh or self._limits.always_send_user_agent
        self._pipeline.send_get(url, (wanted.header,), authorization=url.authorization, says_who=says_who)
        return True

    def _move(self) -> None:
        """Ask for what is not answered on another connection; nothing on order is given up."""
        if self.transport is not None:
            self.transport.close()
        self.is_connected = False
        self._pipeline = HttpPipeline(user_agent=self._user_agent)
        self._unsent = b""
        self._waiting.extendleft(reversed(self._sent))
        self._sent.clear()
        self._received = 0
        self._owner.on_link_moved(self)

    @property
    def next_file(self) -> int:
        """The file that is asked for next."""
        return next((each.file for each in self._waiting if not each.is_pad), 0)

    # ----------------------------------------------------------------------------------------------------- receiving

    def _receive_eof(self, now: float) -> None:
        self._pipeline.receive_eof()
        self._handle_events(now)
        self._download.submit_complete()
        if self.is_idle:
            self.close(PeerHungUp())
        elif self._num_answered:
            self._move()  # One that keeps no connection open is asked on the next.
        else:
            raise TransportBroken("recv", "the server closed the connection")

    def _receive(self, data: memoryview, now: float) -> None:
        self.last_received = now
        self.meters.down.add(len(data))
        outstanding = len(self._sent)
        try:
            self._pipeline.receive_data(data)
            self._handle_events(now)
        finally:
            # Also when something was wrong: pieces that were completed before it are good.
            self._download.submit_complete()
        if (
            len(self._sent) != outstanding
        ):  # Asking the picker at every wake-up would cost more than the data does.
            self.fill(now)

    def _handle_events(self, now: float) -> None:
        next_event = self._pipeline.next_event
        while self.is_connected and not self.closed and (event := next_event()) is not None:
            if isinstance(event, BodyPart):
                self._take(event.data)
            elif isinstance(event, ResponseStarted):
                self._begin(event)
            else:
                self._finish(now)

    def _begin(self, head: ResponseStarted) -> None:
        wanted = self._sent[0]
        if head.status in _REDIRECTS and "location" in head.headers:
            self.seed.redirected(wanted.file, head.headers["location"], self.address.host)
            self._move()
            return
        if head.status in _LOST:
            raise FileLost(wanted.file, head.status, head.reason)
        check_head(wanted, head)
        self._received = 0
        if self._cutter.offset != wanted.offset:
            self._cutter.start(wanted.offset)

    def _take(self, data: memoryview) -> None:
        self._received += len(data)
        if self._received > self._sent[0].length:
            raise HttpProtocolError("more bytes than were asked for")
        self._cut(data)

    def _cut(self, data: memoryview) -> None:
        blocks = self._cutter.feed(data)
        if blocks:
            by_shape = cast("PeerLink", self)
            received = self._download.receive_blocks(blocks, self.on_order, by_shape)
            self.meters.payload_down.add(received)

    def _finish(self, now: float) -> None:
        wanted = self._sent.popleft()
        if self._received != wanted.length:
            raise HttpProtocolError(f"{self._received} bytes instead of {wanted.length}")
        self._received = 0
        self._num_answered += 1
        self.seed.succeeded()
        took, self._sent_at = now - self._sent_at, now
        if took < _QUICK:
            self._request_bytes = min(self._request_bytes * 2, self._limits.urlseed_max_request_bytes)
        elif took > _SLOW:
            self._request_bytes = max(self._request_bytes // 2, BLOCK_SIZE)
        self._feed_padding(now)

    def _feed_padding(self, now: float) -> None:
        while self._sent and self._sent[0].is_pad:
            pad = self._sent.popleft()
            if self._cutter.offset != pad.offset:
                self._cutter.start(pad.offset)
            left = pad.length
            while left:
                self._cut(_ZEROS[: min(left, len(_ZEROS))])
                left -= min(left, len(_ZEROS))
            self._download.submit_complete()

    def __repr__(self) -> str:
        return f"WebLink({self.seed.url!r})"
