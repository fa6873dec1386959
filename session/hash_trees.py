"""Hash trees of v2 files (BEP 52) between the form of a .torrent file and that of `AddTorrentParams`.

A .torrent file has the piece layer of each file longer than a piece.  Parameters and resume data have, per file, some
nodes of the whole tree and a mask saying which: node 0 is the root, the layer of height h above the leaves begins at
`2 ** (tree height - h) - 1`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..protocols.bits import Bitfield, iter_bits
from ..protocols.metainfo.merkle import (
    has_piece_layer,
    num_blocks,
    piece_hash,
    piece_height,
    tree_height,
    verify_piece_layer,
)
from ..protocols.types import BLOCK_SIZE, Sha256Hash
from .errors import ErrorCode, TorrentErrc, TorrentParamsError

if TYPE_CHECKING:
    from ..protocols.metainfo import FileStorage
    from .params import AddTorrentParams

__all__ = ["known_layers", "piece_layers_of", "set_piece_layers"]

_NO_HASH = bytes(Sha256Hash.LENGTH)


def set_piece_layers(
    params: AddTorrentParams, files: FileStorage, layers: Mapping[Sha256Hash, bytes]
) -> None:
    """Fill the trees of `params` from piece layers by root, which have been verified."""
    params.merkle_trees = []
    params.merkle_tree_mask = []
    params.verified_leaf_hashes = []
    for index in files:
        root = files.root(index)
        layer = layers.get(root) if root is not None and not files.is_pad(index) else None
        params.verified_leaf_hashes.append(Bitfield(0))
        if not layer:
            params.merkle_trees.append([])
            params.merkle_tree_mask.append(Bitfield(0))
            continue
        nodes = _split(layer)
        first, total = _shape(files.size(index), files.piece_length)
        params.merkle_trees.append(nodes)
        params.merkle_tree_mask.append(Bitfield(total, ((1 << len(nodes)) - 1) << first))


def piece_layers_of(params: AddTorrentParams, files: FileStorage) -> dict[Sha256Hash, bytes]:
    """The piece layers, by root, that the trees of `params` hold or that follow from them.

    TorrentParamsError when the layer of a file is missing or does not lead to its root.
    """
    layers: dict[Sha256Hash, bytes] = {}
    for index in files:
        root, size = files.root(index), files.size(index)
        if root is None or files.is_pad(index) or not has_piece_layer(size, files.piece_length):
            continue
        nodes = _known_nodes(params, index, size)
        layer = _piece_layer(nodes, size, files.piece_length)
        if layer is None:
            raise _refused(TorrentErrc.torrent_missing_piece_layer, files.path(index))
        if not verify_piece_layer(root, layer, size, files.piece_length):
            raise _refused(TorrentErrc.torrent_invalid_piece_layer, files.path(index))
        layers[root] = layer
    return layers


def known_layers(params: AddTorrentParams, files: FileStorage) -> dict[Sha256Hash, bytes]:
    """The piece layers, by root, that the trees of `params` hold whole; whether they lead to it is not looked at."""
    layers: dict[Sha256Hash, bytes] = {}
    for index in files:
        root, size = files.root(index), files.size(index)
        if root is None or index >= len(params.merkle_trees) or not has_piece_layer(size, files.piece_length):
            continue
        layer = _piece_layer(_known_nodes(params, index, size), size, files.piece_length)
        if layer is not None:
            layers[root] = layer
    return layers


def _refused(value: TorrentErrc, path: str) -> TorrentParamsError:
    code = ErrorCode.of(value)
    return TorrentParamsError(f"{code.message}: {path}", code)


def _split(layer: bytes) -> list[Sha256Hash]:
    step = Sha256Hash.LENGTH
    return [Sha256Hash(layer[at : at + step]) for at in range(0, len(layer), step)]


def _shape(size: int, piece_length: int) -> tuple[int, int]:
    """Index of the first node of the piece layer, and number of nodes of the tree."""
    height = tree_height(num_blocks(size))
    return (1 << (height - piece_height(piece_length))) - 1, (2 << height) - 1


def _known_nodes(params: AddTorrentParams, index: int, size: int) -> dict[int, bytes]:
    trees, masks = params.merkle_trees, params.merkle_tree_mask
    nodes: Sequence[bytes] = trees[index] if index < len(trees) else ()
    mask = masks[index] if index < len(masks) else Bitfield(0)
    total = (2 << tree_height(num_blocks(size))) - 1
    places = iter_bits(mask.bits) if len(mask) else range(total)
    return {place: node for place, node in zip(places, nodes, strict=False) if node != _NO_HASH}


def _piece_layer(nodes: Mapping[int, bytes], size: int, piece_length: int) -> bytes | None:
    first, total = _shape(size, piece_length)
    first_leaf, blocks = total // 2, num_blocks(size)
    per_piece = piece_length // BLOCK_SIZE
    layer = []
    for piece in range(-(-size // piece_length)):
        node = nodes.get(first + piece)
        if node is None:
            own = range(piece * per_piece, min((piece + 1) * per_piece, blocks))
            leaves = [nodes[first_leaf + block] for block in own if first_leaf + block in nodes]
            if len(leaves) != len(own):
                return None
            node = piece_hash(leaves, piece_length)
        layer.append(node)
    return b"".join(layer)
