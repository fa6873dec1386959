"""What is shown of a torrent: status, peers, partial pieces, and the parameters that would add it again.

Everything here reads and nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...protocols.bits import Bitfield
from ...protocols.peer.client_id import client_name
from ...protocols.types import BLOCK_SIZE
from ..core.encryption import encryption_flags
from ..flags import (
    BandwidthState,
    PeerFlags,
    PeerSource,
    PieceState,
    ResumeDataFlags,
    SocketType,
    StatusFlags,
    TorrentFlags,
)
from ..params import AddTorrentParams
from ..renamed_files import RenamedFiles
from ..status import BlockInfo, ErrorFile, OpenFileState, PartialPieceInfo, PeerInfo, TorrentStatus
from .picker_modes import PickMode
from .piece_blocks import BUSY, RECEIVED, REQUESTED

if TYPE_CHECKING:
    from .peer_link import PeerLink
    from .rates import TransferMeters
    from .torrent import Torrent

__all__ = ["download_queue", "open_files", "peer_info", "renamed_files", "resume_params", "status_of"]


def status_of(torrent: Torrent, flags: StatusFlags) -> TorrentStatus:
    """A snapshot.  `flags` names the parts that cost something (libtorrent `status_flags_t`)."""
    status = TorrentStatus(handle=torrent.handle, info_hashes=torrent.info_hashes)
    status.state = torrent.shown_state
    status.flags = torrent.flags
    status.errc = torrent.error
    if torrent.error and torrent.tls is not None and torrent.tls.error is not None:
        status.error_file = ErrorFile.ssl_ctx
    status.has_metadata = torrent.info is not None
    status.is_finished = torrent.is_finished
    status.is_seeding = torrent.is_seed
    status.storage_mode = torrent.params.storage_mode
    status.block_size = BLOCK_SIZE
    status.queue_position = torrent.queue_position
    status.announcing_to_dht = torrent.is_announced_in_dht
    if torrent.flags & TorrentFlags.need_save_resume:
        status.need_save_resume_data = ResumeDataFlags.if_download_progress
    if flags & StatusFlags.query_name:
        status.name = torrent.name
    if flags & StatusFlags.query_save_path:
        status.save_path = torrent.save_path
    if flags & StatusFlags.query_torrent_file:
        status.torrent_file = torrent.info
    _fill_progress(torrent, status, flags)
    _fill_transfer(torrent, status)
    _fill_peers(torrent, status, flags)
    _fill_times(torrent, status)
    return status


def _fill_progress(torrent: Torrent, status: TorrentStatus, flags: StatusFlags) -> None:
    info = torrent.info
    if info is None:
        return
    have = torrent.have
    status.num_pieces = have.count()
    status.total = info.bytes_of((1 << info.num_pieces) - 1)
    status.total_done = info.bytes_of(have.bits)
    wanted = torrent.wanted_bits
    status.total_wanted = info.bytes_of(wanted)
    status.total_wanted_done = info.bytes_of(wanted & have.bits)
    if torrent.download is not None:
        partial = sum(piece.num_received for piece in torrent.download.picker.downloading()) * BLOCK_SIZE
        status.total_done = min(status.total, status.total_done + partial)
        status.total_wanted_done = min(status.total_wanted, status.total_wanted_done + partial)
    if torrent.startup is not None:
        status.progress = torrent.checking_progress
    elif status.total_wanted:
        status.progress = status.total_wanted_done / status.total_wanted
    else:
        status.progress = 1.0
    status.progress_ppm = int(status.progress * 1_000_000)
    if flags & StatusFlags.query_pieces:
        status.pieces = have.copy()
    if flags & StatusFlags.query_distributed_copies and torrent.download is not None:
        copies = torrent.download.picker.distributed_copies()
        status.distributed_copies = copies
        status.distributed_full_copies = int(copies)
        status.distributed_fraction = int(copies * 1000 + 1e-6) % 1000


def _fill_transfer(torrent: Torrent, status: TorrentStatus) -> None:
    meters = torrent.meters
    totals = meters.totals(_parts(torrent))
    status.total_download = totals.down
    status.total_upload = totals.up
    status.total_payload_download = totals.payload_down
    status.total_payload_upload = totals.payload_up
    status.download_rate = int(meters.down.rate)
    status.upload_rate = int(meters.up.rate)
    status.download_payload_rate = int(meters.payload_down.rate)
    status.upload_payload_rate = int(meters.payload_up.rate)
    status.all_time_download = torrent.params.total_downloaded + totals.payload_down
    status.all_time_upload = torrent.params.total_uploaded + totals.payload_up
    status.upload_limit, status.download_limit = torrent.upload_limit, torrent.download_limit
    if torrent.download is not None:
        status.total_failed_bytes = torrent.download.num_failed_bytes
        status.total_redundant_bytes = torrent.download.num_waste_bytes


def _parts(torrent: Torrent) -> list[TransferMeters]:
    """Of its connections: what they count reaches the torrent's own at the next tick, which may be half a second off."""
    parts = [link.meters for link in torrent.swarm.links] if torrent.swarm is not None else []
    if torrent.web is not None:
        parts += [torrent.web.meters, *(link.meters for link in torrent.web.links)]
    return parts


