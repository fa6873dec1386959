"""Metadata from peers and for peers (BEP 9): the plug-in that joins the pure machines of `protocols` to torrents.

What belongs to a torrent that fetches is its `MetadataFetch`, kept in `torrent.user_data` while it lasts; what belongs to a
peer that asks is its `_Serving`, in `link.user_data`.  Nothing else is held, so both end with what they belong to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ...protocols.errors import RemoteProtocolError
from ...protocols.metainfo import LoadLimits, TorrentInfo
from ...protocols.peer.extensions.ut_metadata import (
    Action,
    MetadataComplete,
    MetadataFailed,
    MetadataFetcher,
    SendMessage,
)
from ...protocols.peer.extensions.ut_metadata_codec import MetadataKind, MetadataMessage, parse_message
from ...protocols.peer.extensions.ut_metadata_server import MetadataServer
from ..alerts import MetadataFailedAlert
from ..errors import ErrorCode, TorrentErrc
from .peer_link import PeerLink
from .unsent import UnsentAnswers

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["MAX_UNSENT_METADATA", "MetadataExchange", "MetadataFetch"]

MAX_UNSENT_METADATA = 160 * 1024
"""Bytes of metadata waiting to leave for one peer; more is made when some of it left (as libtorrent)."""

_NAME = "ut_metadata"
_TICK = 1.0
_SERVE_AGAIN_AFTER = 0.2


class MetadataExchange:
    """The extension "ut_metadata"."""

    __slots__ = ("_core", "name")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.name = _NAME

    def is_offered(self, torrent: Torrent) -> bool:
        """Private torrents come from their tracker's site only, as in libtorrent."""
        return torrent.info is None or not torrent.info.is_private

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer told what it speaks: it is asked when it has what we lack."""
        extensions = link.connection.extensions
        if (
            torrent.info is None
            and extensions.id_of(_NAME) is not None
            and extensions.metadata_size is not None
        ):
            self._fetch_of(torrent).add_peer(link, extensions.metadata_size)

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A peer asks, answers or rejects."""
        self._core.counters.values["ses.num_incoming_metadata"] += 1
        message = parse_message(payload)
        if message is None:
            return
        if message.kind is MetadataKind.REQUEST:
            self._serve(torrent, link, message)
        elif torrent.info is None and (fetch := _fetch_of(torrent)) is not None:
            fetch.receive_message(link, message)

    def _fetch_of(self, torrent: Torrent) -> MetadataFetch:
        fetch = _fetch_of(torrent)
        if fetch is None:
            fetch = MetadataFetch(torrent, self._core)
            if torrent.user_data is None:
                torrent.user_data = {}
            torrent.user_data[_NAME] = fetch
        return fetch

    def _serve(self, torrent: Torrent, link: PeerLink, message: MetadataMessage) -> None:
        serving = link.user_data.get(_NAME)
        if serving is None:
            serving = link.user_data[_NAME] = _Serving(link, self._core)
        info = torrent.info
        serving.server.info_section = info.info_section if info and self.is_offered(torrent) else b""
        serving.receive_message(message)


def _fetch_of(torrent: Torrent) -> MetadataFetch | None:
    return cast("MetadataFetch | None", (torrent.user_data or {}).get(_NAME))


class MetadataFetch:
    """A torrent without metadata, its fetcher, and its clock."""

    __slots__ = ("_core", "_timer", "_torrent", "fetcher")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._timer: Any = None
        self.fetcher = MetadataFetcher(
            torrent.info_hashes, max_size=core.settings.get_int("max_metadata_size")
        )

    def add_peer(self, link: PeerLink, metadata_size: int) -> None:
        """A peer has the metadata.  RemoteProtocolError when it is too large."""
        self._perform(self.fetcher.add_peer(link, metadata_size, self._core.base.time()))

    def receive_message(self, link: PeerLink, message: MetadataMessage) -> None:
        """A peer answers or rejects.  RemoteProtocolError when that breaks a rule."""
        self._perform(self.fetcher.receive_message(link, message, self._core.base.time()))

    def close(self) -> None:
        """Forget what is here."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        (self._torrent.user_data or {}).pop(_NAME, None)

    def _tick(self) -> None:
        self._timer = None
        torrent, now = self._torrent, self._core.base.time()
        if torrent.info is not None or torrent.swarm is None:
            self.close()
            return
        actions: list[Action] = []
        for peer in self.fetcher.peers:
            if cast("PeerLink", peer).closed:
                actions += self.fetcher.remove_peer(peer, now)
        self._perform(actions + self.fetcher.handle_timeout(now))

    def _perform(self, actions: list[Action]) -> None:
        now = self._core.base.time()
        asked: dict[PeerLink, None] = {}
        for action in actions:
            if isinstance(action, SendMessage):
                link = cast("PeerLink", action.peer)
                link.connection.send_extension(_NAME, action.payload)
                self._core.counters.values["ses.num_outgoing_metadata"] += 1
                asked[link] = None
            elif isinstance(action, MetadataFailed):
                self._failed(action)
            else:
                self._complete(action)
        for link in asked:
            link.flush(now)
        if self.fetcher.is_done:
            self.close()
        elif self._timer is None and self.fetcher.peers:
            self._timer = self._core.base.call_later(_TICK, self._tick)

    def _failed(self, action: MetadataFailed) -> None:
        self._torrent.post(MetadataFailedAlert, ErrorCode.of(TorrentErrc.mismatching_info_hash))
        if action.is_proven:
            self._ban(action.suppliers)

    def _complete(self, action: MetadataComplete) -> None:
        torrent, settings = self._torrent, self._core.settings
        self.close()
        self._ban(action.culprits)
        limits = LoadLimits(
            max_pieces=settings.get_int("max_piece_count"),
            max_decode_tokens=settings.get_int("metadata_token_limit"),
        )
        try:
            info = TorrentInfo.from_info(action.info_section, limits=limits)
        except RemoteProtocolError as error:
            # It has the right hash, so every copy is the same: nobody is to blame, and asking again is of no use.
            torrent.post(MetadataFailedAlert, ErrorCode.from_exception(error))
            torrent.set_error(error)
            return
        torrent.metadata_received(info)

    def _ban(self, peers: tuple[Any, ...]) -> None:
        for link in peers:
            if self._torrent.swarm is not None:
                self._torrent.swarm.ban(link.address)


class _Serving:
    """A peer that asks for metadata, and how much of it has left."""

    __slots__ = ("_core", "_link", "_timer", "_unsent", "server")

    def __init__(self, link: PeerLink, core: Core) -> None:
        self._link = link
        self._core = core
        self._timer: Any = None
        self._unsent = UnsentAnswers(link, MAX_UNSENT_METADATA)
        self.server = MetadataServer()

    def receive_message(self, message: MetadataMessage) -> None:
        """A request came.  RemoteProtocolError when it breaks a rule."""
        for reject in self.server.receive_message(message, self._core.base.time()):
            self._link.connection.send_extension(_NAME, reject)
            self._core.counters.values["ses.num_outgoing_metadata"] += 1
        if self._timer is None:
            self._answer()

    def _answer(self) -> None:
        self._timer = None
        link = self._link
        if link.closed:
            return
        while self._unsent.has_room() and (answer := self.server.next_answer()) is not None:
            if link.connection.send_extension(_NAME, answer):
                self._unsent.add(len(answer))
                self._core.counters.values["ses.num_outgoing_metadata"] += 1
        link.flush(self._core.base.time())
        if self.server.has_answers and not link.closed:
            self._timer = self._core.base.call_later(_SERVE_AGAIN_AFTER, self._answer)
