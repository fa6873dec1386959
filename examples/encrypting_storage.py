"""A disk back end of one's own: everything that reaches the disk is encrypted, and nothing else notices.

`EncryptingBackend` puts AES in counter mode around the ordinary files.  A block's key stream follows from its offset, so that any
stretch can be read or written alone.  The key is one for each torrent; the same bytes are always at the same place, for only
verified pieces are written, so the stream is never used for two contents.

A plain session seeds; one that encrypts downloads, checks what it has, and seeds it to a third, plain one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from evtorrent.protocols.types import Buffer
from evtorrent.session import (
    AddTorrentParams,
    AlertCategory,
    CreateTorrent,
    MoveFlags,
    RemoveFlags,
    Session,
    SessionParams,
    TorrentCheckedAlert,
    TorrentFinishedAlert,
    TorrentHandle,
    list_files,
    load_torrent_buffer,
    set_piece_hashes,
)
from evtorrent.session.disk import Backend, FilePool, MoveResult, PosixBackend, Presence, Scan, StorageParams

BLOCK = 16
"""Bytes of AES' own blocks, which the counter counts."""


class EncryptingBackend(Backend):
    """One torrent's files, encrypted.  Names and sizes stay as they are."""

    def __init__(self, params: StorageParams, pool: FilePool, *, secret: bytes) -> None:
        self._files = PosixBackend(params, pool)
        name = params.info.info_hashes.best()
        self._key = HKDF(SHA256(), 32, salt=None, info=b"evtorrent example" + name).derive(secret)
        files = params.info.files
        self._padding = [
            (files.offset(each), files.size(each)) for each in range(files.num_files) if files.is_pad(each)
        ]

    def _crypt(self, data: Buffer, offset: int) -> bytes:
        """Counter mode: the same both ways."""
        first = offset // BLOCK
        cipher = Cipher(algorithms.AES(self._key), modes.CTR(first.to_bytes(BLOCK, "big"))).encryptor()
        cipher.update(bytes(offset - first * BLOCK))
        return cipher.update(data)

    def _decrypt(self, buffers: Sequence[memoryview], offset: int) -> None:
        for buffer in buffers:
            buffer[:] = self._crypt(buffer, offset)
            for start, size in self._padding:  # Which is on no disk, and zeros.
                begin, end = max(start, offset), min(start + size, offset + len(buffer))
                if begin < end:
                    buffer[begin - offset : end - offset] = bytes(end - begin)
            offset += len(buffer)

    def read(self, buffers: Sequence[memoryview], offset: int) -> None:
        self._files.read(buffers, offset)
        self._decrypt(buffers, offset)

    def read_nowait(self, buffers: Sequence[memoryview], offset: int) -> bool:
        if not self._files.read_nowait(buffers, offset):
            return False
        self._decrypt(buffers, offset)
        return True

    def write(self, buffers: Sequence[Buffer], offset: int) -> None:
        encrypted = []
        at = offset
        for buffer in buffers:
            encrypted.append(self._crypt(buffer, at))
            at += len(buffer)
        self._files.write(encrypted, offset)

    def scan(self) -> Scan:
        return EncryptedScan(self._files.scan())

    # The rest is the files' own business.

    def prepare(self) -> None:
        self._files.prepare()

    def verify(self, have: int) -> None:
        self._files.verify(have)

    def flush(self, *, sync: bool) -> None:
        self._files.flush(sync=sync)

    def release(self) -> None:
        self._files.release()

    def rename(self, index: int, name: str) -> None:
        self._files.rename(index, name)

    def move(self, save_path: str, mode: MoveFlags) -> MoveResult:
        return self._files.move(save_path, mode)

    def delete(self, flags: RemoveFlags) -> None:
        self._files.delete(flags)

    def set_priorities(self, priorities: Sequence[int]) -> None:
        self._files.set_priorities(priorities)


class EncryptedScan(Scan):
    """A hole in encrypted files does not read as zeros: it is as good as any other data."""

    def __init__(self, files: Scan) -> None:
        self._files = files

    def presence(self, offset: int, length: int) -> Presence:
        found = self._files.presence(offset, length)
        return Presence.MISSING if found is Presence.MISSING else Presence.DATA


def make_session(secret: bytes | None = None) -> Session:
    """A session on loopback; with a secret, one that encrypts."""
    backend = partial(EncryptingBackend, secret=secret) if secret is not None else None
    settings = {
        "listen_interfaces": "127.0.0.1:0",
        "alert_mask": int(AlertCategory.error | AlertCategory.status),
    }
    return Session(SessionParams(settings, disk_backend=backend))


def wait(session: Session, kind: type) -> None:
    """Until the session posted an alert of a kind."""
    while True:
        if session.wait_for_alert(30_000) is None:
            raise TimeoutError(f"no {kind.__name__}")
        if any(isinstance(alert, kind) for alert in session.pop_alerts()):
            return


def add(session: Session, torrent: bytes, folder: Path) -> TorrentHandle:
    """Add it, and wait until what is in the folder was checked."""
    params: AddTorrentParams = load_torrent_buffer(torrent)
    params.save_path = str(folder)
    handle = session.add_torrent(params)
    wait(session, TorrentCheckedAlert)
    return handle


def fetch(torrent: bytes, source: Session, session: Session, folder: Path) -> None:
    """Download from one session into another."""
    handle = add(session, torrent, folder)
    handle.connect_peer(("127.0.0.1", source.listen_port()))
    wait(session, TorrentFinishedAlert)


def main(folder: Path) -> None:
    """Plain → encrypted → plain."""
    first, vault, last = (folder / name for name in ("first", "vault", "last"))
    first.mkdir()
    content = os.urandom(1_000_003)
    (first / "secret.bin").write_bytes(content)
    made = CreateTorrent(list_files(first / "secret.bin"))
    set_piece_hashes(made, first)
    torrent, secret = made.generate_buf(), os.urandom(32)

    with make_session() as seed, make_session(secret) as keeper:
        add(seed, torrent, first)
        fetch(torrent, seed, keeper, vault)
    stored = (vault / "secret.bin").read_bytes()
    print(f"on disk: {len(stored)} bytes, readable: {stored == content or content[:64] in stored}")

    with make_session() as stranger:
        print(f"with another program: {add(stranger, torrent, vault).status().progress:.0%}")
    with make_session(secret) as keeper, make_session() as leech:
        print(f"with the secret: {add(keeper, torrent, vault).status().progress:.0%}")
        fetch(torrent, keeper, leech, last)
    print(f"identical: {(last / 'secret.bin').read_bytes() == content}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
