"""The info dictionary of a torrent: what its info-hash names and all peers agree on (BEP 3, 27, 47, 52).

Five thousand torrents may be loaded at once, so an object keeps the raw dictionary and a few numbers: piece hashes
are slices of it, rarely wanted keys are read again when asked for, and the files of a single-file torrent are made on
first use.  Everything is checked once, on construction; nothing later can fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha1, sha256
from types import MappingProxyType
from typing import Final

from ..bencode import (
    BencodeError,
    BencodeValue,
    decode,
    decode_spans,
    find_bytes,
    find_dict,
    find_int,
    find_list,
)
from ..bits import iter_bits
from ..types import InfoHashes, Sha1Hash, Sha256Hash
from .errors import MetainfoError
from .file_list import finish_paths, read_file_list, read_single_file, single_file_size
from .file_tree import adopt_roots, read_file_tree
from .files import FileStorage
from .limits import MAX_PIECE_SIZE, LoadLimits
from .paths import decode_text, safe_component

__all__ = ["TorrentInfo"]

_DEFAULT_LIMITS = LoadLimits()
_MIN_V2_PIECE = 16 * 1024
_NONE_SHORT: Final[Mapping[int, int]] = MappingProxyType({})


class TorrentInfo:
    """One torrent's files, pieces and hashes.  Immutable but for the files made on first use."""

    __slots__ = (
        "_files",
        "_pieces_at",
        "info_hashes",
        "info_section",
        "is_private",
        "name",
        "num_pieces",
        "piece_length",
        "short_pieces",
        "total_size",
    )

    def __init__(
        self, info_section: bytes, table: dict[bytes, BencodeValue], pieces_at: int, limits: LoadLimits
    ) -> None:
        """Of the raw dictionary, its value, and where the piece hashes stand in it; use `from_info`."""
        self.info_section = info_section
        """The raw dictionary: what peers are sent (BEP 9) and the info-hash is made of."""
        self._pieces_at = pieces_at
        version = _version(table, info_section, limits)
        self.info_hashes = _hashes(info_section, table, version)
        self.piece_length = _piece_length(table, version)
        self.name = _name(table, self.info_hashes)
        """Name of the file, or of the folder; safe as one component of a path."""
        self.is_private = bool(find_int(table, b"private"))
        """Peers only from the torrent's own trackers (BEP 27)."""
        self._files: FileStorage | None = None
        if version == 1 and b"files" not in table:
            self.total_size = single_file_size(table)
        else:
            self._files = _read_files(table, self.name, self.piece_length, limits)
            self.total_size = self._files.total_size
        self.num_pieces = -(-self.total_size // self.piece_length)
        self._check_pieces(table, limits)
        self.short_pieces = self._short_pieces()
        """Pieces of a v2-only torrent that are shorter than the others, and their sizes: the last ones of its files."""

    @classmethod
    def from_info(cls, info_section: bytes, *, limits: LoadLimits = _DEFAULT_LIMITS) -> TorrentInfo:
        """Parse a raw info dictionary, such as peers send (BEP 9).

        RemoteProtocolError (a MetainfoError, or a BencodeError) when it breaks a rule or exceeds `limits`.
        """
        table, used, spans = decode_spans(
            info_section, max_depth=limits.max_decode_depth, max_items=limits.max_decode_tokens, strict=False
        )
        if not isinstance(table, dict):
            raise MetainfoError("torrent_info_no_dict", "the info section is not a dictionary")
        if used != len(info_section):
            raise MetainfoError("invalid_bencoding", "data after the info dictionary")
        pieces = find_bytes(table, b"pieces")
        end = next((end for _, key, _, end in spans if key == b"pieces"), 0)
        return cls(info_section, table, end - len(pieces or b""), limits)

    @property
    def files(self) -> FileStorage:
        """Its files, in the order their bytes have in the torrent."""
        if self._files is None:
            self._files = FileStorage(self.piece_length, self.name)
            read_single_file(self._table(), self._files)
        return self._files

    @property
    def num_files(self) -> int:
        """Files, pad files included."""
        return 1 if self._files is None else self._files.num_files

    def piece_size(self, index: int) -> int:
        """Bytes of a piece: the last one may be shorter, in a v2-only torrent the last one of each file."""
        if (size := self.short_pieces.get(index)) is not None:
            return size
        if index == self.num_pieces - 1:
            return self.total_size - index * self.piece_length
        return self.piece_length

    def piece_hash(self, index: int) -> bytes:
        """SHA-1 of a piece.  IndexError when there is no such piece, or the torrent is v2 only."""
        if not 0 <= index < self.num_pieces or self.info_hashes.v1 is None:
            raise IndexError(f"no v1 hash of piece {index}")
        at = self._pieces_at + 20 * index
        return self.info_section[at : at + 20]

    def bytes_of(self, pieces: int) -> int:
        """Bytes that these pieces, piece i at bit i, have together."""
        total = pieces.bit_count() * self.piece_length
        if not self.short_pieces:
            last = self.num_pieces - 1
            return total - (self.piece_length - self.piece_size(last)) * (pieces >> last & 1)
        if pieces.bit_count() == self.num_pieces:
            return total - len(self.short_pieces) * self.piece_length + sum(self.short_pieces.values())
        short = self.short_pieces.keys() & set(iter_bits(pieces))
        return total - sum(self.piece_length - self.short_pieces[piece] for piece in short)

    @property
    def is_multi_file(self) -> bool:
        """Whether there is a folder, if only of one file."""
        return self._files is not None and "/" in self._files.path(0)

    @property
    def source(self) -> str:
        """Which tracker's community it belongs to; only there to make the info-hash differ."""
        return decode_text(find_bytes(self._table(), b"source") or b"")

    @property
    def ssl_cert(self) -> bytes:
        """Certificate (PEM) peers must be signed by; empty for all but SSL torrents."""
        return find_bytes(self._table(), b"ssl-cert") or b""

    @property
    def similar(self) -> list[Sha1Hash]:
        """Torrents that share files with this one (BEP 38)."""
        return read_similar(self._table())

    @property
    def collections(self) -> list[str]:
        """Names of collections it belongs to (BEP 38)."""
        return read_collections(self._table())

    def __repr__(self) -> str:
        return f"TorrentInfo({self.name!r}, {self.num_pieces} pieces, {self.total_size} bytes)"

    def _table(self) -> dict[bytes, BencodeValue]:
        table, _, _ = decode_spans(
            self.info_section,
            max_items=len(self.info_section),
            max_depth=len(self.info_section),
            strict=False,
        )
        assert isinstance(table, dict)
        return table

    def _check_pieces(self, table: dict[bytes, BencodeValue], limits: LoadLimits) -> None:
        if self.total_size == 0:
            raise MetainfoError("torrent_invalid_length", "a torrent of no bytes")
        if self.num_pieces > limits.max_pieces:
            raise MetainfoError("too_many_pieces_in_torrent", f"{self.num_pieces} pieces")
        pieces = find_bytes(table, b"pieces")
        if pieces is None and self.info_hashes.v1 is not None:
            raise MetainfoError("torrent_missing_pieces", "no piece hashes")
        if pieces is not None and len(pieces) != 20 * self.num_pieces:
            raise MetainfoError(
                "torrent_invalid_hashes", f"{len(pieces)} bytes of hashes for {self.num_pieces} pieces"
            )

    def _short_pieces(self) -> Mapping[int, int]:
        if self.info_hashes.v1 is not None:
            return _NONE_SHORT
        files, length = self.files, self.piece_length
        short = {}
        for index in files:
            tail = files.size(index) % length
            if tail and not files.is_pad(index):
                short[(files.offset(index) + files.size(index)) // length] = tail
        return short


def read_similar(table: dict[bytes, BencodeValue]) -> list[Sha1Hash]:
    """The info-hashes under `similar`; entries of another form are passed over."""
    entries = find_list(table, b"similar") or []
    return [Sha1Hash(entry) for entry in entries if isinstance(entry, bytes) and len(entry) == 20]


def read_collections(table: dict[bytes, BencodeValue]) -> list[str]:
    """The names under `collections`; entries of another form are passed over."""
    return [
        decode_text(entry) for entry in find_list(table, b"collections") or [] if isinstance(entry, bytes)
    ]


def _version(table: dict[bytes, BencodeValue], info_section: bytes, limits: LoadLimits) -> int:
    """The version of a torrent, whose keys agree with it; v2 also has to be encoded canonically."""
    version = find_int(table, b"meta version") or 1
    if version > 2:
        raise MetainfoError("torrent_unknown_version", f"torrent of version {version}")
    if (version == 2) != (b"file tree" in table):
        reason = "torrent_missing_file_tree" if version == 2 else "torrent_missing_meta_version"
        raise MetainfoError(
            reason, f"a torrent of version {version} with{'out' * (version == 2)} a file tree"
        )
    if version == 2:
        try:
            decode(info_section, max_depth=limits.max_decode_depth, max_items=limits.max_decode_tokens)
        except BencodeError as error:
            raise MetainfoError(
                "invalid_bencoding", f"a v2 torrent not encoded canonically: {error}"
            ) from None
    return version


def _hashes(info_section: bytes, table: dict[bytes, BencodeValue], version: int) -> InfoHashes:
    if version < 2:
        return InfoHashes(Sha1Hash(sha1(info_section).digest()))
    has_v1 = b"files" in table or b"length" in table
    v1 = Sha1Hash(sha1(info_section).digest()) if has_v1 else None
    return InfoHashes(v1, Sha256Hash(sha256(info_section).digest()))


def _piece_length(table: dict[bytes, BencodeValue], version: int) -> int:
    length = find_int(table, b"piece length")
    if length is None or not 0 < length <= MAX_PIECE_SIZE:
        raise MetainfoError("torrent_missing_piece_length", f"piece length {length}")
    if version > 1 and (length < _MIN_V2_PIECE or length & (length - 1)):
        # BEP 52: "It must be a power of two and at least 16KiB."
        raise MetainfoError("torrent_missing_piece_length", f"piece length {length} in a v2 torrent")
    return length


def _name(table: dict[bytes, BencodeValue], hashes: InfoHashes) -> str:
    raw = find_bytes(table, b"name.utf-8")
    if raw is None:
        raw = find_bytes(table, b"name")
    if raw is None:
        raise MetainfoError("torrent_missing_name", "a torrent without a name")
    name = safe_component(raw, keep=False) if raw else ""
    if not name and b"length" in table:
        raise MetainfoError("torrent_missing_name", "a file without a usable name")
    return name or str(hashes.v1 or hashes.v2)


def _read_files(
    table: dict[bytes, BencodeValue], name: str, piece_length: int, limits: LoadLimits
) -> FileStorage:
    """The files of all torrents but those of v1 with a single file."""
    files = FileStorage(piece_length, name)
    entries = find_list(table, b"files")
    has_v1 = entries is not None or b"length" in table
    tree = find_dict(table, b"file tree")
    if entries is not None:
        read_file_list(entries, files, limits)
    elif has_v1:
        read_single_file(table, files)
    if tree is not None:
        v2_files = FileStorage(piece_length, name) if has_v1 else files
        read_file_tree(tree, v2_files, limits, is_multi_file=entries is not None)
        if has_v1:
            adopt_roots(files, v2_files)
    if not files:
        raise MetainfoError("no_files_in_torrent", "a torrent without files")
    finish_paths(files, limits)
    return files
