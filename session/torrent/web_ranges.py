"""From blocks to HTTP requests: which bytes of which file of a web seed, and under which URL (BEP 19)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...protocols.http.errors import HttpProtocolError, HttpStatusError
from ...protocols.http.exchange import ResponseStarted
from ...protocols.http.url import Url, parse_url, percent_encode
from ...protocols.types import BLOCK_SIZE

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo
    from ...protocols.metainfo.files import FileStorage

__all__ = ["WebRange", "check_head", "file_url", "pieces_of_files", "ranges_of"]


@dataclass(frozen=True, slots=True)
class WebRange:
    """A stretch of one file that is fetched with one request."""

    file: int
    start: int
    """Where in the file."""
    length: int
    offset: int
    """Where in the torrent."""
    file_size: int
    is_pad: bool
    """Padding is zeros and asked of nobody."""

    def parts(self, limit: int) -> Iterator[WebRange]:
        """The same in requests of at most `limit` bytes."""
        for at in range(0, self.length, limit):
            yield replace(
                self, start=self.start + at, length=min(limit, self.length - at), offset=self.offset + at
            )

    @property
    def header(self) -> tuple[str, str]:
        """What asks for it (RFC 9110 14.2)."""
        return "Range", f"bytes={self.start}-{self.start + self.length - 1}"


def file_url(base: str, files: FileStorage, index: int) -> Url:
    """Where a file is.  HttpUrlError.

    BEP 19: a URL that ends in a slash is a folder, to which the torrent's name is added; for a torrent of several files it
    always is one.
    """
    if files.num_files == 1 and not base.endswith("/") and "/" not in files.original_path(index):
        return parse_url(base)
    folder = base if base.endswith("/") else f"{base}/"
    return parse_url(
        folder + "/".join(percent_encode(part) for part in files.original_path(index).split("/"))
    )


def ranges_of(info: TorrentInfo, runs: Iterable[tuple[int, int, int]]) -> list[WebRange]:
    """Requests for runs of blocks (piece, first block, number of blocks), in the order of the torrent's bytes.

    Runs that follow each other become one request where the file is one.
    """
    spans: list[list[int]] = []
    for piece, first, count in sorted(runs):
        start = piece * info.piece_length + first * BLOCK_SIZE
        end = min(start + count * BLOCK_SIZE, piece * info.piece_length + info.piece_size(piece))
        if spans and spans[-1][1] == start:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [each for start, end in spans for each in _in_files(info.files, start, end)]


def _in_files(files: FileStorage, start: int, end: int) -> Iterator[WebRange]:
    at = start
    for index, begin, length in files.map_range(start, end - start):
        yield WebRange(int(index), begin, length, at, files.size(index), files.is_pad(index))
        at += length


def pieces_of_files(files: FileStorage, indices: Iterable[int]) -> int:
    """The pieces any of these files reaches into, piece i at bit i."""
    bits = 0
    for index in indices:
        pieces = files.pieces_of(index)
        bits |= ((1 << len(pieces)) - 1) << pieces.start
    return bits


def check_head(wanted: WebRange, head: ResponseStarted) -> None:
    """The response brings what was asked for and nothing else.  HttpStatusError, HttpProtocolError."""
    if head.status == 206:
        expected = f"bytes {wanted.start}-{wanted.start + wanted.length - 1}/"
        given = head.headers.get("content-range", "").strip()
        if not given.startswith(expected) or given[len(expected) :] not in ("*", str(wanted.file_size)):
            raise HttpProtocolError(f"range {given[:80]!r} instead of {expected}{wanted.file_size}")
    elif head.status == 200:
        # A server that knows no ranges sends the whole file: good where that is what was asked for.
        if wanted.start or wanted.length != wanted.file_size:
            raise HttpProtocolError("the server knows no ranges")
    else:
        raise HttpStatusError(head.status, head.reason)
    if head.content_length not in (None, wanted.length):
        raise HttpProtocolError(f"{head.content_length} bytes instead of {wanted.length}")
