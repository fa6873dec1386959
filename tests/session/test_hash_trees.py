from __future__ import annotations

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.metainfo import merkle, parse_torrent
from evtorrent.protocols.types import Sha256Hash
from evtorrent.session.errors import TorrentErrc, TorrentParamsError
from evtorrent.session.hash_trees import known_layers, piece_layers_of, set_piece_layers
from evtorrent.session.params import AddTorrentParams
from support.torrents import PIECE_LENGTH, hybrid_torrent

SIZES = (PIECE_LENGTH * 4, PIECE_LENGTH, PIECE_LENGTH * 2 + 5)


@pytest.fixture
def meta():
    return parse_torrent(hybrid_torrent(*SIZES))


def filled(meta):
    params = AddTorrentParams(ti=meta.info)
    set_piece_layers(params, meta.info.files, meta.piece_layers)
    return params


def test_layers_survive_the_way_through_the_parameters(meta):
    assert len(meta.piece_layers) == 2
    assert piece_layers_of(filled(meta), meta.info.files) == meta.piece_layers


def test_the_mask_says_which_nodes_there_are(meta):
    params = filled(meta)
    # 8 blocks: 15 nodes, the piece layer being nodes 3 to 6.
    assert list(params.merkle_tree_mask[0].indices()) == [3, 4, 5, 6]
    assert len(params.merkle_tree_mask[0]) == 15
    assert params.merkle_trees[1] == []
    # 5 blocks, filled up to 8; 3 pieces.
    assert list(params.merkle_tree_mask[2].indices()) == [3, 4, 5]


def leaves_only(meta):
    """Trees that hold the hashes of blocks and nothing else."""
    params = AddTorrentParams(ti=meta.info)
    for size in SIZES:
        blocks = merkle.num_blocks(size)
        leaves = merkle.block_hashes(bytes(size))
        height = merkle.tree_height(blocks)
        params.merkle_trees.append([Sha256Hash(leaf) for leaf in leaves])
        first = (1 << height) - 1
        params.merkle_tree_mask.append(Bitfield.from_indices((2 << height) - 1, range(first, first + blocks)))
    return params


def test_the_layer_follows_from_the_blocks(meta):
    assert piece_layers_of(leaves_only(meta), meta.info.files) == meta.piece_layers


def test_a_mask_may_be_rounded_up_to_bytes(meta):
    params = filled(meta)
    params.merkle_tree_mask[0] = Bitfield(16, params.merkle_tree_mask[0].bits)
    assert piece_layers_of(params, meta.info.files) == meta.piece_layers


def test_a_tree_without_a_mask_is_the_whole_tree(meta):
    params = filled(meta)
    whole = [Sha256Hash()] * 15
    whole[3:7] = params.merkle_trees[0]
    params.merkle_trees[0] = whole
    params.merkle_tree_mask[0] = Bitfield(0)
    assert piece_layers_of(params, meta.info.files) == meta.piece_layers


@pytest.mark.parametrize(
    "spoil",
    [
        lambda params: params.merkle_trees.clear(),
        lambda params: params.merkle_trees[2].clear(),
        lambda params: params.merkle_trees[2].pop(),
        lambda params: params.merkle_tree_mask[2].clear_all(),
    ],
)
def test_a_missing_layer_is_told(meta, spoil):
    params = filled(meta)
    spoil(params)
    with pytest.raises(TorrentParamsError) as caught:
        piece_layers_of(params, meta.info.files)
    assert caught.value.code.value == TorrentErrc.torrent_missing_piece_layer


def test_a_wrong_layer_is_told(meta):
    params = filled(meta)
    params.merkle_trees[2][1] = Sha256Hash(b"\x01" * 32)
    with pytest.raises(TorrentParamsError, match="/c") as caught:
        piece_layers_of(params, meta.info.files)
    assert caught.value.code.value == TorrentErrc.torrent_invalid_piece_layer


@pytest.mark.interop
def test_libtorrent_makes_the_same_resume_data_of_it(require_peer, meta):
    lt = require_peer("libtorrent")
    from evtorrent.session.resume_data import read_resume_data

    data = lt.write_resume_data_buf(lt.load_torrent_buffer(hybrid_torrent(*SIZES)))
    theirs = read_resume_data(data)
    assert piece_layers_of(theirs, meta.info.files) == meta.piece_layers
    ours = filled(meta)
    for index in range(len(SIZES)):
        assert theirs.merkle_trees[index] == ours.merkle_trees[index]
        assert list(theirs.merkle_tree_mask[index].indices()) == list(ours.merkle_tree_mask[index].indices())


def test_what_is_known_is_what_is_whole(meta):
    params = filled(meta)
    files = meta.info.files
    assert known_layers(params, files) == meta.piece_layers
    assert known_layers(leaves_only(meta), files) == meta.piece_layers
    params.merkle_trees[0] = params.merkle_trees[0][:-1]
    assert known_layers(params, files) == {files.root(2): meta.piece_layers[files.root(2)]}
    assert known_layers(AddTorrentParams(), files) == {}
