"""The connections of one torrent: dialling, admitting, what peers have, and what they are told.

Owner of the torrent's links (`LinkOwner`).  Algorithms live beside it: whom to dial is `peer_list`, what to fetch is
`download`, whom to unchoke is the session's choker.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ...protocols.errors import EvtorrentError, RemoteProtocolError
from ...protocols.peer.connection import PeerConnection
from ...protocols.peer.fast import allowed_fast_set
from ...protocols.peer.handshake import Capability, Handshake
from ...protocols.peer.messages import HandshakeReceived, Request
from ...protocols.sam import is_i2p_host
from ...protocols.types import Address, PeerId, PieceIndex, Sha1Hash
from ..alerts import (
    PeerBanAlert,
    PeerConnectAlert,
    PeerDirection,
    PeerDisconnectedAlert,
    PeerErrorAlert,
    PeerSnubbedAlert,
    PeerUnsnubbedAlert,
)
from ..close_reason import CloseReason
from ..core.dialing import dial_peer
from ..core.external_ip import IpSource
from ..errors import ErrorCode
from ..flags import PeerSource
from ..operations import operation_of
from .choked_requests import note_rejects
from .hash_exchange import HashMessage, receive_hash_message
from .link_end import LinkEnded
from .peer_link import LinkOwner, PeerLink, ReadBlock
from .peer_list import KnownPeer, PeerList
from .phase import Phase
from .picker_modes import PickMode
from .requester import Requester
from .send_window import send_window
from .suggested import note_suggestion
from .suggesting import Suggesting
from .upload_only import note_told
from .uploader import Uploader

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["CAPABILITIES", "Swarm"]

CAPABILITIES = Capability.FAST | Capability.EXTENSION
"""What our handshakes announce, beside the DHT while it runs."""


class Swarm(LinkOwner):
    """The links of one torrent that is started."""

    __slots__ = ("_core", "_suggesting", "_torrent", "links", "num_half_open", "peers")

    def __init__(self, torrent: Torrent, core: Core, peers: PeerList) -> None:
        self._torrent = torrent
        self._core = core
        self._suggesting: Suggesting | None = None
        self.peers = peers
        self.links: dict[PeerLink, None] = {}
        """In order of arrival: a set would be gone through in the order of addresses in memory."""
        """Connected and connecting."""
        self.num_half_open = 0
        """Of these, still connecting."""

    # ------------------------------------------------------------------------------------------- coming and going

    def add_peers(
        self, addresses: list[Address], source: PeerSource, *, seeds: Collection[Address] = ()
    ) -> int:
        """Peers heard of; gives how many were new.  Those a filter forbids are not remembered.

        `seeds`: those of them that are said to want nothing.
        """
        now, refuses = self._core.base.time(), self._core.blocking.refuses
        allowed = [each for each in addresses if not refuses(self._torrent, each)]
        self._torrent.plugins.peers_heard_of(addresses, source, self.peers, allowed)
        return sum(
            self.peers.add(address, source, now, is_seed=address in seeds) is not None for address in allowed
        )

    def connect_next(self, now: float) -> bool:
        """Dial the best candidate; False when there is none."""
        while (peer := self.peers.next_candidate(now)) is not None:
            if not self._core.blocking.refuses(self._torrent, peer.address):
                self.connect_to(peer.address, now)
                return True
            # Known before the filter was set, or found to listen elsewhere: all go.
            self.peers.apply_filter(self._torrent.is_blocked)
            self.peers.forget_if(self._core.blocking.is_port_refused)
            self.peers.forget_if(self._is_elsewhere)
        return False

    def _is_elsewhere(self, peer: KnownPeer) -> bool:
        return not self._core.mixing.admits(self._torrent, peer.address[0])

    def connect_now(self, address: Address, now: float, *, punched: bool = False) -> None:
        """Dial one peer of the list, unless it is connected, banned or forbidden by the IP filter.

        `punched`: it dials us at the same time (BEP 55).
        """
        peer = self.peers.find(address)
        if self._core.blocking.refuses(self._torrent, address):
            return
        if peer is not None and peer.connection is None and not peer.banned and self.may_dial:
            self.connect_to(address, now).is_punched = punched

    @property
    def may_dial(self) -> bool:
        """The settings allow some kind of outgoing connection, and an SSL torrent has a certificate to show."""
        tls = self._torrent.tls
        return self._core.transports.may_dial and (tls is None or tls.is_ready)

    def connect_to(self, address: Address, now: float) -> PeerLink:
        """Dial a peer of the list."""
        core, torrent = self._core, self._torrent
        local = self._handshake(torrent.wire_name, address)
        connection = PeerConnection(buffer=core.receive_buffer, local=local, registry=torrent.registry)
        transport = dial_peer(core, address, torrent.wire_name, connection, self.peers.find(address))
        link = PeerLink(self, transport, connection, address=address, outgoing=True, now=now)
        self.peers.set_connected(address, link)
        link.peer = self.peers.find(address)
        link.source = link.peer.source if link.peer is not None else 0
        self._prepare(link)
        self.links[link] = None
        core.link_opened(link)
        self.num_half_open += 1
        core.counters.values["peer.connection_attempts"] += 1
        transport.set_user(link)
        torrent.plugins.attach(link)
        return link

    @property
    def _peer_id(self) -> PeerId:
        return self._core.peer_id_of(self._torrent)

    def _handshake(self, name: Sha1Hash, address: Address) -> Handshake:
        # On I2P nobody is told of our node, which is not there.
        has_dht = self._core.dht.is_running and not is_i2p_host(address[0])
        return Handshake.with_capabilities(
            name, self._peer_id, CAPABILITIES | Capability.DHT if has_dht else CAPABILITIES
        )

    def attach(self, link: PeerLink, handshake: HandshakeReceived, now: float) -> None:
        """Take over an incoming link whose handshake names this torrent."""
        core, torrent = self._core, self._torrent
        link.owner = self
        link.torrent = torrent
        link.source = PeerSource.incoming
        self.links[link] = None
        core.link_opened(link)
        local = self._handshake(handshake.info_hash, link.address)
        if handshake.peer_id == self._peer_id:
            # The other end, which is us, learns it from the answer and does not dial again.
            link.connection.accept(local, torrent.registry)
            link.flush(now)
            link.close(LinkEnded(CloseReason.self_connection))
            return
        torrent.plugins.peers_heard_of([link.address], PeerSource.incoming, self.peers, [link.address])
        link.peer = self.peers.add_incoming(link.address, now)
        if link.peer is None:
            link.close(LinkEnded(CloseReason.blocked, "banned, or the peer list is full"))
            return
        other = link.peer.connection
        if other is not None:
            if not self._gives_way(other, link):
                link.close(LinkEnded(CloseReason.duplicate_peer_id))
                return
            other.close(LinkEnded(CloseReason.duplicate_peer_id))
        self.peers.set_connected(link.address, link)
        self._prepare(link)
        torrent.plugins.attach(link)
        link.connection.accept(local, torrent.registry)
        self._after_handshake(link, now)

    def _gives_way(self, other: PeerLink, link: PeerLink) -> bool:
        """Both sides dialled at once: the connection made by the side with the lower peer id stays, on both sides the same."""
        assert link.peer_id is not None
        return other.outgoing and other.peer_id in (None, link.peer_id) and link.peer_id < self._peer_id

    def _prepare(self, link: PeerLink) -> None:
        torrent, core = self._torrent, self._core
        link.torrent = torrent
        link.quota = core.quotas.quota_for(torrent, link)
        link.connection.is_v2 = torrent.has_v2_name(link.connection.torrent_name)
        link.set_window(*send_window(0, core.tuning, is_limited=link.quota is not None))
        info = torrent.info
        if info is None or torrent.phase is Phase.METADATA:
            return
        link.connection.set_num_pieces(
            info.num_pieces, info.piece_length, info.total_size, short_pieces=info.short_pieces
        )
        download, storage = torrent.download, torrent.block_source
        if download is not None:
            link.requester = Requester(link, download, core.tuning)
            link.pick_mode = torrent.pick_mode
        if storage is not None:
            link.uploader = Uploader(
                storage,
                info.piece_length,
                core.slabs,
                on_ready=lambda: link.flush(core.base.time()),
                on_error=lambda error: torrent.on_read_error(link, error),
            )

    def metadata_arrived(self, now: float) -> None:
        """The torrent's shape became known (BEP 9); links get their pipelines and peers' early bitfields count."""
        for link in list(self.links):
            try:
                self._prepare(link)
                link.handle_events(now)
            except RemoteProtocolError as error:
                link.close(error)
            if not link.closed:
                self._tell_found(link)
                link.flush(now)

    def _tell_found(self, link: PeerLink) -> None:
        """A peer connected before there was metadata was told that we have nothing; now it hears what was on disk."""
        if link.peer_id is None:
            return
        if self._torrent.super_seeding is not None:
            self._torrent.super_seeding.show_first(link)
        else:
            for piece in self._torrent.have.indices():
                link.connection.send_have(PieceIndex(piece))

    def close_all(self, error: EvtorrentError) -> None:
        """End every link."""
        for link in list(self.links):
            link.close(error)

    # --------------------------------------------------------------------------------------- LinkOwner: handshake

    def on_handshake(self, link: PeerLink, event: HandshakeReceived) -> None:
        """An outgoing link was answered."""
        self._after_handshake(link, self._core.base.time())

    def _after_handshake(self, link: PeerLink, now: float) -> None:
        core, torrent = self._core, self._torrent
        if link.outgoing:
            self.num_half_open -= 1
        assert link.peer_id is not None
        if link.peer_id == self._peer_id:
            self.peers.ban(link.address)
            core.counters.values["peer.num_banned_peers"] += 1
            link.close(LinkEnded(CloseReason.self_connection))
            return
        if not core.tuning.allow_multiple_connections_per_pid and not self._keep_one(link):
            link.close(LinkEnded(CloseReason.duplicate_peer_id))
            return
        core.socket_options.apply(link.transport)
        connection = link.connection
        if torrent.super_seeding is not None:
            torrent.super_seeding.introduce(link)
        else:
            connection.send_pieces(torrent.have)
        if link.plugins is not None and connection.handshake is not None:
            link.plugins.handshake(connection.handshake.reserved)
        self.send_extension_handshake(link)
        is_outside = not is_i2p_host(link.address[0])
        if torrent.info is not None and torrent.block_source is not None and connection.supports_fast:
            self._offer_fast(link)
        if is_outside and (port := core.dht.port_for(link.address[0])):
            connection.send_port(port)
            core.counters.values["ses.num_outgoing_dht_port"] += connection.supports_dht
        self.peers.handshake_done(link.address, now)
        core.encryption.handshake_done(link)
        direction = PeerDirection.outgoing if link.outgoing else PeerDirection.incoming
        torrent.post(PeerConnectAlert, link.address, link.peer_id, direction, link.socket_type)
        link.handle_events(now)
        if not link.closed:
            link.flush(now)

    def send_extension_handshake(self, link: PeerLink) -> None:
        """Say what we speak (BEP 10), also once more when that changed; nothing to a peer that does not speak extensions."""
        if link.connection.supports_extensions:
            fields = self._torrent.extension_fields(link)
            if link.plugins is not None:
                link.plugins.add_handshake(fields)
            hidden = self._core.extensions.hidden(self._torrent)
            link.connection.send_extension_handshake(fields, without=hidden)
            note_told(link, "upload_only" in fields)

    def _keep_one(self, link: PeerLink) -> bool:
        """One connection with a peer id stays; False when it is another one."""
        return all(
            other.peer_id != link.peer_id or other is link for other in self.links
        ) or self._keep_newer(link)

    def _keep_newer(self, link: PeerLink) -> bool:
        """Both sides dialled at once: keep the connection the side with the lower peer id made, on both sides the same."""
        assert link.peer_id is not None
        ours = self._peer_id < link.peer_id
        if link.outgoing != ours:
            return False
        for other in list(self.links):
            if other.peer_id == link.peer_id and other is not link:
                if other.outgoing == link.outgoing:
                    return False
                other.close(LinkEnded(CloseReason.duplicate_peer_id))
        return True

    def _offer_fast(self, link: PeerLink) -> None:
        torrent = self._torrent
        size = self._core.tuning.allowed_fast_set_size
        if is_i2p_host(link.address[0]):  # BEP 6 chooses them by an address.
            return
        if not size or not torrent.have.any() or torrent.info is None or torrent.super_seeding is not None:
            return
        for piece in allowed_fast_set(link.address[0], torrent.wire_name, torrent.info.num_pieces, size):
            if torrent.has_piece(piece):
                link.connection.send_allowed_fast(piece)
                link.user_data.setdefault("allowed_fast", set()).add(piece)

    def on_closed(self, link: PeerLink, error: EvtorrentError) -> None:
        """A link ended, whoever ended it."""
        core, torrent = self._core, self._torrent
        if link not in self.links:
            return
        self.links.pop(link, None)
        handshaken = link.peer_id is not None
        if link.outgoing and not handshaken:
            self.num_half_open -= 1
        if torrent.super_seeding is not None:
            torrent.super_seeding.forget(link)
        if torrent.download is not None:
            torrent.download.picker.peer_gone(link)
            if link.pieces:
                torrent.download.picker.remove_peer(link.pieces)
        again = not handshaken and core.encryption.attempt_ended(link)
        failed = not again and (not handshaken or isinstance(error, RemoteProtocolError))
        if link.peer is not None and link.peer.connection is link:
            self.peers.connection_closed(link.address, core.base.time(), failed=failed, may_return=again)
        core.link_closed(link)
        core.extensions.on_closed(torrent, link)
        if torrent.hashes is not None:
            torrent.hashes.link_ended(link)
        if link.plugins is not None:
            link.plugins.disconnected(error)
        torrent.link_ended(link)
        self._report_end(link, error)

    def _report_end(self, link: PeerLink, error: EvtorrentError) -> None:
        torrent, code, operation = self._torrent, ErrorCode.from_exception(error), operation_of(error)
        if isinstance(error, RemoteProtocolError):
            torrent.post(PeerErrorAlert, link.address, link.peer_id, operation, code)
        reason = error.reason if isinstance(error, LinkEnded) else CloseReason.none
        torrent.post(
            PeerDisconnectedAlert, link.address, link.peer_id, operation, code, reason, link.socket_type
        )

    def on_hash_message(self, link: PeerLink, event: HashMessage) -> None:
        """About hash trees."""
        receive_hash_message(self._torrent, link, event)

    # ------------------------------------------------------------------------------------------ LinkOwner: pieces

    def on_pieces(self, link: PeerLink, bits: int) -> None:
        """What the peer has, all at once."""
        torrent = self._torrent
        download, info = torrent.download, torrent.info
        if info is None:
            return
        if download is not None:
            if link.pieces:
                download.picker.remove_peer(link.pieces)
            download.picker.add_peer(bits)
        link.pieces = bits
        self._pieces_changed(link)
        self.update_interest(link)

    def on_have(self, link: PeerLink, piece: int) -> None:
        """One more piece."""
        download = self._torrent.download
        if download is None:
            return
        download.picker.add_have(piece)
        if self._core.tuning.suggest_mode:
            self._suggestions().peer_has(link, piece)
        self._pieces_changed(link)
        if not link.connection.am_interested:
            self.update_interest(link)
        elif link.requester is not None and not link.requester.on_order:
            link.requester.fill(self._core.base.time())

    def on_dont_have(self, link: PeerLink, piece: int) -> None:
        """A piece less (BEP 54).  What is on order of it the peer rejects."""
        download, bit = self._torrent.download, 1 << piece
        if not link.pieces & bit:
            return
        link.pieces &= ~bit
        if download is not None:
            download.picker.remove_have(piece)
        self._pieces_changed(link)
        self.update_interest(link)

    def _pieces_changed(self, link: PeerLink) -> None:
        if self._torrent.super_seeding is not None:
            self._torrent.super_seeding.peer_has(link)
        info = self._torrent.info
        link.is_seed = info is not None and link.pieces == (1 << info.num_pieces) - 1
        self.peers.set_seed(link.address, link.is_seed)
        if link.is_seed and self._torrent.leaves_seeds and self._core.tuning.close_redundant_connections:
            link.close(LinkEnded(CloseReason.upload_to_upload))

    def update_interest(self, link: PeerLink, cause: str = "picker.interesting_piece_picks") -> None:
        """Say whether we want something of the peer, if that changed."""
        if link.closed or not link.peer_id:
            return
        torrent = self._torrent
        download = torrent.download
        wanted = torrent.wants_data and download is not None and download.picker.is_interesting(link.pieces)
        if wanted != link.connection.am_interested:
            link.connection.send_interested(wanted)
        if wanted and link.requester is not None:
            link.requester.fill(self._core.base.time(), cause)

    def on_idle(self, link: PeerLink) -> None:
        """Nothing could be ordered: perhaps there is nothing left to want."""
        if self._torrent.drain is not None:
            self._torrent.drain.let_go(link)
        else:
            self.update_interest(link)

    # ------------------------------------------------------------------------------------------ LinkOwner: upload

    def on_interest_changed(self, link: PeerLink) -> None:
        """The peer wants data now, or no more."""
        self._core.choking.interest_changed(link, self._core.base.time())

    def on_requests(self, link: PeerLink, requests: list[Request]) -> None:
        """The peer asks for blocks."""
        torrent, uploader, connection = self._torrent, link.uploader, link.connection
        counts = self._core.counters.values
        counts["peer.piece_requests"] += len(requests)
        if uploader is None:
            counts["peer.piece_rejects"] += len(requests)
            for request in requests:
                connection.send_reject(request)
            return
        queue = uploader.queue
        limit = self._core.tuning.max_allowed_in_request_queue
        fast = link.user_data.get("allowed_fast", ())
        known, seed_mode, super_seeding = -1, torrent.seed_mode, torrent.super_seeding
        num_choked = num_rejected = 0
        for request in requests:
            piece = request[0]
            if connection.am_choking and piece not in fast:
                why = "peer.choked_piece_requests"
                num_choked += 1
            elif len(queue) >= limit:
                why = "peer.max_piece_requests"
            elif piece != known and not (
                torrent.has_piece(piece) and (super_seeding is None or super_seeding.shows(link, piece))
            ):
                why = "peer.invalid_piece_requests"
            else:
                if seed_mode is None or not seed_mode.hold(link, request):
                    known = piece
                    queue.append(request)
                continue
            counts[why] += 1
            counts["peer.piece_rejects"] += 1
            num_rejected += 1
            connection.send_reject(request)
        if self._core.tuning.suggest_mode and num_rejected < len(requests):
            self._suggestions().in_memory({request.piece for request in requests})
        if num_choked:
            limit, now = self._core.tuning.max_rejects, self._core.base.time()
            note_rejects(link, num_choked, limit, now, in_a_row=num_rejected == len(requests))

    def on_cancelled(self, link: PeerLink) -> None:
        """The peer took a request back; the answer is a reject."""
        counts = self._core.counters.values
        counts["peer.cancelled_piece_requests"] += 1
        counts["peer.piece_rejects"] += 1

    # -------------------------------------------------------------------------------------- LinkOwner: extensions

    def on_extension_handshake(self, link: PeerLink) -> None:
        """The peer's extensions are known."""
        extensions = link.connection.extensions
        if extensions.listen_port and not link.outgoing:
            self.peers.set_listen_port(link.address, extensions.listen_port)
        if extensions.your_ip is not None and not is_i2p_host(link.address[0]):
            self._core.external_address(str(ip_address(extensions.your_ip)), IpSource.PEER, link.address[0])
        self._torrent.extension_handshake(link)

    def on_extension_message(self, link: PeerLink, name: str, payload: bytes) -> None:
        """A message of an extension of ours."""
        self._torrent.extension_message(link, name, payload)

    def on_port(self, link: PeerLink, port: int) -> None:
        """The peer has a DHT node.  Only the first one counts: each is asked, and nobody may make us ask around."""
        if "dht_port" not in link.user_data and not is_i2p_host(link.address[0]):
            link.user_data["dht_port"] = port
            self._core.counters.values["ses.num_incoming_dht_port"] += 1
            self._core.dht_node_heard((link.address[0], port))

    def on_unchoke(self, link: PeerLink) -> None:
        """Before it hears that it may ask, it hears for what."""
        if self._core.tuning.suggest_mode:
            self._suggestions().offer(link)

    def on_suggest(self, link: PeerLink, piece: int) -> None:
        """The peer would rather send this piece."""
        note_suggestion(link, piece, self._core.tuning.max_suggest_pieces)

    def _suggestions(self) -> Suggesting:
        if self._suggesting is None:
            self._suggesting = Suggesting(self._torrent, self._core)
        return self._suggesting

    def on_snubbed(self, link: PeerLink) -> None:
        """The peer let requests time out."""
        self._torrent.post(PeerSnubbedAlert, link.address, link.peer_id)

    def on_unsnubbed(self, link: PeerLink) -> None:
        """It sends again."""
        self._torrent.post(PeerUnsnubbedAlert, link.address, link.peer_id)

    # -------------------------------------------------------------------------------------------- from the torrent

    def have_piece(self, piece: int, now: float) -> None:
        """A piece is ours: tell everybody, also those that have it unless `send_redundant_have` is off."""
        index, tells_all = PieceIndex(piece), self._core.tuning.send_redundant_have
        if self._core.tuning.suggest_mode:
            self._suggestions().in_memory((piece,))
        for link in list(self.links):
            if link.peer_id is None or (not tells_all and link.pieces >> piece & 1):
                continue
            link.connection.send_have(index)
            if link.requester is None or not link.requester.on_order:
                if link.connection.am_interested:
                    self.update_interest(link)  # It may have had nothing but this.
                link.flush(now)

    def ban(self, address: Address) -> None:
        """A peer proved to send bad data: end it and never come back.  Does nothing the second time."""
        peer = self.peers.find(address)
        if peer is not None and peer.banned:
            return
        self.peers.ban(address)
        counts = self._core.counters.values
        counts["peer.num_banned_peers"] += 1
        counts["peer.banned_for_hash_failure"] += 1
        link = next((link for link in self.links if link.address == address), None)
        self._torrent.post(PeerBanAlert, address, link.peer_id if link else None)
        if link is not None:
            link.close(LinkEnded(CloseReason.corrupt_pieces))

    def update_all_interest(self, now: float, cause: str = "picker.interesting_piece_picks") -> None:
        """Priorities or state changed: look at every peer again."""
        for link in list(self.links):
            self.update_interest(link, cause)
            if not link.closed:
                link.flush(now)

    def finished(self) -> None:
        """We have everything: peers that have too are of no use."""
        for link in list(self.links):
            if link.requester is not None:
                link.requester.drop_all()
            link.connection.send_interested(False)
            if link.is_seed and self._torrent.leaves_seeds and self._core.tuning.close_redundant_connections:
                link.close(LinkEnded(CloseReason.upload_to_upload))

    def tick(self, now: float, elapsed: float) -> None:
        """Once a tick: rates, late peers, dead peers."""
        tuning = self._core.tuning
        if self._torrent.super_seeding is not None:
            self._torrent.super_seeding.tick(now)
        for link in list(self.links):
            link.excuse(now, elapsed)
            if link.peer_id is None:
                held = link.transport.read_suspended & ReadBlock.ALL
                timeout = self._core.mixing.handshake_timeout(link.address[0])
                if link.is_connected and not held and now - link.connected_at > timeout:
                    link.close(LinkEnded(CloseReason.timed_out_handshake))
                continue
            if now - link.last_received > tuning.peer_timeout:
                link.close(LinkEnded(CloseReason.timed_out_activity))
                continue
            if link.connection.am_interested or link.is_interested:
                link.idle_since = now
            elif now - link.idle_since > tuning.inactivity_timeout and not self._core.connector.has_room():
                link.close(LinkEnded(CloseReason.timed_out_interest))
                continue
            self._update_speed(link, tuning.whole_pieces_threshold)
            link.tick(now, elapsed)
            if not link.is_choked_by_us:
                rate, is_limited = link.meters.payload_up.rate, link.quota is not None
                link.set_window(*send_window(rate, tuning, is_limited=is_limited))

    def _update_speed(self, link: PeerLink, threshold: float) -> None:
        info = self._torrent.info
        rate = link.meters.payload_down.rate
        fast = info is not None and rate > 0 and info.piece_length / rate < threshold
        link.pick_mode = (
            link.pick_mode | PickMode.WHOLE_PIECES if fast else link.pick_mode & ~PickMode.WHOLE_PIECES
        )
