"""A message of one's own between two sessions (BEP 10), by plug-ins: peers of a torrent say hello to each other.

`Hello` extends a torrent, and offers the extension "xx_hello" to its peers.  `HelloPeer` extends one connection: it greets a peer
that speaks it, too, and hands what it hears to the program as an alert.  Neither knows how messages are numbered or framed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from evtorrent.protocols import bencode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.session import (
    USER_ALERT_ID,
    AddTorrentParams,
    Alert,
    AlertCategory,
    CreateTorrent,
    PeerConnectionHandle,
    PeerPlugin,
    Session,
    SessionPlugin,
    TorrentHandle,
    TorrentPlugin,
    list_files,
    load_torrent_buffer,
    set_piece_hashes,
)
from evtorrent.session.alerts import alert

NAME = "xx_hello"


@alert(USER_ALERT_ID + 1, AlertCategory.status)
class HelloAlert(Alert):
    """A peer said hello."""

    who: str
    text: str

    def message(self) -> str:
        return f"{self.who} says: {self.text}"


class Greeter(SessionPlugin):
    """Extends every torrent of a session."""

    name = "hello"

    def __init__(self, who: str) -> None:
        self.who = who
        self.session: Session | None = None

    def added(self, session: Session) -> None:
        self.session = session

    def new_torrent(self, handle: TorrentHandle, userdata: object) -> TorrentPlugin:
        return Hello(self)


class Hello(TorrentPlugin):
    """Extends one torrent."""

    name = "hello"
    extension_names = (NAME,)

    def __init__(self, greeter: Greeter) -> None:
        self._greeter = greeter

    def new_connection(self, peer: PeerConnectionHandle) -> PeerPlugin:
        return HelloPeer(self._greeter, peer)


class HelloPeer(PeerPlugin):
    """Extends one connection."""

    name = "hello"

    def __init__(self, greeter: Greeter, peer: PeerConnectionHandle) -> None:
        self._greeter = greeter
        self._peer = peer

    def on_extension_handshake(self, message: Mapping[bytes, object]) -> bool:
        """Its extensions are known.  One that does not speak ours needs no plug-in."""
        text = f"hello from {self._greeter.who}"
        return self._peer.send_extended(NAME, bencode.encode({"who": self._greeter.who, "text": text}))

    def on_extended(self, name: str, payload: bytes) -> bool:
        """A message; what makes no sense is the peer's fault, and ends it."""
        if name != NAME:
            return False
        said = bencode.decode(payload, max_size=1000)
        if not isinstance(said, dict) or not {b"who", b"text"} <= said.keys():
            raise RemoteProtocolError("a greeting without a name")
        assert self._greeter.session is not None
        self._greeter.session.post_alert(
            HelloAlert(*(said[key].decode(errors="replace") for key in (b"who", b"text")))
        )
        return True


def make_session(who: str) -> Session:
    """A session on loopback whose torrents greet."""
    session = Session({"listen_interfaces": "127.0.0.1:0"})
    session.add_extension(Greeter(who))
    return session


def add(session: Session, torrent: bytes, folder: Path) -> TorrentHandle:
    """Add a torrent."""
    params: AddTorrentParams = load_torrent_buffer(torrent)
    params.save_path = str(folder)
    return session.add_torrent(params)


def wait_for_hello(session: Session) -> HelloAlert:
    """What the session's peer says."""
    while session.wait_for_alert(30_000) is not None:
        for each in session.pop_alerts():
            if isinstance(each, HelloAlert):
                return each
    raise TimeoutError("nobody said hello")


def main(folder: Path) -> None:
    """Two sessions share a torrent, and greet each other."""
    (folder / "file.bin").write_bytes(os.urandom(100_000))
    made = CreateTorrent(list_files(folder / "file.bin"))
    set_piece_hashes(made, folder)
    torrent = made.generate_buf()
    with make_session("Alice") as alice, make_session("Bob") as bob:
        add(alice, torrent, folder)
        add(bob, torrent, folder / "copy").connect_peer(("127.0.0.1", alice.listen_port()))
        for session in (alice, bob):
            print(wait_for_hello(session).message())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
