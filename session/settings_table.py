"""Every other setting of libtorrent 2.1.1: known by name, type and default, without effect here.

Grouped by the reason, which is what `UnsupportedSetting` tells.  A default that would claim a feature this version has
not (`enable_dht`, `enable_lsd`, …) is replaced by what is true here.  When one is built, its row moves to
`settings_honoured.py`.
"""

from __future__ import annotations

__all__ = ["UNSUPPORTED"]

UNSUPPORTED: dict[str, dict[str, int | bool | str]] = {
    "anonymous mode is not in this version, and half of it would be worse than none": {
        "anonymous_mode": False,
    },
    "libtorrent has deprecated it; it does nothing here": {
        "active_loaded_limit": 0,
        "aio_max": 300,
        "allow_partial_disk_writes": True,
        "announce_double_nat": False,
        "broadcast_lsd": True,
        "cache_buffer_chunk_size": 0,
        "cache_expiry": 300,
        "cache_size": 2048,
        "cache_size_volatile": 256,
        "coalesce_reads": False,
        "coalesce_writes": False,
        "contiguous_recv_buffer": True,
        "decrease_est_reciprocation_rate": 3,
        "default_cache_min_age": 1,
        "default_est_reciprocation_rate": 16000,
        "dont_flush_write_cache": False,
        "file_checks_delay_per_block": 0,
        "force_proxy": False,
        "guided_read_cache": False,
        "half_open_limit": 0,
        "ignore_limits_on_local_network": True,
        "ignore_resume_timestamps": False,
        "increase_est_reciprocation_rate": 20,
        "lazy_bitfields": False,
        "local_download_rate_limit": 0,
        "local_upload_rate_limit": 0,
        "lock_disk_cache": False,
        "lock_files": False,
        "low_prio_disk": True,
        "mmap_cache": "",
        "network_threads": 0,
        "peer_tos": 0,
        "rate_limit_utp": True,
        "read_cache_line_size": 32,
        "ssl_listen": 0,
        "strict_super_seeding": False,
        "support_merkle_torrents": False,
        "use_disk_cache_pool": False,
        "use_disk_read_ahead": True,
        "use_read_cache": True,
        "use_write_cache": True,
        "utp_delayed_ack": 0,
        "volatile_read_cache": False,
        "write_cache_line_size": 16,
    },
    "files are read and written by calls here, never mapped into memory": {
        "disk_write_mode": 1,
        "mmap_file_size_cutoff": 40,
    },
    "a check reads what fits the processor's cache at a time, however much memory there is": {
        "checking_mem_usage": 256,
    },
    "it means a call of Windows alone, for administrators, that shows what others deleted": {
        "enable_set_file_valid_data": False,
    },
    "this version does not do this with a proxy": {
        "socks5_udp_send_local_ep": False,
    },
    "nobody reads it any more, neither here nor in libtorrent": {
        "dht_max_torrent_search_reply": 20,
    },
    "there is no I2P in this version": {
        "allow_i2p_mixed": False,
        "i2p_hostname": "",
        "i2p_inbound_length": 3,
        "i2p_inbound_length_variance": 0,
        "i2p_inbound_quantity": 3,
        "i2p_outbound_length": 3,
        "i2p_outbound_length_variance": 0,
        "i2p_outbound_quantity": 3,
        "i2p_port": 0,
    },
    "there is no WebTorrent in this version": {
        "max_webtorrent_offers": 10,
        "min_websocket_announce_interval": 60,
        "webtorrent_connection_timeout": 120,
        "webtorrent_stun_server": "",
    },
    "local discovery is not limited to some torrents in this version": {
        "active_lsd_limit": 60,
    },
    "uTP and TCP share the link by their own congestion control in this version": {
        "mixed_mode_algorithm": 1,
    },
    "not acted on in this version": {
        "allow_multiple_connections_per_pid": False,
        "connect_seed_every_n_download": 10,
        "enable_ip_notifier": False,
        "handshake_client_version": "",
        "max_peer_recv_buffer_size": 2097152,
        "max_rejects": 50,
        "max_suggest_pieces": 16,
        "outgoing_interfaces": "",
        "peer_dscp": 0,
        "rate_limit_ip_overhead": False,
        "seeding_outgoing_connections": True,
        "send_buffer_low_watermark": 10240,
        "send_buffer_watermark_factor": 50,
        "send_not_sent_low_watermark": 16384,
        "send_redundant_have": True,
        "smooth_connects": True,
        "suggest_mode": 0,
    },
}
"""Reason → name → default."""
