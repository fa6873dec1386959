"""A download in a process of its own that is meant to be killed: `python killed_download.py TORRENT FOLDER RESUME PORT`.

It prints a line for each piece the session says is finished, flushed, saves resume data every few pieces, and prints "done".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from evtorrent.session import (
    AddTorrentParams,
    Session,
    load_torrent_file,
    read_resume_data,
    write_resume_data_buf,
)
from evtorrent.session.alerts import Alert, PieceFinishedAlert, SaveResumeDataAlert, TorrentCheckedAlert

EVERY = 7
"""Pieces between two savings."""


def main(torrent: Path, folder: Path, resume: Path, port: int) -> None:
    params = read_resume_data(resume.read_bytes()) if resume.exists() else AddTorrentParams()
    params.ti = load_torrent_file(torrent).ti
    params.save_path = str(folder)
    session = Session({"listen_interfaces": "", "alert_mask": -1, "tick_interval": 50})
    handle = session.add_torrent(params)
    finished = 0
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            finished += tell(alert, handle, resume)
            if isinstance(alert, TorrentCheckedAlert):
                print("have", *handle.pieces().indices(), flush=True)
                handle.connect_peer(("127.0.0.1", port))
            if isinstance(alert, PieceFinishedAlert) and finished % EVERY == 0:
                handle.save_resume_data()
        if handle.status().is_seeding:
            print("done", flush=True)
            session.close()
            return


def tell(alert: Alert, handle: object, resume: Path) -> int:
    """Print and save what an alert says; gives how many pieces it reports."""
    if isinstance(alert, SaveResumeDataAlert):
        fresh = resume.with_suffix(".new")
        fresh.write_bytes(write_resume_data_buf(alert.params))
        os.replace(fresh, resume)
    if not isinstance(alert, PieceFinishedAlert):
        return 0
    print("finished", alert.piece_index, flush=True)
    return 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
