"""Hash trees of a v2 torrent from peers and for peers (BEP 52).

A magnet link's metadata has the roots of its files; the hashes of their pieces are asked of peers, a few hundred at a time,
and proven against the roots one by one.  Only when all are here is there a way to tell good pieces from bad, so only then
the torrent looks at its files and downloads.

When a piece of several senders is bad, the hashes of its blocks are asked for: they tell whose block it was.

Who sends hashes that were not asked for, or that do not lead to their root, is done with.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from ...protocols.errors import RemoteProtocolError
from ...protocols.metainfo.hash_request import HashRequest
from ...protocols.metainfo.torrent_hashes import TorrentHashes
from ...protocols.peer.messages import HashesReceived, HashRejectReceived, HashRequestReceived
from ...protocols.types import BLOCK_SIZE, Sha256Hash
from ..hash_trees import known_layers, set_piece_layers
from .unsent import UnsentAnswers

if TYPE_CHECKING:
    from ..core.core import Core
    from ..disk.errors import StorageError
    from ..params import AddTorrentParams
    from .peer_link import PeerLink
    from .smart_ban import SmartBan
    from .torrent import Torrent

__all__ = ["MAX_QUEUED_REQUESTS", "MAX_UNSENT_HASHES", "HashExchange", "HashMessage", "receive_hash_message"]

HashMessage = HashRequestReceived | HashesReceived | HashRejectReceived

MAX_QUEUED_REQUESTS: Final = 64
"""Requests of one peer that wait for an answer; more are rejected."""

MAX_UNSENT_HASHES: Final = 512 * 1024
"""Bytes of hashes waiting to leave for one peer; more are made when some of them left."""

MAX_PIECES_IN_QUESTION: Final = 16
"""Bad pieces whose blocks' hashes are asked for at a time; of others the good copy tells."""

_MAX_ON_ORDER: Final = 4
"""Requests one peer is asked at a time; libtorrent asks two."""

_PATIENCE: Final = 10.0
"""Seconds after which somebody else is asked, too."""

_PAUSE: Final = 3.0
"""Seconds in which a peer that rejected is not asked again."""

_NAME: Final = "hashes"


