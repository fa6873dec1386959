"""A whole BitTorrent session inside a Qt program: slots and sessions in one thread, the window stays alive.

Two sessions share the engine here, a seed and a downloader, so that the example needs nothing from outside.  No window is
opened; with a QApplication in the place of the QCoreApplication nothing else changes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from evtorrent import Multi, Session, drive_qt, load_torrent_buffer
from evtorrent.session import AlertCategory, CreateTorrent, list_files, set_piece_hashes
from PySide6.QtCore import QCoreApplication

SETTINGS = {"listen_interfaces": "127.0.0.1:0", "alert_mask": int(AlertCategory.status | AlertCategory.error)}


def make_torrent(original: Path) -> bytes:
    """A .torrent of one file."""
    original.parent.mkdir()
    original.write_bytes(os.urandom(2 << 20))
    torrent = CreateTorrent(list_files(original))
    set_piece_hashes(torrent, original.parent)
    return torrent.generate_buf()


def main(folder: Path) -> None:
    """Seed a file in one session and fetch it with another."""
    original = folder / "seed" / "data.bin"
    metainfo = make_torrent(original)
    app = QCoreApplication([])
    multi = Multi()
    driver = drive_qt(multi)  # this is all the embedding there is
    seed, leech = Session(SETTINGS, multi=multi), Session(SETTINGS, multi=multi)
    params = load_torrent_buffer(metainfo)
    params.save_path = str(original.parent)
    seed.add_torrent(params)
    params = load_torrent_buffer(metainfo)
    params.save_path = str(folder / "download")
    handle = leech.add_torrent(params)
    handle.connect_peer(("127.0.0.1", seed.listen_port()))

    def on_news() -> None:
        for alert in leech.pop_alerts():
            print("·", alert)
        if handle.status().is_seeding:
            app.quit()

    leech.set_alert_notify(on_news)
    app.exec()
    same = (folder / "download" / "data.bin").read_bytes() == original.read_bytes()
    print(f"{handle.name()}: {handle.status().total_done:,} bytes, identical: {same}")

    for session in (leech, seed):
        session.close(on_closed=app.quit)
        app.exec()
    driver.close()
    multi.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
