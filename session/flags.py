"""Flag types of the session, with libtorrent's names and bit values.

What libtorrent has deprecated is left out, except where a bit is found in resume data.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import cast

__all__ = [
    "AddPieceFlags",
    "AlertCategory",
    "AnnounceFlags",
    "BandwidthMixedAlgo",
    "BandwidthState",
    "ChokingAlgorithm",
    "ConnectionType",
    "DeadlineFlags",
    "DhtAnnounceFlags",
    "EncLevel",
    "EncPolicy",
    "FileOpenMode",
    "FileProgressFlags",
    "MoveFlags",
    "PauseFlags",
    "PeerFlags",
    "PeerSource",
    "PieceState",
    "PortmapTransport",
    "ProxyType",
    "ReannounceFlags",
    "RemoveFlags",
    "ReopenNetworkFlags",
    "ResumeDataFlags",
    "SaveStateFlags",
    "SeedChokingAlgorithm",
    "SessionFlags",
    "SocketType",
    "StatusFlags",
    "StorageMode",
    "SuggestMode",
    "TorrentFlags",
    "TrackerEvent",
    "TrackerSource",
    "WriteTorrentFlags",
]


class TorrentFlags(IntFlag):
    """State and behaviour of one torrent, libtorrent `torrent_flags`."""

    seed_mode = 1 << 0
    """Everything is believed to be on disk; a piece is checked when it is first asked for."""
    upload_mode = 1 << 1
    """Download nothing.  Unlike in libtorrent a disk error does not lead here: it stops the torrent."""
    share_mode = 1 << 2
    """Want only the pieces that can be given away several times: `share_mode_target`."""
    apply_ip_filter = 1 << 3
    """The session's IP filter holds for this torrent."""
    paused = 1 << 4
    """No connections, no announces."""
    auto_managed = 1 << 5
    """The session may start and stop it."""
    duplicate_is_error = 1 << 6
    """Adding it twice raises; without, the second call returns the first handle."""
    update_subscribe = 1 << 7
    """It is part of `state_update_alert`s."""
    super_seeding = 1 << 8
    """A seed shows each peer two pieces at a time (BEP 16); of a torrent that is none when checked it is taken away."""
    sequential_download = 1 << 9
    """Pick pieces in order."""
    stop_when_ready = 1 << 10
    """Pause as soon as it could transfer payload, once."""
    override_trackers = 1 << 11
    """The tracker list was found in resume data and replaces the one of the .torrent file."""
    override_web_seeds = 1 << 12
    """The same of web seeds."""
    need_save_resume = 1 << 13
    """Something changed that resume data would hold."""
    disable_dht = 1 << 19
    """Not announced to the DHT."""
    disable_lsd = 1 << 20
    """Not announced on the local network."""
    disable_pex = 1 << 21
    """No peer exchange."""
    no_verify_files = 1 << 22
    """Resume data is trusted without looking at the files."""
    default_dont_download = 1 << 23
    """Files without a given priority have priority 0."""
    i2p_torrent = 1 << 24
    """On I2P: peers and trackers there, and no others unless `allow_i2p_mixed`."""
    disable_v1_hashes = 1 << 25
    """Of a hybrid torrent, verify the v2 hashes only."""

    default_flags = update_subscribe | auto_managed | paused | apply_ip_filter | need_save_resume
    """What `AddTorrentParams` starts with."""

    def __and__(self, other: int) -> TorrentFlags:
        # `IntFlag`'s own costs a microsecond, and thousands of torrents are asked for their flags while they start.
        value = int.__and__(self, other)
        known = TorrentFlags._value2member_map_.get(value)
        return TorrentFlags(value) if known is None else cast("TorrentFlags", known)


class StatusFlags(IntFlag):
    """What `status()` is to compute beyond the cheap fields."""

    query_distributed_copies = 1 << 0
    query_accurate_download_counters = 1 << 1
    query_last_seen_complete = 1 << 2
    query_pieces = 1 << 3
    query_verified_pieces = 1 << 4
    query_torrent_file = 1 << 5
    query_name = 1 << 6
    query_save_path = 1 << 7
    query_renamed_files = 1 << 8

    all_fields = (1 << 9) - 1


class RemoveFlags(IntFlag):
    """What `remove_torrent` does to the disk."""

    delete_files = 1 << 0
    """Delete what the torrent created, the part file too."""
    delete_partfile = 1 << 1
    """Delete only the part file."""