class HashExchange:
    """The trees of one torrent, who is asked for what they lack, and who asks for what they have."""

    __slots__ = ("_core", "_in_question", "_orders", "_torrent", "is_fetching", "trees")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        assert torrent.info is not None
        self._torrent = torrent
        self._core = core
        self._orders: dict[HashRequest, float] = {}
        """What was asked for, and when last."""
        self._in_question: dict[HashRequest, int] = {}
        """Bad pieces, by what would tell whose fault it is."""
        self.is_fetching = False
        """The torrent waits for hashes."""
        self.trees = TorrentHashes(torrent.info.files)
        params = torrent.params
        self.trees.set_layers(known_layers(params, torrent.info.files))
        # From now on they are here, in a third of the memory.
        params.merkle_trees, params.merkle_tree_mask, params.verified_leaf_hashes = [], [], []

    def write_to(self, params: AddTorrentParams) -> None:
        """Put what is known where resume data has it."""
        assert self._torrent.info is not None
        set_piece_layers(params, self._torrent.info.files, self.trees.layers())

    # ---------------------------------------------------------------------------------------------------- fetching

    def fetch(self) -> None:
        """Ask peers for all that is missing; then the torrent goes on."""
        self.is_fetching = True
        self._orders.clear()  # Whoever was asked when it last ran is gone.
        self._ask_all(self._core.base.time())

    def link_ended(self, link: PeerLink) -> None:
        """What it was asked for may be asked of others at once."""
        peer = _peer_of(link)
        for request in peer.asked if peer is not None else ():
            self._orders.pop(request, None)

    def piece_failed(self, piece: int) -> None:
        """A piece is bad.  If it is not known who sent the bad block, ask for the hashes of its blocks."""
        ban = self._smart_ban
        if ban is None or not ban.suspects(piece):
            return
        request = self.trees.blocks_of(piece)
        if request is not None and len(self._in_question) < MAX_PIECES_IN_QUESTION:
            self._in_question[request] = piece
            self._ask_all(self._core.base.time())

    def tick(self, now: float) -> None:
        """Time has passed: others may be asked, and answers that waited may leave."""
        swarm = self._torrent.swarm
        for link in list(swarm.links) if swarm is not None else ():
            peer = _peer_of(link)
            if peer is not None and peer.queue:
                self._answer(link, peer)
        self._ask_all(now)

    def receive(self, link: PeerLink, event: HashMessage) -> None:
        """A peer asks, answers or rejects.  RemoteProtocolError when that was not its to do."""
        peer = _peer_of(link)
        if peer is None:
            peer = link.user_data[_NAME] = _HashPeer(link)
        if isinstance(event, HashRequestReceived):
            if len(peer.queue) >= MAX_QUEUED_REQUESTS:
                link.connection.send_hash_reject(event.request)
                return
            peer.queue.append(event.request)
            self._answer(link, peer)
            return
        if event.request not in peer.asked:
            raise RemoteProtocolError("hashes or a reject that were not asked for")
        peer.asked.discard(event.request)
        now = self._core.base.time()
        if isinstance(event, HashRejectReceived):
            peer.not_before = now + _PAUSE
            self._orders.pop(event.request, None)
            return
        self._take(link, event)
        if self.is_fetching:
            self._ask_all(now)

    def _take(self, link: PeerLink, event: HashesReceived) -> None:
        self._orders.pop(event.request, None)
        if not self.trees.add(event.request, event.hashes):
            swarm = self._torrent.swarm
            if swarm is not None:
                swarm.ban(link.address)
            raise RemoteProtocolError("hashes that do not lead to the root of their file")
        piece = self._in_question.pop(event.request, None)
        if piece is not None:
            self._judge(piece, event)
        if self.is_fetching and self.trees.is_complete:
            self.is_fetching = False
            self._torrent.hashes_complete()

    def _judge(self, piece: int, event: HashesReceived) -> None:
        """The hashes of the blocks of a bad piece are known: who sent others is convicted."""
        ban, step = self._smart_ban, Sha256Hash.LENGTH
        leaves = {
            block: event.hashes[block * step : (block + 1) * step] for block in range(event.request.count)
        }
        for culprit in ban.digests_known(piece, leaves) if ban is not None else ():
            self._torrent.news.on_culprit(culprit)

    @property
    def _smart_ban(self) -> SmartBan | None:
        download = self._torrent.download
        return download.smart_ban if download is not None else None

    def _ask_all(self, now: float) -> None:
        swarm = self._torrent.swarm
        if swarm is None or not (self.is_fetching or self._in_question):
            return
        wanted = self.trees.missing() if self.is_fetching else self._questions()
        due = (each for each in wanted if now - self._orders.get(each, now - _PATIENCE) >= _PATIENCE)
        missing = list(islice(due, _MAX_ON_ORDER * len(swarm.links)))
        for link in list(swarm.links):
            if not missing:
                return
            if _is_to_be_asked(link):
                missing = self._ask(link, missing, now)

    def _questions(self) -> list[HashRequest]:
        """What still tells something: the good copy of a piece may have come first."""
        ban = self._smart_ban
        self._in_question = {
            request: piece
            for request, piece in self._in_question.items()
            if ban is not None and ban.suspects(piece)
        }
        return list(self._in_question)

    def _ask(self, link: PeerLink, missing: list[HashRequest], now: float) -> list[HashRequest]:
        """Ask one peer for what it has room for; gives what is left for others."""
        peer = _peer_of(link)
        if peer is None:
            peer = link.user_data[_NAME] = _HashPeer(link)
        if now < peer.not_before:
            return missing
        left = []
        for request in missing:
            piece = self._in_question.get(request)
            lacks = piece is not None and not link.pieces >> piece & 1
            if lacks or len(peer.asked) >= _MAX_ON_ORDER or request in peer.asked:
                left.append(request)
                continue
            peer.asked.add(request)
            self._orders[request] = now
            link.connection.send_hash_request(request)
        link.flush(now)
        return left

    # --------------------------------------------------------------------------------------------------- answering

    def _answer(self, link: PeerLink, peer: _HashPeer) -> None:
        """Answer what is queued, in order, while there is room."""
        while peer.queue and not peer.is_reading and not link.closed and peer.unsent.has_room():
            request = peer.queue[0]
            tree = self.trees.file(request.root)
            blocks = tree.blocks_for(request) if tree is not None else None
            if blocks and self._has_blocks(link, request, blocks):
                self._read(link, peer, request, blocks)
                continue
            peer.queue.popleft()
            self._send(
                link,
                peer,
                request,
                None if tree is None or blocks is None or blocks else tree.answer(request),
            )

    def _send(self, link: PeerLink, peer: _HashPeer, request: HashRequest, hashes: bytes | None) -> None:
        if hashes is None:
            link.connection.send_hash_reject(request)
        else:
            link.connection.send_hashes(request, hashes)
            peer.unsent.add(len(hashes))

    def _has_blocks(self, link: PeerLink, request: HashRequest, blocks: range) -> bool:
        """The blocks are on disk, and for this peer: BEP 52 lets those of choked ones be refused."""
        torrent, info = self._torrent, self._torrent.info
        if info is None or not torrent.is_checked or link.is_choked_by_us:
            return False
        first = self.trees.place_of(request.root) // BLOCK_SIZE + blocks.start
        per_piece = info.piece_length // BLOCK_SIZE
        return all(
            torrent.has_piece(piece)
            for piece in range(first // per_piece, (first + len(blocks) - 1) // per_piece + 1)
        )

    def _read(self, link: PeerLink, peer: _HashPeer, request: HashRequest, blocks: range) -> None:
        """Have blocks hashed on the pool, one request of a peer at a time."""
        tree = self.trees.file(request.root)
        assert tree is not None
        peer.is_reading = True

        def done(hashes: list[bytes] | None, error: StorageError | None) -> None:
            peer.is_reading = False
            if link.closed:
                return
            peer.queue.popleft()
            self._send(link, peer, request, tree.answer(request, hashes) if hashes is not None else None)
            self._answer(link, peer)
            link.flush(self._core.base.time())
            if error is not None:
                self._torrent.on_disk_error(error)

        place = self.trees.place_of(request.root)
        begin = blocks.start * BLOCK_SIZE
        end = min(blocks.stop * BLOCK_SIZE, tree.size)
        source = self._torrent.need_storage()
        source.disk.submit_hash_blocks(source.storage, place + begin, end - begin, done)


class _HashPeer:
    """What one peer was asked, and asks."""

    __slots__ = ("asked", "is_reading", "not_before", "queue", "unsent")

    def __init__(self, link: PeerLink) -> None:
        self.asked: set[HashRequest] = set()
        self.not_before = 0.0
        self.queue: deque[HashRequest] = deque()
        self.is_reading = False
        self.unsent = UnsentAnswers(link, MAX_UNSENT_HASHES)


def _peer_of(link: PeerLink) -> _HashPeer | None:
    found: _HashPeer | None = link.user_data.get(_NAME)
    return found


def _is_to_be_asked(link: PeerLink) -> bool:
    """It speaks v2 and has the metadata: without it libtorrent would hang up."""
    connection = link.connection
    if link.closed or link.peer_id is None or not connection.is_v2:
        return False
    return connection.extensions.metadata_size is not None or connection.knows_pieces or bool(link.pieces)


def receive_hash_message(torrent: Torrent, link: PeerLink, event: HashMessage) -> None:
    """A peer asks for hashes, answers or rejects.  RemoteProtocolError when that was not its to do."""
    if torrent.info is not None:
        torrent.need_hashes().receive(link, event)
    elif isinstance(event, HashRequestReceived):
        link.connection.send_hash_reject(event.request)
    else:
        raise RemoteProtocolError("hashes or a reject that were not asked for")
