"""What is transferred, checked and added: pseudo-random, made once and kept in the work directory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO, Final

from evtorrent.protocols.bencode import encode
from evtorrent.protocols.bits import Bitfield
from evtorrent.session import TorrentFlags, load_torrent_buffer, write_resume_data_buf

from .options import MIB

DATA_NAME: Final = "data.bin"
PIECES_OF_ADDED: Final = 1000
PIECES_OF_RESUMED: Final = 100
CHUNK: Final = MIB
BLOCK: Final = 16_384


@dataclass(frozen=True, slots=True)
class Payload:
    """A torrent of one file, and the folder with both."""

    folder: Path
    size: int

    @property
    def data(self) -> Path:
        """The original."""
        return self.folder / DATA_NAME

    @property
    def torrent(self) -> Path:
        """The .torrent file."""
        return self.folder / "data.torrent"


def make_payload(work: Path, size: int, piece: int) -> Payload:
    """Made unless an earlier run did."""
    size = max(piece, size // piece * piece)
    payload = Payload(work / f"payload-{size}-{piece}", size)
    if payload.torrent.exists() and payload.data.exists() and payload.data.stat().st_size == size:
        return payload
    payload.folder.mkdir(parents=True, exist_ok=True)
    rng = Random(size)
    hashes = []
    with _whole_file(payload.data) as file:
        for _ in range(size // piece):
            data = rng.randbytes(piece)
            hashes.append(hashlib.sha1(data).digest())
            file.write(data)
    with _whole_file(payload.torrent) as file:
        file.write(_torrent(DATA_NAME, size, piece, b"".join(hashes)))
    return payload


def make_torrents(work: Path, count: int) -> tuple[Path, int]:
    """`count` .torrent files of 1,000 pieces one after the other in a file, and the length of each; all are equal."""
    path = work / f"torrents-{count}"
    rng = Random(count)
    record = _added(0, rng)
    if not path.exists() or path.stat().st_size != count * len(record):
        with _whole_file(path) as file:
            for number in range(count):
                file.write(_added(number, rng))
    return path, len(record)


def make_resume_data(work: Path, count: int) -> tuple[Path, int]:
    """Resume data of `count` complete torrents of 100 pieces one after the other in a file, and the length of each.

    Their files are there, and are holes: neither program reads them.
    """
    path, folder = work / f"resumed-{count}", work / f"resumed-{count}.files"
    rng, size = Random(count), PIECES_OF_RESUMED * BLOCK
    record = _resumed(0, folder, rng)
    if not path.exists() or path.stat().st_size != count * len(record):
        folder.mkdir(parents=True, exist_ok=True)
        with _whole_file(path) as file:
            for number in range(count):
                file.write(_resumed(number, folder, rng))
                with (folder / _name(number)).open("wb") as content:
                    content.truncate(size)
    return path, len(record)


def is_equal(one: Path, other: Path) -> bool:
    """Byte for byte, through small buffers."""
    mine, yours = bytearray(CHUNK), bytearray(CHUNK)
    with one.open("rb", buffering=0) as first, other.open("rb", buffering=0) as second:
        while True:
            count = first.readinto(mine)
            if count != second.readinto(yours) or memoryview(mine)[:count] != memoryview(yours)[:count]:
                return False
            if not count:
                return True


def _added(number: int, rng: Random) -> bytes:
    hashes = rng.randbytes(20 * PIECES_OF_ADDED)
    return _torrent(f"torrent {number:08d}", PIECES_OF_ADDED * MIB, MIB, hashes)


def _name(number: int) -> str:
    return f"torrent {number:08d}"


def _resumed(number: int, folder: Path, rng: Random) -> bytes:
    hashes = rng.randbytes(20 * PIECES_OF_RESUMED)
    params = load_torrent_buffer(_torrent(_name(number), PIECES_OF_RESUMED * BLOCK, BLOCK, hashes))
    params.save_path = str(folder)
    params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
    params.have_pieces = Bitfield(PIECES_OF_RESUMED, (1 << PIECES_OF_RESUMED) - 1)
    params.added_time = params.completed_time = 1_600_000_000
    return write_resume_data_buf(params)


def _torrent(name: str, size: int, piece: int, hashes: bytes) -> bytes:
    return encode({"info": {"name": name, "piece length": piece, "length": size, "pieces": hashes}})


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Appears under its name when it is complete and on the device, so that no write-back falls into a measurement."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
