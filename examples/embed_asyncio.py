"""A whole BitTorrent session inside asyncio: no thread of its own, no polling, one call to embed it.

Two sessions share the program's loop here, a seed and a downloader, so that the example needs nothing from outside.  Your
own program has one, and gets its torrents from `load_torrent_file` or `parse_magnet_uri`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from evtorrent import Multi, Session, drive_asyncio, load_torrent_buffer
from evtorrent.session import AlertCategory, CreateTorrent, list_files, set_piece_hashes

SETTINGS = {"listen_interfaces": "127.0.0.1:0", "alert_mask": int(AlertCategory.status | AlertCategory.error)}


def make_torrent(path: Path) -> bytes:
    """A .torrent of one file."""
    torrent = CreateTorrent(list_files(path))
    set_piece_hashes(torrent, path.parent)
    return torrent.generate_buf()


async def main(folder: Path) -> None:
    """Seed a file in one session and fetch it with another, on this loop."""
    original = folder / "seed" / "data.bin"
    original.parent.mkdir()
    original.write_bytes(os.urandom(8 << 20))
    torrent = make_torrent(original)

    multi = Multi()
    driver = drive_asyncio(multi)  # this is all the embedding there is
    seed, leech = Session(SETTINGS, multi=multi), Session(SETTINGS, multi=multi)

    params = load_torrent_buffer(torrent)
    params.save_path = str(original.parent)
    seed.add_torrent(params)

    finished = asyncio.Event()
    leech.set_alert_notify(lambda: show_alerts(leech, finished))
    params = load_torrent_buffer(torrent)
    params.save_path = str(folder / "download")
    handle = leech.add_torrent(params)
    handle.connect_peer(("127.0.0.1", seed.listen_port()))
    await asyncio.wait_for(finished.wait(), 30)

    same = (folder / "download" / "data.bin").read_bytes() == original.read_bytes()
    print(f"{handle.name()}: {handle.status().total_done:,} bytes, identical: {same}")

    for session in (leech, seed):
        closed = asyncio.Event()
        session.close(on_closed=closed.set)
        await closed.wait()
    driver.close()
    multi.close()


def show_alerts(session: Session, finished: asyncio.Event) -> None:
    """Called by the session when there is news."""
    for alert in session.pop_alerts():
        print("·", alert)
        if alert.what() == "torrent_finished_alert":
            finished.set()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