def _fill_peers(torrent: Torrent, status: TorrentStatus, flags: StatusFlags) -> None:
    status.connections_limit = torrent.max_connections
    status.uploads_limit = torrent.max_uploads
    status.announcing_to_lsd = torrent.is_announced_locally
    if torrent.tracking is not None:
        torrent.tracking.fill_status(status)
    if torrent.peers is not None:
        status.list_peers = len(torrent.peers)
        status.list_seeds = torrent.peers.num_seeds
        status.connect_candidates = torrent.peers.num_candidates(torrent.now())
    swarm = torrent.swarm
    if swarm is None:
        return
    status.num_connections = len(swarm.links)
    for link in swarm.links:
        if link.peer_id is None:
            continue
        status.num_peers += 1
        status.num_seeds += link.is_seed
        status.num_uploads += not link.connection.am_choking
        status.has_incoming = status.has_incoming or not link.outgoing


def _fill_times(torrent: Torrent, status: TorrentStatus) -> None:
    torrent.settle_clocks()
    clocks = torrent.clocks
    if clocks is None:
        status.added_time = torrent.params.added_time
        status.completed_time = torrent.params.completed_time
        return
    status.added_time = clocks.added_time
    status.completed_time = clocks.completed_time
    status.last_seen_complete = clocks.last_seen_complete
    status.last_download = clocks.last_download
    status.last_upload = clocks.last_upload
    status.active_duration = int(clocks.active)
    status.finished_duration = int(clocks.finished_duration)
    status.seeding_duration = int(clocks.seeding)


def peer_info(torrent: Torrent) -> list[PeerInfo]:
    """Every connection of the torrent."""
    return [_one_peer(torrent, link) for link in torrent.swarm.links] if torrent.swarm is not None else []


def _one_peer(torrent: Torrent, link: PeerLink) -> PeerInfo:
    connection, meters = link.connection, link.meters
    info = PeerInfo(ip=link.address, pid=link.peer_id)
    info.client = connection.extensions.client or (
        client_name(link.peer_id) if link.peer_id is not None else ""
    )
    info.flags = _peer_flags(link)
    info.socket_type = link.socket_type
    info.source = PeerSource(link.source)
    info.total_download, info.total_upload = meters.payload_down.total, meters.payload_up.total
    info.down_speed, info.up_speed = int(meters.down.rate), int(meters.up.rate)
    info.payload_down_speed, info.payload_up_speed = (
        int(meters.payload_down.rate),
        int(meters.payload_up.rate),
    )
    destination = link.transport.query("i2p_destination")
    if destination is not None:
        info.i2p_destination = destination.hash
    info.last_active = torrent.now() - max(link.last_received, link.last_sent)
    if torrent.info is not None:
        info.pieces = Bitfield(torrent.info.num_pieces, link.pieces)
        info.num_pieces = link.pieces.bit_count()
        info.progress = info.num_pieces / torrent.info.num_pieces
        info.progress_ppm = int(info.progress * 1_000_000)
    if link.requester is not None:
        info.download_queue_length = len(link.requester.on_order)
        info.target_dl_queue_length = link.requester.target
        info.queue_bytes = info.download_queue_length * BLOCK_SIZE
    if link.uploader is not None:
        info.upload_queue_length = len(link.uploader.queue)
        info.write_state = BandwidthState.bw_network if link.uploader.has_work else BandwidthState.bw_idle
    return info


