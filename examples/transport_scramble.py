"""A transport of one's own: a filter that scrambles every byte, and two sessions whose peers speak through it.

Registered by hand here; a package offers it to everybody under [project.entry-points."evtorrent.transport"] with
scramble = "its_package:put_on_scramble".  It hides the protocol from a glance and is no encryption.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from evtorrent import Session, load_torrent_buffer
from evtorrent.protocols.transport import ChainContext, Filter, Transport, register_filter
from evtorrent.session import CreateTorrent, SessionParams, list_files, set_piece_hashes

SETTINGS = {"listen_interfaces": "127.0.0.1:0"}


class Scramble(Filter):
    """Every byte is looked up in a table on the way out, and in its inverse on the way in."""

    name = "scramble"

    def __init__(self, below: Transport, key: int) -> None:
        self._out = bytes(random.Random(key).sample(range(256), 256))
        self._in = bytes(sorted(range(256), key=self._out.__getitem__))
        super().__init__(below)

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        """What came, unscrambled in place; 0 is the end and -1 is nothing yet, as below."""
        count = self.below.recv_into(buffer)
        if count > 0:
            buffer[:count] = bytes(buffer[:count]).translate(self._in)
        return count

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """What is not taken is offered, and scrambled, again: a filter need not keep anything."""
        return self.below.send(bytes(data[:65_536]).translate(self._out))

    sendv = Transport.sendv  # one by one, through `send`


def put_on_scramble(below: Transport, context: ChainContext) -> Transport:
    """What a chain calls for "scramble", for connections both ways."""
    return Scramble(below, context.options["scramble_key"])


def main(folder: Path) -> None:
    """Seed here, download there, compare."""
    register_filter("scramble", put_on_scramble)
    options = {"scramble_key": 7}
    params = SessionParams(SETTINGS, peer_transports=["tcp+scramble"], transport_options=options)
    original, copy = folder / "seed" / "data.bin", folder / "copy" / "data.bin"
    original.parent.mkdir()
    original.write_bytes(random.Random(1).randbytes(3_000_000))
    torrent = CreateTorrent(list_files(original))
    set_piece_hashes(torrent, original.parent)
    adding = load_torrent_buffer(torrent.generate_buf())
    with Session(params) as seed, Session(params) as leech:
        adding.save_path = str(original.parent)
        seed.add_torrent(adding)
        adding.save_path = str(copy.parent)
        handle = leech.add_torrent(adding)
        handle.connect_peer(("127.0.0.1", seed.listen_port()))
        while not handle.status().is_seeding:
            time.sleep(0.02)
    same = original.read_bytes() == copy.read_bytes()
    print(f"{copy.stat().st_size} bytes over tcp+scramble, identical: {same}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
