"""Twenty magnet links at once with `async for`: no thread of its own, nothing polled.

So that the example needs nothing from outside, a second session on the same loop seeds what the links name.  A program of your
own is `fetch` and `fetch_all`: what else it needs is a list of links.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from evtorrent.session import (
    AddTorrentParams,
    AlertCategory,
    AsyncSession,
    CreateTorrent,
    PieceFinishedAlert,
    list_files,
    load_torrent_buffer,
    make_magnet_uri,
    set_piece_hashes,
)

SETTINGS = {
    "listen_interfaces": "127.0.0.1:0",
    "allow_multiple_connections_per_ip": True,
    # Twenty at once: by default three auto-managed downloads run, and the others wait in the queue.
    "active_downloads": -1,
    "active_seeds": -1,
}
NUM_TORRENTS = 20


async def fetch(session: AsyncSession, link: str, folder: Path) -> str:
    """One magnet link, start to end."""
    handle = await session.add_torrent(link, folder)
    print(f"  {(await handle.metadata()).name}: metadata is here")
    async for status in handle.progress():
        print(f"  {status.name}: {status.progress:4.0%} {status.num_pieces} pieces")
    return handle.name()


async def watch(session: AsyncSession) -> int:
    """Every piece of every torrent, as it comes; ends with the session."""
    return len(
        [
            alert
            async for alert in session.alerts(AlertCategory.piece_progress)
            if isinstance(alert, PieceFinishedAlert)
        ]
    )


async def fetch_all(links: list[str], folder: Path) -> None:
    """All of them in one session."""
    async with AsyncSession(SETTINGS) as session:
        pieces = asyncio.create_task(watch(session))
        async with asyncio.timeout(50):
            names = await asyncio.gather(*(fetch(session, link, folder) for link in links))
    print(f"{len(names)} torrents complete, {await pieces} pieces")


async def seed_all(session: AsyncSession, folder: Path) -> list[str]:
    """Torrents to find: files made up, checked and offered; gives their magnet links."""
    handles, links = [], []
    for number in range(NUM_TORRENTS):
        path = folder / f"file-{number:02}.bin"
        path.write_bytes(os.urandom(200_000))
        torrent = CreateTorrent(list_files(path))
        set_piece_hashes(torrent, folder)
        handles.append(await session.add_torrent(torrent.generate_buf(), folder))
        params: AddTorrentParams = load_torrent_buffer(torrent.generate_buf())
        links.append(f"{make_magnet_uri(params)}&x.pe=127.0.0.1:{session.session.listen_port()}")
    await asyncio.gather(*(handle.checked() for handle in handles))
    return links


async def main(folder: Path) -> None:
    """Seed on one side, fetch on the other."""
    (folder / "seed").mkdir()
    async with AsyncSession(SETTINGS) as seed:
        links = await seed_all(seed, folder / "seed")
        await fetch_all(links, folder / "download")
    same = all(
        path.read_bytes() == (folder / "download" / path.name).read_bytes()
        for path in (folder / "seed").iterdir()
    )
    print(f"identical: {same}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
