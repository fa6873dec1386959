"""One torrent: what it is, which phase it is in, and the parts that do the work.

The torrent owns and routes.  Connections are the `Swarm`'s, pieces the `Download`'s, trackers `TorrentTrackers`', files
and priorities `TorrentFiles`', the way through checking `Startup`'s, what is shown outside `report`'s.  A torrent that was
never started has but its files: thousands of paused torrents cost little more than their metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from ...protocols.bits import Bitfield
from ...protocols.errors import EvtorrentError
from ...protocols.metainfo import TorrentInfo
from ...protocols.peer.extensions.registry import ExtensionRegistry
from ...protocols.transport.base import Transport
from ...protocols.types import Address, InfoHashes
from ..alerts import (
    Alert,
    FileErrorAlert,
    MetadataReceivedAlert,
    PieceFinishedAlert,
    StateChangedAlert,
    TorrentAlert,
    TorrentErrorAlert,
    TorrentFinishedAlert,
    TorrentPausedAlert,
    TorrentResumedAlert,
)
from ..close_reason import CloseReason
from ..core.queueing import Verdict
from ..disk.errors import StorageError
from ..errors import NO_ERROR, ErrorCode, SessionError, TorrentErrc
from ..flags import PeerSource, TorrentFlags
from ..operations import operation_of
from ..params import AddTorrentParams
from ..plugins.torrent_hooks import NO_PLUGINS, NoPlugins
from ..status import TorrentState
from . import discovery, ticking, unfinished, upload_only
from .bound_storage import BoundStorage
from .clocks import ActivityClocks
from .conflict import end_in_conflict
from .deadlines import Deadlines
from .download import Download
from .download_news import DownloadNews
from .drain import Drain
from .files import TorrentFiles
from .first_look import look
from .hash_exchange import HashExchange
from .link_end import LinkEnded
from .peer_link import PeerLink
from .peer_list import PeerList
from .peer_tls import PeerTls
from .phase import Phase, state_of
from .rates import TransferMeters
from .root_certificate import take_root_certificate
from .seed_mode import SeedMode
from .standing import TorrentStanding
from .startup import Startup
from .super_seeding import SuperSeeding, update_super_seeding
from .swarm import Swarm
from .tracking import Tracking
from .web_seeds import WebSeeds

if TYPE_CHECKING:
    from ..core.core import Core
    from ..handle import TorrentHandle

__all__ = ["Torrent"]


class Torrent(TorrentStanding):
    """One torrent of a session.  Made from `AddTorrentParams`, which it keeps."""

    __slots__ = (
        "_core",
        "_was_finished",
        "block_source",
        "checking_progress",
        "clocks",
        "deadlines",
        "download",
        "download_limit",
        "drain",
        "error",
        "error_path",
        "files",
        "flags",
        "handle",
        "hashes",
        "have",
        "info",
        "info_hashes",
        "is_parked",
        "max_connections",
        "max_uploads",
        "meters",
        "name",
        "news",
        "params",
        "peers",
        "phase",
        "plugins",
        "registry",
        "removed",
        "save_path",
        "scope",
        "seed_mode",
        "shown_state",
        "startup",
        "status_changed",
        "super_seeding",
        "swarm",
        "tls",
        "tracking",
        "upload_limit",
        "user_data",
        "web",
    )

    def __init__(self, core: Core, params: AddTorrentParams, handle: TorrentHandle) -> None:
        self._core = core
        self.params = params
        """As it was added; fields that change live elsewhere and are put back by `report.resume_params`."""
        self.handle = handle
        self.info: TorrentInfo | None = params.ti
        self.info_hashes: InfoHashes = params.ti.info_hashes if params.ti is not None else params.info_hashes
        self.name = params.best_name()
        self.save_path = params.save_path
        self.flags = params.flags
        self.phase = Phase.NEW
        self.is_parked = False
        """Checked and waiting for the queue's decision, with its files still open."""
        self.drain: Drain | None = None
        """While a graceful pause is under way."""
        self.scope = EVERYWHERE
        """Where it may announce itself."""
        self.upload_limit, self.download_limit = params.upload_limit, params.download_limit
        self.max_connections, self.max_uploads = params.max_connections, params.max_uploads
        self.shown_state = TorrentState.checking_resume_data
        self.error: ErrorCode = NO_ERROR
        """Why it stopped by itself."""
        self.error_path = ""
        """The file the error is about."""
        self.have: Bitfield = _NOTHING if self.info is None else Bitfield(self.info.num_pieces)
        """Verified and written.  Shared with the picker once there is one."""
        self.checking_progress = 0.0
        self.registry: ExtensionRegistry = core.registry
        self.meters = _NO_METERS
        self.clocks: ActivityClocks | None = None
        self.peers: PeerList | None = None
        self.swarm: Swarm | None = None
        self.download: Download | None = None
        self.deadlines: Deadlines | None = None
        """Once a piece was given one."""
        self.block_source: BoundStorage | None = None
        self.files: TorrentFiles | None = None
        self.tracking: Tracking | None = None
        self.startup: Startup | None = None
        self.seed_mode: SeedMode | None = None
        """While pieces are believed and not verified."""
        self.hashes: HashExchange | None = None
        """Hash trees of a v2 torrent, once they are needed."""
        self.tls: PeerTls | None = None
        """Of an SSL torrent, whose peers speak TLS and nothing else."""
        self.news = DownloadNews(self, core)
        """Hears what comes of the download."""
        self.super_seeding: SuperSeeding | None = None
        """While peers are shown its pieces one by one."""
        self.web: WebSeeds | None = None
        """Servers that have its files, once they are needed."""
        self.removed = False
        self.status_changed = False
        self.user_data: dict[str, Any] | None = None
        self.plugins: NoPlugins = NO_PLUGINS
        """What the program extends it with."""
        self._was_finished = False

    # ------------------------------------------------------------------------------------------ starting, stopping

    def start(self) -> None:
        """Leave the paused state: check if needed, then connect and announce.  Does nothing when it runs."""
        core = self._core
        if self.swarm is not None or self.removed or self.error or core.closing:
            return
        if self.meters is _NO_METERS:
            self.meters = TransferMeters()
        if self.clocks is None:
            self.clocks = ActivityClocks(self.params, core.wall_time())
        if self.peers is None:
            self.peers = core.new_peer_list(self)
        if self.tracking is None:
            self.tracking = Tracking(self, core)
        self.peers.max_size = core.settings.get_int("max_peerlist_size")
        self.is_parked = False
        self.swarm = Swarm(self, core, self.peers)
        self.swarm.add_peers(self.params.peers, PeerSource.resume_data)
        self._core.dht.add_nodes_of(self)
        if self.info is None or not self.can_verify:
            self.enter(Phase.METADATA)
            self._go_online()
        elif self.phase is Phase.ACTIVE:
            self._go_online()
        else:
            self.check(from_resume=True)

    def check(self, *, from_resume: bool) -> None:
        """Find out which pieces are on disk; with `from_resume`, believing resume data that fits the files."""
        if self.startup is not None:
            self.startup.cancel()
        try:
            self._open_storage()
        except StorageError as error:  # A file renamed to leave the save path.
            self.startup = None
            self.on_disk_error(error)
            return
        self.enter(Phase.RESUMING if from_resume else Phase.CHECKING)
        self.startup = Startup(self, self._core)
        self.startup.begin(from_resume=from_resume)

    def stop(self, *, on_told: Callable[[], object] | None = None) -> None:
        """Enter the paused state: connections end, trackers are told (then `on_told`).  Does nothing when it does not run."""
        swarm = self.swarm
        self.rest()
        if swarm is None:
            if on_told is not None:
                on_told()
            return
        if self.startup is not None:
            self.startup.cancel()
            self.startup = None
            self.phase = Phase.NEW
        self.swarm = None
        if self.drain is not None:
            self.drain.cancel()
            self.drain = None
        swarm.close_all(LinkEnded(CloseReason.none, "the torrent was paused"))
        if self.web is not None:
            self.web.stop()
        if self.download is not None:
            if not self.error and not self.removed:
                unfinished.keep(self)
            self.download.stop()
        self.meters.drain(self._core.meters)
        self._core.torrent_stopped(self)
        self._let_files_go()
        self._take_leave(on_told)
        self.touch()

    def checked(self, have: Bitfield) -> None:
        """The pieces on disk are known: go on."""
        assert self.info is not None
        self.startup = None
        self.have.bits = have.bits
        self._core.counters.values["ses.num_have_pieces"] += have.count()
        self._make_download()
        if self.files is not None:
            self.files.reset_progress()
        if self.flags & TorrentFlags.seed_mode:
            verified = self.params.verified_pieces
            known = verified is not None and verified.size == have.size
            self.seed_mode = SeedMode(
                self, self._core, verified.copy() if known and verified else Bitfield(have.size)
            )
        self._was_finished = self.is_finished
        if self.peers is not None:
            self.peers.set_finished(self.leaves_seeds)
        self.enter(Phase.ACTIVE)
        if not self.is_seed:
            self.flags &= ~TorrentFlags.super_seeding
        update_super_seeding(self, self._core)
        if self.deadlines is not None:
            self.deadlines.checked()
        self._core.queue.progressed(self)
        if self.flags & TorrentFlags.stop_when_ready:
            self.stop_ready()
        elif self.flags & TorrentFlags.paused:
            self._park()  # What it has is known now, and the queue decides when it goes on.
        if self.swarm is not None and not self.flags & TorrentFlags.paused:
            self._go_online()
        self.plugins.files_checked()

    def _park(self) -> None:
        swarm = self.swarm
        is_queued = self.flags & TorrentFlags.auto_managed and not self._core.is_paused
        if swarm is None or swarm.links or not is_queued:
            self.stop()
            return
        self.swarm = None
        self.is_parked = True
        self.touch()

    def rest(self) -> None:
        """The queue decided that it waits."""
        if self.is_parked:
            self.is_parked = False
            self._let_files_go()

    def stop_ready(self) -> None:
        """It is ready to transfer, and `stop_when_ready` said that is enough."""
        self.flags &= ~(TorrentFlags.stop_when_ready | TorrentFlags.auto_managed)
        self.pause()

    def enter(self, phase: Phase) -> None:
        """It is in another phase now."""
        self.phase = phase
        self.show_state()

    def at_rest(self) -> None:
        """What it has is known as far as it can be while it does not run."""
        self._core.queue.progressed(self)
        self._let_files_go()
        self.touch()

    def recheck(self) -> None:
        """Trust nothing and hash everything again."""
        if self.info is None or self.removed:
            return
        if not self.can_verify:
            self.params.have_pieces = None  # All is hashed once there is something to compare it with.
            return
        swarm = self.swarm
        if swarm is not None:
            swarm.close_all(LinkEnded(CloseReason.none, "the torrent is checked again"))
        if self.web is not None:
            self.web.stop()
        self._end_download()
        self._core.torrent_stopped(self)
        self._take_leave(None)
        self.have = Bitfield(self.info.num_pieces)
        self.phase = Phase.NEW
        self.params.have_pieces = self.params.verified_pieces = None
        self.params.unfinished_pieces = {}
        self.seed_mode = self.super_seeding = None
        self.error, self.error_path = NO_ERROR, ""
        self.flags &= ~TorrentFlags.seed_mode
        if self.block_source is not None:
            # Files may have been replaced: what is checked is what their names lead to now.
            self._core.disk.submit_release(self.block_source.storage, self.disk_done)
        self._core.queue.progressed(self)
        if swarm is not None:
            self.check(from_resume=False)
        else:
            look(self, self._core)

    def set_error(self, error: StorageError | EvtorrentError, path: str = "") -> None:
        """Stop by itself, saying why.  Everything verified stays."""
        self.error = ErrorCode.from_exception(error)
        self.error_path = path
        self.flags &= ~TorrentFlags.auto_managed
        self.post(TorrentErrorAlert, self.error, path)
        self.pause()

    def pause(self, *, graceful: bool = False) -> None:
        """The paused flag, and what it means.  A graceful pause first lets blocks on order arrive."""
        if self.plugins.keeps_running() and not self.error:
            return
        if not self.flags & TorrentFlags.paused:
            self.flags |= TorrentFlags.paused
            self.need_save()
        if self.swarm is None or (graceful and self.drain is not None):
            return
        if (
            graceful
            and self.startup is None
            and (self.swarm.links or (self.web is not None and self.web.links))
        ):
            self.drain = Drain(self, self._core)
            self._take_leave(None)
            self.drain.begin(self.now())
            self.touch()
            return
        self.stop()
        self.post(TorrentPausedAlert)

    def resume(self) -> None:
        """Without the paused flag, unless the session itself is paused."""
        if self.plugins.keeps_resting():
            return
        was_paused = bool(self.flags & TorrentFlags.paused)
        self.flags &= ~TorrentFlags.paused
        if was_paused:
            self.need_save()
        if self._core.is_paused or self._core.closing:
            return
        if self.drain is not None:
            self._go_on(self.drain)
        self.start()
        if was_paused and not self.error:
            self.post(TorrentResumedAlert)

    def _go_on(self, drain: Drain) -> None:
        drain.cancel()
        self.drain = None
        if self.scope.trackers and self.tracking is not None:
            self.tracking.start()
        if self.swarm is not None:
            self.swarm.update_all_interest(self.now())

    def set_scope(self, scope: Verdict) -> None:
        """Where it may announce itself from now on."""
        before, self.scope = self.scope, scope
        if before.lsd != scope.lsd:
            self.lsd_changed()
        if before.trackers != scope.trackers and self in self._core.active:
            if scope.trackers and self.tracking is not None:
                self.tracking.start()
            else:
                self._take_leave(None)

    def metadata_received(self, info: TorrentInfo) -> None:
        """A magnet link's metadata came from peers and fits its hash (BEP 9): go on as if it had been there."""
        if self.info is not None or self.removed or end_in_conflict(self, self._core, info):
            return
        self.info = info
        self.info_hashes = info.info_hashes
        self._core.add(self)
        self.params.ti = info
        self.params.fit_to(info)
        self.name = info.name
        self.have = Bitfield(info.num_pieces)
        self.post(MetadataReceivedAlert)
        self.need_save()
        discovery.forget_public_peers(self)
        take_root_certificate(self)
        self.lsd_changed()
        if self.swarm is not None and self.can_verify:
            self.check(from_resume=True)
        elif self.swarm is not None:
            self.need_hashes().fetch()
        else:
            look(self, self._core)

    def hashes_complete(self) -> None:
        """The hashes of all pieces came from peers (BEP 52): go on as if they had been there."""
        self.need_save()
        if self.swarm is not None and self.phase is Phase.METADATA:
            self.check(from_resume=True)

    def clear_error(self) -> None:
        """Forget why it stopped; it starts again when it is not paused."""
        self.error, self.error_path = NO_ERROR, ""
        if not self.flags & TorrentFlags.paused and not self._core.is_paused:
            self.start()
        self.touch()

    def close(self) -> None:
        """The torrent leaves the session."""
        self.removed = True
        if self.startup is not None:
            self.startup.cancel()
        if self.deadlines is not None:
            self.deadlines.close()
        self.stop()
        self._end_download()

    # --------------------------------------------------------------------------------------------------- private

    def _take_leave(self, on_told: Callable[[], object] | None) -> None:
        """Tell the trackers, unless they were told.  A leave under way goes on: a second stop would cut it off."""
        tracking = self.tracking
        if tracking is not None and tracking.is_announcing:
            tracking.stop(self._core.leave_begun(on_told))
        elif on_told is not None:
            on_told()

    def _let_files_go(self) -> None:
        """It does not run: it remembers fewer peers and holds no file."""
        if self.peers is not None:
            self.peers.max_size = self._core.settings.get_int("max_paused_peerlist_size")
        if self.block_source is not None:
            self._core.disk.submit_release(self.block_source.storage, self.disk_done)

    def _end_download(self) -> None:
        download = self.download
        if download is not None:
            download.close()
            self.download = None
            self._core.download_ended(download)

    def show_state(self) -> None:
        """Tell when the state shown outside changed."""
        self.settle_clocks()
        state = state_of(self.phase, is_seed=self.is_seed, is_finished=self.is_finished)
        if state is not self.shown_state:
            previous, self.shown_state = self.shown_state, state
            self.post(StateChangedAlert, state, previous)
            self.plugins.state_changed(state)
            self.touch()

    def _open_storage(self) -> None:
        if self.info is None or self.block_source is not None:
            return
        if self.files is None:
            self.files = TorrentFiles(self, self._core)
        self.block_source = BoundStorage(self._core.disk, self._core.disk.open(self.files.storage_params()))

    def _make_download(self) -> None:
        info, source = self.info, self.block_source
        assert info is not None and source is not None and self.files is not None
        picker = self._core.new_picker(info)
        picker.set_have(self.have.bits)
        self.have = picker.have
        hashes = source.storage.hashes
        self.download = Download(info, picker, source, self._core.buffers, self.news, hashes=hashes)
        self.download.counts = self._core.counters.values
        self._core.extensions.on_download(self, self.download)
        self.download.is_held = self._core.disk.is_congested
        picker.sequential = bool(self.flags & TorrentFlags.sequential_download)
        self.files.apply_priorities(picker)

    def _go_online(self) -> None:
        assert self.swarm is not None and self.tracking is not None
        if self._core.closing:
            return
        self._core.torrent_started(self)
        if self.clocks is not None:
            self.clocks.begin(self.now(), is_seed=self.is_seed, is_finished=self.is_finished)
        if self.scope.trackers:
            self.tracking.start()
        if self.phase is Phase.ACTIVE:
            unfinished.restore(self)
            self.swarm.metadata_arrived(self._core.base.time())
            if self.params.url_seeds or self.web is not None:
                self.need_web().connect(self._core.base.time())
        else:
            self._core.connector.boost(self, self.now())  # The peers a magnet link names (x.pe).
            if self.info is not None:
                self.need_hashes().fetch()

    # ------------------------------------------------------------------------------------------------- properties

    @property
    def queue_position(self) -> int:
        """Its place among the downloads; -1 when it is finished."""
        return self._core.queue.order.position(self)

    def move_in_queue(self, position: int) -> None:
        """Another place among the downloads; a finished torrent has none and gets none."""
        self._core.queue.move(self, position)

    def managed_changed(self) -> None:
        """It is the queue's now, or no longer: then it may announce itself everywhere."""
        if not self.flags & TorrentFlags.auto_managed:
            self.set_scope(EVERYWHERE)
            self.rest()
        elif self in self._core.active:
            self._core.queue.watch(self)
        self._core.queue.changed()

    def now(self) -> float:
        """The loop's clock."""
        return self._core.base.time()

    # -------------------------------------------------------------------------------------------------- download

    def on_piece_finished(self, piece: int) -> None:
        """A piece is verified and on disk."""
        now = self._core.base.time()
        self._core.counters.values["ses.num_have_pieces"] += 1
        self.post(PieceFinishedAlert, piece)
        self.need_save()
        if self.files is not None:
            self.files.piece_finished(piece)
        if self.deadlines is not None:
            self.deadlines.piece_finished(piece)
        if self.swarm is not None:
            self.swarm.have_piece(piece, now)
        if not self._was_finished and self.is_finished:
            self._finish(now)

    def _finish(self, now: float) -> None:
        self._was_finished = True
        if self.clocks is not None:
            self.clocks.finished(self._core.wall_time())
        self.show_state()
        self.post(TorrentFinishedAlert)
        self._core.queue.progressed(self)
        if self.peers is not None:
            self.peers.set_finished(self.leaves_seeds)
        if self.swarm is not None:
            self.swarm.finished()
            upload_only.tell_upload_only(self, now)
        update_super_seeding(self, self._core)
        if self.is_seed:
            self.announce_in_dht()  # As a seed, from now on.
            if self.tracking is not None:
                self.tracking.completed()

    def on_disk_error(self, error: StorageError) -> None:
        """Writing failed: stop, with everything verified kept."""
        if self.error or self.removed:
            return
        self.post(FileErrorAlert, ErrorCode.from_exception(error), operation_of(error), error.path)
        self.set_error(error, error.path)

    def on_read_error(self, link: PeerLink, error: Exception) -> None:
        """Reading for an upload failed."""
        if isinstance(error, StorageError):
            self.on_disk_error(error)

    # -------------------------------------------------------------------------------------------------- extensions

    def extension_fields(self, link: PeerLink) -> dict[str, Any]:
        """What our extension handshake says beside the ids (BEP 10)."""
        fields = self._core.extension_fields(link)
        if self.info is not None and not self.info.is_private:
            fields["metadata_size"] = len(self.info.info_section)
        if self.is_upload_only:
            fields["upload_only"] = 1
        if self.flags & TorrentFlags.share_mode and self._core.settings.get_bool("support_share_mode"):
            fields["share_mode"] = 1
        return fields

    def extension_handshake(self, link: PeerLink) -> None:
        """A peer said what it speaks."""
        self._core.extensions.on_handshake(self, link)

    def extension_message(self, link: PeerLink, name: str, payload: bytes) -> None:
        """A peer sent a message of an extension."""
        self._core.extensions.on_message(self, link, name, payload)

    # ------------------------------------------------------------------------------------------------ bookkeeping

    def post(self, kind: type[TorrentAlert], *args: Any, **more: Any) -> None:
        """Post an alert about this torrent, if anybody wants it."""
        alerts = self._core.alerts
        if alerts.should_post(kind):
            alerts.emplace(kind, self.handle, *args, torrent_name=self.name, **more)

    def post_session(self, kind: type[Alert], *args: Any) -> None:
        """Post an alert that is not about this torrent alone."""
        self._core.alerts.emplace(kind, *args)

    def link_ended(self, link: PeerLink) -> None:
        """Its transfers count on in the torrent's totals."""
        ticking.note_seed(self, link, self._core.wall_time())
        link.meters.drain(self.meters)
        self.touch()

    def connect_peer(self, address: Address, source: PeerSource) -> None:
        """Remember a peer and dial it now."""
        if self.peers is None:
            self.peers = self._core.new_peer_list(self)
        now = self.now()
        self.plugins.peers_heard_of([address], source, self.peers, [address])
        self.peers.add(address, source, now)
        if self.swarm is not None and self.dials_peers:
            self.swarm.connect_now(address, now)

    def announce_in_dht(self) -> None:
        """At the next tick, if it takes part."""
        self._core.dht.announcer.announce_now(self)

    def peers_found(
        self, addresses: list[Address], source: PeerSource, *, seeds: Collection[Address] = ()
    ) -> None:
        """Somebody told us of peers; `seeds` are those of them that want nothing."""
        if self.swarm is None:
            return
        if self.swarm.add_peers(addresses, source, seeds=seeds):
            self._core.connector.boost(self, self.now())

    def priorities_changed(self) -> None:
        """What is wanted changed: so may the state, and our interest in peers."""
        self.need_save()
        if self.phase is not Phase.ACTIVE:
            return
        if self.deadlines is not None:
            self.deadlines.priorities_changed()
        if not self.is_finished:
            if self._was_finished:
                self._was_finished = False
                self._core.queue.progressed(self)
            if self.peers is not None:
                self.peers.set_finished(False)
        self.show_state()
        self.wake()
        if self.swarm is not None:
            self.swarm.update_all_interest(self.now())
        upload_only.tell_upload_only(self, self.now())
        if not self._was_finished and self.is_finished:
            self._finish(self.now())

    def lsd_changed(self) -> None:
        """It may, or may not any more, be announced on the local network."""
        self._core.local_discovery.torrent_changed(self)

    def announce_locally(self) -> None:
        """Announce it on the local network now."""
        self._core.local_discovery.announce_now(self)

    def super_seeding_changed(self) -> None:
        """The flag is another one now."""
        update_super_seeding(self, self._core)
        upload_only.tell_upload_only(self, self.now())

    def limits_changed(self) -> None:
        """Rate limits are others now."""
        self._core.quotas.torrent_changed(self)

    def disk_done(self, error: StorageError | None) -> None:
        """A disk operation that nobody waits for ended."""
        if error is not None:
            self.on_disk_error(error)

    def need_files(self) -> TorrentFiles:
        """Its files.  SessionError without metadata."""
        if self.info is None:
            raise SessionError(code=ErrorCode.of(TorrentErrc.no_metadata))
        if self.files is None:
            self.files = TorrentFiles(self, self._core)
        return self.files

    def need_storage(self) -> BoundStorage:
        """Its storage.  SessionError without metadata."""
        self.need_files()
        self._open_storage()
        assert self.block_source is not None
        return self.block_source

    def need_hashes(self) -> HashExchange:
        """Its hash trees; there is metadata."""
        if self.hashes is None:
            self.hashes = HashExchange(self, self._core)
        return self.hashes

    def need_deadlines(self) -> Deadlines:
        """Its deadlines."""
        if self.deadlines is None:
            self.deadlines = Deadlines(self, self._core)
        return self.deadlines

    def need_tracking(self) -> Tracking:
        """Its trackers."""
        if self.tracking is None:
            self.tracking = Tracking(self, self._core)
        return self.tracking

    def need_web(self) -> WebSeeds:
        """Its web seeds."""
        if self.web is None:
            self.web = WebSeeds(self, self._core)
        return self.web

    def hold(self, held: bool) -> None:
        """The disk cannot keep up, or can again: nothing more is asked for meanwhile."""
        if self.download is not None:
            self.download.is_held = held
        if not held and self.swarm is not None:
            self.swarm.update_all_interest(self.now())

    def reading(self) -> list[Transport]:
        """The connections that blocks are on order from; the others go on whatever the disk does."""
        links = self.swarm.links if self.swarm is not None else ()
        transports = [
            link.transport for link in links if link.requester is not None and link.requester.on_order
        ]
        if self.web is not None:
            transports += [link.transport for link in self.web.links if link.transport is not None]
        return transports

    def need_save(self) -> None:
        """Resume data would differ from what was saved."""
        self.flags |= TorrentFlags.need_save_resume
        self.touch()

    def touch(self) -> None:
        """The status changed since it was last posted."""
        if not self.status_changed:
            self.status_changed = True
            self._core.status_dirty(self)

    def tick(self, now: float, elapsed: float) -> bool:
        """Once a tick, while something happens; False when nothing does: it is not called again before `wake`."""
        return ticking.tick(self, self._core, now, elapsed)

    def wake(self) -> None:
        """Something may happen again."""
        self._core.wake(self)

    def settle_clocks(self) -> None:
        """Bring the durations of its clocks up to date."""
        if self.clocks is not None:
            self.clocks.settle(self.now(), is_seed=self.is_seed, is_finished=self.is_finished)


_NOTHING = Bitfield(0)
EVERYWHERE = Verdict(True, trackers=True, dht=True, lsd=True)
"""What a torrent that no queue decides on may do."""
_NO_METERS = TransferMeters()
