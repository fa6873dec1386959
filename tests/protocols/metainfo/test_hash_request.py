from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.metainfo.hash_request import MAX_HASHES, MAX_LAYERS, HashRequest
from evtorrent.protocols.types import Sha256Hash

ROOT = Sha256Hash(b"r" * 32)


@pytest.mark.parametrize(
    ("count", "proof_layers", "uncles"),
    [(1, 0, 1), (1, 3, 4), (2, 0, 0), (2, 1, 1), (2, 5, 5), (8, 2, 0), (8, 3, 1), (512, 9, 1), (512, 12, 4)],
)
def test_proof_that_follows_from_the_hashes_is_left_out(count: int, proof_layers: int, uncles: int) -> None:
    assert HashRequest(ROOT, 0, 0, count, proof_layers).num_uncles == uncles


@pytest.mark.parametrize(
    "fields",
    [(0, 0, 1, 0), (0, MAX_HASHES, MAX_HASHES, 0), (MAX_LAYERS - 1, 0, 2, MAX_LAYERS - 1), (3, 6, 2, 1)],
)
def test_what_some_tree_may_have(fields: tuple[int, int, int, int]) -> None:
    request = HashRequest(ROOT, *fields)
    assert request.check() is request


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param((0, 0, 0, 0), id="none"),
        pytest.param((0, 0, 3, 0), id="no power of two"),
        pytest.param((0, 0, 2 * MAX_HASHES, 0), id="too many"),
        pytest.param((0, 1, 2, 0), id="not aligned"),
        pytest.param((MAX_LAYERS, 0, 2, 0), id="above the highest tree"),
        pytest.param((0, 0, 2, MAX_LAYERS), id="proof above the highest tree"),
        pytest.param((2**32 - 1, 0, 2, 0), id="absurd"),
    ],
)
def test_what_no_tree_has(fields: tuple[int, int, int, int]) -> None:
    with pytest.raises(RemoteProtocolError):
        HashRequest(ROOT, *fields).check()
