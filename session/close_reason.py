"""Why a connection ends, as peers and alerts are told (libtorrent `close_reason_t`)."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["CloseReason"]


class CloseReason(IntEnum):
    """Below 256: what happened to us.  From 256 on: what the other end did wrong."""

    none = 0
    duplicate_peer_id = 1
    torrent_removed = 2
    no_memory = 3
    port_blocked = 4
    blocked = 5
    upload_to_upload = 6
    not_interested_upload_only = 7
    timeout = 8
    timed_out_interest = 9
    timed_out_activity = 10
    timed_out_handshake = 11
    timed_out_request = 12
    protocol_blocked = 13
    peer_churn = 14
    too_many_connections = 15
    too_many_files = 16
    encryption_error = 256
    invalid_info_hash = 257
    self_connection = 258
    invalid_metadata = 259
    metadata_too_big = 260
    message_too_big = 261
    invalid_message_id = 262
    invalid_message = 263
    invalid_piece_message = 264
    invalid_have_message = 265
    invalid_bitfield_message = 266
    invalid_choke_message = 267
    invalid_unchoke_message = 268
    invalid_interested_message = 269
    invalid_not_interested_message = 270
    invalid_request_message = 271
    invalid_reject_message = 272
    invalid_allow_fast_message = 273
    invalid_extended_message = 274
    invalid_cancel_message = 275
    invalid_dht_port_message = 276
    invalid_suggest_message = 277
    invalid_have_all_message = 278
    invalid_dont_have_message = 279
    invalid_have_none_message = 280
    invalid_pex_message = 281
    invalid_metadata_request_message = 282
    invalid_metadata_message = 283
    invalid_metadata_offset = 284
    request_when_choked = 285
    corrupt_pieces = 286
    pex_message_too_big = 287
    pex_too_frequent = 288
