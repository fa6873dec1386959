"""A whole BitTorrent session inside trio: one task of your nursery, however many peers there are.

Two sessions share the engine here, a seed and a downloader, so that the example needs nothing from outside.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import trio
from evtorrent import Multi, Session, drive_trio, load_torrent_buffer
from evtorrent.session import AlertCategory, CreateTorrent, list_files, set_piece_hashes

SETTINGS = {"listen_interfaces": "127.0.0.1:0", "alert_mask": int(AlertCategory.status | AlertCategory.error)}


def make_torrent(original: Path) -> bytes:
    """A .torrent of one file."""
    original.parent.mkdir()
    original.write_bytes(os.urandom(2 << 20))
    torrent = CreateTorrent(list_files(original))
    set_piece_hashes(torrent, original.parent)
    return torrent.generate_buf()


async def main(folder: Path) -> None:
    """Seed a file in one session and fetch it with another."""
    original = folder / "seed" / "data.bin"
    metainfo = make_torrent(original)
    multi = Multi()
    async with trio.open_nursery() as nursery:
        driver = drive_trio(multi, nursery)  # this is all the embedding there is
        seed, leech = Session(SETTINGS, multi=multi), Session(SETTINGS, multi=multi)
        params = load_torrent_buffer(metainfo)
        params.save_path = str(original.parent)
        seed.add_torrent(params)
        params = load_torrent_buffer(metainfo)
        params.save_path = str(folder / "download")
        handle = leech.add_torrent(params)
        handle.connect_peer(("127.0.0.1", seed.listen_port()))

        news = trio.Event()
        leech.set_alert_notify(lambda: news.set())
        with trio.fail_after(30):
            while not handle.status().is_seeding:
                await news.wait()
                news = trio.Event()
                for alert in leech.pop_alerts():
                    print("·", alert)
        same = (folder / "download" / "data.bin").read_bytes() == original.read_bytes()
        print(f"{handle.name()}: {handle.status().total_done:,} bytes, identical: {same}")

        for session in (leech, seed):
            closed = trio.Event()
            session.close(on_closed=closed.set)
            await closed.wait()
        driver.close()  # the task ends, and with it the nursery
    multi.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        trio.run(main, Path(temporary))
