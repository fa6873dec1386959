"""The work of `get`, `seed` and `demo`: several torrents in one session, watched until all are done.

The loop runs on the command's own thread.  It takes the session's alerts, looks at every torrent's status, reports, saves
resume data, and decides when it is over.  Completion is read from status, never from alerts alone, which may be dropped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .. import (
    AddTorrentParams,
    Alert,
    FastresumeRejectedAlert,
    FileErrorAlert,
    HashFailedAlert,
    InfoHashes,
    MetadataReceivedAlert,
    Operation,
    ResumeDataFlags,
    SaveResumeDataAlert,
    SaveResumeDataFailedAlert,
    Session,
    SessionError,
    SessionErrorAlert,
    StatusFlags,
    TorrentErrorAlert,
    TorrentFlags,
    TorrentHandle,
    TorrentState,
    TorrentStatus,
    TrackerErrorAlert,
    TrackerWarningAlert,
)
from .exit_status import ExitStatus, status_of_signal
from .interrupts import Interrupts
from .reporters import Reporter
from .resume_store import ResumeStore
from .selection import NothingSelected, Selection
from .tracker_remarks import why_it_failed
from .units import format_elapsed, format_rate, format_size
from .views import RateMeter, TransferView, view_of

__all__ = ["Transfer", "TransferPlan", "Transfers"]

TICK = 0.1
"""Seconds the loop waits for news."""

SAVE_INTERVAL = 20.0
"""Seconds between savings of resume data."""

SAVE_PATIENCE = 30.0
"""Seconds the last saving may take: it waits for the disk."""

_STATUS = StatusFlags.query_name | StatusFlags.query_torrent_file | StatusFlags.query_save_path
_OVER = (TorrentState.finished, TorrentState.seeding)
_VERBS = {
    Operation.file_write: "write",
    Operation.file_read: "read",
    Operation.file_open: "open",
    Operation.file_stat: "look at",
    Operation.file_fallocate: "allocate",
    Operation.mkdir: "create the folder",
    Operation.partfile_write: "write",
    Operation.partfile_read: "read",
}


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """When it is over."""

    seed_time: float = 0.0
    """Seconds to go on uploading once everything is complete; `math.inf` until interrupted."""
    seed_ratio: float | None = None
    """Bytes uploaded by bytes wanted at which a torrent stops uploading before that; earlier runs count."""
    timeout: float | None = None
    """Seconds everything may take to be complete."""
    must_be_complete: bool = False
    """What is on disk has to be all there; nothing is downloaded."""


@dataclass(slots=True, eq=False)
class Transfer:
    """One torrent of the run."""

    handle: TorrentHandle
    hashes: InfoHashes
    save_path: str
    selection: Selection | None = None
    """Not yet applied: the metadata is missing."""
    started: float = 0.0
    status: TorrentStatus = field(default_factory=TorrentStatus)
    is_done: bool = False
    has_given: bool = False
    """It uploaded as much as the plan asks, and stopped."""
    failure: ExitStatus | None = None
    note: str = ""
    seconds: float = 0.0
    """What it took, once it is done."""
    down: RateMeter = field(default_factory=RateMeter)
    up: RateMeter = field(default_factory=RateMeter)
    resume: AddTorrentParams | None = None
    """What was last saved."""
    saving: bool = False

    @property
    def is_settled(self) -> bool:
        """Done or failed."""
        return self.is_done or self.failure is not None

    @property
    def average(self) -> float | None:
        """Payload bytes a second until it was done; None when it is not, or nothing came."""
        received = self.status.total_payload_download
        return received / max(self.seconds, 0.001) if self.is_done and received else None


class Transfers:
    """Torrents of one session, which it closes."""

    def __init__(
        self,
        session: Session,
        reporter: Reporter,
        interrupts: Interrupts,
        plan: TransferPlan,
        *,
        store: ResumeStore | None = None,
    ) -> None:
        self._session = session
        self._reporter = reporter
        self._interrupts = interrupts
        self._plan = plan
        self._store = store
        self._transfers: dict[TorrentHandle, Transfer] = {}
        self._started = time.monotonic()
        self._complete_since: float | None = None
        self._next_save = self._started + SAVE_INTERVAL
        self._told: set[tuple[str, ...]] = set()
        self.on_alert: Callable[[Alert], object] = lambda alert: None
        """Sees every alert first."""

    # ------------------------------------------------------------------------------------------------- commands

    def add(
        self,
        params: AddTorrentParams,
        selection: Selection | None = None,
        peers: Sequence[tuple[str, int]] = (),
    ) -> bool:
        """One more torrent; False when it is there already.  SessionError, NothingSelected."""
        if params.ti is not None and selection is not None:
            params.file_priorities = selection.priorities(params.ti)
            params.flags &= ~TorrentFlags.default_dont_download
            selection = None
        elif selection is not None:
            # Nothing before it is known what is wanted.
            params.file_priorities = []
            params.flags |= TorrentFlags.default_dont_download
            # Wanting nothing for that moment must not part us from the seeds that gave the metadata.
            self._session.apply_settings({"close_redundant_connections": False})
        # Everything asked for runs at once: the queue is for sessions that stay.
        params.flags &= ~(TorrentFlags.duplicate_is_error | TorrentFlags.auto_managed | TorrentFlags.paused)
        params.peers = list(dict.fromkeys([*peers, *params.peers]))
        handle = self._session.add_torrent(params)
        if handle in self._transfers:
            return False
        for peer in peers:
            handle.connect_peer(peer)
        self._transfers[handle] = Transfer(
            handle, handle.info_hashes(), params.save_path, selection, started=time.monotonic()
        )
        self._reporter.event(
            "added",
            f"added {params.best_name()}",
            name=params.best_name(),
            info_hash=str(params.ti.info_hashes.best() if params.ti else params.info_hashes.best()),
            save_path=params.save_path,
        )
        return True

    def run(self) -> int:
        """Until everything is over; the exit status."""
        while True:
            status = self.step()
            if status is not None:
                return status

    def step(self) -> int | None:
        """Wait for news, at most a tick; the exit status when it is over."""
        self._session.wait_for_alert(int(TICK * 1000))
        # Status first: the alerts taken after it tell what led to it.
        statuses = self._session.get_torrent_status(flags=_STATUS)
        for alert in self._session.pop_alerts():
            self.on_alert(alert)
            self._take(alert)
        finished = self._look(statuses)
        self._reporter.progress(self.views())
        for transfer in finished:
            self._tell_done(transfer)
        verdict = self._verdict(time.monotonic())
        if verdict is None and self._store is not None and time.monotonic() >= self._next_save:
            self._next_save = time.monotonic() + SAVE_INTERVAL
            self._ask_to_save(ResumeDataFlags.only_if_modified)
        return verdict

    def close(self) -> None:
        """Save what is unfinished and end the session.  A KeyboardInterrupt meanwhile cuts it short."""
        try:
            if self._store is not None:
                self._save_all()
        except SessionError as error:
            self._reporter.complain("warning", f"resume data was not saved: {error}")
        finally:
            self._session.close()
        for transfer in self._transfers.values():
            # Once more, as closing may have touched the files after they were looked at.
            if transfer.resume is not None:
                self._write(transfer, transfer.resume)

    # -------------------------------------------------------------------------------------------------- queries

    def views(self) -> list[TransferView]:
        """How things stand."""
        return [self._view(transfer) for transfer in self._transfers.values()]

    @property
    def transfers(self) -> list[Transfer]:
        """All of them, in order of adding."""
        return list(self._transfers.values())

    # ------------------------------------------------------------------------------------------------ the verdict

    def _verdict(self, now: float) -> int | None:
        transfers = self._transfers.values()
        settled = all(transfer.is_settled for transfer in transfers)
        failure = next((t.failure for t in transfers if t.failure is not None), None)
        if self._interrupts.received is not None:
            return (failure or ExitStatus.DONE) if settled else status_of_signal(self._interrupts.received)
        if not settled:
            timeout = self._plan.timeout
            return ExitStatus.TIMEOUT if timeout is not None and now - self._started >= timeout else None
        if self._complete_since is None:
            self._complete_since = now
        has_more_to_do = any(transfer.is_done and not transfer.has_given for transfer in transfers)
        if has_more_to_do and now - self._complete_since < self._plan.seed_time:
            return None
        return failure or ExitStatus.DONE

    def _look(self, statuses: Sequence[TorrentStatus]) -> list[Transfer]:
        """Take every torrent's status over; those that are complete since the last look."""
        now = time.monotonic()
        settled = [transfer for transfer in self._transfers.values() if transfer.is_settled]
        for status in statuses:
            transfer = self._transfers.get(status.handle) if status.handle is not None else None
            if transfer is None:
                continue
            transfer.status = status
            transfer.down.update(status.total_payload_download, now)
            transfer.up.update(status.total_payload_upload, now)
            if status.errc and transfer.failure is None:
                self._fail(transfer, str(status.errc))
            self._maybe_select(transfer)
            if not transfer.is_settled:
                self._judge(transfer)
            elif transfer.is_done:
                self._maybe_stop(transfer)
        return [t for t in self._transfers.values() if t.is_done and t not in settled]

    def _judge(self, transfer: Transfer) -> None:
        status = transfer.status
        if transfer.selection is not None or status.errc:
            return
        # Both states are entered only with every wanted piece hashed and written.
        if status.state in _OVER and status.is_finished and status.total_wanted_done >= status.total_wanted:
            missing = _missing_file(status, transfer)
            if missing is not None:
                self._fail(transfer, f"{missing} is missing or incomplete", ExitStatus.DISK)
                return
            transfer.is_done = True
            transfer.seconds = time.monotonic() - transfer.started
            self._forget_resume(transfer)
        elif self._plan.must_be_complete and status.state is TorrentState.downloading:
            total = status.torrent_file.num_pieces if status.torrent_file is not None else 0
            self._fail(
                transfer,
                f"only {status.num_pieces} of {total} pieces are in {transfer.save_path}",
                ExitStatus.DISK,
            )

    def _maybe_stop(self, transfer: Transfer) -> None:
        status, ratio = transfer.status, self._plan.seed_ratio
        if (
            ratio is not None
            and not transfer.has_given
            and status.all_time_upload >= ratio * status.total_wanted
        ):
            transfer.has_given = True
            transfer.handle.pause()

    def _maybe_select(self, transfer: Transfer) -> None:
        info, selection = transfer.status.torrent_file, transfer.selection
        if info is None or selection is None:
            return
        transfer.selection = None
        try:
            transfer.handle.prioritize_files(selection.priorities(info))
        except NothingSelected as error:
            self._fail(transfer, str(error), ExitStatus.USAGE)
        transfer.status = transfer.handle.status(_STATUS)
        if all(other.selection is None for other in self._transfers.values()):
            self._session.apply_settings({"close_redundant_connections": True})

    def _fail(self, transfer: Transfer, why: str, status: ExitStatus = ExitStatus.FAILED) -> None:
        transfer.failure = status
        transfer.note = why
        transfer.is_done = False
        name = transfer.status.name or transfer.handle.name()
        self._reporter.complain(
            "failed", f"{name}: {why}", name=name, info_hash=str(transfer.hashes.best()), status=int(status)
        )

    def _tell_done(self, transfer: Transfer) -> None:
        status, seconds = transfer.status, transfer.seconds
        received = status.total_payload_download
        text = f"complete: {status.name} ({format_size(status.total_wanted)}"
        if (average := transfer.average) is not None:
            text += f", {format_size(received)} received in {format_elapsed(seconds)}, {format_rate(average)}"
        self._reporter.event(
            "complete",
            text + ")",
            name=status.name,
            info_hash=str(transfer.hashes.best()),
            save_path=transfer.save_path,
            size=status.total_wanted,
            downloaded=received,
            seconds=round(seconds, 3),
        )

    # ---------------------------------------------------------------------------------------------------- alerts

    def _take(self, alert: Alert) -> None:
        transfer = self._transfers.get(getattr(alert, "handle", TorrentHandle()))
        match alert:
            case SessionErrorAlert():
                self._reporter.complain("warning", alert.message())
            case _ if transfer is None:
                pass
            case SaveResumeDataAlert():
                transfer.saving = False
                if not transfer.is_done:
                    self._write(transfer, alert.params)
            case SaveResumeDataFailedAlert():
                transfer.saving = False
            case FileErrorAlert() if transfer.failure is None:
                verb = _VERBS.get(alert.op, alert.op.name.replace("_", " "))
                self._fail(transfer, f"cannot {verb} {alert.filename}: {alert.error}", ExitStatus.DISK)
            case TorrentErrorAlert() if transfer.failure is None:
                where = f" ({alert.filename})" if alert.filename else ""
                self._fail(transfer, f"{alert.error}{where}")
            case TrackerErrorAlert() if reason := why_it_failed(alert):
                self._note(transfer, "tracker_error", f"tracker {alert.url}: {reason}", alert.url)
            case TrackerWarningAlert():
                text = f"tracker {alert.url} warns: {alert.warning_message}"
                self._note(transfer, "tracker_warning", text, alert.url)
            case FastresumeRejectedAlert():
                self._note(transfer, "warning", f"resume data does not fit the files: {alert.error}")
            case HashFailedAlert():
                self._note(transfer, "hash_failed", f"piece {alert.piece_index} came damaged: again")
            case MetadataReceivedAlert():
                transfer.note = ""
                self._reporter.event(
                    "metadata", f"got the metadata of {alert.torrent_name}", name=alert.torrent_name
                )
            case _:
                pass

    def _note(self, transfer: Transfer, kind: str, text: str, *about: str) -> None:
        """A trouble that is not the end: shown with the torrent, and said once."""
        transfer.note = text
        key = (kind, str(transfer.hashes.best()), *(about or (text,)))
        if key not in self._told:
            self._told.add(key)
            name = transfer.handle.name()
            self._reporter.complain(kind, f"{name}: {text}", name=name, info_hash=str(transfer.hashes.best()))

    def _view(self, transfer: Transfer) -> TransferView:
        state = ""
        if transfer.failure is not None:
            state = "failed"
        elif transfer.is_done:
            state = "seeding" if self._plan.seed_time > 0 and not transfer.has_given else "complete"
        return view_of(
            transfer.status,
            down_rate=0.0 if transfer.is_settled else transfer.down.rate,
            up_rate=transfer.up.rate,
            state=state,
            note=transfer.note,
            average=transfer.average if state == "complete" else None,
        )

    # --------------------------------------------------------------------------------------------------- resuming

    def _ask_to_save(self, flags: ResumeDataFlags) -> None:
        for transfer in self._transfers.values():
            if not transfer.is_done and not transfer.saving and transfer.handle.is_valid():
                transfer.saving = True
                transfer.handle.save_resume_data(flags | ResumeDataFlags.save_info_dict)

    def _save_all(self) -> None:
        unfinished = [t for t in self._transfers.values() if not t.is_done and t.handle.is_valid()]
        for transfer in unfinished:
            transfer.handle.pause()
            transfer.saving, transfer.resume = False, None
        self._ask_to_save(ResumeDataFlags.flush_disk_cache)
        deadline = time.monotonic() + SAVE_PATIENCE
        while any(transfer.saving for transfer in unfinished) and time.monotonic() < deadline:
            self._session.wait_for_alert(int(TICK * 1000))
            for alert in self._session.pop_alerts():
                self._take(alert)
        saved = [transfer for transfer in unfinished if transfer.resume is not None]
        if saved:
            self._reporter.event(
                "saved", f"saved: the same command continues {_names(saved)}", torrents=len(saved)
            )

    def _write(self, transfer: Transfer, params: AddTorrentParams) -> None:
        assert self._store is not None
        try:
            self._store.save(params)
            transfer.resume = params
        except OSError as error:
            self._note(transfer, "warning", f"cannot save resume data: {error.strerror or error}")

    def _forget_resume(self, transfer: Transfer) -> None:
        transfer.resume = None
        if self._store is None:
            return
        try:
            self._store.remove(transfer.save_path, transfer.hashes)
        except OSError as error:
            self._note(transfer, "warning", f"cannot remove old resume data: {error.strerror or error}")


def _missing_file(status: TorrentStatus, transfer: Transfer) -> str | None:
    """A wanted file that is not there in full, in spite of everything.

    Names the session changed would be looked for in vain, but nothing here renames.
    """
    info = status.torrent_file
    if info is None:
        return None
    priorities = transfer.handle.get_file_priorities()
    for index in range(info.files.num_files):
        if not priorities[index] or info.files.is_pad(index) or info.files.symlink(index):
            continue
        path = os.path.join(transfer.save_path, info.files.path(index))
        try:
            if os.stat(path).st_size < info.files.size(index):
                return path
        except OSError:
            return path
    return None


def _names(transfers: Sequence[Transfer]) -> str:
    first = transfers[0].handle.name()
    return first if len(transfers) == 1 else f"{first} and {len(transfers) - 1} more"