class ResumeDataFlags(IntFlag):
    """How `save_resume_data` works, and what made it necessary (`TorrentStatus.need_save_resume_data`)."""

    flush_disk_cache = 1 << 0
    """Everything received is written before the data is made."""
    save_info_dict = 1 << 1
    """The metadata is part of it, so that no .torrent file is needed."""
    if_counters_changed = 1 << 3
    if_download_progress = 1 << 4
    if_config_changed = 1 << 5
    if_state_changed = 1 << 6
    if_metadata_changed = 1 << 7

    only_if_modified = (
        if_counters_changed
        | if_download_progress
        | if_config_changed
        | if_state_changed
        | if_metadata_changed
    )
    """Fail with `resume_data_not_modified` when nothing changed since the last save."""


class SaveStateFlags(IntFlag):
    """Parts of `SessionParams` that are written or read."""

    save_settings = 1 << 0
    save_dht_state = 1 << 2
    save_extension_state = 1 << 11
    save_ip_filter = 1 << 12

    all_state = (1 << 0) | (1 << 2) | (1 << 11) | (1 << 12)


class SessionFlags(IntFlag):
    """How a session starts (`SessionParams.flags`)."""

    paused = 1 << 2
    """As after `Session.pause`: no torrent runs before `resume`."""


class AddPieceFlags(IntFlag):
    """How `add_piece` treats a piece that is there already."""

    overwrite_existing = 1 << 0


class DeadlineFlags(IntFlag):
    """What `set_piece_deadline` does when the piece is complete."""

    alert_when_available = 1 << 0
    """Post a `ReadPieceAlert` with its bytes."""


class DhtAnnounceFlags(IntFlag):
    """How `Session.dht_announce` announces, libtorrent `dht::announce`."""

    seed = 1 << 0
    """We have everything: seeds need not hear of us."""
    implied_port = 1 << 1
    """Peers reach us at the port our datagrams come from, whatever port is given."""
    ssl_torrent = 1 << 2
    """Of a torrent over TLS (not in this version)."""


class PauseFlags(IntFlag):
    """How a torrent is paused."""

    graceful_pause = 1 << 0
    """Outstanding blocks are awaited."""


class ReannounceFlags(IntFlag):
    """How `force_reannounce` works."""

    ignore_min_interval = 1 << 0
    """Even where the tracker asked for more patience."""
    high_priority = 1 << 1
    """Ahead of the announces that wait their turn."""


class FileProgressFlags(IntFlag):
    """How `file_progress` counts."""

    piece_granularity = 1 << 0
    """Only whole, verified pieces; cheaper."""


class WriteTorrentFlags(IntFlag):
    """What `write_torrent_file` includes."""

    allow_missing_piece_layer = 1 << 0
    no_http_seeds = 1 << 1
    include_dht_nodes = 1 << 2


class MoveFlags(IntEnum):
    """What `move_storage` does about files that are at the new place already."""

    always_replace_files = 0
    fail_if_exist = 1
    dont_replace = 2
    reset_save_path = 3
    """Move nothing; look for the files there and check them."""
    reset_save_path_unchecked = 4
    """Move nothing and believe that the files are there."""


class StorageMode(IntEnum):
    """How files come into being."""

    storage_mode_allocate = 0
    storage_mode_sparse = 1


class PeerFlags(IntFlag):
    """State of a connection, libtorrent `peer_info.flags`."""

    interesting = 1 << 0
    """We want something it has."""
    choked = 1 << 1
    """We choke it."""
    remote_interested = 1 << 2
    """It wants something we have."""
    remote_choked = 1 << 3
    """It chokes us."""
    supports_extensions = 1 << 4
    outgoing_connection = 1 << 5
    handshake = 1 << 6
    """The handshake is not complete."""
    connecting = 1 << 7
    """The connection is not established."""
    on_parole = 1 << 9
    """It took part in a piece that failed; its next pieces are fetched from it alone."""
    seed = 1 << 10
    optimistic_unchoke = 1 << 11
    snubbed = 1 << 12
    """It let requests time out."""
    upload_only = 1 << 13
    endgame_mode = 1 << 14
    holepunched = 1 << 15
    i2p_socket = 1 << 16
    utp_socket = 1 << 17
    ssl_socket = 1 << 18
    rc4_encrypted = 1 << 19
    plaintext_encrypted = 1 << 20


class PeerSource(IntFlag):
    """Where we know a peer from."""

    tracker = 1 << 0
    dht = 1 << 1
    pex = 1 << 2
    lsd = 1 << 3
    resume_data = 1 << 4
    incoming = 1 << 5


class ConnectionType(IntFlag):
    """What is at the other end."""

    standard_bittorrent = 1 << 0
    web_seed = 1 << 1
    http_seed = 1 << 2


