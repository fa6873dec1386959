"""Every other setting of libtorrent 2.1.1: known by name, type and default, without effect here.

Grouped by the reason, which is what `UnsupportedSetting` tells.  A default that would claim a feature this version has
not (`enable_dht`, `enable_lsd`, …) is replaced by what is true here.  When one is built, its row moves to
`settings_honoured.py`.
"""

from __future__ import annotations

__all__ = ["UNSUPPORTED"]

UNSUPPORTED: dict[str, dict[str, int | bool | str]] = {
    "libtorrent has deprecated it; it does nothing here": {
        "active_loaded_limit": 0,
        "aio_max": 300,
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
    "pieces are always verified": {
        "disable_hash_checks": False,
    },
    "the disk layer works another way": {
        "allow_partial_disk_writes": True,
        "checking_mem_usage": 256,
        "close_file_interval": 0,
        "disk_disable_copy_on_write": False,
        "disk_io_read_mode": 0,
        "disk_io_write_mode": 0,
        "disk_write_mode": 1,
        "enable_set_file_valid_data": False,
        "mmap_file_size_cutoff": 40,
        "no_atime_storage": True,
        "optimistic_disk_retry": 600,
    },
    "this version does not do this with a proxy": {
        "proxy_send_host_in_connect": False,
    },
    "web seeds are read into the buffer of the loop": {
        "max_http_recv_buffer_size": 835584,
    },
    "nobody reads it any more, neither here nor in libtorrent": {
        "dht_max_torrent_search_reply": 20,
    },
    "there is no WebTorrent in this version": {
        "max_webtorrent_offers": 10,
        "min_websocket_announce_interval": 60,
        "webtorrent_connection_timeout": 120,
        "webtorrent_stun_server": "",
    },
    "trackers are not told what encryption we can in this version": {
        "announce_crypto_support": False,
    },
    "not acted on in this version": {
        "always_send_user_agent": False,
        "announce_ip": "",
        "announce_port": 0,
        "auto_sequential": False,
        "min_announce_interval": 300,
        "no_recheck_incomplete_resume": False,
        "piece_extent_affinity": False,
        "predictive_piece_announce": 0,
        "prioritize_partial_pieces": False,
        "report_redundant_bytes": True,
        "report_true_downloaded": False,
        "resolver_cache_timeout": 1200,
    },
}
"""Reason → name → default."""
