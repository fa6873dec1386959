from __future__ import annotations

from evtorrent.protocols.metainfo.limits import MAX_FILE_OFFSET, MAX_FILE_SIZE, MAX_PIECE_SIZE, LoadLimits


def test_defaults_are_libtorrents() -> None:
    limits = LoadLimits()
    assert (limits.max_buffer_size, limits.max_pieces, limits.max_decode_depth) == (10_000_000, 2**21, 100)
    assert (limits.max_decode_tokens, limits.max_duplicate_filenames) == (3_000_000, 500)
    assert MAX_PIECE_SIZE == 32767 * 16384
    assert MAX_FILE_SIZE == 1073741823 * 16384
    assert MAX_FILE_OFFSET == 2**48 - 1
