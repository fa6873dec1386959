"""libtorrent's error values, with its names and texts, as data (category "libtorrent").

Only the table; `errors.py` gives it behaviour.  The values are part of the interface: alerts and status objects carry
them, and programs written for libtorrent compare with them.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["LIBTORRENT_MESSAGES", "TorrentErrc"]


class TorrentErrc(IntEnum):
    """An error of the BitTorrent layers, libtorrent `errors::error_code_enum`."""

    no_error = 0
    file_collision = 1
    failed_hash_check = 2
    torrent_is_no_dict = 3
    torrent_missing_info = 4
    torrent_info_no_dict = 5
    torrent_missing_piece_length = 6
    torrent_missing_name = 7
    torrent_invalid_name = 8
    torrent_invalid_length = 9
    torrent_file_parse_failed = 10
    torrent_missing_pieces = 11
    torrent_invalid_hashes = 12
    too_many_pieces_in_torrent = 13
    invalid_swarm_metadata = 14
    invalid_bencoding = 15
    no_files_in_torrent = 16
    invalid_escaped_string = 17
    session_is_closing = 18
    duplicate_torrent = 19
    invalid_torrent_handle = 20
    invalid_entry_type = 21
    missing_info_hash_in_uri = 22
    file_too_short = 23
    unsupported_url_protocol = 24
    url_parse_error = 25
    peer_sent_empty_piece = 26
    parse_failed = 27
    invalid_file_tag = 28
    missing_info_hash = 29
    mismatching_info_hash = 30
    invalid_hostname = 31
    invalid_port = 32
    port_blocked = 33
    expected_close_bracket_in_address = 34
    destructing_torrent = 35
    timed_out = 36
    upload_upload_connection = 37
    uninteresting_upload_peer = 38
    invalid_info_hash = 39
    torrent_paused = 40
    invalid_have = 41
    invalid_bitfield_size = 42
    too_many_requests_when_choked = 43
    invalid_piece = 44
    no_memory = 45
    torrent_aborted = 46
    self_connection = 47
    invalid_piece_size = 48
    timed_out_no_interest = 49
    timed_out_inactivity = 50
    timed_out_no_handshake = 51
    timed_out_no_request = 52
    invalid_choke = 53
    invalid_unchoke = 54
    invalid_interested = 55
    invalid_not_interested = 56
    invalid_request = 57
    invalid_hash_list = 58
    invalid_hash_piece = 59
    invalid_cancel = 60
    invalid_dht_port = 61
    invalid_suggest = 62
    invalid_have_all = 63
    invalid_have_none = 64
    invalid_reject = 65
    invalid_allow_fast = 66
    invalid_extended = 67
    invalid_message = 68
    sync_hash_not_found = 69
    invalid_encryption_constant = 70
    no_plaintext_mode = 71
    no_rc4_mode = 72
    unsupported_encryption_mode = 73
    unsupported_encryption_mode_selected = 74
    invalid_pad_size = 75
    invalid_encrypt_handshake = 76
    no_incoming_encrypted = 77
    no_incoming_regular = 78
    duplicate_peer_id = 79
    torrent_removed = 80
    packet_too_large = 81
    http_error = 83
    missing_location = 84
    invalid_redirection = 85
    redirecting = 86
    invalid_range = 87
    no_content_length = 88
    banned_by_ip_filter = 89
    too_many_connections = 90
    peer_banned = 91
    stopping_torrent = 92
    too_many_corrupt_pieces = 93
    torrent_not_ready = 94
    peer_not_constructed = 95
    session_closing = 96
    optimistic_disconnect = 97
    torrent_finished = 98
    no_router = 99
    metadata_too_large = 100
    invalid_metadata_request = 101
    invalid_metadata_size = 102
    invalid_metadata_offset = 103
    invalid_metadata_message = 104
    pex_message_too_large = 105
    invalid_pex_message = 106
    invalid_lt_tracker_message = 107
    too_frequent_pex = 108
    no_metadata = 109
    invalid_dont_have = 110
    requires_ssl_connection = 111
    invalid_ssl_cert = 112
    not_an_ssl_torrent = 113
    banned_by_port_filter = 114
    invalid_session_handle = 115
    invalid_listen_socket = 116
    invalid_hash_request = 117
    invalid_hashes = 118
    invalid_hash_reject = 119
    missing_file_sizes = 130
    no_files_in_resume_data = 131
    missing_pieces = 132
    mismatching_number_of_files = 133
    mismatching_file_size = 134
    mismatching_file_timestamp = 135
    not_a_dictionary = 136
    invalid_blocks_per_piece = 137
    missing_slots = 138
    too_many_slots = 139
    invalid_slot_list = 140
    invalid_piece_index = 141
    pieces_need_reorder = 142
    resume_data_not_modified = 143
    invalid_save_path = 144
    too_many_duplicate_filenames = 145
    http_parse_error = 150
    http_missing_location = 151
    http_failed_decompress = 152
    no_i2p_router = 160
    scrape_not_available = 170
    invalid_tracker_response = 171
    invalid_peer_dict = 172
    tracker_failure = 173
    invalid_files_entry = 174
    invalid_hash_entry = 175
    invalid_peers_entry = 176
    invalid_tracker_response_length = 177
    invalid_tracker_transaction_id = 178
    invalid_tracker_action = 179
    announce_skipped = 180
    expected_string = 190
    expected_colon = 191
    unexpected_eof = 192
    expected_value = 193
    depth_exceeded = 194
    limit_exceeded = 195
    overflow = 196
    no_entropy = 200
    ssrf_mitigation = 201
    blocked_by_idna = 202
    torrent_unknown_version = 210
    torrent_missing_file_tree = 211
    torrent_missing_meta_version = 212
    torrent_inconsistent_files = 213
    torrent_missing_piece_layer = 214
    torrent_invalid_piece_layer = 215
    torrent_missing_pieces_root = 216
    torrent_inconsistent_hashes = 217
    torrent_invalid_pad_file = 218
    torrent_directory_too_deep = 219


LIBTORRENT_MESSAGES: dict[int, str] = {
    0: "no error",
    1: "torrent file collides with file from another torrent",
    2: "hash check failed",
    3: "torrent file is not a dictionary",
    4: "missing or invalid 'info' section in torrent file",
    5: "'info' entry is not a dictionary",
    6: "invalid or missing 'piece length' entry in torrent file",
    7: "missing name in torrent file",
    8: "invalid 'name' of torrent (possible exploit attempt)",
    9: "invalid length of torrent",
    10: "failed to parse files from torrent file",
    11: "invalid or missing 'pieces' entry in torrent file",
    12: "incorrect number of piece hashes in torrent file",
    13: "too many pieces in torrent",
    14: "invalid metadata received from swarm",
    15: "invalid bencoding",
    16: "no files in torrent",
    17: "invalid escaped string",
    18: "session is closing",
    19: "torrent already exists in session",
    20: "invalid torrent handle used",
    21: "invalid type requested from entry",
    22: "missing info-hash from URI",
    23: "file too short",
    24: "unsupported URL protocol",
    25: "failed to parse URL",
    26: "peer sent 0 length piece",
    27: "parse failed",
    28: "invalid file format tag",
    29: "missing info-hash",
    30: "mismatching info-hash",
    31: "invalid hostname",
    32: "invalid port",
    33: "port blocked by port-filter",
    34: "expected closing ] for address",
    35: "destructing torrent",
    36: "timed out",
    37: "upload to upload connection",
    38: "uninteresting upload-only peer",
    39: "invalid info-hash",
    40: "torrent paused",
    41: "'have'-message with higher index than the number of pieces",
    42: "bitfield of invalid size",
    43: "too many piece requests while choked",
    44: "invalid piece packet",
    45: "out of memory",
    46: "torrent aborted",
    47: "connected to ourselves",
    48: "invalid piece size",
    49: "timed out: no interest",
    50: "timed out: inactivity",
    51: "timed out: no handshake",
    52: "timed out: no request",
    53: "invalid choke message",
    54: "invalid unchoke message",
    55: "invalid interested message",
    56: "invalid not-interested message",
    57: "invalid request message",
    58: "invalid hash list",
    59: "invalid hash piece message",
    60: "invalid cancel message",
    61: "invalid dht-port message",
    62: "invalid suggest piece message",
    63: "invalid have-all message",
    64: "invalid have-none message",
    65: "invalid reject message",
    66: "invalid allow-fast message",
    67: "invalid extended message",
    68: "invalid message",
    69: "sync hash not found",
    70: "unable to verify encryption constant",
    71: "plaintext mode not provided",
    72: "rc4 mode not provided",
    73: "unsupported encryption mode",
    74: "peer selected unsupported encryption mode",
    75: "invalid encryption pad size",
    76: "invalid encryption handshake",
    77: "incoming encrypted connections disabled",
    78: "incoming regular connections disabled",
    79: "duplicate peer-id",
    80: "torrent removed",
    81: "packet too large",
    83: "HTTP error",
    84: "missing location header",
    85: "invalid redirection",
    86: "redirecting",
    87: "invalid HTTP range",
    88: "missing content-length",
    89: "banned by IP filter",
    90: "too many connections",
    91: "peer banned",
    92: "stopping torrent",
    93: "too many corrupt pieces",
    94: "torrent is not ready to accept peers",
    95: "peer is not properly constructed",
    96: "session is closing",
    97: "optimistic disconnect",
    98: "torrent finished",
    99: "no router found",
    100: "metadata too large",
    101: "invalid metadata request",
    102: "invalid metadata size",
    103: "invalid metadata offset",
    104: "invalid metadata message",
    105: "pex message too large",
    106: "invalid pex message",
    107: "invalid lt_tracker message",
    108: "pex messages sent too frequent (possible attack)",
    109: "torrent has no metadata",
    110: "invalid dont-have message",
    111: "SSL connection required",
    112: "invalid SSL certificate",
    113: "not an SSL torrent",
    114: "banned by port filter",
    115: "invalid session handle used",
    116: "listen socket has been closed",
    117: "invalid hash request",
    118: "invalid hashes",
    119: "invalid hash reject",
    130: "missing or invalid 'file sizes' entry",
    131: "no files in resume data",
    132: "missing 'slots' and 'pieces' entry",
    133: "mismatching number of files",
    134: "mismatching file size",
    135: "mismatching file timestamp",
    136: "not a dictionary",
    137: "invalid 'blocks per piece' entry",
    138: "missing slots list",
    139: "file has more slots than torrent",
    140: "invalid entry type in slot list",
    141: "invalid piece index in slot list",
    142: "pieces needs to be reordered",
    143: "fastresume not modified since last save",
    144: "invalid save_path",
    145: "too many duplicate filenames",
    150: "Invalid HTTP header",
    151: "missing Location header in HTTP redirect",
    152: "failed to decompress HTTP response",
    160: "no i2p router is set up",
    170: "scrape not available on tracker",
    171: "invalid tracker response",
    172: "invalid peer dictionary entry",
    173: "tracker sent a failure message",
    174: "missing or invalid 'files' entry",
    175: "missing or invalid 'hash' entry",
    176: "missing or invalid 'peers' and 'peers6' entry",
    177: "udp tracker response packet has invalid size",
    178: "invalid transaction id in udp tracker response",
    179: "invalid action field in udp tracker response",
    180: "skipping tracker announce (unreachable)",
    190: "expected string in bencoded string",
    191: "expected colon in bencoded string",
    192: "unexpected end of file in bencoded string",
    193: "expected value (list, dict, int or string) in bencoded string",
    194: "bencoded nesting depth exceeded",
    195: "bencoded item count limit exceeded",
    196: "integer overflow",
    200: "random number generator failed",
    201: "blocked by SSRF mitigation",
    202: "blocked by IDNA ban",
    210: "the torrent file has an unknown meta version",
    211: "the v2 torrent file has no file tree",
    212: "the torrent contains v2 keys but does not specify meta version 2",
    213: "the v1 and v2 file metadata does not match",
    214: "one or more files are missing piece layer hashes",
    215: "a piece layer is invalid",
    216: "a v2 file entry has no root hash",
    217: "v1 and v2 hashes do not describe the same data",
    218: "a file in the v2 metadata has the pad attribute set",
    219: "directory structure in torrent file exceeds depth limit",
}
"""What each value says, in English."""
