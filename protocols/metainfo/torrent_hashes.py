"""The hash trees of all files of a v2 torrent (BEP 52): what its pieces must come to, and what peers may ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..types import Sha256Hash
from .file_hashes import FileHashes
from .hash_request import HashRequest
from .piece_hashes import ExpectedHash

if TYPE_CHECKING:
    from .files import FileStorage

__all__ = ["TorrentHashes"]


class TorrentHashes:
    """Trees by root; files of the same content share one.  `PieceHashes` of v2-only torrents."""

    __slots__ = ("_files", "_first", "_incomplete", "_trees")

    def __init__(self, files: FileStorage) -> None:
        self._files = files
        self._trees: dict[bytes, FileHashes] = {}
        self._first: dict[bytes, int] = {}
        """The first file with each root."""
        for index in files:
            root = files.root(index)
            if root is not None and not files.is_pad(index) and root not in self._trees:
                self._trees[root] = FileHashes(root, files.size(index), files.piece_length)
                self._first[root] = index
        self._incomplete = {root: tree for root, tree in self._trees.items() if not tree.is_complete}

    @property
    def is_complete(self) -> bool:
        """The hash of every piece is known."""
        return not self._incomplete

    def expected(self, piece: int) -> ExpectedHash:
        """That of one piece.  IndexError when there is no such piece, or its hash is not known yet."""
        tree, number = self._place(piece)
        return tree.expected(number)

    def blocks_of(self, piece: int) -> HashRequest | None:
        """What to ask peers for to know the hash of each block of a piece.  None: it is one block, or has too many."""
        tree, number = self._place(piece)
        return tree.blocks_of(number)

    def file(self, root: bytes) -> FileHashes | None:
        """The tree with that root."""
        return self._trees.get(root)

    def place_of(self, root: bytes) -> int:
        """Where in the torrent the file with that root begins.  KeyError when there is none."""
        return self._files.offset(self._first[root])

    def set_layers(self, layers: Mapping[Sha256Hash, bytes]) -> None:
        """Piece layers by root; those that do not lead to it change nothing."""
        for root, layer in layers.items():
            tree = self._incomplete.get(root)
            if tree is not None and tree.set_layer(layer):
                del self._incomplete[root]

    def layers(self) -> dict[Sha256Hash, bytes]:
        """The piece layers that are known, by root."""
        return {tree.root: layer for tree in self._trees.values() if (layer := tree.layer)}

    def missing(self) -> Iterator[HashRequest]:
        """What to ask peers for, in the order of the files.  Nothing may be added meanwhile."""
        for tree in self._incomplete.values():
            yield from tree.missing()

    def add(self, request: HashRequest, hashes: bytes) -> bool:
        """A peer's answer.  False when it does not lead to the root of its file."""
        tree = self._trees.get(request.root)
        if tree is None:
            return False
        step = Sha256Hash.LENGTH
        if not tree.add(request, [hashes[at : at + step] for at in range(0, len(hashes), step)]):
            return False
        if tree.is_complete:
            self._incomplete.pop(request.root, None)
        return True

    def _place(self, piece: int) -> tuple[FileHashes, int]:
        """The tree a piece is in, and its number there."""
        files = self._files
        start = piece * files.piece_length
        if not 0 <= start < files.total_size:
            raise IndexError(f"no piece {piece}")
        index = files.file_at_offset(start)
        root = files.root(index)
        assert root is not None, "every piece begins with bytes of a file"
        return self._trees[root], (start - files.offset(index)) // files.piece_length
