"""The settings this version acts on: one row each, and the one place to add to when another is built.

Row: name → `Honoured(default, unit, text, minimum, maximum)`.  The type of a setting is the type of its default.  Names,
meanings and defaults are those of libtorrent 2.1.1 except the two that name the client.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HONOURED", "Honoured"]

_INT_MAX = 2**31 - 1


class Honoured(NamedTuple):
    """One setting: its default, unit, meaning and range."""

    default: int | bool | str
    unit: str
    """Unit of a number; "" for flags and strings."""
    text: str
    """What it does, in one or two sentences."""
    minimum: int = 0
    """Smallest number; of a string, the smallest number of bytes."""
    maximum: int = _INT_MAX
    """Largest number; of a string, the largest number of bytes."""
    choices: tuple[int, ...] = ()
    """The only numbers there are, where it is an enumeration."""


HONOURED: dict[str, Honoured] = {
    # Identity and listening
    "user_agent": Honoured("evtorrent/0.1.0", "", "Name of the client, for trackers and peers.", 0, 255),
    "handshake_client_version": Honoured(
        "", "", "Name and version peers are told; empty is `user_agent`.", 0, 255
    ),
    "peer_fingerprint": Honoured("-EV0100-", "", "The first bytes of our peer ids (BEP 20).", 0, 20),
    "anonymous_mode": Honoured(
        False,
        "",
        "Say nothing of who we are: no version to peers, a generic client to trackers (but those of private torrents), none to web seeds and gateways, no address.",
    ),
    "listen_interfaces": Honoured(
        "0.0.0.0:6881,[::]:6881",
        "",
        "Where to listen: address or device and port, separated by commas; a trailing s is TLS, l is the local network.",
        0,
        65_536,
    ),
    "listen_queue_size": Honoured(5, "connections", "Backlog of the listen sockets.", 1, 65_535),
    "max_retry_port_bind": Honoured(
        10, "ports", "How many higher ports are tried when the wanted one is in use.", 0, 1000
    ),
    "listen_system_port_fallback": Honoured(
        True, "", "After those, take any port the system gives rather than none."
    ),
    "enable_ip_notifier": Honoured(
        True, "", "Listen anew when addresses of this machine come or go, where the system tells (Linux)."
    ),
    "outgoing_port": Honoured(
        0, "port", "First local port of outgoing connections; 0 lets the OS pick.", 0, 65_535
    ),
    "num_outgoing_ports": Honoured(
        0, "ports", "How many ports from `outgoing_port` on are used in turn.", 0, 65_535
    ),
    "outgoing_interfaces": Honoured(
        "",
        "",
        "Addresses and devices, separated by commas, that connections leave from in turn; others are refused.  Empty is any.",
        0,
        65_536,
    ),
    "enable_incoming_tcp": Honoured(True, "", "Accept TCP connections."),
    "enable_outgoing_tcp": Honoured(True, "", "Make TCP connections."),
    "enable_incoming_utp": Honoured(True, "", "Accept uTP connections."),
    "enable_outgoing_utp": Honoured(
        True, "", "Make uTP connections, with TCP beside it where that is allowed, too."
    ),
    "utp_target_delay": Honoured(100, "ms", "Queueing that uTP adds to the path, and no more.", 1, 10_000),
    "utp_gain_factor": Honoured(
        3000, "bytes", "How much uTP's window grows in a round trip without delay.", 1
    ),
    "utp_min_timeout": Honoured(500, "ms", "uTP packets are not taken for lost before this time.", 1, 60_000),
    "utp_syn_resends": Honoured(2, "times", "How often a uTP connection attempt is repeated.", 0, 20),
    "utp_fin_resends": Honoured(2, "times", "How often the end of a uTP connection is repeated.", 0, 20),
    "utp_num_resends": Honoured(
        3, "times", "How often uTP data may time out before the connection ends.", 0, 20
    ),
    "utp_connect_timeout": Honoured(
        3000, "ms", "A uTP connection attempt is repeated after this time.", 1, 60_000
    ),
    "utp_loss_multiplier": Honoured(50, "%", "What a loss leaves of uTP's window.", 1, 100),
    "utp_cwnd_reduce_timer": Honoured(100, "ms", "uTP losses within this time count as one.", 1, 60_000),
    "recv_socket_buffer_size": Honoured(0, "bytes", "SO_RCVBUF of peer sockets; 0 leaves the OS's."),
    "max_peer_recv_buffer_size": Honoured(
        2 * 1024 * 1024,
        "bytes",
        "Read from a peer at a time, at most; a longer message is taken in several.",
        1024,
    ),
    "send_socket_buffer_size": Honoured(0, "bytes", "SO_SNDBUF of peer sockets; 0 leaves the OS's."),
    "send_not_sent_low_watermark": Honoured(
        16_384,
        "bytes",
        "A peer socket has room again when less than this is unsent (TCP_NOTSENT_LOWAT); 0 leaves the OS's.",
    ),
    "peer_dscp": Honoured(
        1, "", "DSCP field of packets to peers; 1 is lower effort (RFC 8622), 0 leaves them unmarked.", 0, 63
    ),
    # Port mapping
    "enable_upnp": Honoured(True, "", "Map the listen ports on UPnP gateways."),
    "enable_natpmp": Honoured(True, "", "Map the listen ports on the default gateways by PCP or NAT-PMP."),
    "upnp_ignore_nonrouters": Honoured(
        False, "", "Take UPnP answers only from addresses on our own network."
    ),
    "upnp_lease_duration": Honoured(
        3600, "s", "Lease of UPnP mappings, which are renewed in time; 0 is for ever."
    ),
    "natpmp_lease_duration": Honoured(3600, "s", "Lease of NAT-PMP and PCP mappings; 0 is the default.", 0),
    "natpmp_gateway": Honoured(
        "",
        "",
        "Address to ask by PCP and NAT-PMP instead of the default gateway; read when mapping starts.",
        0,
        255,
    ),
    # Alerts and the loop
    "alert_mask": Honoured(
        1, "", "`AlertCategory` bits of the alerts that are posted; -1 is all.", -(2**31), 2**32 - 1
    ),
    "alert_queue_size": Honoured(
        2000, "alerts", "Alerts kept; important ones have two and three times the room."
    ),
    "tick_interval": Honoured(
        500, "ms", "How often rates, timeouts and chokes are looked after.", 10, 60_000
    ),
    # Auto-managed torrents
    "active_downloads": Honoured(3, "torrents", "Auto-managed downloads that run; -1 is no limit.", -1),
    "active_seeds": Honoured(5, "torrents", "Auto-managed seeds that run; -1 is no limit.", -1),
    "active_limit": Honoured(
        500, "torrents", "Auto-managed torrents that run, slow ones included; -1 is no limit.", -1
    ),
    "active_checking": Honoured(
        1, "torrents", "Torrents that are fully checked at a time; -1 is no limit.", -1
    ),
    "active_tracker_limit": Honoured(
        1600, "torrents", "Auto-managed torrents that announce to trackers; -1 is no limit.", -1
    ),
    "active_lsd_limit": Honoured(
        60, "torrents", "Auto-managed torrents that are announced on the local network; -1 is no limit.", -1
    ),
    "dont_count_slow_torrents": Honoured(
        True, "", "Torrents slower than the next two count towards `active_limit` only."
    ),
    "inactive_down_rate": Honoured(2048, "bytes/s", "A download slower than this is slow."),
    "inactive_up_rate": Honoured(2048, "bytes/s", "A seed slower than this is slow."),
    "auto_manage_startup": Honoured(60, "s", "For so long a torrent must be slow before it counts as that."),
    "auto_manage_interval": Honoured(
        30, "s", "How often it is decided who runs, beside whenever something changed.", 1
    ),
    "auto_manage_prefer_seeds": Honoured(
        False, "", "Seeds get their share of `active_limit` before downloads."
    ),
    "share_ratio_limit": Honoured(
        200, "%", "A seed that uploaded this much of its size has given enough: others come first."
    ),
    "seed_time_ratio_limit": Honoured(700, "%", "The same of time finished against time downloading."),
    "seed_time_limit": Honoured(24 * 3600, "s", "The same of time finished."),
    "incoming_starts_queued_torrents": Honoured(
        False, "", "A peer that asks for a torrent waiting in the queue starts it."
    ),
    # Connections
    "connections_limit": Honoured(200, "connections", "Peer connections of the session.", 2),
    "connections_slack": Honoured(
        10, "connections", "Incoming ones beyond the limit that may take the place of another peer."
    ),
    "connection_speed": Honoured(
        30, "connections/s", "Connection attempts per second; below 0 is unlimited.", -1
    ),
    "smooth_connects": Honoured(
        True,
        "",
        "Dial at most half of the connections that are left at a time, so that they do not come in batches.",
    ),
    "torrent_connect_boost": Honoured(
        30, "connections", "Attempts made at once with the first peers of a torrent.", 0, 255
    ),
    "connect_seed_every_n_download": Honoured(
        10, "attempts", "So many attempts go to downloads before a finished torrent may dial one peer."
    ),
    "seeding_outgoing_connections": Honoured(
        True, "", "Finished torrents dial peers, too; otherwise they wait to be called."
    ),
    "allow_multiple_connections_per_ip": Honoured(False, "", "Several peers with one address."),
    "allow_multiple_connections_per_pid": Honoured(False, "", "Several connections with one peer id."),
    "close_redundant_connections": Honoured(True, "", "Drop connections where neither end wants anything."),
    "peer_connect_timeout": Honoured(15, "s", "A connection must be established within this time.", 1),
    "handshake_timeout": Honoured(10, "s", "A handshake must be complete within this time.", 1),
    "peer_timeout": Honoured(120, "s", "A silent peer is dropped after this time.", 1),
    "inactivity_timeout": Honoured(
        600, "s", "A peer neither end is interested in is dropped after this time when slots are short.", 1
    ),
    "min_reconnect_time": Honoured(
        60, "s", "A failed peer is tried again after this time times its failures.", 0
    ),
    "max_failcount": Honoured(3, "failures", "A peer that failed this often is given up.", 1, 255),
    "no_connect_privileged_ports": Honoured(
        False, "", "Connect to no port below 1024, whoever names it: services live there, not peers."
    ),
    "mixed_mode_algorithm": Honoured(
        1,
        "",
        "0: TCP takes what it can get.  1: it is held to its peers' share (`BandwidthMixedAlgo`).",
        0,
        1,
    ),
    "peer_turnover": Honoured(
        4, "%", "Connections ended now and then when places are short, for peers not met yet.", 0, 100
    ),
    "peer_turnover_cutoff": Honoured(90, "%", "Places are short when so many are taken.", 0, 100),
    "peer_turnover_interval": Honoured(300, "s", "How often that is.", 30, 86_400),
    "max_peerlist_size": Honoured(3000, "peers", "Known peers of one torrent; 0 is unlimited."),
    "max_pex_peers": Honoured(
        50, "peers", "Peers of each family that one peer may tell us of at a time (BEP 11)."
    ),
    "max_paused_peerlist_size": Honoured(1000, "peers", "The same while it is paused; 0 is unlimited."),
    # Local discovery
    "enable_lsd": Honoured(
        True, "", "Find peers on the local network, where we listen, by multicast (BEP 14)."
    ),
    "local_service_announce_interval": Honoured(
        300, "s", "How often each torrent is announced on the local network.", 60
    ),
    # Encryption
    "out_enc_policy": Honoured(
        1, "", "Encrypt what we dial (`EncPolicy`).  0: always.  1: first try.  2: never.", 0, 2
    ),
    "in_enc_policy": Honoured(
        1, "", "Encryption of connections to us (`EncPolicy`).  0: demanded.  1: welcome.  2: refused.", 0, 2
    ),
    "allowed_enc_level": Honoured(
        3, "", "What follows an encrypted handshake (`EncLevel`).  1: plain text.  2: RC4.  3: either.", 1, 3
    ),
    "prefer_rc4": Honoured(False, "", "Of both levels choose RC4."),
    # Proxy
    "proxy_type": Honoured(
        0,
        "",
        "Kind of proxy (`ProxyType`).  0: none.  1: SOCKS4.  2, 3: SOCKS5 without and with password.  4, 5: HTTP, as those.  "
        "What is on I2P goes there by `i2p_hostname` in any case.",
        0,
        5,
    ),
    "proxy_hostname": Honoured("", "", "Where the proxy is: a name or address.", 0, 255),
    "proxy_port": Honoured(0, "port", "Its port.", 0, 65_535),
    "proxy_username": Honoured("", "", "User name for the proxy.", 0, 255),
    "proxy_password": Honoured("", "", "Password for the proxy.", 0, 255),
    "proxy_hostnames": Honoured(True, "", "The proxy looks names up, not this machine."),
    "proxy_peer_connections": Honoured(
        True,
        "",
        "Peers are connected through the proxy; nothing listens then, and uTP works through SOCKS5 only.",
    ),
    "proxy_tracker_connections": Honoured(
        True, "", "Trackers are asked through the proxy; those over UDP only through SOCKS5, else not at all."
    ),
    "socks5_udp_send_local_ep": Honoured(
        False,
        "",
        "SOCKS5 is told which port our datagrams come from (no address), so that some may come in before any went out.",
    ),
    # I2P
    "i2p_hostname": Honoured(
        "", "", "Where the SAM bridge of the I2P router is; torrents on I2P need one.", 0, 255
    ),
    "i2p_port": Honoured(0, "port", "Its port; 0 is 7656, where bridges usually are.", 0, 65_535),
    "allow_i2p_mixed": Honoured(
        False, "", "Torrents on I2P may have peers and trackers outside, and others peers on I2P."
    ),
    "i2p_inbound_quantity": Honoured(
        3, "tunnels", "Tunnels that lead to us; from the next session on.", 1, 16
    ),
    "i2p_outbound_quantity": Honoured(3, "tunnels", "Tunnels that lead away, likewise.", 1, 16),
    "i2p_inbound_length": Honoured(3, "hops", "How long tunnels to us are; 0 hides nothing.", 0, 7),
    "i2p_outbound_length": Honoured(3, "hops", "How long tunnels that lead away are.", 0, 7),
    "i2p_inbound_length_variance": Honoured(
        0, "hops", "Up to so many more, by lot; of a negative number more or fewer.", -7, 7
    ),
    "i2p_outbound_length_variance": Honoured(0, "hops", "The same of tunnels that lead away.", -7, 7),
    # DHT
    "enable_dht": Honoured(
        True, "", "Run a DHT node on every UDP socket (BEP 5); with a proxy one through SOCKS5, or none."
    ),
    "dht_bootstrap_nodes": Honoured(
        "dht.libtorrent.org:25401",
        "",
        "Host:port of routers, separated by commas, asked whenever few nodes are known; not asked by a session that listens on "
        "loopback alone.",
        0,
        65_536,
    ),
    "dht_announce_interval": Honoured(900, "s", "How often a torrent is announced in the DHT.", 60),
    "active_dht_limit": Honoured(
        88, "torrents", "Auto-managed torrents announced in the DHT; -1 is no limit.", -1
    ),
    "use_dht_as_fallback": Honoured(
        False, "", "Announce in the DHT only torrents without a working tracker."
    ),
    "apply_filter_to_dht": Honoured(True, "", "The IP filter holds for DHT nodes, too."),
    "dht_search_branching": Honoured(5, "requests", "Requests a lookup keeps under way.", 1, 64),
    "dht_max_fail_count": Honoured(
        20, "failures", "Failures in a row after which a node is forgotten.", 1, 254
    ),
    "dht_max_torrents": Honoured(2000, "torrents", "Torrents whose peers our node stores.", 0, 1_000_000),
    "dht_max_dht_items": Honoured(700, "items", "Items our node stores of each kind (BEP 44).", 0, 1_000_000),
    "dht_max_peers": Honoured(500, "peers", "Peers stored for one torrent.", 0, 1_000_000),
    "dht_max_peers_reply": Honoured(100, "peers", "Peers in one answer.", 0, 150),
    "dht_block_timeout": Honoured(300, "s", "How long an address that floods is ignored.", 0, 604_800),
    "dht_block_ratelimit": Honoured(5, "datagrams/s", "More from one address is a flood.", 1, 1_000_000),
    "dht_item_lifetime": Honoured(0, "s", "How long items are stored; 0 is for ever.", 0, 31_536_000),
    "dht_upload_rate_limit": Honoured(8000, "bytes/s", "What our node's answers may use."),
    "dht_sample_infohashes_interval": Honoured(
        21_600, "s", "How long a sample of info-hashes stays the same (BEP 51).", 0, 21_600
    ),
    "dht_max_infohashes_sample_count": Honoured(
        20, "info-hashes", "Info-hashes in a sample (BEP 51).", 0, 20
    ),
    "dht_restrict_routing_ips": Honoured(True, "", "One node an address in the routing table."),
    "dht_restrict_search_ips": Honoured(True, "", "One node a network in a lookup."),
    "dht_aggressive_lookups": Honoured(True, "", "Keep all requests of a lookup among the closest nodes."),
    "dht_extended_routing_table": Honoured(True, "", "Larger buckets far from us: fewer hops."),
    "dht_privacy_lookups": Honoured(False, "", "Show nodes only as much of an info-hash as they need."),
    "dht_enforce_node_id": Honoured(False, "", "Refuse nodes whose id does not fit their address (BEP 42)."),
    "dht_ignore_dark_internet": Honoured(True, "", "Drop datagrams from networks no public host lives in."),
    "dht_read_only": Honoured(False, "", "Answer nothing, and ask not to be remembered (BEP 43)."),
    "dht_prefer_verified_node_ids": Honoured(
        True, "", "Only nodes whose id fits their address deepen the routing table."
    ),
    # Choking
    "unchoke_slots_limit": Honoured(8, "peers", "Unchoked peers of the session; below 0 is unlimited.", -1),
    "unchoke_interval": Honoured(15, "s", "How often it is decided who is unchoked.", 1),
    "optimistic_unchoke_interval": Honoured(30, "s", "How often the optimistic unchoke moves on.", 1),
    "num_optimistic_unchoke_slots": Honoured(
        0, "peers", "Slots given away optimistically; 0 is one in five of all slots."
    ),
    "choking_algorithm": Honoured(
        0, "", "0: fixed slots.  2: as many as the upload rate feeds (`ChokingAlgorithm`).", 0, 2, (0, 2)
    ),
    "seed_choking_algorithm": Honoured(
        0, "", "0: round robin.  1: fastest upload.  2: anti-leech (`SeedChokingAlgorithm`).", 0, 2
    ),
    "rate_choker_initial_threshold": Honoured(
        1024, "bytes/s", "Rate-based choker: the upload rate the first slot must have.", 1
    ),
    "seeding_piece_quota": Honoured(
        20, "pieces", "Round robin: a peer keeps its slot until it has received this many.", 1
    ),
    # Rates
    "upload_rate_limit": Honoured(0, "bytes/s", "Upload of all torrents together; 0 is unlimited."),
    "download_rate_limit": Honoured(0, "bytes/s", "Download of all torrents together; 0 is unlimited."),
    "rate_limit_ip_overhead": Honoured(
        True, "", "Headers of packets count against rate limits, as far as they can be estimated."
    ),
    # Requests and pieces
    "request_timeout": Honoured(60, "s", "A peer that answers no request for this time is snubbed.", 1),
    "piece_timeout": Honoured(20, "s", "A piece slower than this may be asked of others too.", 1),
    "request_queue_time": Honoured(
        3, "s", "Requests kept outstanding, as time at the peer's present rate.", 1, 600
    ),
    "max_out_request_queue": Honoured(500, "requests", "Requests outstanding at one peer.", 1, 100_000),
    "max_allowed_in_request_queue": Honoured(
        2000, "requests", "Requests of one peer that wait; further ones are dropped.", 1, 100_000
    ),
    "max_rejects": Honoured(
        50, "requests", "A peer that asks for more in a row while it is choked is dropped.", 0
    ),
    "whole_pieces_threshold": Honoured(
        20, "s", "A peer that brings a piece within this time gets whole pieces.", 0
    ),
    "initial_picker_threshold": Honoured(
        4, "pieces", "So many pieces are picked at random before rarest first begins."
    ),
    "strict_end_game_mode": Honoured(
        True, "", "Ask for a block twice only when every missing block has been asked for."
    ),
    "use_parole_mode": Honoured(
        True, "", "Fetch pieces from one peer alone after it took part in a piece that failed."
    ),
    "allowed_fast_set_size": Honoured(
        5, "pieces", "Pieces a choked peer may fetch all the same (BEP 6).", 0, 100
    ),
    "suggest_mode": Honoured(
        0, "", "0: none.  1: suggest rare pieces that are in memory to peers (`SuggestMode`, BEP 6).", 0, 1
    ),
    "max_suggest_pieces": Honoured(
        16,
        "pieces",
        "Suggestions of a peer that are remembered, and pieces that are suggested to peers.",
        0,
        100_000,
    ),
    "send_redundant_have": Honoured(True, "", "Tell of a new piece also those peers that have it."),
    "send_buffer_watermark": Honoured(
        500 * 1024, "bytes", "Upload bytes read from disk ahead of a peer, at most.", 1
    ),
    "send_buffer_low_watermark": Honoured(
        10 * 1024, "bytes", "Upload bytes read from disk for a peer to begin with, at least one block.", 0
    ),
    "send_buffer_watermark_factor": Honoured(
        50,
        "%",
        "What a peer takes in a second, times this, is read from disk ahead of it, between the two watermarks.",
        0,
        100_000,
    ),
    "support_share_mode": Honoured(True, "", "Tell peers about share mode, and hear of theirs."),
    "share_mode_target": Honoured(
        3, "times", "A torrent in share mode fetches what it can give away so often.", 1, 1000
    ),
    # Disk
    "max_queued_disk_bytes": Honoured(
        100 * 1024 * 1024, "bytes", "Bytes waiting to be written before receiving pauses.", 1
    ),
    "file_pool_size": Honoured(40, "files", "Files held open.", 1, 1_000_000),
    "aio_threads": Honoured(10, "threads", "Largest number of worker threads for the disk.", 1, 1024),
    "hashing_threads": Honoured(1, "threads", "Worker threads that hash during a full check.", 0, 1024),
    # Metadata
    "max_metadata_size": Honoured(
        30 * 1024 * 1024, "bytes", "Largest metadata fetched from peers (BEP 9).", 1
    ),
    "max_piece_count": Honoured(2 * 1024 * 1024, "pieces", "Most pieces metadata from peers may have.", 1),
    "metadata_token_limit": Honoured(
        2_500_000, "items", "Most bencoded items metadata from peers may have.", 1
    ),
    # Web seeds
    "max_web_seed_connections": Honoured(3, "connections", "Web seeds of one torrent asked at a time."),
    "urlseed_timeout": Honoured(20, "s", "A web seed must connect, and send something, within this time.", 1),
    "urlseed_pipeline_size": Honoured(5, "requests", "Requests outstanding at one web seed.", 1, 1000),
    "urlseed_max_request_bytes": Honoured(
        16 * 1024 * 1024, "bytes", "Largest range asked of a web seed with one request.", 16 * 1024
    ),
    "urlseed_wait_retry": Honoured(
        30, "s", "A web seed that failed is left alone for this time, doubled with each failure in a row.", 1
    ),
    "web_seed_name_lookup_retry": Honoured(
        1800, "s", "The same where the server's name could not be looked up.", 1
    ),
    "ban_web_seeds": Honoured(True, "", "A web seed that sent bad data is not asked again."),
    "report_web_seed_downloads": Honoured(True, "", "Trackers are told of bytes from web seeds, too."),
    # Trackers
    "announce_to_all_trackers": Honoured(
        False, "", "Announce to every tracker of a tier, not to the first that works."
    ),
    "announce_to_all_tiers": Honoured(
        False, "", "Announce to one tracker of every tier, not only of the first."
    ),
    "prefer_udp_trackers": Honoured(True, "", "Of one host's trackers try the UDP ones first."),
    "num_want": Honoured(200, "peers", "Peers asked for in an announce.", 0, 10_000),
    "tracker_completion_timeout": Honoured(
        30, "s", "A tracker must have answered within this time; 0 is for ever."
    ),
    "tracker_receive_timeout": Honoured(10, "s", "A tracker may be silent for this time; 0 is for ever."),
    "stop_tracker_timeout": Honoured(
        5, "s", "Shutting down waits this long for trackers; 0 says no goodbye."
    ),
    "tracker_backoff": Honoured(250, "%", "How steeply the pause after failures grows.", 0, 100_000),
    "tracker_maximum_response_length": Honoured(
        1024 * 1024, "bytes", "Largest answer of an HTTP tracker.", 1
    ),
    "udp_tracker_token_expiry": Honoured(60, "s", "How long a UDP tracker's connection id is used.", 1),
    "max_concurrent_http_announces": Honoured(50, "requests", "HTTP announces at one time.", 1, 10_000),
    "auto_scrape_interval": Honoured(
        1800,
        "s",
        "How often each torrent that waits in the queue asks its tracker for the size of its swarm.",
        1,
    ),
    "auto_scrape_min_interval": Honoured(300, "s", "No two of these questions come closer together.", 1),
    "validate_https_trackers": Honoured(
        True, "", "Verify the certificates of HTTPS trackers and web seeds; also those of SSL torrents."
    ),
    "allow_idna": Honoured(
        False, "", "Ask trackers and web seeds with internationalized names, which may look like others."
    ),
    "apply_ip_filter_to_trackers": Honoured(True, "", "Ask no tracker at an address the IP filter forbids."),
    "ssrf_mitigation": Honoured(
        True,
        "",
        "Refuse tracker and web seed requests to this host or a private network that came from outside.",
    ),
}
"""Every setting with an effect."""