class BandwidthState(IntFlag):
    """What a direction of a connection waits for."""

    bw_idle = 1 << 0
    bw_limit = 1 << 1
    bw_network = 1 << 2
    bw_disk = 1 << 4


class PieceState(IntEnum):
    """Where a block of a partial piece is, libtorrent `block_info`."""

    none = 0
    requested = 1
    writing = 2
    finished = 3


class FileOpenMode(IntFlag):
    """How the file pool holds a file open."""

    read_only = 0
    write_only = 1
    read_write = 2
    sparse = 4
    no_atime = 8
    random_access = 32
    mmapped = 128

    rw_mask = 3
    """The bits that say read or write."""


class SocketType(IntEnum):
    """The transport of a connection or listen socket."""

    tcp = 0
    socks5 = 1
    http = 2
    utp = 3
    i2p = 4
    rtc = 5
    tcp_ssl = 6
    socks5_ssl = 7
    http_ssl = 8
    utp_ssl = 9


class TrackerEvent(IntEnum):
    """What an announce says."""

    none = 0
    completed = 1
    started = 2
    stopped = 3
    paused = 4


class TrackerSource(IntFlag):
    """Where a tracker came from."""

    source_torrent = 1
    source_client = 2
    source_magnet_link = 4
    source_tex = 8


class AnnounceFlags(IntFlag):
    """How a DHT announce is made."""

    seed = 1
    implied_port = 2
    ssl_torrent = 4


class PortmapTransport(IntEnum):
    """How a port is mapped, libtorrent `portmap_transport`; PCP counts as NAT-PMP."""

    natpmp = 0
    upnp = 1


class ReopenNetworkFlags(IntFlag):
    """What `reopen_network_sockets` does beside listening anew."""

    reopen_map_ports = 1 << 0
    """Mappings of the listen ports are removed and made again."""


class ChokingAlgorithm(IntEnum):
    """The setting `choking_algorithm`."""

    fixed_slots_choker = 0
    rate_based_choker = 2


class BandwidthMixedAlgo(IntEnum):
    """The setting `mixed_mode_algorithm`."""

    prefer_tcp = 0
    """TCP takes what it can get, and uTP what that leaves."""
    peer_proportional = 1
    """TCP is slowed down when peers of uTP get less than their number."""


class SuggestMode(IntEnum):
    """The setting `suggest_mode`."""

    no_piece_suggestions = 0
    suggest_read_cache = 1


class SeedChokingAlgorithm(IntEnum):
    """The setting `seed_choking_algorithm`."""

    round_robin = 0
    fastest_upload = 1
    anti_leech = 2


class EncPolicy(IntEnum):
    """The settings `in_enc_policy` and `out_enc_policy`."""

    forced = 0
    """Only encrypted connections."""
    enabled = 1
    """Encrypted ones and plain ones."""
    disabled = 2
    """Only plain ones."""
    pe_forced = forced
    pe_enabled = enabled
    pe_disabled = disabled


class EncLevel(IntFlag):
    """The setting `allowed_enc_level`: what may follow an encrypted handshake."""

    plaintext = 1
    rc4 = 2
    both = 3
    pe_plaintext = plaintext
    pe_rc4 = rc4
    pe_both = both


class ProxyType(IntEnum):
    """The setting `proxy_type`."""

    none = 0
    socks4 = 1
    """Names go to it as SOCKS 4a has it."""
    socks5 = 2
    socks5_pw = 3
    """With user name and password."""
    http = 4
    http_pw = 5
    """With user name and password."""
    i2p_proxy = 6
    """Not to be chosen: what is on I2P goes there by `i2p_hostname`, and nothing else can."""


class AlertCategory(IntFlag):
    """Kinds of alert, for the setting `alert_mask`."""

    error = 1 << 0
    peer = 1 << 1
    port_mapping = 1 << 2
    storage = 1 << 3
    tracker = 1 << 4
    connect = 1 << 5
    status = 1 << 6
    ip_block = 1 << 8
    performance_warning = 1 << 9
    dht = 1 << 10
    stats = 1 << 11
    session_log = 1 << 13
    torrent_log = 1 << 14
    peer_log = 1 << 15
    incoming_request = 1 << 16
    dht_log = 1 << 17
    dht_operation = 1 << 18
    port_mapping_log = 1 << 19
    picker_log = 1 << 20
    file_progress = 1 << 21
    piece_progress = 1 << 22
    upload = 1 << 23
    block_progress = 1 << 24

    all = 0xFFFFFFFF