def _peer_flags(link: PeerLink) -> PeerFlags:
    connection, requester = link.connection, link.requester
    rows = (
        (connection.am_interested, PeerFlags.interesting),
        (connection.am_choking, PeerFlags.choked),
        (connection.peer_interested, PeerFlags.remote_interested),
        (connection.peer_choking, PeerFlags.remote_choked),
        (connection.supports_extensions, PeerFlags.supports_extensions),
        (link.outgoing, PeerFlags.outgoing_connection),
        (link.is_connected and link.peer_id is None, PeerFlags.handshake),
        (not link.is_connected, PeerFlags.connecting),
        (bool(link.pick_mode & PickMode.ON_PAROLE), PeerFlags.on_parole),
        (link.is_seed, PeerFlags.seed),
        (link.optimistic, PeerFlags.optimistic_unchoke),
        (requester is not None and requester.snubbed, PeerFlags.snubbed),
        (connection.extensions.upload_only, PeerFlags.upload_only),
        (link.is_punched, PeerFlags.holepunched),
        (link.socket_type is SocketType.i2p, PeerFlags.i2p_socket),
        (link.socket_type in (SocketType.utp, SocketType.utp_ssl), PeerFlags.utp_socket),
        (link.socket_type in _UNDER_TLS, PeerFlags.ssl_socket),
    )
    flags = PeerFlags(0)
    for holds, flag in rows:
        if holds:
            flags |= flag
    return flags | encryption_flags(link)


_UNDER_TLS = frozenset((SocketType.tcp_ssl, SocketType.socks5_ssl, SocketType.http_ssl, SocketType.utp_ssl))


def download_queue(torrent: Torrent) -> list[PartialPieceInfo]:
    """The pieces that are being put together."""
    if torrent.download is None:
        return []
    result = []
    for piece in torrent.download.picker.downloading():
        size = torrent.download.piece_size(piece.piece)
        blocks = [
            BlockInfo(
                state=_BLOCK_STATES.get(state, PieceState.none),
                num_peers=int(state in (REQUESTED, BUSY)),
                block_size=min(BLOCK_SIZE, size - number * BLOCK_SIZE),
            )
            for number, state in enumerate(piece.states)
        ]
        result.append(PartialPieceInfo(piece.piece, blocks))
    return result


_BLOCK_STATES = {RECEIVED: PieceState.finished, REQUESTED: PieceState.requested, BUSY: PieceState.requested}


def open_files(torrent: Torrent) -> list[OpenFileState]:
    """The files held open."""
    source = torrent.block_source
    return source.storage.backend.open_file_states() if source is not None else []


def renamed_files(torrent: Torrent) -> RenamedFiles:
    """A copy of the names files have instead of the torrent's."""
    return RenamedFiles(torrent.files.renamed if torrent.files is not None else torrent.params.renamed_files)


def resume_params(torrent: Torrent, written: Mapping[int, Bitfield] | None = None) -> AddTorrentParams:
    """What would add the torrent again as it is now; every piece it claims is on disk.

    `written`: blocks of unfinished pieces that are, too; by default those that were when it started, or stopped.
    """
    params = torrent.params.copy()
    params.ti = torrent.info
    params.info_hashes = torrent.info_hashes
    params.name = torrent.name
    params.save_path = torrent.save_path
    params.flags = torrent.flags & ~TorrentFlags.need_save_resume
    params.upload_limit, params.download_limit = torrent.upload_limit, torrent.download_limit
    params.max_connections, params.max_uploads = torrent.max_connections, torrent.max_uploads
    if torrent.info is not None and torrent.is_checked:
        params.have_pieces = torrent.have.copy()
        known = torrent.params.unfinished_pieces if written is None else written
        params.unfinished_pieces = {
            piece: blocks for piece, blocks in known.items() if not torrent.has_piece(piece)
        }
        if torrent.seed_mode is not None:
            params.verified_pieces = torrent.seed_mode.verified.copy()
    if torrent.hashes is not None:
        torrent.hashes.write_to(params)
    if torrent.files is not None:
        params.file_priorities = list(torrent.files.priorities)
        params.renamed_files = dict(torrent.files.renamed)
        params.piece_priorities = torrent.files.piece_priorities() if torrent.files.piece_overrides else []
    params.total_downloaded += torrent.meters.payload_down.total
    params.total_uploaded += torrent.meters.payload_up.total
    if torrent.tracking is not None:
        torrent.tracking.fill_params(params)
    if torrent.web is not None:
        params.url_seeds = list(torrent.web.urls)
    if torrent.peers is not None:
        params.peers = torrent.peers.addresses()
        params.banned_peers = torrent.peers.banned()
    _resume_times(torrent, params)
    return params


def _resume_times(torrent: Torrent, params: AddTorrentParams) -> None:
    torrent.settle_clocks()
    clocks = torrent.clocks
    if clocks is None:
        return
    params.active_time = int(clocks.active)
    params.finished_time = int(clocks.finished_duration)
    params.seeding_time = int(clocks.seeding)
    params.added_time = clocks.added_time
    params.completed_time = clocks.completed_time
    params.last_seen_complete = clocks.last_seen_complete
    params.last_download = clocks.last_download
    params.last_upload = clocks.last_upload
