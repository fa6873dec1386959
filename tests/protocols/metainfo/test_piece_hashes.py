from __future__ import annotations

from hashlib import sha1

import pytest
from evtorrent.protocols.metainfo.piece_hashes import ExpectedHash, Sha1Hashes
from support.torrents import PIECE_LENGTH, v1_info


def test_a_v1_torrent_knows_all_of_its_hashes() -> None:
    hashes = Sha1Hashes(v1_info(PIECE_LENGTH + 7))
    assert hashes.is_complete
    assert hashes.expected(0) == ExpectedHash(sha1(bytes(PIECE_LENGTH)).digest())
    assert hashes.expected(1).digest == sha1(bytes(7)).digest()
    with pytest.raises(IndexError):
        hashes.expected(2)
