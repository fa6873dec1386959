"""The settings the hot paths read, as plain attributes, filled anew whenever settings change.

A peer's pipeline asks for its limits at every wake-up; looking names up in the settings pack there would cost more than
the work itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Tuning"]


class Tuning:
    """Settings of the peer layer.  Names and units are those of the settings pack."""

    __slots__ = (
        "allow_multiple_connections_per_ip",
        "allow_multiple_connections_per_pid",
        "allowed_enc_level",
        "allowed_fast_set_size",
        "close_redundant_connections",
        "connect_seed_every_n_download",
        "connections_limit",
        "connections_slack",
        "enable_incoming_tcp",
        "enable_incoming_utp",
        "enable_outgoing_tcp",
        "enable_outgoing_utp",
        "handshake_timeout",
        "in_enc_policy",
        "inactivity_timeout",
        "max_allowed_in_request_queue",
        "max_out_request_queue",
        "max_rejects",
        "max_suggest_pieces",
        "no_connect_privileged_ports",
        "num_want",
        "out_enc_policy",
        "outgoing_interfaces",
        "peer_connect_timeout",
        "peer_dscp",
        "peer_timeout",
        "piece_timeout",
        "prefer_rc4",
        "rate_limit_ip_overhead",
        "recv_socket_buffer_size",
        "request_queue_time",
        "request_timeout",
        "seeding_outgoing_connections",
        "send_buffer_low_watermark",
        "send_buffer_watermark",
        "send_buffer_watermark_factor",
        "send_not_sent_low_watermark",
        "send_redundant_have",
        "send_socket_buffer_size",
        "smooth_connects",
        "suggest_mode",
        "torrent_connect_boost",
        "urlseed_max_request_bytes",
        "urlseed_pipeline_size",
        "urlseed_timeout",
        "use_parole_mode",
        "whole_pieces_threshold",
    )

    allow_multiple_connections_per_ip: bool
    allow_multiple_connections_per_pid: bool
    allowed_enc_level: int
    allowed_fast_set_size: int
    close_redundant_connections: bool
    connect_seed_every_n_download: int
    connections_limit: int
    connections_slack: int
    enable_incoming_tcp: bool
    enable_incoming_utp: bool
    enable_outgoing_tcp: bool
    enable_outgoing_utp: bool
    handshake_timeout: int
    in_enc_policy: int
    inactivity_timeout: int
    max_allowed_in_request_queue: int
    max_out_request_queue: int
    max_rejects: int
    max_suggest_pieces: int
    no_connect_privileged_ports: bool
    num_want: int
    out_enc_policy: int
    outgoing_interfaces: str
    peer_connect_timeout: int
    peer_dscp: int
    peer_timeout: int
    piece_timeout: int
    prefer_rc4: bool
    rate_limit_ip_overhead: bool
    recv_socket_buffer_size: int
    request_queue_time: int
    request_timeout: int
    seeding_outgoing_connections: bool
    send_buffer_low_watermark: int
    send_buffer_watermark: int
    send_buffer_watermark_factor: int
    send_not_sent_low_watermark: int
    send_redundant_have: bool
    send_socket_buffer_size: int
    smooth_connects: bool
    suggest_mode: int
    torrent_connect_boost: int
    urlseed_max_request_bytes: int
    urlseed_pipeline_size: int
    urlseed_timeout: int
    use_parole_mode: bool
    whole_pieces_threshold: int

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.update(settings)

    def update(self, settings: Mapping[str, Any]) -> None:
        """Take the values over."""
        for name in self.__slots__:
            setattr(self, name, settings[name])
